/* SPDX-License-Identifier: Apache-2.0 */
/* The filter that is really installed, read back from outside and evaluated for every number. */
#include <errno.h>
#include <linux/audit.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "harness/session.h"
#include "suites/bpf_evaluate.h"
#include "suites/bpf_readback.h"
#include "suites/seccomp.h"

#define ENOUGH_ALLOWED 250 /* standard allows at least this many */
#define CLEARLY_FEWER  249 /* minimal, at most: below the 250 that standard must at least allow */

/* --- One reading for each sandbox --------------------------------------------------------------------- */

/* The stack of the sandbox that was asked for last; rows of one sandbox come one after another. */
static const struct bpf_stack *installed(const struct host_context *context, struct error *err)
{
	static _Thread_local struct {
		pid_t pid;
		char token[64];
		struct bpf_stack stack;
	} last;
	if (context->probe_pid <= 0) {
		(void)error_say(err, ESRCH, "the sandbox's process was not found from the host");
		return NULL;
	}
	if (last.pid == context->probe_pid && strcmp(last.token, context->token) == 0)
		return &last.stack;
	last.pid = 0;
	bpf_stack_clear(&last.stack);
	if (bpf_read_installed(context->probe_pid, &last.stack, err) < 0)
		return NULL;
	last.pid = context->probe_pid;
	(void)snprintf(last.token, sizeof(last.token), "%s", context->token);
	return &last.stack;
}

/* --- What is evaluated ------------------------------------------------------------------------------- */

/* Filters that look at arguments where they should not give these different answers. */
static const uint64_t patterns[][6] = {
	{0},
	{1, 1, 1, 1, 1, 1},
	{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
	{3, 0x5401, 8, 4096, UINT64_C(1) << 32, UINT64_C(1) << 63},
};

struct evaluation {
	struct seccomp_data data;
	bool any_arguments;
};

static bool parse(const char *spec, struct evaluation *evaluation)
{
	char architecture[16];
	unsigned long long number;
	int used;
	*evaluation = (struct evaluation){0};
	if (sscanf(spec, "%15s %lli%n", architecture, (long long *)&number, &used) != 2)
		return false;
	evaluation->data.nr = (int)(uint32_t)number;
	evaluation->data.arch = strcmp(architecture, "i386") == 0 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
	spec += used;
	evaluation->any_arguments = strcmp(spec, " *") == 0;
	for (size_t i = 0; i < ARRAY_SIZE(evaluation->data.args) && !evaluation->any_arguments; i++) {
		char *end;
		evaluation->data.args[i] = strtoull(spec, &end, 0);
		if (end == spec)
			return false;
		spec = end;
	}
	return true;
}

/* false where a filter cannot be evaluated, or where the patterns of arguments get different answers (*varies). */
static bool evaluate(const struct bpf_stack *stack, struct evaluation *evaluation, uint32_t *value, bool *varies)
{
	*varies = false;
	if (!evaluation->any_arguments)
		return bpf_stack_evaluate(stack, &evaluation->data, value);
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		uint32_t one;
		memcpy(evaluation->data.args, patterns[i], sizeof(evaluation->data.args));
		if (!bpf_stack_evaluate(stack, &evaluation->data, &one))
			return false;
		*varies = *varies || (i > 0 && one != *value);
		*value = one;
	}
	return true;
}

static const char *action_name(uint32_t value)
{
	switch (value & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_KILL_PROCESS:
		return "KILL_PROCESS";
	case SECCOMP_RET_KILL_THREAD:
		return "KILL_THREAD";
	case SECCOMP_RET_TRAP:
		return "TRAP";
	case SECCOMP_RET_ERRNO:
		return "ERRNO";
	case SECCOMP_RET_USER_NOTIF:
		return "USER_NOTIF";
	case SECCOMP_RET_TRACE:
		return "TRACE";
	case SECCOMP_RET_LOG:
		return "LOG";
	case SECCOMP_RET_ALLOW:
		return "ALLOW";
	default:
		return "unknown";
	}
}

