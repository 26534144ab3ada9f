/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp suite, split by mechanism. */
#ifndef SUITES_SECCOMP_H
#define SUITES_SECCOMP_H

#include <stdint.h>

#include "harness/requirement.h"
#include "suites/seccomp_golden.h"

#define SECCOMP_AREA "seccomp"
#define X32_BIT      UINT64_C(0x40000000)

struct seccomp_plan {
	struct plan *plan;
	struct golden_calls calls;
};

/* --- Rows, a file each -------------------------------------------------------------------------- */

void seccomp_plan_calls(struct seccomp_plan *sp); /* every number, allowed, denied or unknown; denied ones alone */
void seccomp_plan_effects(struct seccomp_plan *sp); /* denied calls with valid arguments */
void seccomp_plan_abis(struct seccomp_plan *sp); /* x32, int 0x80, high halves of registers */
void seccomp_plan_namespaces(struct seccomp_plan *sp); /* every road to a namespace, by outcome */
void seccomp_plan_arguments(struct seccomp_plan *sp); /* terminals, families, domains, clone flags */
void seccomp_plan_modes(struct seccomp_plan *sp); /* setuid and setgid files */
void seccomp_plan_installed(struct seccomp_plan *sp); /* the filter read back and evaluated */

/* --- Calls whose arguments decide ----------------------------------------------------------------- */

enum argument_flags {
	ARGUMENT_REFUSED = 1, /* else it must pass */
	ARGUMENT_SHOULD = 2, /* LEVEL_SHOULD */
	ARGUMENT_INSTALLED_ONLY = 4, /* the call itself would be more than the probe may do */
	ARGUMENT_FAMILY = 8, /* EAFNOSUPPORT is a refusal, too */
};

struct argument_case {
	const char *call;
	const char *id;
	uint64_t args[6];
	unsigned flags;
	const char *rationale, *remediation, *tags;
};

/*
 * Lay the rows of one case, if the policy's verdict on the call is by condition: "argument.ID" as observed, "alone.ID"
 * where it is to be refused, and "installed.ID" as the filter says.
 */
void seccomp_plan_argument(struct seccomp_plan *sp, const struct argument_case *argument);

/* --- Rows judged by the installed filter ------------------------------------------------------------ */

enum installed_want {
	INSTALLED_ALLOW = 1, /* SECCOMP_RET_ALLOW or _LOG */
	INSTALLED_DENY, /* an errno: EPERM or ENOSYS, for families also EAFNOSUPPORT */
	INSTALLED_UNKNOWN, /* ENOSYS */
	INSTALLED_KILL, /* the process or the thread dies */
	INSTALLED_CLOSED, /* any errno, or death */
};

/*
 * Append the row "installed.ID".  spec is what is evaluated: "x86_64|i386 NR *" (with several patterns of arguments that
 * must all give the same) or "x86_64|i386 NR A0 A1 A2 A3 A4 A5".
 */
struct requirement *seccomp_add_installed(struct seccomp_plan *sp, enum installed_want want, const char *spec,
					  const char *id_format, ...) __attribute__((format(printf, 4, 5)));

/* --- Oracles ------------------------------------------------------------------------------------- */

/*
 * EPERM, or ENOSYS where the bare kernel says something else; number2 == 1: the bare control must have succeeded;
 * mask 1: EAFNOSUPPORT is a refusal, too.  UNSUPPORTED where the bare kernel answers ENOSYS itself.
 */
judge_function judge_call_denied;

/* The call reached the kernel: neither EPERM nor ENOSYS nor SIGSYS, unless the bare kernel answers so itself. */
judge_function judge_call_allowed;

/* ENOSYS, from which libc falls back; EPERM and death are wrong, but for mask 2, with which SIGSYS will do. */
judge_function judge_call_unknown;

/* Killed by SIGSYS. */
judge_function judge_call_killed;

/* Fact "new_namespace" is false (and ret < 0), while it is true in the control; never killed. */
judge_function judge_no_namespace;

/* Fact "special" is false while it is true in the control. */
judge_function judge_no_special_mode;

/* The call works or answers ENOSYS, from which libc falls back; EPERM is wrong. */
judge_function judge_works_or_absent;

/* Facts of a host probe against enum installed_want in number2. */
judge_function judge_installed;

/* Fact "allowed" of a host probe lies between number and number2. */
judge_function judge_installed_count;

#endif
