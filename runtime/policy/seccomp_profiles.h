/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that seccomp_profile may take.  Each names a table of verdicts, that is, whose rows of
 * syscall_rows apply; it need not be the profile's own (the guide's privileged sample goes by
 * agentcore-standard).
 */
#ifndef POLICY_SECCOMP_PROFILES_H
#define POLICY_SECCOMP_PROFILES_H

#include "policy/policy.h"

/* "agentcore-minimal", "agentcore-standard", "agentcore-privileged". */
const char *seccomp_profile_name(enum profile base);

/* The table of that name.  0, or -EINVAL with a suggestion (err may be NULL). */
int seccomp_profile_from_name(enum profile *base, const char *name, struct error *err);

#endif
