/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits: rows of fixtures/golden/rlimits.tsv, with the policy's number of descriptors. */
#include <stdio.h>

#include "suites/rows.h"

static int plan_rlimits(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	double descriptors;
	char nofile[32];
	/* Every profile has a default, so it is unset only where a program built the policy by hand. */
	if (!policy_limit(plan->policy, LIMIT_FILE_DESCRIPTORS, &descriptors))
		return 0;
	(void)snprintf(nofile, sizeof(nofile), "%.0f", descriptors);
	const struct rows_word words[] = {{"nofile", nofile}, {NULL, NULL}};
	return rows_add(plan, "rlimits", fixtures_dir, "golden/rlimits.tsv", words, err);
}

static const struct suite rlimits = {
	.name = "rlimits",
	.summary = "open files, core dumps and locked memory, as set and by effect",
	.plan = plan_rlimits,
};
SUITE(rlimits);
