/* SPDX-License-Identifier: Apache-2.0 */
/* Mandatory access control alone, by outcome: rows of fixtures/golden/mac.tsv. */
#include "suites/rows.h"

static int plan_mac(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	return rows_add(plan, "mac", fixtures_dir, "golden/mac.tsv", NULL, err);
}

static const struct suite mac = {
	.name = "mac",
	.summary = "the mandatory layer alone: writing, reading and executing outside what it grants",
	.plan = plan_mac,
};
SUITE(mac);
