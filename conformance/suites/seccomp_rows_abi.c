/* SPDX-License-Identifier: Apache-2.0 */
/* The other doors into the kernel, and numbers that only look different. */
#include <stdio.h>

#include "base/array.h"
#include "suites/seccomp.h"

static void add_x32(struct seccomp_plan *sp, uint64_t number, const char *name)
{
	struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "x32.%s", name);
	row->control = SESSION_BARE;
	row->judge = judge_call_killed;
	(void)snprintf(row->probe, sizeof(row->probe), "syscall-safe 0x%llx", (unsigned long long)(X32_BIT | number));
	(void)snprintf(row->expected, sizeof(row->expected), "SIGSYS");
	row->rationale = "x32 numbers reach the same calls past a filter that compares x86_64 numbers";
	row->remediation = "Kill on numbers with bit 30 set unless the profile names the architecture";

	char spec[64];
	(void)snprintf(spec, sizeof(spec), "x86_64 0x%llx *", (unsigned long long)(X32_BIT | number));
	row = seccomp_add_installed(sp, INSTALLED_KILL, spec, "x32.%s", name);
	row->rationale = "x32 numbers reach the same calls past a filter that compares x86_64 numbers";
	row->remediation = "Kill on numbers with bit 30 set unless the profile names the architecture";
}

static void plan_x32(struct seccomp_plan *sp)
{
	static const char *const calls[] = {"read",   "openat", "getpid",  "socket", "clone",       "fork", "mount",
					    "reboot", "setns",  "unshare", "keyctl", "init_module", "bpf"};
	/* x32's own numbers, arch/x86/entry/syscalls/syscall_64.tbl. */
	static const struct {
		uint64_t number;
		const char *name;
	} own[] = {{514, "ioctl"},  {519, "recvmsg"},    {520, "execve"},
		   {521, "ptrace"}, {528, "kexec_load"}, {545, "execveat"}};
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		add_x32(sp, (uint64_t)golden_number(&sp->calls, calls[i]), calls[i]);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		add_x32(sp, own[i].number, own[i].name);
}

static void plan_i386(struct seccomp_plan *sp)
{
	/* Bad addresses and impossible requests, for the calls that are more than a question. */
	static const struct {
		const char *name;
		uint64_t number;
		const char *args;
	} calls[] = {
		{"getpid", 20, ""},
		{"write", 4, " -1 8 1"},
		{"open", 5, " 8 0 0"},
		{"execve", 11, " 8 0 0"},
		{"mount", 21, " 8 8 8 0 8"},
		{"ptrace", 26, " 7 0x7fffffff 0 0"},
		{"ioctl", 54, " -1 0x5412 8"},
		{"reboot", 88, " 0 0 0 8"},
		{"socketcall", 102, " 99 8"},
		{"ipc", 117, " 99 0 0 0 8"},
		{"unshare", 310, " 1"},
		{"bpf", 357, " 9999 8 0"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "i386.%s", calls[i].name);
		row->control = SESSION_BARE;
		row->needs = NEED_IA32;
		row->judge = judge_call_killed;
		(void)snprintf(row->probe, sizeof(row->probe), "int80 %llu%s", (unsigned long long)calls[i].number,
			       calls[i].args);
		(void)snprintf(row->expected, sizeof(row->expected), "SIGSYS");
		row->rationale = "int 0x80 reaches i386 calls past a filter that compares x86_64 numbers";
		row->remediation = "Kill on other architectures unless the profile names them";

		char spec[64];
		(void)snprintf(spec, sizeof(spec), "i386 %llu *", (unsigned long long)calls[i].number);
		row = seccomp_add_installed(sp, INSTALLED_KILL, spec, "i386.%s", calls[i].name);
		row->rationale = "int 0x80 reaches i386 calls past a filter that compares x86_64 numbers";
		row->remediation = "Kill on other architectures unless the profile names them";
	}
}

/* The kernel takes the number as an int: what stands above bit 31 does not count. */
static void plan_high_halves(struct seccomp_plan *sp)
{
	static const uint64_t high[] = {UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_C(0xffffffff) << 32};
	static const char *const calls[] = {"getpid", "read", "mount", "bpf", "setns"};
	for (size_t c = 0; c < ARRAY_SIZE(calls); c++) {
		int number = golden_number(&sp->calls, calls[c]);
		const struct golden_call *call = &sp->calls.by_number[number];
		for (size_t h = 0; h < ARRAY_SIZE(high); h++) {
			struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "high-half.%s.%zu", calls[c], h);
			bool denied = call->verdict == GOLDEN_DENY;
			row->control = SESSION_BARE;
			row->judge = denied ? judge_call_denied : judge_call_allowed;
			(void)snprintf(row->probe, sizeof(row->probe), "syscall-safe 0x%llx",
				       (unsigned long long)(high[h] | (uint64_t)number));
			(void)snprintf(row->expected, sizeof(row->expected), "%s",
				       denied ? "EPERM" : "reaches the kernel");
			row->rationale =
				"The kernel ignores the upper half of the number's register, and so must the rules";
			row->remediation = "Compare the number as seccomp hands it over, as an int";
		}
	}
}

void seccomp_plan_abis(struct seccomp_plan *sp)
{
	plan_x32(sp);
	plan_i386(sp);
	plan_high_halves(sp);
}
