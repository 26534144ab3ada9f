/* SPDX-License-Identifier: Apache-2.0 */
/* Every number, once each, with arguments that are harmless even for root. */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "suites/seccomp.h"

/* libseccomp 2.5.4, which many runtimes are linked with, knows no newer names: such a filter answers ENOSYS. */
#define LAST_WIDELY_KNOWN 456

#define SYNC_TIMEOUT_MS 10000

static void ask_safely(struct requirement *row, uint64_t number)
{
	row->control = SESSION_BARE;
	row->number = (int64_t)number;
	(void)snprintf(row->probe, sizeof(row->probe), "syscall-safe %llu", (unsigned long long)number);
}

static void plan_allowed(struct seccomp_plan *sp, int number, const struct golden_call *call)
{
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "allow.%s", call->name);
	ask_safely(row, (uint64_t)number);
	/* What a profile denies mostly needs a capability as well: where all are held, the filter alone answers. */
	row->session = call->lifted ? SESSION_SECCOMP_ALONE : SESSION_FULL;
	row->judge = judge_call_allowed;
	row->level = number > LAST_WIDELY_KNOWN ? LEVEL_SHOULD : LEVEL_MUST;
	row->timeout_ms = strcmp(call->name, "sync") == 0 ? SYNC_TIMEOUT_MS : 0;
	(void)snprintf(row->expected, sizeof(row->expected), "reaches the kernel");
	row->rationale = call->note;
	row->remediation = "Allow the call in the profile: ordinary programs need it";
}

static void plan_denied(struct seccomp_plan *sp, int number, const struct golden_call *call, enum session_kind session)
{
	bool alone = session == SESSION_SECCOMP_ALONE;
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "%s.%s", alone ? "alone" : "deny", call->name);
	ask_safely(row, (uint64_t)number);
	row->session = session;
	row->judge = judge_call_denied;
	(void)snprintf(row->expected, sizeof(row->expected), "EPERM");
	row->rationale = call->note;
	row->remediation = alone ? "Deny the call in the seccomp filter itself: here every capability is held"
				 : "Deny the call with EPERM";
}

static void plan_unknown(struct seccomp_plan *sp, uint64_t number, uint64_t mask)
{
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "unknown.%lld", (long long)number);
	ask_safely(row, number);
	row->judge = judge_call_unknown;
	row->mask = mask;
	(void)snprintf(row->expected, sizeof(row->expected), mask ? "ENOSYS or SIGSYS" : "ENOSYS");
	row->rationale = "What the profile does not know it cannot judge: closed by default, and libc falls back";
	row->remediation = "Let the filter's default action be ENOSYS";
}

static void plan_absent(struct seccomp_plan *sp, int number, const struct golden_call *call)
{
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "absent.%s", call->name);
	ask_safely(row, (uint64_t)number);
	row->judge = judge_call_unknown;
	(void)snprintf(row->expected, sizeof(row->expected), "ENOSYS");
	row->rationale = call->note;
	row->remediation = "Answer ENOSYS, so that libc takes the older call";
}

void seccomp_plan_calls(struct seccomp_plan *sp)
{
	static const uint64_t beyond[] = {512, 520, 547, 548, 600, 1000, 1023, 4096, 65536};
	for (int number = 0; number <= GOLDEN_LAST_NUMBER; number++) {
		const struct golden_call *call = &sp->calls.by_number[number];
		switch (call->verdict) {
		case GOLDEN_CONDITIONAL:
			/* clone3 is judged by what it makes: seccomp_rows_namespaces.c. */
			if (strcmp(call->name, "clone3") == 0)
				break;
			/* The harmless arguments are such that the condition lets them pass. */
			plan_allowed(sp, number, call);
			break;
		case GOLDEN_ALLOW:
			plan_allowed(sp, number, call);
			break;
		case GOLDEN_DENY:
			plan_denied(sp, number, call, SESSION_FULL);
			plan_denied(sp, number, call, SESSION_SECCOMP_ALONE);
			break;
		case GOLDEN_ENOSYS:
			plan_absent(sp, number, call);
			break;
		case GOLDEN_NONE:
			plan_unknown(sp, (uint64_t)number, 0);
			break;
		case GOLDEN_ANY:
			break;
		}
	}
	for (uint64_t number = GOLDEN_LAST_NUMBER + 1; number <= 490; number++)
		plan_unknown(sp, number, 0);
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++)
		plan_unknown(sp, beyond[i], 0);
	/* With bit 30 set these are x32 numbers as well. */
	plan_unknown(sp, 0x7fffffff, 2);
	plan_unknown(sp, 0xffffffff, 2);
	plan_unknown(sp, UINT64_MAX, 2);
}

static void plan_effect(struct seccomp_plan *sp, const struct golden_call *call, enum session_kind session)
{
	bool alone = session == SESSION_SECCOMP_ALONE;
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "%seffect.%s", alone ? "alone." : "", call->name);
	row->session = session;
	row->control = SESSION_BARE;
	row->judge = judge_call_denied;
	row->number2 = 1;
	(void)snprintf(row->probe, sizeof(row->probe), "effect %s", call->name);
	(void)snprintf(row->expected, sizeof(row->expected), "EPERM");
	row->rationale = call->note;
	row->remediation = "Deny the call with EPERM: with these arguments it works where nothing stops it";
	row->tags = strcmp(call->name, "fsopen") == 0 ? "CVE-2022-0185" : NULL;
}

void seccomp_plan_effects(struct seccomp_plan *sp)
{
	static const char *const effects[] = {
		"io_uring_setup",
		"bpf",
		"userfaultfd",
		"perf_event_open",
		"keyctl",
		"add_key",
		"fsopen",
		"open_tree",
		"fspick",
		"chroot",
		"clock_adjtime",
		"adjtimex",
		"syslog",
		"settimeofday",
		"kcmp",
		"ptrace",
		"pidfd_getfd",
		"process_vm_readv",
		"process_vm_writev",
	};
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++) {
		int number = golden_number(&sp->calls, effects[i]);
		if (number < 0 || sp->calls.by_number[number].verdict != GOLDEN_DENY)
			continue;
		plan_effect(sp, &sp->calls.by_number[number], SESSION_FULL);
		plan_effect(sp, &sp->calls.by_number[number], SESSION_SECCOMP_ALONE);
	}
}
