/* SPDX-License-Identifier: Apache-2.0 */
/* The roads to a namespace: clone, clone3, unshare, setns.  Each is taken by a child or thread that ends at once. */
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/facts.h"
#include "probes/probe.h"
#include "probes/syscall_raw.h"

#define STATUS_NEW  10 /* the child found itself in a namespace that its parent is not in */
#define STATUS_SAME 11

#define LINK_MAX_SIZE 64

/* By the order of the kernel's names in /proc/PID/ns; the two "for children" show what unshare(2) did to pid and time. */
static const char *const namespace_files[] = {"cgroup", "ipc", "mnt", "net", "pid_for_children", "time_for_children",
					      "user",   "uts", "pid"};
#define NAMESPACES (sizeof(namespace_files) / sizeof(namespace_files[0]))

struct namespaces {
	char name[NAMESPACES][LINK_MAX_SIZE];
};

static void read_namespaces(struct namespaces *now)
{
	memset(now, 0, sizeof(*now));
	for (size_t i = 0; i < NAMESPACES; i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", namespace_files[i]);
		if (readlink(path, now->name[i], LINK_MAX_SIZE - 1) < 0)
			now->name[i][0] = '\0';
	}
}

/* Whether any differs; one that could not be read on either side says nothing. */
static bool namespaces_differ(const struct namespaces *a, const struct namespaces *b)
{
	for (size_t i = 0; i < NAMESPACES; i++)
		if (a->name[i][0] && b->name[i][0] && strcmp(a->name[i], b->name[i]) != 0)
			return true;
	return false;
}

/* Both calls copy the address space here (no CLONE_VM), so that the child may go on in C. */
static void report_child(struct facts *facts, long pid, const struct namespaces *before)
{
	int status = 0;
	if (pid == 0) {
		struct namespaces now;
		read_namespaces(&now);
		_exit(namespaces_differ(before, &now) ? STATUS_NEW : STATUS_SAME);
	}
	fact_result(facts, syscall_libc_style(pid));
	if (pid > 0 && waitpid((pid_t)pid, &status, 0) == pid)
		fact_flag(facts, "new_namespace", WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NEW);
	else
		fact_flag(facts, "new_namespace", false);
}

static int run_clone(int argc, char **argv, struct facts *facts)
{
	uint64_t flags;
	struct namespaces before;
	if (argc != 2 || !syscall_parse_number(argv[1], &flags) || (flags & (CLONE_VM | CLONE_THREAD)))
		return 1;
	read_namespaces(&before);
	const uint64_t args[6] = {flags | SIGCHLD};
	report_child(facts, syscall_raw(SYS_clone, args), &before);
	return 0;
}

static int run_clone3(int argc, char **argv, struct facts *facts)
{
	struct clone_args clone = {.exit_signal = SIGCHLD};
	uint64_t flags;
	struct namespaces before;
	if (argc != 2 || !syscall_parse_number(argv[1], &flags) || (flags & (CLONE_VM | CLONE_THREAD)))
		return 1;
	read_namespaces(&before);
	clone.flags = flags;
	const uint64_t args[6] = {(uint64_t)(uintptr_t)&clone, sizeof(clone)};
	report_child(facts, syscall_raw(SYS_clone3, args), &before);
	return 0;
}

struct attempt {
	struct facts *facts;
	uint64_t number, args[6];
};

static void *attempt(void *data)
{
	const struct attempt *a = data;
	struct namespaces before, after;
	read_namespaces(&before);
	fact_result(a->facts, syscall_libc_style(syscall_raw(a->number, a->args)));
	read_namespaces(&after);
	fact_flag(a->facts, "new_namespace", namespaces_differ(&before, &after));
	return NULL;
}

/* From this process, from a thread of it, or from a child of it: a filter must have reached all of them. */
static int attempt_from(struct attempt *a, const char *where)
{
	pthread_t thread;
	if (strcmp(where, "self") == 0) {
		(void)attempt(a);
	} else if (strcmp(where, "thread") == 0) {
		if (pthread_create(&thread, NULL, attempt, a) == 0)
			(void)pthread_join(thread, NULL);
	} else if (strcmp(where, "child") == 0) {
		pid_t pid = fork();
		if (pid == 0) {
			(void)attempt(a);
			_exit(0);
		}
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
	} else {
		return 1;
	}
	return 0;
}

static int run_unshare(int argc, char **argv, struct facts *facts)
{
	struct attempt a = {.facts = facts, .number = SYS_unshare};
	if (argc != 3 || !syscall_parse_number(argv[1], &a.args[0]))
		return 1;
	return attempt_from(&a, argv[2]);
}

/* The namespace joined is the one that the process is in already: nothing changes where it works. */
static int run_setns(int argc, char **argv, struct facts *facts)
{
	struct attempt a = {.facts = facts, .number = SYS_setns};
	char path[64];
	if (argc != 4 || !syscall_parse_number(argv[2], &a.args[1]))
		return 1;
	int fd;
	if (strcmp(argv[3], "pidfd") == 0) {
		fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	} else {
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", argv[1]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	/* Without a descriptor the call is made all the same: the filter comes before EBADF. */
	fact_flag(facts, "opened", fd >= 0);
	a.args[0] = (uint64_t)(int64_t)fd;
	return attempt_from(&a, "self");
}

static const struct probe clone_flags = {"clone-flags", "FLAGS", "clone(2), raw, with these flags and SIGCHLD",
					 run_clone};
PROBE(clone_flags);

static const struct probe clone3 = {"clone3", "FLAGS", "clone3(2), raw, with these flags and SIGCHLD", run_clone3};
PROBE(clone3);

static const struct probe unshare_flags = {"unshare", "FLAGS self|thread|child", "unshare(2), raw, from there",
					   run_unshare};
PROBE(unshare_flags);

static const struct probe setns_probe = {"setns", "NAME FLAG ns|pidfd",
					 "setns(2), raw, to the process's own namespace NAME", run_setns};
PROBE(setns_probe);
