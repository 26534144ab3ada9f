/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp: every system call number that x86_64 has and many that it has not, as each answers in the sandbox, with
 * nothing but seccomp in force, and as the installed filter says.
 */
#include "suites/seccomp.h"

static void (*const parts[])(struct seccomp_plan *sp) = {
	seccomp_plan_calls,     seccomp_plan_effects, seccomp_plan_abis,      seccomp_plan_namespaces,
	seccomp_plan_arguments, seccomp_plan_modes,   seccomp_plan_installed,
};

static int plan_seccomp(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	struct seccomp_plan sp = {.plan = plan};
	int r = golden_calls_get(&sp.calls, fixtures_dir, plan->policy, err);
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i](&sp);
	return r;
}

static const struct suite seccomp = {
	SECCOMP_AREA, "every system call number, by answer, alone, and by the installed filter", plan_seccomp};
SUITE(seccomp);
