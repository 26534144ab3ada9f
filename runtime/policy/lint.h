/* SPDX-License-Identifier: Apache-2.0 */
/* What is allowed and yet unwise, or without effect, in a policy. */
#ifndef POLICY_LINT_H
#define POLICY_LINT_H

#include <stddef.h>

#include "policy/policy.h"

/* One warning: where ("$.security_profile.user_namespace"), and why. */
typedef void lint_sink(void *context, const char *where, const char *warning);

/* Call warn for each; returns how many there were. */
size_t policy_lint(const struct policy *policy, lint_sink *warn, void *context);

#endif
