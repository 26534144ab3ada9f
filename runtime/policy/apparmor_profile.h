/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy's AppArmor profile, made from the rows of policy/mac.h; apparmor.d(5).
 *
 * Its name is all that the kernel's list shows of a loaded profile, and says nothing about the rules.  So the text has a child profile whose name is
 * made of a digest of the rules, the mark: nobody can enter it, and where it is listed too, the rules are those that the policy asks for.
 */
#ifndef POLICY_APPARMOR_PROFILE_H
#define POLICY_APPARMOR_PROFILE_H

#include "policy/mac.h"
#include "policy/policy.h"

#define APPARMOR_NAME_MAX (POLICY_AGENT_ID_MAX + 32)
#define APPARMOR_MARK_MAX (APPARMOR_NAME_MAX + 32)

struct apparmor_profile {
	char name[APPARMOR_NAME_MAX]; /* agentcore-{agent_id}-{profile_name} */
	char mark[APPARMOR_MARK_MAX]; /* the child's full name: NAME//rules-DIGEST */
	char *text; /* owned; with a newline at its end */
};

/* Its name alone. */
void apparmor_profile_name(const struct policy *policy, char name[APPARMOR_NAME_MAX]);

/*
 * The profile of a policy and of what the command line grants besides.  Release it with apparmor_profile_clear.  0; -EINVAL for the template "unconfined",
 * which has no profile, or a grant's path that AppArmor's language cannot hold; or -ENOMEM; with err set.
 */
int apparmor_profile_make(const struct policy *policy, const struct mac_grant *grants, size_t grant_count,
			  struct apparmor_profile *profile, struct error *err);
void apparmor_profile_clear(struct apparmor_profile *profile); /* accepts a zeroed one */

#endif
