/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denied calls with arguments that are valid, so that they really work where nothing stops them.  What each makes
 * belongs to the probe's child alone and goes with it.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probes/facts.h"
#include "probes/probe.h"
#include "probes/syscall_raw.h"

#define POINTER(p) ((uint64_t)(uintptr_t)(p))

static long call(long number, const uint64_t args[6])
{
	return syscall_libc_style(syscall_raw((uint64_t)number, args));
}
#define CALL(number, ...) call(number, (const uint64_t[6]){__VA_ARGS__})

static long make_ring(void)
{
	struct io_uring_params parameters = {0};
	return CALL(SYS_io_uring_setup, 1, POINTER(&parameters));
}

static long make_map(void)
{
	union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
	return CALL(SYS_bpf, BPF_MAP_CREATE, POINTER(&attributes), sizeof(attributes));
}

static long make_userfault(void)
{
	return CALL(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
}

static long count_own_clock(void)
{
	struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE,
					     .size = sizeof(attributes),
					     .config = PERF_COUNT_SW_TASK_CLOCK,
					     .disabled = 1,
					     .exclude_kernel = 1};
	return CALL(SYS_perf_event_open, POINTER(&attributes), 0, (uint64_t)-1, (uint64_t)-1, PERF_FLAG_FD_CLOEXEC);
}

static long thread_keyring(void)
{
	return CALL(SYS_keyctl, KEYCTL_GET_KEYRING_ID, (uint64_t)KEY_SPEC_THREAD_KEYRING, 1);
}

static long add_thread_key(void)
{
	return CALL(SYS_add_key, POINTER("user"), POINTER("agentcore-probe"), POINTER("x"), 1,
		    (uint64_t)KEY_SPEC_THREAD_KEYRING);
}

static long open_tmpfs(void)
{
	return CALL(SYS_fsopen, POINTER("tmpfs"), 1);
}

static long copy_mount(void)
{
	return CALL(SYS_open_tree, (uint64_t)AT_FDCWD, POINTER("/"), 1 | O_CLOEXEC);
}

static long pick_root(void)
{
	return CALL(SYS_fspick, (uint64_t)AT_FDCWD, POINTER("/"), 1);
}

static long change_root_to_root(void)
{
	return CALL(SYS_chroot, POINTER("/"));
}

static long read_clock_state(void)
{
	struct timex state = {0};
	return CALL(SYS_clock_adjtime, CLOCK_REALTIME, POINTER(&state));
}

static long read_clock_state_old(void)
{
	struct timex state = {0};
	return CALL(SYS_adjtimex, POINTER(&state));
}

static long size_of_log(void)
{
	return CALL(SYS_syslog, 10);
}

static long set_no_time(void)
{
	return CALL(SYS_settimeofday, 0, 0);
}

static long compare_self(void)
{
	uint64_t self = (uint64_t)getpid();
	return CALL(SYS_kcmp, self, self, 0, 0, 0);
}

static long read_own_memory(void)
{
	char from = 'x', to = 0;
	struct iovec local = {&to, 1}, remote = {&from, 1};
	return CALL(SYS_process_vm_readv, (uint64_t)getpid(), POINTER(&local), 1, POINTER(&remote), 1);
}

static long write_own_memory(void)
{
	char from = 'x', to = 0;
	struct iovec local = {&from, 1}, remote = {&to, 1};
	return CALL(SYS_process_vm_writev, (uint64_t)getpid(), POINTER(&local), 1, POINTER(&remote), 1);
}

/* Attach to a child of its own that only waits, and let it go by ending it. */
static long seize_own_child(void)
{
	pid_t pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	long ret = CALL(SYS_ptrace, PTRACE_SEIZE, (uint64_t)pid);
	int saved = errno;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	errno = saved;
	return ret;
}

static long take_own_descriptor(void)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	return CALL(SYS_pidfd_getfd, (uint64_t)(int64_t)self, STDIN_FILENO);
}

static const struct {
	const char *name;
	long (*act)(void);
} effects[] = {
	{"io_uring_setup", make_ring},
	{"bpf", make_map},
	{"userfaultfd", make_userfault},
	{"perf_event_open", count_own_clock},
	{"keyctl", thread_keyring},
	{"add_key", add_thread_key},
	{"fsopen", open_tmpfs},
	{"open_tree", copy_mount},
	{"fspick", pick_root},
	{"chroot", change_root_to_root},
	{"clock_adjtime", read_clock_state},
	{"adjtimex", read_clock_state_old},
	{"syslog", size_of_log},
	{"settimeofday", set_no_time},
	{"kcmp", compare_self},
	{"process_vm_readv", read_own_memory},
	{"process_vm_writev", write_own_memory},
	{"ptrace", seize_own_child},
	{"pidfd_getfd", take_own_descriptor},
};

static int run_effect(int argc, char **argv, struct facts *facts)
{
	for (size_t i = 0; argc == 2 && i < sizeof(effects) / sizeof(effects[0]); i++) {
		if (strcmp(effects[i].name, argv[1]) == 0) {
			fact_result(facts, effects[i].act());
			return 0;
		}
	}
	return 1;
}

static const struct probe effect = {
	"effect", "CALL", "make the call with valid arguments, on objects of the probe's child alone", run_effect};
PROBE(effect);
