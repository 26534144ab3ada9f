/* SPDX-License-Identifier: Apache-2.0 */
/* The policies under test. */
#ifndef HARNESS_SUBJECTS_H
#define HARNESS_SUBJECTS_H

#include "harness/job.h"
#include "harness/plan.h"
#include "harness/run.h"

/*
 * Read the policies that the options name; none: the three profiles with network none, whose documents are
 * written into directory.  Without directory (NULL) nothing is written and a profile's policy is its defaults.
 * subjects has room for RUN_POLICIES_MAX + PROFILE_COUNT.  0 with *count, or a negative errno with nothing held.
 */
int subjects_load(struct subject *subjects, size_t *count, const struct run_options *options, const char *directory,
		  struct error *err);

/* Let the suites lay the rows of each subject.  0 or a negative errno. */
int subjects_plan(struct subject *subjects, size_t count, const struct run_options *options, struct error *err);

void subjects_clear(struct subject *subjects, size_t count);

#define SUBJECTS_MAX (RUN_POLICIES_MAX + PROFILE_COUNT)

#endif
