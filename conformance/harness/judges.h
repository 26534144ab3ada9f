/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracles that suites share.  Each is a judge_function: see harness/requirement.h.
 *
 * All of them first settle the cases in which nothing was measured: no answer is ERROR, a timeout is
 * TIMEOUT, an unexpected signal is CRASH, and a control that does not show what it must is INCONCLUSIVE.
 */
#ifndef HARNESS_JUDGES_H
#define HARNESS_JUDGES_H

#include "harness/requirement.h"

/*
 * The action was refused.  Facts: ret, errno (0 where ret >= 0).  Refused means ret < 0 with EPERM or EACCES or
 * ENOSYS or EROFS or whichever errno names stand in expected ("EPERM", "EPERM|EROFS"); the control must not
 * have ended in the same way, and for an action that can succeed harmlessly (number2 == 1) must have succeeded.
 */
judge_function judge_refused;

/* The action worked: ret >= 0, in the sandbox and in the control (where there is one). */
judge_function judge_works;

/* The fact named by row->fact, as text, equals row->expected; the control's must differ (where there is one). */
judge_function judge_fact_equals;

/* The same for "one of a|b|c". */
judge_function judge_fact_one_of;

/* The fact differs from the control's and is present in both. */
judge_function judge_fact_differs_from_control;

/* A command (probe "exec"): facts.exit is 0 and, where expected is not "", facts.stdout's first line equals expected. */
judge_function judge_command;

/* The child was killed by signal row->number (for example SIGSYS); the control was not. */
judge_function judge_killed_by;

/* Settle what was not measured; returns true when *verdict is final.  For suites that write a judge of their own. */
bool judge_unmeasured(const struct requirement *requirement, const struct observation *observed,
		      const struct observation *control, struct verdict *verdict);

/* The errno's name ("EPERM"), or its number as text in a static buffer. */
const char *errno_name(int code);

#endif
