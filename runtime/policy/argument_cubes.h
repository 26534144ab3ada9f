/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions on arguments as libseccomp can hold them.
 *
 * A rule of an allowlist ANDs at most one comparison per argument, and rules are ORed; a "not
 * equal" on the low 32 bits is no comparison that it has.  So conditions are turned into a union of
 * cubes: in each, some bits of some arguments have fixed values (SCMP_CMP_MASKED_EQ).
 */
#ifndef POLICY_ARGUMENT_CUBES_H
#define POLICY_ARGUMENT_CUBES_H

#include <stddef.h>
#include <stdint.h>

#include "policy/syscalls.h"

#define CUBE_ARGUMENTS 6

/* (argument[i] & mask[i]) == value[i] for every i; a mask of 0 asks nothing. */
struct cube {
	uint64_t mask[CUBE_ARGUMENTS];
	uint64_t value[CUBE_ARGUMENTS];
};

/* A union of cubes. */
#define CUBES_MAX 1024
struct cubes {
	size_t count;
	struct cube items[CUBES_MAX];
};

/*
 * The union where the conditions hold (holds) and the one where they do not (fails): together they
 * are everything, and no arguments are in both.  0, or -E2BIG when a union does not fit.
 */
int cubes_of_conditions(const struct arg_condition *conditions, size_t count, struct cubes *holds, struct cubes *fails);

#endif
