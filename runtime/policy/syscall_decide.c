/* SPDX-License-Identifier: Apache-2.0 */
/* Looking rows up, and the decision of one policy on one row. */
#include "policy/syscalls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "policy/seccomp_profiles.h"
#include "policy/string_list.h"
#include "policy/suggest.h"

/* socket and socketpair where the minimal table has no network. */
static const struct arg_condition socket_unix_only[] = {
	{.group = 0, .index = 0, .op = ARG_EQ_LOW32, .mask = UINT32_MAX, .operand = AF_UNIX},
};

static int compare_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct syscall_row *)row)->name);
}

const struct syscall_row *syscall_by_name(const char *name)
{
	return bsearch(name, syscall_rows, syscall_row_count, sizeof(syscall_rows[0]), compare_name);
}

const struct syscall_row *syscall_by_number(int number)
{
	for (size_t i = 0; number >= 0 && i < syscall_row_count; i++)
		if (syscall_rows[i].number == number)
			return &syscall_rows[i];
	return NULL;
}

bool syscall_in_fork_family(const struct syscall_row *row)
{
	static const char *const family[] = {"fork", "vfork", "clone", "clone3"};

	for (size_t i = 0; i < ARRAY_SIZE(family); i++)
		if (strcmp(row->name, family[i]) == 0)
			return true;
	return false;
}

bool syscall_denied_everywhere(const struct syscall_row *row)
{
	return row->profiles == 0 && row->capabilities == 0;
}

const char *syscall_suggest(const char *name)
{
	struct suggestion suggestion = suggest_for(name);

	for (size_t i = 0; i < syscall_row_count; i++)
		suggest_offer(&suggestion, syscall_rows[i].name);
	return suggestion.best;
}

enum profile syscall_base_profile(const struct policy *policy)
{
	enum profile base;

	if (seccomp_profile_from_name(&base, policy->seccomp_profile, NULL) < 0)
		return policy->profile;
	return base;
}

static bool profile_admits(const struct policy *policy, const struct syscall_row *row)
{
	enum profile base = syscall_base_profile(policy);

	if (row->needs_user_namespace && !policy->user_namespace)
		return false;
	if (row->profiles & 1U << base)
		return true;
	bool gates_open = policy->profile == PROFILE_PRIVILEGED || base == PROFILE_PRIVILEGED;
	return gates_open && (row->capabilities & policy->capabilities) != 0;
}

static struct syscall_decision deny(int error_number)
{
	return (struct syscall_decision){.verdict = SYSCALL_DENY, .error_number = error_number};
}

static struct syscall_decision admit(const struct policy *policy, const struct syscall_row *row)
{
	struct syscall_decision decision = {
		.verdict = row->condition_count ? SYSCALL_CONDITIONAL : SYSCALL_ALLOW,
		.error_number = EPERM,
		.conditions = row->conditions,
		.condition_count = row->condition_count,
	};
	bool by_family = strcmp(row->name, "socket") == 0 || strcmp(row->name, "socketpair") == 0;

	if (by_family && syscall_base_profile(policy) == PROFILE_MINIMAL && policy->network == NETWORK_NONE) {
		decision.conditions = socket_unix_only;
		decision.condition_count = ARRAY_SIZE(socket_unix_only);
	}
	return decision;
}

struct syscall_decision syscall_decide(const struct policy *policy, const struct syscall_row *row)
{
	if (string_list_has(&policy->blocked_syscalls, row->name))
		return deny(EPERM);
	if (string_list_has(&policy->allowed_syscalls, row->name) || profile_admits(policy, row))
		return admit(policy, row);
	return deny(row->refusal ? row->refusal : EPERM);
}
