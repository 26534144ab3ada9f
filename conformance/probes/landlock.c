/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/probe.h"

#define NR_LANDLOCK_CREATE_RULESET 444

static int run_abi(int argc, char **argv, struct facts *facts)
{
	(void)argv;
	if (argc != 1)
		return 1;
	long abi = syscall(NR_LANDLOCK_CREATE_RULESET, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
	fact_result(facts, abi);
	return 0;
}

static const struct probe landlock_abi = {"landlock-abi", "", "the Landlock ABI that the kernel offers", run_abi};
PROBE(landlock_abi);
