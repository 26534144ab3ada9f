/* SPDX-License-Identifier: Apache-2.0 */
/* New namespaces must be out of reach by every road; judged by whether the call works, whichever layer stops it. */
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "suites/seccomp.h"

static const struct kind {
	const char *name;
	uint64_t flag;
	bool clone; /* clone(2) can make it: CLONE_NEWTIME lies in the bits of the exit signal */
	bool reenter; /* setns(2) lets a process join the namespace that it is in */
	bool thread; /* unshare(2) makes it for one thread of several */
} kinds[] = {
	{"mnt", CLONE_NEWNS, true, true, true},      {"cgroup", CLONE_NEWCGROUP, true, true, true},
	{"uts", CLONE_NEWUTS, true, true, true},     {"ipc", CLONE_NEWIPC, true, true, true},
	{"user", CLONE_NEWUSER, true, false, false}, {"pid", CLONE_NEWPID, true, true, true},
	{"net", CLONE_NEWNET, true, true, true},     {"time", CLONE_NEWTIME, false, true, true},
};

/* Whether the policy itself lets the call pass whatever its arguments. */
static bool granted(const struct seccomp_plan *sp, const char *call)
{
	int number = golden_number(&sp->calls, call);
	return number >= 0 && sp->calls.by_number[number].verdict == GOLDEN_ALLOW;
}

static struct requirement *add(struct seccomp_plan *sp, enum session_kind session, const char *road,
			       const struct kind *kind, const char *how)
{
	struct requirement *row =
		plan_add(sp->plan, SECCOMP_AREA, "%snamespace.%s.%s%s%s",
			 session == SESSION_SECCOMP_ALONE ? "alone." : "", road, kind->name, *how ? "." : "", how);
	row->session = session;
	row->control = SESSION_BARE;
	row->judge = judge_no_namespace;
	(void)snprintf(row->expected, sizeof(row->expected), "refused");
	row->rationale =
		"In a namespace of its own a process holds capabilities again, and new kernel code is in reach";
	row->remediation =
		"Refuse unshare, setns and clone with namespace flags, and set user.max_*_namespaces to 0 for clone3";
	row->tags = "CVE-2022-0185 CVE-2022-0492";
	return row;
}

static void plan_clone(struct seccomp_plan *sp, const struct kind *kind, enum session_kind session)
{
	struct requirement *row = add(sp, session, "clone", kind, "");
	(void)snprintf(row->probe, sizeof(row->probe), "clone-flags 0x%llx", (unsigned long long)kind->flag);
	/* The kernel takes the low half of the flags. */
	row = add(sp, session, "clone", kind, "high-half");
	(void)snprintf(row->probe, sizeof(row->probe), "clone-flags 0x%llx",
		       (unsigned long long)(kind->flag | UINT64_C(1) << 32));
}

static void plan_unshare(struct seccomp_plan *sp, const struct kind *kind, enum session_kind session)
{
	static const char *const places[] = {"self", "child", "thread"};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (strcmp(places[i], "thread") == 0 && !kind->thread)
			continue;
		struct requirement *row = add(sp, session, "unshare", kind, places[i]);
		(void)snprintf(row->probe, sizeof(row->probe), "unshare 0x%llx %s", (unsigned long long)kind->flag,
			       places[i]);
	}
}

static void plan_setns(struct seccomp_plan *sp, const struct kind *kind, enum session_kind session)
{
	struct requirement *row = add(sp, session, "setns", kind, "pidfd");
	(void)snprintf(row->probe, sizeof(row->probe), "setns %s 0x%llx pidfd", kind->name,
		       (unsigned long long)kind->flag);
	if (!kind->reenter) {
		/* The bare kernel refuses with EINVAL, so that the errno alone tells. */
		row->judge = judge_call_denied;
		return;
	}
	row = add(sp, session, "setns", kind, "");
	(void)snprintf(row->probe, sizeof(row->probe), "setns %s 0 ns", kind->name);
}

/* Without namespace flags clone3 is what glibc makes threads with. */
static void plan_plain_clone3(struct seccomp_plan *sp)
{
	static const struct {
		const char *id, *expected;
		judge_function *judge;
		enum level level;
	} rows[] = {
		{"clone3.plain", "works, or ENOSYS", judge_works_or_absent, LEVEL_MUST},
		{"clone3.works", "works", judge_call_allowed, LEVEL_SHOULD},
	};
	bool absent = sp->calls.by_number[golden_number(&sp->calls, "clone3")].verdict != GOLDEN_CONDITIONAL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (absent && rows[i].level == LEVEL_SHOULD)
			continue;
		struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "%s", rows[i].id);
		row->control = SESSION_BARE;
		row->level = rows[i].level;
		row->judge = rows[i].judge;
		(void)snprintf(row->probe, sizeof(row->probe), "clone3 0");
		(void)snprintf(row->expected, sizeof(row->expected), "%s", rows[i].expected);
		row->rationale = "libc falls back to clone from ENOSYS alone: EPERM breaks every thread";
		row->remediation = "Allow clone3 where user.max_*_namespaces hold it, else answer ENOSYS";
	}
}

void seccomp_plan_namespaces(struct seccomp_plan *sp)
{
	static const enum session_kind sessions[] = {SESSION_FULL, SESSION_SECCOMP_ALONE};
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t s = 0; s < ARRAY_SIZE(sessions); s++) {
			if (kinds[k].clone && !granted(sp, "clone"))
				plan_clone(sp, &kinds[k], sessions[s]);
			if (!granted(sp, "unshare"))
				plan_unshare(sp, &kinds[k], sessions[s]);
			if (!granted(sp, "setns"))
				plan_setns(sp, &kinds[k], sessions[s]);
		}
		/* No filter can see its flags: with seccomp alone it is not stopped. */
		struct requirement *row = add(sp, SESSION_FULL, "clone3", &kinds[k], "");
		(void)snprintf(row->probe, sizeof(row->probe), "clone3 0x%llx", (unsigned long long)kinds[k].flag);
	}
	plan_plain_clone3(sp);
}
