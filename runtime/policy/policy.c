/* SPDX-License-Identifier: Apache-2.0 */
/* The model itself: defaults, release, and the limit in force. */
#include "policy/policy.h"

#include <stdio.h>

#include "base/array.h"
#include "policy/capabilities.h"
#include "policy/limits.h"
#include "policy/mac.h"
#include "policy/seccomp_profiles.h"
#include "policy/string_list.h"

/* What a profile says where the document is silent; seccomp_profile is the profile's own. */
static const struct profile_row {
	enum mac_template apparmor;
	bool read_only_filesystem;
	bool no_new_privileges;
	bool user_namespace;
	enum network_mode network;
} profile_rows[PROFILE_COUNT] = {
	[PROFILE_MINIMAL] = {MAC_MINIMAL, true, true, true, NETWORK_NONE},
	[PROFILE_STANDARD] = {MAC_STANDARD, true, true, true, NETWORK_RESTRICTED},
	[PROFILE_PRIVILEGED] = {MAC_STANDARD, false, false, true, NETWORK_FULL},
};

void policy_defaults(struct policy *policy, enum profile profile)
{
	const struct profile_row *row = &profile_rows[profile];

	*policy = (struct policy){
		.agent_id = "default",
		.profile = profile,
		.apparmor_fallback = APPARMOR_FALLBACK_LANDLOCK,
		.audit_failure = AUDIT_FAILURE_CONTINUE,
		.capabilities = capability_defaults(profile),
		.read_only_filesystem = row->read_only_filesystem,
		.no_new_privileges = row->no_new_privileges,
		.user_namespace = row->user_namespace,
		.network = row->network,
	};
	(void)snprintf(policy->seccomp_profile, sizeof(policy->seccomp_profile), "%s", seccomp_profile_name(profile));
	(void)snprintf(policy->apparmor_profile, sizeof(policy->apparmor_profile), "%s",
		       mac_template_name(row->apparmor));
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		double value = limit_rows[i].defaults[profile];
		policy->container.set[i] = value >= 0;
		policy->container.value[i] = value >= 0 ? value : 0;
	}
}

void policy_clear(struct policy *policy)
{
	string_list_clear(&policy->allowed_syscalls);
	string_list_clear(&policy->blocked_syscalls);
	string_list_clear(&policy->allowed_hosts);
	string_list_clear(&policy->permissions);
}

void policy_limits_in_force(const struct policy *policy, struct limits *limits)
{
	*limits = (struct limits){0};
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		limits->set[i] = policy_limit(policy, (enum limit)i, &limits->value[i]);
		const struct limits *tiers[] = {&policy->container, &policy->execution};
		for (size_t j = 0; limits->set[i] && j < ARRAY_SIZE(tiers); j++)
			if (tiers[j]->explicit_[i] && tiers[j]->value[i] <= limits->value[i])
				limits->explicit_[i] = true;
	}
}

bool policy_limit(const struct policy *policy, enum limit limit, double *value)
{
	const struct limits *tiers[] = {&policy->container, &policy->execution};
	bool found = false;
	double least = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		if (!tiers[i]->set[limit] || (found && tiers[i]->value[limit] >= least))
			continue;
		least = tiers[i]->value[limit];
		found = true;
	}
	if (found)
		*value = least;
	return found;
}
