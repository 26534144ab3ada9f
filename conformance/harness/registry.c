/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/plan.h"
#include "harness/requirement.h"

/* Weak: a program may link the harness without any suite. */
extern const struct suite *const __start_suites[] __attribute__((weak));
extern const struct suite *const __stop_suites[] __attribute__((weak));

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct suite *const *)a)->name, (*(const struct suite *const *)b)->name);
}

size_t suites_all(const struct suite ***suites)
{
	static const struct suite **sorted;
	size_t count = (size_t)(__stop_suites - __start_suites);

	if (!sorted && count > 0) {
		sorted = calloc(count, sizeof(const struct suite *));
		if (!sorted) {
			*suites = NULL;
			return 0;
		}
		memcpy(sorted, __start_suites, count * sizeof(const struct suite *));
		qsort(sorted, count, sizeof(const struct suite *), compare_names);
	}
	*suites = sorted;
	return count;
}

static bool known_suite(const char *name)
{
	const struct suite **suites;
	size_t count = suites_all(&suites);
	for (size_t i = 0; i < count; i++)
		if (strcmp(suites[i]->name, name) == 0)
			return true;
	return false;
}

static int check_names(const struct plan_selection *selection, struct error *err)
{
	for (size_t i = 0; i < selection->suite_count; i++) {
		if (known_suite(selection->suites[i]))
			continue;
		const struct suite **suites;
		size_t count = suites_all(&suites), used = 0;
		char known[256] = "";
		for (size_t j = 0; j < count && used < sizeof(known); j++)
			used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", suites[j]->name);
		(void)error_say(err, EINVAL, "no suite named %s", selection->suites[i]);
		return error_hint(err, "known:%s", known);
	}
	return 0;
}

static bool wanted_suite(const struct plan_selection *selection, const char *name)
{
	for (size_t i = 0; i < selection->suite_count; i++)
		if (strcmp(selection->suites[i], name) == 0)
			return true;
	return selection->suite_count == 0;
}

static bool wanted_row(const struct plan_selection *selection, const char *id)
{
	for (size_t i = 0; i < selection->filter_count; i++)
		if (fnmatch(selection->filters[i], id, 0) == 0)
			return true;
	return selection->filter_count == 0;
}

static void drop_unwanted(struct plan *plan, const struct plan_selection *selection)
{
	size_t kept = 0;
	for (size_t i = 0; i < plan->count; i++)
		if (wanted_row(selection, plan->rows[i].id))
			plan->rows[kept++] = plan->rows[i];
	plan->count = kept;
}

int plan_build(struct plan *plan, const struct plan_selection *selection, const char *fixtures_dir, struct error *err)
{
	int r = check_names(selection, err);
	if (r < 0)
		return r;

	const struct suite **suites;
	size_t count = suites_all(&suites);
	for (size_t i = 0; i < count; i++) {
		if (!wanted_suite(selection, suites[i]->name))
			continue;
		r = suites[i]->plan(plan, fixtures_dir, err);
		if (r < 0) {
			error_stage(err, suites[i]->name);
			return r;
		}
	}
	r = plan_check(plan, err);
	if (r == 0)
		drop_unwanted(plan, selection);
	return r;
}
