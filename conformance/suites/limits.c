/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of both tiers: rows of fixtures/golden/limits.tsv, and what the host's cgroup files say. */
#include "suites/limits.h"

static int plan_limits(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	limits_add_readback(plan);
	return limits_add_rows(plan, fixtures_dir, err);
}

static const struct suite limits = {
	.name = "limits",
	.summary =
		"memory, cpu, processes, descriptors, wall time and storage at their limits; what is left afterwards",
	.plan = plan_limits,
};
SUITE(limits);
