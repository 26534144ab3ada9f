/* SPDX-License-Identifier: Apache-2.0 */
/* What a person sees of a run: progress while it goes on, and the text at its end. */
#ifndef HARNESS_PROGRESS_H
#define HARNESS_PROGRESS_H

#include <stdio.h>

#include "harness/engine.h"
#include "report/result.h"

struct progress {
	FILE *out; /* NULL: quiet */
	bool terminal; /* one line that is written over; else a line for each sandbox */
	size_t total, done, failed, other;
};

void progress_begin(struct progress *progress, FILE *out, size_t total);
void progress_case(struct progress *progress, const struct test_case *test_case);
void progress_job(struct progress *progress, const struct job *job);
void progress_trial(struct progress *progress, const struct trial_job *job);
void progress_end(struct progress *progress);

/*
 * The text at the end: a table by area, executed and required, sandbox starts, and what each case that did not pass
 * expected, observed and advises.
 */
void report_text(FILE *out, const char *runtime, const struct test_case *cases, size_t count,
		 const struct summary *summary);

#endif
