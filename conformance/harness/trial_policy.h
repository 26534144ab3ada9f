/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of a trial: the subject's document with the trial's limits laid over. */
#ifndef HARNESS_TRIAL_POLICY_H
#define HARNESS_TRIAL_POLICY_H

#include "base/error.h"
#include "harness/trial.h"
#include "policy/policy.h"

/*
 * Write it to path (a new file, 0600), and read it back into *policy (policy_clear).  The trial's limits: "KEY=VALUE ...", where a key
 * that begins with "execution." belongs to execution_limits and any other to resource_limits; network.policy: "MODE HOST...".  0, or a negative errno with err set.
 */
int trial_policy_write(const char *path, const char *document, const struct trial *trial, struct policy *policy,
		       struct error *err);

/* The mode that network.policy asks for; a list without a host is mode none.  0 with *asked (false: none), or -EINVAL with err set. */
int trial_policy_network(const struct trial_network *network, bool *asked, enum network_mode *mode, struct error *err);

/* The limits that are named, bit 1 << enum limit, of either tier.  0 with *asked, or -EINVAL with err set. */
int trial_policy_asked(const char *limits, unsigned *asked, struct error *err);

/* "memory", "cpu", ... as people call a limit. */
const char *limit_name(enum limit limit);

#endif
