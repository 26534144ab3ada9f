/* SPDX-License-Identifier: Apache-2.0 */
/* Effects on ids, processes, memory and System V objects of the probe's own. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/capability_effect.h"
#include "probes/identity_child.h"

#define OTHER_ID 1

static void do_setuid(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, setresuid(OTHER_ID, OTHER_ID, OTHER_ID));
	fact_number(facts, "euid", geteuid());
}

static void do_setgid(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, setresgid(OTHER_ID, OTHER_ID, OTHER_ID));
	fact_number(facts, "egid", getegid());
}

static void do_setgroups(struct facts *facts, int scratch)
{
	(void)scratch;
	gid_t other = OTHER_ID;
	fact_result(facts, setgroups(1, &other));
}

static int become_other(void)
{
	return setresuid(OTHER_ID, OTHER_ID, OTHER_ID) < 0 ? errno : 0;
}

static int become_undumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? errno : 0;
}

static void do_kill(struct facts *facts, int scratch)
{
	(void)scratch;
	struct identity_child child;
	int r = identity_child_start(&child, become_other);
	if (r < 0) {
		effect_setup_failed(facts, "setuid", -r);
		return;
	}
	fact_result(facts, kill(child.pid, 0));
	identity_child_end(&child);
}

/*
 * A process that is not dumpable can be traced with CAP_SYS_PTRACE alone, and needs no second user
 * (ptrace(2), access mode checking).  Seizing does not stop it.
 */
static void do_ptrace(struct facts *facts, int scratch)
{
	(void)scratch;
	struct identity_child child;
	int r = identity_child_start(&child, become_undumpable);
	if (r < 0) {
		effect_setup_failed(facts, "prctl", -r);
		return;
	}
	fact_result(facts, ptrace(PTRACE_SEIZE, child.pid, NULL, NULL));
	identity_child_end(&child);
}

static void do_setpcap(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
}

static void do_raise(struct facts *facts, int scratch)
{
	(void)scratch;
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) < 0) {
		effect_setup_failed(facts, "capget", errno);
		return;
	}
	data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective |= CAP_TO_MASK(CAP_SYS_ADMIN);
	data[CAP_TO_INDEX(CAP_SYS_ADMIN)].permitted |= CAP_TO_MASK(CAP_SYS_ADMIN);
	fact_result(facts, syscall(SYS_capset, &header, data));
}

/* With a limit of nothing only the capability locks a page (mlock(2)). */
static void do_ipc_lock(struct facts *facts, int scratch)
{
	(void)scratch;
	static char page[4096] __attribute__((aligned(4096)));
	struct rlimit none = {0, 0};
	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		effect_setup_failed(facts, "setrlimit", errno);
	else
		fact_result(facts, mlock(page, sizeof(page)));
}

/* A segment with mode 0 is shut to its own creator. */
static void do_ipc_owner(struct facts *facts, int scratch)
{
	(void)scratch;
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT);
	if (id < 0) {
		effect_setup_failed(facts, "shmget", errno);
		return;
	}
	void *memory = shmat(id, NULL, SHM_RDONLY);
	int code = errno;
	(void)shmctl(id, IPC_RMID, NULL);
	errno = code;
	/* shmat(2) fails with (void *)-1; the address itself is nobody's business. */
	fact_result(facts, (long)memory == -1 ? -1 : 0);
}

static void do_nice(struct facts *facts, int scratch)
{
	(void)scratch;
	struct rlimit none = {0, 0};
	if (setrlimit(RLIMIT_NICE, &none) < 0)
		effect_setup_failed(facts, "setrlimit", errno);
	else
		fact_result(facts, setpriority(PRIO_PROCESS, 0, -1));
}

const struct effect process_effects[] = {
	{"setuid", false, do_setuid}, {"setgid", false, do_setgid},     {"setgroups", false, do_setgroups},
	{"kill", false, do_kill},     {"ptrace", false, do_ptrace},     {"setpcap", false, do_setpcap},
	{"raise", false, do_raise},   {"ipc_lock", false, do_ipc_lock}, {"ipc_owner", false, do_ipc_owner},
	{"nice", false, do_nice},
};
const size_t process_effect_count = sizeof(process_effects) / sizeof(process_effects[0]);
