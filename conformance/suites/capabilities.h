/* SPDX-License-Identifier: Apache-2.0 */
/* The capability suite's own oracles and its golden table. */
#ifndef SUITES_CAPABILITIES_H
#define SUITES_CAPABILITIES_H

#include "base/error.h"
#include "harness/requirement.h"
#include "policy/policy.h"

#define CAPABILITY_MAX 64

/* One row of fixtures/golden/capabilities.tsv. */
struct golden_capability {
	int number;
	char name[40]; /* "cap_chown" */
	bool held[PROFILE_COUNT];
};

struct golden_capabilities {
	struct golden_capability rows[CAPABILITY_MAX];
	size_t count;
};

/* Read FIXTURES_DIR/golden/capabilities.tsv.  0, or a negative errno with the line in err (-EINVAL: malformed). */
int golden_capabilities_load(struct golden_capabilities *golden, const char *fixtures_dir, struct error *err);

/* The set that the table gives a profile: bit N is capability number N. */
uint64_t golden_capabilities_mask(const struct golden_capabilities *golden, enum profile profile);

/*
 * What the suite expects of a plan: the golden set exactly for a built-in profile, so that a wrong default of the
 * runtime's cannot pass; the policy's own set for a policy document.
 */
uint64_t capabilities_expected(const struct plan *plan, const struct golden_capabilities *golden);

/* Lay the rows that judge by effect; allowed is the expected set. */
void capabilities_plan_effects(struct plan *plan, uint64_t allowed);

/*
 * One capability (number) in one set (fact) is there (number2 1) or not (0).  The system call and /proc must say the
 * same; where only one of them answers, it decides.
 */
judge_function judge_capability_in_set;

/* The whole set named by fact equals mask, by system call and in /proc. */
judge_function judge_capability_mask;

/* The secure bits of mask read as number. */
judge_function judge_secure_bits;

/* The policy's own set (mask) holds all of the golden one (number). */
judge_function judge_declared_set;

/* An act (capability-effect): number is the errno once past the permission check (0: success), number2 1 where the
 * capability is held, mask 1 where a refusal before the act counts too. */
judge_function judge_effect;

#endif
