/* SPDX-License-Identifier: Apache-2.0 */
/* Ordinary work: rows of fixtures/golden/workloads.tsv, scripts in fixtures/workloads. */
#include "suites/rows.h"

static int plan_workloads(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	return rows_add(plan, "workloads", fixtures_dir, "golden/workloads.tsv", NULL, err);
}

static const struct suite workloads = {
	.name = "workloads",
	.summary = "what must work: Python, Node, git, gcc and the shell",
	.plan = plan_workloads,
};
SUITE(workloads);
