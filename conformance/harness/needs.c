/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/needs.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/signals.h"
#include "harness/requirement.h"

/* include/uapi/linux/landlock.h: LANDLOCK_ACCESS_FS_TRUNCATE, LANDLOCK_SCOPE_SIGNAL */
#define ABI_TRUNCATE 3
#define ABI_SIGNALS  6

static long landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static bool has_landlock(void)
{
	return landlock_abi() >= 1;
}

/* Some kernels have it and leave it turned off; some tell a label where another module has it. */
static bool has_apparmor(void)
{
	static const char *const files[] = {"/sys/module/apparmor/parameters/enabled",
					    "/proc/self/attr/apparmor/current"};
	_cleanup_free_ char *enabled = NULL, *label = NULL;
	return io_read_file(AT_FDCWD, files[0], 16, &enabled, NULL) == 0 && *enabled == 'Y' &&
	       io_read_file(AT_FDCWD, files[1], 4096, &label, NULL) == 0 && *label;
}

static bool has_landlock_truncate(void)
{
	return landlock_abi() >= ABI_TRUNCATE;
}

static bool has_landlock_signals(void)
{
	return landlock_abi() >= ABI_SIGNALS;
}

static bool has_truncate_rules(void)
{
	return has_apparmor() || has_landlock_truncate();
}

static bool has_signal_rules(void)
{
	return has_apparmor() || has_landlock_signals();
}

/* A traced child with a filter that allows everything, stopped and ready to be read. */
static void filtered_child(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(1);
	(void)raise(SIGSTOP);
	_exit(1);
}

static bool has_filter_readback(void)
{
	int status;
	pid_t child = fork();
	if (child < 0)
		return false;
	if (child == 0)
		filtered_child();
	bool stopped = waitpid(child, &status, 0) == child && WIFSTOPPED(status);
	bool readable = stopped && ptrace(PTRACE_SECCOMP_GET_FILTER, child, NULL, NULL) == 1;
	if (stopped) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, &status, 0);
	}
	return readable;
}

/* getpid by the 32-bit gate; where the kernel has none the child dies. */
static void enter_ia32(void)
{
#ifdef __x86_64__
	/* A handler of our own process (a test framework's) would carry on where the child must die. */
	(void)signals_reset();
	long ret = 20;
	__asm__ volatile("int $0x80" : "+a"(ret) : : "memory");
	_exit(ret == (long)getpid() ? 0 : 1);
#else
	_exit(1);
#endif
}

static bool has_ia32(void)
{
	int status;
	pid_t child = fork();
	if (child < 0)
		return false;
	if (child == 0)
		enter_ia32();
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct need_row {
	enum need need;
	const char *name;
	bool (*probe)(void);
	const char *program; /* must be executable */
};

static const struct need_row rows[] = {
	{NEED_LANDLOCK, "Landlock in the kernel", has_landlock, NULL},
	{NEED_FILTER_READBACK, "PTRACE_SECCOMP_GET_FILTER in the kernel", has_filter_readback, NULL},
	{NEED_IA32, "32-bit system calls in the kernel", has_ia32, NULL},
	{NEED_SHARED_KERNEL, "a sandbox that runs on the host's kernel", NULL, NULL},
	{NEED_NODE, "/usr/bin/node", NULL, "/usr/bin/node"},
	{NEED_GCC, "/usr/bin/gcc", NULL, "/usr/bin/gcc"},
	{NEED_GIT, "/usr/bin/git", NULL, "/usr/bin/git"},
	{NEED_PYTHON3, "/usr/bin/python3", NULL, "/usr/bin/python3"},
	{NEED_APPARMOR, "AppArmor in the kernel", has_apparmor, NULL},
	{NEED_SIGNAL_RULES, "AppArmor, or Landlock ABI 6, in the kernel", has_signal_rules, NULL},
	{NEED_TRUNCATE_RULES, "AppArmor, or Landlock ABI 3, in the kernel", has_truncate_rules, NULL},
	{NEED_LANDLOCK_SIGNALS, "Landlock ABI 6 in the kernel", has_landlock_signals, NULL},
	{NEED_LANDLOCK_TRUNCATE, "Landlock ABI 3 in the kernel", has_landlock_truncate, NULL},
};

unsigned needs_met(bool shared_kernel)
{
	static bool probed;
	static unsigned met;
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !probed; i++)
		if ((rows[i].probe && rows[i].probe()) || (rows[i].program && access(rows[i].program, X_OK) == 0))
			met |= rows[i].need;
	probed = true;
	return met | (shared_kernel ? NEED_SHARED_KERNEL : 0);
}

void needs_describe(unsigned missing, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "needs");
	const char *separator = " ";
	for (size_t i = 0; i < ARRAY_SIZE(rows) && used < size; i++) {
		if (!(missing & rows[i].need))
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s", separator, rows[i].name);
		separator = ", ";
	}
}