static json_t *probe_installed(const struct host_context *context, const struct requirement *requirement,
			       struct error *err)
{
	struct evaluation evaluation;
	uint32_t value = 0;
	bool varies;
	const char *spec = requirement->probe + strlen("filter ");
	const struct bpf_stack *stack = installed(context, err);
	if (!stack)
		return NULL;
	if (!parse(spec, &evaluation) || !evaluate(stack, &evaluation, &value, &varies)) {
		(void)error_say(err, EINVAL, "%s: cannot be evaluated", requirement->probe);
		return NULL;
	}
	bool error = (value & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
	return json_pack("{s:s, s:i, s:i}", "action", varies ? "by argument" : action_name(value), "data",
			 error && !varies ? (int)(value & SECCOMP_RET_DATA) : 0, "filters", (int)stack->count);
}

/* How many of the numbers that there are pass with at least one pattern of arguments. */
static json_t *probe_count(const struct host_context *context, const struct requirement *requirement, struct error *err)
{
	int allowed = 0;
	const struct bpf_stack *stack = installed(context, err);
	(void)requirement;
	if (!stack)
		return NULL;
	for (int number = 0; number <= GOLDEN_LAST_NUMBER; number++) {
		bool passes = false;
		for (size_t i = 0; i < ARRAY_SIZE(patterns) && !passes; i++) {
			struct seccomp_data data = {.nr = number, .arch = AUDIT_ARCH_X86_64};
			uint32_t value;
			memcpy(data.args, patterns[i], sizeof(data.args));
			passes = bpf_stack_evaluate(stack, &data, &value) && value == SECCOMP_RET_ALLOW;
		}
		allowed += passes;
	}
	return json_pack("{s:i, s:i}", "allowed", allowed, "filters", (int)stack->count);
}

/* --- Rows ------------------------------------------------------------------------------------------ */

struct requirement *seccomp_add_installed(struct seccomp_plan *sp, enum installed_want want, const char *spec,
					  const char *id_format, ...)
{
	static const char *const wants[] = {
		[INSTALLED_ALLOW] = "ALLOW",
		[INSTALLED_DENY] = "ERRNO(EPERM)",
		[INSTALLED_UNKNOWN] = "ERRNO(ENOSYS)",
		[INSTALLED_KILL] = "KILL_PROCESS",
		[INSTALLED_CLOSED] = "an errno or a kill",
	};
	char id[64];
	va_list args;
	va_start(args, id_format);
	(void)vsnprintf(id, sizeof(id), id_format, args);
	va_end(args);
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "installed.%s", id);
	row->host = probe_installed;
	row->needs = NEED_FILTER_READBACK | NEED_SHARED_KERNEL;
	row->judge = judge_installed;
	row->number2 = want;
	(void)snprintf(row->probe, sizeof(row->probe), "filter %s", spec);
	(void)snprintf(row->expected, sizeof(row->expected), "%s", wants[want]);
	return row;
}

static void plan_number(struct seccomp_plan *sp, enum installed_want want, uint64_t number, const char *name,
			const char *rationale)
{
	char spec[48], digits[32];
	(void)snprintf(spec, sizeof(spec), "x86_64 0x%llx *", (unsigned long long)number);
	(void)snprintf(digits, sizeof(digits), "%lld", (long long)number);
	struct requirement *row = seccomp_add_installed(sp, want, spec, "%s", name ? name : digits);
	row->rationale = rationale;
	row->remediation = want == INSTALLED_ALLOW     ? "Allow the call in the filter"
			   : want == INSTALLED_UNKNOWN ? "Let the filter's default action be ENOSYS"
						       : "Deny the call in the filter";
	row->level = want == INSTALLED_ALLOW && number > 456 ? LEVEL_SHOULD : LEVEL_MUST;
}

/* Without lists of its own a policy has the profile's numbers. */
static void plan_count(struct seccomp_plan *sp)
{
	const struct policy *policy = sp->plan->policy;
	if (policy->allowed_syscalls.count || policy->blocked_syscalls.count)
		return;
	bool minimal = policy->profile == PROFILE_MINIMAL;
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "installed-count");
	row->host = probe_count;
	row->needs = NEED_FILTER_READBACK | NEED_SHARED_KERNEL;
	row->judge = judge_installed_count;
	row->number = minimal ? 1 : ENOUGH_ALLOWED;
	row->number2 = minimal ? CLEARLY_FEWER : GOLDEN_LAST_NUMBER - 1;
	(void)snprintf(row->probe, sizeof(row->probe), "filter count");
	(void)snprintf(row->expected, sizeof(row->expected), "%lld to %lld allowed", (long long)row->number,
		       (long long)row->number2);
	row->rationale = minimal ? "Minimal is for untrusted code: clearly less of the kernel than standard"
				 : "Standard is for ordinary programs: 250 calls and more";
	row->remediation = "Review the profile's list";
}

void seccomp_plan_installed(struct seccomp_plan *sp)
{
	static const char unknown[] =
		"What the profile does not know it cannot judge: closed by default, and libc falls back";
	for (int number = 0; number <= GOLDEN_LAST_NUMBER; number++) {
		const struct golden_call *call = &sp->calls.by_number[number];
		if (call->verdict == GOLDEN_NONE)
			plan_number(sp, INSTALLED_UNKNOWN, (uint64_t)number, NULL, unknown);
		else if (call->verdict == GOLDEN_ALLOW)
			plan_number(sp, INSTALLED_ALLOW, (uint64_t)number, call->name, call->note);
		else if (call->verdict == GOLDEN_DENY)
			plan_number(sp, INSTALLED_DENY, (uint64_t)number, call->name, call->note);
		else if (call->verdict == GOLDEN_ENOSYS)
			plan_number(sp, INSTALLED_UNKNOWN, (uint64_t)number, call->name, call->note);
	}
	for (uint64_t number = GOLDEN_LAST_NUMBER + 1; number <= 1023; number += number < 512 ? 1 : 7)
		plan_number(sp, INSTALLED_UNKNOWN, number, NULL, unknown);
	plan_number(sp, INSTALLED_CLOSED, 0x7fffffff, NULL, unknown);
	plan_number(sp, INSTALLED_CLOSED, 0xffffffff, NULL, unknown);
	plan_count(sp);
}
