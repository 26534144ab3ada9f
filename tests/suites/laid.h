/* SPDX-License-Identifier: Apache-2.0 */
/* Some suites laid out for a profile's defaults.  The includer has cmocka's headers, and names them: static const char *const suites[]. */
#ifndef TESTS_SUITES_LAID_H
#define TESTS_SUITES_LAID_H

#include "base/array.h"
#include "harness/plan.h"

struct laid {
	struct policy policy;
	struct plan plan;
};

static void lay(struct laid *laid, enum profile profile)
{
	struct error err = {0};
	const struct plan_selection selection = {.suites = suites, .suite_count = ARRAY_SIZE(suites)};
	policy_defaults(&laid->policy, profile);
	laid->plan = (struct plan){.policy = &laid->policy, .profile = profile_name(profile)};
	if (plan_build(&laid->plan, &selection, FIXTURES_DIR, &err) < 0)
		fail_msg("%s", err.text);
}

static void clear(struct laid *laid)
{
	plan_clear(&laid->plan);
	policy_clear(&laid->policy);
}

/* A line of a table, and what is said of it; NULL: it is taken. */
struct table_row {
	const char *row, *says;
};

static inline void check_table_rows(const struct table_row *rows, size_t count,
				    int (*read_table)(const char *row, struct error *err))
{
	for (size_t i = 0; i < count; i++) {
		struct error err = {0};
		int r = read_table(rows[i].row, &err);
		assert_int_equal(r, rows[i].says ? -EINVAL : 0);
		if (rows[i].says && !strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].row, err.text);
	}
}

#endif
