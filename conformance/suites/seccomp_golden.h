/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden table fixtures/golden/syscalls.tsv, adjusted by the policy under test, says of each system call. */
#ifndef SUITES_SECCOMP_GOLDEN_H
#define SUITES_SECCOMP_GOLDEN_H

#include <stddef.h>

#include "base/error.h"
#include "policy/policy.h"

#define GOLDEN_LAST_NUMBER 469 /* the newest call of Linux 6.18 */

enum golden_verdict {
	GOLDEN_NONE, /* no such call */
	GOLDEN_ALLOW,
	GOLDEN_CONDITIONAL, /* by its arguments */
	GOLDEN_DENY, /* EPERM */
	GOLDEN_ENOSYS, /* refused so that libc falls back */
	GOLDEN_ANY, /* the design is silent: not judged */
};

struct golden_call {
	const char *name; /* NULL for a hole */
	const char *note;
	enum golden_verdict verdict;
	bool lifted; /* allowed by the policy's list or capability, not by the profile */
};

/* Indexed by number.  Text lives until the program ends. */
struct golden_calls {
	struct golden_call by_number[GOLDEN_LAST_NUMBER + 1];
};

/*
 * Read the table for a policy.  Precedence: blocked_syscalls > allowed_syscalls > the table; a "capability:" cell is
 * allowed where the policy holds the capability.  0, or a negative errno with err set.
 */
int golden_calls_get(struct golden_calls *calls, const char *fixtures_dir, const struct policy *policy,
		     struct error *err);

/* The number of a name; -1 where there is none. */
int golden_number(const struct golden_calls *calls, const char *name);

#endif
