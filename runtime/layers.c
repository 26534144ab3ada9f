/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/layers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "policy/capabilities.h"
#include "policy/limits.h"
#include "recipe/network.h"

const struct layer_row layer_rows[LAYER_COUNT] = {
	[LAYER_ALWAYS] = {LAYER_ALWAYS, "always",
			  "mount, pid, network, ipc, uts and cgroup namespaces, PID 1 of our own"},
	[LAYER_NAMESPACES] = {LAYER_NAMESPACES, "namespaces",
			      "user namespace with a range of ids of its own; no further "
			      "namespaces"},
	[LAYER_FILESYSTEM] = {LAYER_FILESYSTEM, "filesystem", "root file system, /dev, masked and read-only paths"},
	[LAYER_CAPABILITIES] = {LAYER_CAPABILITIES, "capabilities", "capability sets and locked secure bits"},
	[LAYER_NO_NEW_PRIVS] = {LAYER_NO_NEW_PRIVS, "no_new_privs", "exec gains no privilege"},
	[LAYER_MAC] = {LAYER_MAC, "mac", "mandatory access control: AppArmor, or Landlock"},
	[LAYER_SECCOMP] = {LAYER_SECCOMP, "seccomp", "system call filter"},
	[LAYER_RLIMITS] = {LAYER_RLIMITS, "rlimits", "descriptors, core dumps, locked memory"},
	[LAYER_CGROUPS] = {LAYER_CGROUPS, "cgroups", "memory without swap, processor time, processes"},
	[LAYER_NETWORK] = {LAYER_NETWORK, "network", "what may be reached: rules in a router of our own, a resolver"},
};

int layer_from_name(enum layer *layer, const char *name, struct error *err)
{
	for (size_t i = LAYER_ALWAYS + 1; i < ARRAY_SIZE(layer_rows); i++) {
		if (!strcmp(layer_rows[i].name, name)) {
			*layer = layer_rows[i].layer;
			return 0;
		}
	}
	(void)error_say(err, EINVAL, "no layer \"%s\"", name);
	return error_hint(err,
			  "known: namespaces filesystem capabilities no_new_privs mac seccomp rlimits cgroups network");
}

static void say_capabilities(const struct policy *policy, struct layer_state *state)
{
	size_t used = (size_t)snprintf(state->detail, sizeof(state->detail), "%s",
				       policy->capabilities ? "bounding, permitted, effective:" : "none");
	for (size_t i = 0; i < CAPABILITY_COUNT && used < sizeof(state->detail); i++)
		if (policy->capabilities >> i & 1)
			used += (size_t)snprintf(state->detail + used, sizeof(state->detail) - used, " %s",
						 capability_rows[i].name + strlen("CAP_"));
}

static const struct {
	enum limit limit;
	enum cgroup_controller controller;
	const char *controller_name, *unit;
} by_cgroups[] = {
	{LIMIT_MEMORY_MB, CGROUP_MEMORY, "memory", " MiB"},
	{LIMIT_CPU_CORES, CGROUP_CPU, "cpu", ""},
	{LIMIT_PROCESSES, CGROUP_PIDS, "pids", ""},
};

static void say_cgroups(const struct limits *limits, const struct cgroup_layout *cgroups, struct layer_state *state)
{
	int used = snprintf(state->detail, sizeof(state->detail), "cgroup %s:", cgroup_layout_name(cgroups));

	for (size_t i = 0; i < ARRAY_SIZE(by_cgroups) && used < (int)sizeof(state->detail); i++) {
		if (!limits->set[by_cgroups[i].limit])
			continue;
		bool there = cgroups->places[by_cgroups[i].controller].available;
		state->in_force = state->in_force && there;
		used += snprintf(state->detail + used, sizeof(state->detail) - (size_t)used, "%s %s %g%s%s",
				 i ? "," : "", by_cgroups[i].controller_name, limits->value[by_cgroups[i].limit],
				 by_cgroups[i].unit, there ? "" : " (no controller: refused)");
	}
}

