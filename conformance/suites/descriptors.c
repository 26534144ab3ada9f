/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and environment: rows of fixtures/golden/descriptors.tsv. */
#include "suites/rows.h"

static int plan_descriptors(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	return rows_add(plan, "descriptors", fixtures_dir, "golden/descriptors.tsv", NULL, err);
}

static const struct suite descriptors = {
	.name = "descriptors",
	.summary = "what a command inherits and can reach: open descriptors, environment, the runtime's program",
	.plan = plan_descriptors,
};
SUITE(descriptors);
