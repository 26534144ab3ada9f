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

#endif
