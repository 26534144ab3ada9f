/* SPDX-License-Identifier: Apache-2.0 */
/* Oracles for files and limits, beside those of harness/judges.h. */
#ifndef SUITES_OUTCOMES_H
#define SUITES_OUTCOMES_H

#include "harness/requirement.h"

/* judge_refused for what not every host has: UNSUPPORTED where the control got ENOENT. */
judge_function judge_absent;

/* Reading yields nothing (fact "yields" of probe file-read) while the control's yields something; UNSUPPORTED where it yields nothing either. */
judge_function judge_hidden;

/* The fact named by row->fact is a number and at most row->expected; the control's is more. */
judge_function judge_fact_at_most;

/*
 * Every word of the fact named by row->fact is one of the words of row->expected ("pts/" there covers all that begin with
 * it); the control's has others.
 */
judge_function judge_fact_only;

#endif
