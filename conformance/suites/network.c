/* SPDX-License-Identifier: Apache-2.0 */
/* The three modes, the allowlist, names and the request limit: rows of fixtures/golden/network.tsv. */
#include "suites/network.h"

static const struct suite network = {
	.name = "network",
	.summary = "none, restricted, full: what is allowed arrives, and no bypass does; names, host, neighbours, the "
		   "request limit",
	.plan = network_add_rows,
};
SUITE(network);