static void say_network(const struct policy *policy, const struct limits *limits, struct layer_state *state)
{
	int used;

	if (!network_wanted(policy))
		used = snprintf(state->detail, sizeof(state->detail), "%s: loopback only",
				network_mode_name(policy->network));
	else if (policy->network == NETWORK_FULL)
		used = snprintf(state->detail, sizeof(state->detail),
				"full: all but metadata, private networks, the host and other sandboxes; nf_tables");
	else
		used = snprintf(state->detail, sizeof(state->detail), "restricted: %zu allowed hosts; nf_tables",
				policy->allowed_hosts.count);
	if (network_wanted(policy) && limits->set[LIMIT_NETWORK_REQUESTS])
		(void)snprintf(state->detail + used, sizeof(state->detail) - (size_t)used, ", %.0f requests",
			       limits->value[LIMIT_NETWORK_REQUESTS]);
}

static void say_filesystem(const struct policy *policy, struct layer_state *state)
{
	(void)snprintf(state->detail, sizeof(state->detail), "root %s, private /tmp and /workspace%s",
		       policy->read_only_filesystem ? "read-only" : "writable in a private overlay",
		       mac_written_executes(policy) ? "" : " (noexec)");
}

void layer_state(enum layer layer, const struct policy *policy, const struct limits *limits,
		 const struct cgroup_layout *cgroups, const struct mandatory *mandatory, struct layer_state *state)
{
	*state = (struct layer_state){.in_force = true};
	switch (layer) {
	case LAYER_NAMESPACES:
		state->in_force = policy->user_namespace;
		(void)snprintf(state->detail, sizeof(state->detail), "%s",
			       policy->user_namespace ? "65536 ids of its own; user.max_*_namespaces are 0 inside"
						      : "the policy asks for none; clone3 is ENOSYS");
		break;
	case LAYER_FILESYSTEM:
		say_filesystem(policy, state);
		break;
	case LAYER_CAPABILITIES:
		say_capabilities(policy, state);
		break;
	case LAYER_NO_NEW_PRIVS:
		state->in_force = policy->no_new_privileges;
		(void)snprintf(state->detail, sizeof(state->detail), "%s",
			       policy->no_new_privileges ? "set before exec" : "the policy asks for none");
		break;
	case LAYER_MAC:
		state->in_force = mandatory_say(policy, mandatory, state->detail, sizeof(state->detail));
		break;
	case LAYER_SECCOMP:
		(void)snprintf(state->detail, sizeof(state->detail), "allowlist %s; other ABIs kill",
			       policy->seccomp_profile);
		break;
	case LAYER_RLIMITS:
		(void)snprintf(state->detail, sizeof(state->detail), "%.0f descriptors, no core dumps, 64 KiB locked",
			       limits->value[LIMIT_FILE_DESCRIPTORS]);
		break;
	case LAYER_CGROUPS:
		say_cgroups(limits, cgroups, state);
		break;
	case LAYER_NETWORK:
		say_network(policy, limits, state);
		break;
	default:
		(void)snprintf(state->detail, sizeof(state->detail), "%s", layer_rows[layer].summary);
	}
}

static int check_limits(const struct limits *limits, const struct cgroup_layout *cgroups, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_cgroups); i++) {
		const struct limit_row *row = &limit_rows[by_cgroups[i].limit];
		if (!limits->set[by_cgroups[i].limit] || cgroups->places[by_cgroups[i].controller].available)
			continue;
		(void)error_say(err, EOPNOTSUPP, "%s %g: no %s controller for it: %s",
				row->container_key ? row->container_key : row->execution_key,
				limits->value[by_cgroups[i].limit], by_cgroups[i].controller_name,
				cgroups->why_not[by_cgroups[i].controller]);
		return error_hint(err,
				  "mount or delegate it, or name a cgroup where it is enabled with --cgroup-parent");
	}
	return cgroup_check_limits(limits, err);
}

int layers_check(const struct policy *policy, const struct limits *limits, const struct cgroup_layout *cgroups,
		 const struct mandatory *mandatory, struct error *err)
{
	int r = mandatory ? mandatory_check(policy, mandatory, err) : 0;

	if (r == 0)
		r = network_check(policy, NULL, err);
	if (r == 0 && cgroups)
		r = check_limits(limits, cgroups, err);
	return r;
}
