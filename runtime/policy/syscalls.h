/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls and what each profile says of them.  VERDICT TABLE: the suite may not include this.
 *
 * One row per x86_64 system call that Linux has had up to 6.18 (numbers 0..334 and 424..469; 335 and
 * 336, uretprobe and uprobe, are trampolines of the kernel's and no program's to call), plus the names without an x86_64 number that a policy may still speak of (umount, vm86, ...),
 * with number -1.
 */
#ifndef POLICY_SYSCALLS_H
#define POLICY_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

/*
 * A condition on one argument: the call is let through only if (low 32 or 64 bits of argument index
 * & mask) compares as said.  A call with several conditions needs all of those in one group, and
 * one group is enough; groups of a row are the alternatives.
 */
enum arg_op {
	ARG_EQ, /* (value & mask) == operand, all 64 bits of the argument */
	ARG_EQ_LOW32, /* the same on the low 32 bits alone: for arguments that the kernel takes as int */
	ARG_NE_LOW32, /* (value & mask) != operand on the low 32 bits */
};

struct arg_condition {
	uint8_t group; /* 0, 1, ...: alternatives */
	uint8_t index; /* 0..5 */
	enum arg_op op;
	uint64_t mask;
	uint64_t operand;
};

#define SYSCALL_CONDITIONS_MAX 8

/* What a profile does with a call. */
enum syscall_verdict {
	SYSCALL_ALLOW,
	SYSCALL_CONDITIONAL, /* allowed where the conditions hold, else the errno below */
	SYSCALL_DENY, /* the errno below */
};

struct syscall_row {
	const char *name;
	int16_t number; /* x86_64; -1 if it has none */
	uint8_t profiles; /* bit per enum profile that admits it without more */
	uint64_t
		capabilities; /* any one of these in the policy's set admits it too (privileged: "by capability"); 0: none does */
	const char *why_denied; /* reason for each deny; NULL where every profile admits it */
	const struct arg_condition
		*conditions; /* NULL, or condition_count of them; they bind wherever the call is admitted */
	uint8_t condition_count;
	uint8_t refusal; /* errno of a refusal; 0: EPERM */
	bool needs_user_namespace; /* admitted only where policy->user_namespace holds (clone3) */
	bool start_needs; /* without it no program starts or ends: no policy may block it */
};

extern const struct syscall_row syscall_rows[];
extern const size_t syscall_row_count; /* sorted by name */

/* The row of a name, or NULL. */
const struct syscall_row *syscall_by_name(const char *name);

/* The row of an x86_64 number, or NULL for a number that the table does not know. */
const struct syscall_row *syscall_by_number(int number);

/* Whether the call is one of fork, vfork, clone, clone3: blocking one of them blocks them all. */
bool syscall_in_fork_family(const struct syscall_row *row);

/* Whether no profile and no capability admits the call: only allowed_syscalls can. */
bool syscall_denied_everywhere(const struct syscall_row *row);

/* The nearest known name, for "did you mean"; NULL if nothing is near. */
const char *syscall_suggest(const char *name);

/*
 * Whose rows a policy goes by: seccomp_profile names the table (agentcore-minimal, agentcore-standard,
 * agentcore-privileged), whatever the profile is.  The gates by capability stand open where either the profile
 * or the table is privileged.
 */
enum profile syscall_base_profile(const struct policy *policy);

/*
 * The decision of one policy on one row, in design.md's order of precedence:
 * blocked_syscalls > allowed_syscalls > built-in deny > profile.
 * *error_number gets the errno of a refusal (EPERM, or ENOSYS: clone3 without a user namespace, openat2,
 * ...).  *conditions / *count get the conditions that apply (network modes and setuid bits included).
 */
struct syscall_decision {
	enum syscall_verdict verdict;
	int error_number;
	const struct arg_condition *conditions;
	size_t condition_count;
};
struct syscall_decision syscall_decide(const struct policy *policy, const struct syscall_row *row);

#endif
