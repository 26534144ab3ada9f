/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a capability does, seen by doing it: with the whole policy (the outcome), and with the capability layer
 * alone (so that no other layer's refusal is taken for it).
 *
 * Not here, for want of a harmless act that tells: net_broadcast, sys_resource, sys_tty_config, audit_write,
 * audit_control, mac_override, mac_admin, block_suspend, perfmon, checkpoint_restore; and sys_module and sys_rawio,
 * which kernels without modules or port access cannot show.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>

#include "base/array.h"
#include "harness/judges.h"
#include "suites/capabilities.h"

#define AREA "capabilities"

enum {
	INITIAL_ONLY = 1, /* the kernel asks for it in the initial user namespace: of no use in another */
	FILTERED = 2, /* a call that seccomp denies in every profile: no working in the full session */
	SOCKETS = 4, /* needs a socket family that the minimal profile does not have: the same there */
};

static const struct effect_row {
	const char *name;
	int capability;
	int past; /* errno once past the permission check; 0: it succeeds */
	const char *refused; /* how the capability layer alone refuses */
	unsigned flags;
	uint64_t needs; /* capabilities that the set-up needs; without them it is not planned */
	const char *rationale;
} effects[] = {
	{"chown", CAP_CHOWN, 0, "EPERM|EINVAL", 0, 0, "CAP_CHOWN hands files to other users"},
	{"dac_override", CAP_DAC_OVERRIDE, 0, "EACCES", 0, 0, "CAP_DAC_OVERRIDE opens what the mode forbids"},
	{"fowner", CAP_FOWNER, 0, "EPERM", 0, 1ULL << CAP_CHOWN, "CAP_FOWNER changes the modes of others' files"},
	{"fsetid", CAP_FSETID, 0, "EPERM|dropped", FILTERED, 1ULL << CAP_CHOWN,
	 "CAP_FSETID keeps set-group-ID bits on others' groups"},
	{"mknod", CAP_MKNOD, 0, "EPERM", INITIAL_ONLY, 0, "CAP_MKNOD makes device nodes, the way to any device"},
	{"lease", CAP_LEASE, 0, "EACCES", INITIAL_ONLY, 1ULL << CAP_CHOWN, "CAP_LEASE holds up others' opens"},
	{"setfcap", CAP_SETFCAP, 0, "EPERM", 0, 0, "CAP_SETFCAP gives programs capabilities of their own"},
	{"open_by_handle", CAP_DAC_READ_SEARCH, 0, "EPERM", FILTERED | INITIAL_ONLY, 0,
	 "CAP_DAC_READ_SEARCH opens files by handle, past every directory and mount"},
	{"immutable", CAP_LINUX_IMMUTABLE, 0, "EPERM", INITIAL_ONLY, 0,
	 "CAP_LINUX_IMMUTABLE makes files that cannot be removed"},
	{"setuid", CAP_SETUID, 0, "EPERM|EINVAL", 0, 0, "CAP_SETUID becomes any user"},
	{"setgid", CAP_SETGID, 0, "EPERM|EINVAL", 0, 0, "CAP_SETGID becomes any group"},
	{"setgroups", CAP_SETGID, 0, "EPERM|EINVAL", 0, 0, "CAP_SETGID joins any supplementary group"},
	{"kill", CAP_KILL, 0, "EPERM", 0, 1ULL << CAP_SETUID, "CAP_KILL signals others' processes"},
	{"ptrace", CAP_SYS_PTRACE, 0, "EPERM", FILTERED, 0, "CAP_SYS_PTRACE reads and steers other processes"},
	{"setpcap", CAP_SETPCAP, 0, "EPERM", 0, 0, "CAP_SETPCAP changes the bounding set and the secure bits"},
	{"raise", CAP_SYS_ADMIN, 0, "EPERM", 0, 0, "A capability that was given up cannot be taken again"},
	{"ipc_lock", CAP_IPC_LOCK, 0, "EPERM", INITIAL_ONLY, 0, "CAP_IPC_LOCK takes memory away from everybody"},
	{"ipc_owner", CAP_IPC_OWNER, 0, "EACCES", 0, 0, "CAP_IPC_OWNER opens any System V object"},
	{"nice", CAP_SYS_NICE, 0, "EACCES|EPERM", INITIAL_ONLY, 0, "CAP_SYS_NICE takes the processor from others"},
	{"bind", CAP_NET_BIND_SERVICE, 0, "EACCES", SOCKETS, 0, "CAP_NET_BIND_SERVICE answers on system ports"},
	{"raw_socket", CAP_NET_RAW, 0, "EPERM", FILTERED, 0, "CAP_NET_RAW forges packets"},
	{"packet_socket", CAP_NET_RAW, 0, "EPERM", FILTERED, 0, "CAP_NET_RAW reads and forges frames (CVE-2020-14386)"},
	{"net_admin", CAP_NET_ADMIN, ENODEV, "EPERM", SOCKETS, 0, "CAP_NET_ADMIN rearranges interfaces and routes"},
	{"audit_read", CAP_AUDIT_READ, 0, "EPERM", FILTERED | INITIAL_ONLY, 0,
	 "CAP_AUDIT_READ listens to the audit log"},
	{"chroot", CAP_SYS_CHROOT, 0, "EPERM", FILTERED, 0, "CAP_SYS_CHROOT is a step of every chroot escape"},
	{"sethostname", CAP_SYS_ADMIN, EINVAL, "EPERM", FILTERED, 0, "CAP_SYS_ADMIN is nearly all of root"},
	{"reboot", CAP_SYS_BOOT, EINVAL, "EPERM", FILTERED, 0, "CAP_SYS_BOOT ends the machine"},
	{"acct", CAP_SYS_PACCT, EFAULT, "EPERM", FILTERED | INITIAL_ONLY, 0,
	 "CAP_SYS_PACCT writes accounting records anywhere"},
	{"settimeofday", CAP_SYS_TIME, 0, "EPERM", FILTERED | INITIAL_ONLY, 0, "CAP_SYS_TIME sets the machine's clock"},
	{"syslog", CAP_SYSLOG, 0, "EPERM", FILTERED | INITIAL_ONLY, 0,
	 "CAP_SYSLOG reads the kernel's log and addresses"},
	{"wake_alarm", CAP_WAKE_ALARM, 0, "EPERM", INITIAL_ONLY, 0, "CAP_WAKE_ALARM wakes the machine"},
	{"bpf", CAP_BPF, EINVAL, "EPERM", FILTERED | INITIAL_ONLY, 0, "CAP_BPF loads programs into the kernel"},
};

/* Can an allowed capability be seen at work in this session? */
static bool can_work(const struct policy *policy, const struct effect_row *effect, enum session_kind session)
{
	if (session != SESSION_FULL)
		return true;
	if (effect->flags & FILTERED)
		return false;
	if (effect->flags & SOCKETS && policy->profile == PROFILE_MINIMAL)
		return false;
	return !(effect->flags & INITIAL_ONLY && policy->user_namespace);
}

static void describe_expected(const struct effect_row *effect, bool held, char *text, size_t size)
{
	if (!held)
		(void)snprintf(text, size, "%s", effect->refused);
	else
		(void)snprintf(text, size, "%s", effect->past ? errno_name(effect->past) : "worked");
}

static void plan_effect(struct plan *plan, const struct effect_row *effect, enum session_kind session, uint64_t allowed)
{
	bool held = allowed >> effect->capability & 1;
	if (effect->needs & ~allowed || (held && !can_work(plan->policy, effect, session)))
		return;
	struct requirement *row =
		plan_add(plan, AREA, "%s.%s", session == SESSION_FULL ? "effect" : "alone", effect->name);
	row->session = session;
	row->control = SESSION_BARE;
	row->judge = judge_effect;
	row->number = effect->past;
	row->number2 = held;
	row->mask = session == SESSION_FULL;
	(void)snprintf(row->probe, sizeof(row->probe), "capability-effect %s", effect->name);
	describe_expected(effect, held, row->expected, sizeof(row->expected));
	row->rationale = effect->rationale;
	row->remediation = "Give the command exactly the policy's capabilities, in every set and in its user namespace";
	row->tags = "CIS-5.3";
}

void capabilities_plan_effects(struct plan *plan, uint64_t allowed)
{
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++) {
		plan_effect(plan, &effects[i], SESSION_FULL, allowed);
		plan_effect(plan, &effects[i], SESSION_CAPABILITIES_ALONE, allowed);
	}
}
