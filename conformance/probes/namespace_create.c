/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts at a namespace of the probe's own, by every road, and what becomes of orphans. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probes/probe.h"

#define REAP_LIMIT_MS 1000
#define REAP_TICK_MS  5

static const struct kind {
	const char *name;
	int flag;
} kinds[] = {
	{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"pid", CLONE_NEWPID},       {"net", CLONE_NEWNET},
	{"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP},
};

/* The child of either clone ends at once. */
static long reaped(long pid)
{
	if (pid == 0)
		_exit(0);
	int code = errno;
	if (pid > 0)
		(void)waitpid((pid_t)pid, NULL, 0);
	errno = code;
	return pid;
}

static long by_unshare(const struct kind *kind)
{
	return syscall(SYS_unshare, kind->flag);
}

static long by_clone(const struct kind *kind)
{
	return reaped(syscall(SYS_clone, kind->flag | SIGCHLD, NULL, NULL, NULL, NULL));
}

static long by_clone3(const struct kind *kind)
{
	struct clone_args args = {.flags = (unsigned)kind->flag, .exit_signal = SIGCHLD};
	return reaped(syscall(SYS_clone3, &args, sizeof(args)));
}

/* Into the one that we are in.  For user namespaces that is EINVAL, for the others it works where setns(2) does. */
static long by_setns(const struct kind *kind)
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : syscall(SYS_setns, fd, kind->flag);
}

static const struct {
	const char *name;
	long (*act)(const struct kind *kind);
} roads[] = {{"unshare", by_unshare}, {"clone", by_clone}, {"clone3", by_clone3}, {"setns", by_setns}};

static int run_create(int argc, char **argv, struct facts *facts)
{
	for (size_t r = 0; argc == 3 && r < sizeof(roads) / sizeof(roads[0]); r++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (strcmp(argv[1], roads[r].name) == 0 && strcmp(argv[2], kinds[k].name) == 0) {
				fact_result(facts, roads[r].act(&kinds[k]));
				return 0;
			}
	return 1;
}

static const struct probe create = {"namespace-create", "unshare|clone|clone3|setns KIND",
				    "tries to get a namespace by one of the four calls", run_create};
PROBE(create);

/* Ends once its parent has: the read returns when the parent's end of the pipe is gone. */
static void orphan(const int pipe_ends[2])
{
	char byte;
	(void)close(pipe_ends[1]);
	while (read(pipe_ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static pid_t make_orphan(void)
{
	int life[2], told[2];
	pid_t grandchild = -1;
	if (pipe(life) < 0 || pipe(told) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		pid_t pid = fork();
		if (pid == 0)
			orphan(life);
		(void)!write(told[1], &pid, sizeof(pid));
		_exit(0);
	}
	if (child < 0 || read(told[0], &grandchild, sizeof(grandchild)) != (ssize_t)sizeof(grandchild))
		return -1;
	(void)waitpid(child, NULL, 0);
	(void)close(life[1]);
	return grandchild;
}

/* A zombie still answers signal 0 until its new parent has waited for it; no descriptor tells of that. */
static int run_reap(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	int waited = 0;
	pid_t pid = make_orphan();
	fact_flag(facts, "pid1_is_ours", getppid() == 1);
	if (pid <= 0) {
		fact_result(facts, -1);
		return 0;
	}
	for (; waited < REAP_LIMIT_MS && kill(pid, 0) == 0; waited += REAP_TICK_MS)
		(void)poll(NULL, 0, REAP_TICK_MS);
	bool gone = kill(pid, 0) < 0 && errno == ESRCH;
	fact_number(facts, "ret", gone ? 0 : -1);
	fact_number(facts, "errno", gone ? 0 : ETIMEDOUT);
	fact_number(facts, "waited_ms", waited);
	return 0;
}

static const struct probe reap = {"namespace-reap", "", "orphans a process that ends: is it waited for?", run_reap};
PROBE(reap);
