/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy_json.h"

#include <stddef.h>

#include "policy/capabilities.h"
#include "policy/limits.h"

static json_t *list_to_json(const struct string_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, json_string(list->items[i]));
	return array;
}

/* The profile's own need not be named: allowed_capabilities adds to them. */
static json_t *capabilities_to_json(const struct policy *policy)
{
	uint64_t added = policy->capabilities & ~capability_defaults(policy->profile);
	json_t *array = json_array();

	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		if (added & UINT64_C(1) << capability_rows[i].number)
			json_array_append_new(array, json_string(capability_rows[i].name));
	return array;
}

static json_t *security_to_json(const struct policy *policy)
{
	const char *fallback = policy->apparmor_fallback == APPARMOR_FALLBACK_REFUSE ? "refuse" : "landlock";
	const char *audit = policy->audit_failure == AUDIT_FAILURE_REFUSE ? "refuse" : "continue";

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:b, s:b}", "profile_name",
			 profile_name(policy->profile), "seccomp_profile", policy->seccomp_profile, "apparmor_profile",
			 policy->apparmor_profile, "apparmor_fallback", fallback, "audit_failure", audit,
			 "allowed_capabilities", capabilities_to_json(policy), "allowed_syscalls",
			 list_to_json(&policy->allowed_syscalls), "blocked_syscalls",
			 list_to_json(&policy->blocked_syscalls), "read_only_filesystem", policy->read_only_filesystem,
			 "no_new_privileges", policy->no_new_privileges, "user_namespace", policy->user_namespace);
}

static void set_limit(json_t *object, const char *key, const struct limit_row *row, double value)
{
	json_object_set_new(object, key, row->integer ? json_integer((json_int_t)value) : json_real(value));
}

static json_t *container_to_json(const struct policy *policy)
{
	json_t *object = json_object();

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (policy->container.set[i] && limit_rows[i].container_key)
			set_limit(object, limit_rows[i].container_key, &limit_rows[i], policy->container.value[i]);
	json_object_set_new(object, "network_access", json_string(network_mode_name(policy->network)));
	return object;
}

static json_t *execution_to_json(const struct policy *policy)
{
	json_t *object = json_object();

	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = &limit_rows[i];
		double value = policy->execution.value[i];

		/* A default of the container's without a key there (processes) can only be said here. */
		if (!policy->execution.set[i] && !row->container_key && policy->container.set[i])
			value = policy->container.value[i];
		else if (!policy->execution.set[i])
			continue;
		if (row->execution_key)
			set_limit(object, row->execution_key, row, value / row->execution_scale);
	}
	return object;
}

json_t *policy_to_json(const struct policy *policy)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:{s:b, s:o, s:o}}", "agent_id", policy->agent_id, "security_profile",
			 security_to_json(policy), "resource_limits", container_to_json(policy), "execution_limits",
			 execution_to_json(policy), "sandbox", "allow_network", policy->network != NETWORK_NONE,
			 "allowed_hosts", list_to_json(&policy->allowed_hosts), "permissions",
			 list_to_json(&policy->permissions));
}
