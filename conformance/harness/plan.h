/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness does with a plan that the suites have laid: requirement.h has plan_add(). */
#ifndef HARNESS_PLAN_H
#define HARNESS_PLAN_H

#include "base/error.h"
#include "harness/requirement.h"

/* Which suites and rows are wanted; NULL or empty: all. */
struct plan_selection {
	const char *const *suites; /* names */
	size_t suite_count;
	const char *const *filters; /* globs on ids, fnmatch(3); a row that any of them matches is wanted */
	size_t filter_count;
};

/*
 * Let the selected suites lay their rows for plan->policy, check them (plan_check), and drop
 * those that no filter wants.  0, or a negative errno with err set (-EINVAL: unknown suite, with the known ones).
 */
int plan_build(struct plan *plan, const struct plan_selection *selection, const char *fixtures_dir, struct error *err);

/* Every row complete, ids unique and of the right characters.  0 or -EINVAL. */
int plan_check(const struct plan *plan, struct error *err);

/* Release the rows; the struct can be reused. */
void plan_clear(struct plan *plan);

#endif
