/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "policy/capabilities.h"
#include "policy/limits.h"
#include "policy/mac.h"
#include "policy/string_list.h"
#include "policy/syscalls.h"

#define SECURITY "$.security_profile."

struct lint {
	const struct policy *policy;
	lint_sink *warn;
	void *context;
	size_t count;
};

static void warn(struct lint *lint, const char *where, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void warn(struct lint *lint, const char *where, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	lint->warn(lint->context, where, text);
	lint->count++;
}

/* --- Rules that look at the whole -------------------------------------------------------------------- */
static bool shares_root(const struct policy *policy)
{
	return !policy->user_namespace;
}

static bool gains_privileges(const struct policy *policy)
{
	return !policy->no_new_privileges;
}

static bool unconfined(const struct policy *policy)
{
	return strcmp(policy->apparmor_profile, mac_template_name(MAC_UNCONFINED)) == 0;
}

static bool wider_syscalls(const struct policy *policy)
{
	return syscall_base_profile(policy) > policy->profile;
}

static bool writable_minimal(const struct policy *policy)
{
	return policy->profile == PROFILE_MINIMAL && !policy->read_only_filesystem;
}

static bool full_network(const struct policy *policy)
{
	return policy->network == NETWORK_FULL;
}

static bool unused_hosts(const struct policy *policy)
{
	return policy->allowed_hosts.count > 0 && policy->network == NETWORK_NONE;
}

static bool clone3_unguarded(const struct policy *policy)
{
	return !policy->user_namespace && string_list_has(&policy->allowed_syscalls, "clone3");
}

static const struct {
	bool (*applies)(const struct policy *policy);
	const char *where;
	const char *warning;
} rules[] = {
	{shares_root, SECURITY "user_namespace", "without a user namespace root inside is root of the host"},
	{gains_privileges, SECURITY "no_new_privileges", "setuid programs and file capabilities give privileges"},
	{unconfined, SECURITY "apparmor_profile", "unconfined: no mandatory layer remains"},
	{wider_syscalls, SECURITY "seccomp_profile", "allows more system calls than the profile's own table"},
	{writable_minimal, SECURITY "read_only_filesystem", "a writable root does not go with the minimal profile"},
	{clone3_unguarded, SECURITY "allowed_syscalls",
	 "clone3 without a user namespace makes any namespace: its flags cannot be filtered"},
	{full_network, "$.resource_limits.network_access",
	 "full reaches the whole internet; name allowed_hosts instead"},
	{unused_hosts, "$.sandbox.allowed_hosts", "has no effect with network access none"},
};

/* --- Rules for each item ------------------------------------------------------------------------------- */
static void lint_capabilities(struct lint *lint)
{
	uint64_t added = lint->policy->capabilities & ~capability_defaults(lint->policy->profile);

	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		if (capability_rows[i].danger && added & UINT64_C(1) << capability_rows[i].number)
			warn(lint, SECURITY "allowed_capabilities", "%s: %s", capability_rows[i].name,
			     capability_rows[i].danger);
}

static void lint_allowed_syscalls(struct lint *lint)
{
	const struct string_list *allowed = &lint->policy->allowed_syscalls;

	for (size_t i = 0; i < allowed->count; i++) {
		const struct syscall_row *row = syscall_by_name(allowed->items[i]);
		if (!row)
			continue;
		if (string_list_has(&lint->policy->blocked_syscalls, row->name))
			warn(lint, SECURITY "allowed_syscalls", "%s has no effect: blocked_syscalls has it too",
			     row->name);
		else if (row->number < 0)
			warn(lint, SECURITY "allowed_syscalls", "%s has no effect: x86_64 has no such call", row->name);
		else if (syscall_denied_everywhere(row))
			warn(lint, SECURITY "allowed_syscalls", "%s is denied in every profile: %s", row->name,
			     row->why_denied);
	}
}

static void lint_hosts(struct lint *lint)
{
	const struct string_list *hosts = &lint->policy->allowed_hosts;

	for (size_t i = 0; i < hosts->count; i++)
		if (strcmp(hosts->items[i], "*") == 0 || strcmp(hosts->items[i], "0.0.0.0/0") == 0)
			warn(lint, "$.sandbox.allowed_hosts", "%s restricts nothing", hosts->items[i]);
}

static void lint_limits(struct lint *lint)
{
	const struct limits *container = &lint->policy->container, *execution = &lint->policy->execution;

	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		char where[128];
		if (!container->explicit_[i] || !execution->set[i] || execution->value[i] <= container->value[i])
			continue;
		(void)snprintf(where, sizeof(where), "$.execution_limits.%s", limit_rows[i].execution_key);
		warn(lint, where, "never reached: %s of resource_limits is smaller", limit_rows[i].container_key);
	}
}

size_t policy_lint(const struct policy *policy, lint_sink *sink, void *context)
{
	struct lint lint = {.policy = policy, .warn = sink, .context = context};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].applies(policy))
			warn(&lint, rules[i].where, "%s", rules[i].warning);
	lint_capabilities(&lint);
	lint_allowed_syscalls(&lint);
	lint_hosts(&lint);
	lint_limits(&lint);
	return lint.count;
}
