/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of a hardened start: the kernel work of `agentcore run -- /bin/true` (standard profile, network none)
 * and nothing else.  No policy is read, no filter is compiled, nothing is looked up: every input is a
 * constant.  What a runtime takes longer than this is its own.
 *
 *   bench-floor [--cgroups] COMMAND [ARG...]      exit status: the command's; 125 where a step failed
 *
 * --cgroups adds the kernel's work for the limits of memory, cpu and processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"
#include "bench/floor.h"

#define FIRST_ID 0x6ff00000u /* beside the runtime's pool */

void floor_check(long result, const char *step)
{
	if (result >= 0)
		return;
	dprintf(STDERR_FILENO, "bench-floor: %s: %s\n", step, strerror(errno));
	_exit(125);
}

static cpu_set_t processors; /* the caller's, which the command gets back */

/* As the runtime does: everything on one processor until the command is on its own. */
static void stay_here(void)
{
	cpu_set_t here;

	floor_check(sched_getaffinity(0, sizeof(processors), &processors), "affinity");
	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	floor_check(sched_setaffinity(0, sizeof(here), &here), "affinity");
}

/* Shares the memory of PID 1 until its exec. */
static int become_command(void *argument)
{
	char **command = argument;
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", home[] = "HOME=/workspace";
	char *const environment[] = {path, home, NULL};

	floor_check(setsid(), "setsid");
	floor_check(sched_setaffinity(0, sizeof(processors), &processors), "affinity");
	floor_limit_resources();
	floor_set_capabilities(FLOOR_CAPABILITIES);
	floor_check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	floor_confine_files();
	floor_load_filter();
	execve(command[0], command, environment);
	floor_check(-1, command[0]);
	return 125;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void be_init(const struct floor_trees *trees, char **command)
{
	floor_check(setgroups(0, NULL), "setgroups");
	floor_check(setresgid(0, 0, 0), "setresgid");
	floor_check(setresuid(0, 0, 0), "setresuid");
	floor_check(sethostname("sandbox", 7), "sethostname");
	floor_loopback_up();

	floor_build_root(trees);
	floor_bound_capabilities();
	floor_check(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), "close_range");

	static char stack[65536] __attribute__((aligned(16)));
	pid_t child = clone(become_command, stack + sizeof(stack), CLONE_VM | SIGCHLD, command);
	floor_check(child, "clone");

	int status = 0;
	floor_set_capabilities(0);
	floor_check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable");
	floor_check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	floor_load_filter();
	floor_check(waitpid(child, &status, 0), "waitpid");
	_exit(exit_status(status));
}

static void write_maps(pid_t pid)
{
	static const char *const maps[] = {"uid_map", "gid_map"};
	char path[64], text[64];

	(void)snprintf(text, sizeof(text), "0 %u 65536", FIRST_ID);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, maps[i]);
		errno = -io_write_file(AT_FDCWD, path, text);
		floor_check(errno ? -1 : 0, maps[i]);
	}
}

int main(int argc, char **argv)
{
	struct floor_trees trees;
	int go[2], status = 0;
	char byte = 0;

	bool cgroups = argc > 1 && !strcmp(argv[1], "--cgroups");
	char **command = argv + 1 + cgroups;
	if (!argv[0] || !*command) {
		(void)fprintf(stderr, "usage: bench-floor [--cgroups] COMMAND [ARG...]\n");
		return 125;
	}
	stay_here();
	floor_open_trees(&trees);
	if (cgroups)
		floor_make_cgroups();
	floor_check(pipe2(go, O_CLOEXEC), "pipe");
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	floor_check(pid, "clone3");
	if (pid == 0) {
		if (cgroups)
			floor_join_cgroups();
		floor_check(unshare(CLONE_NEWCGROUP), "cgroup namespace");
		floor_check(prctl(PR_SET_PDEATHSIG, SIGKILL), "parent-death signal");
		close(go[1]);
		floor_check(read(go[0], &byte, 1) == 1 ? 0 : -1, "waiting for the maps");
		be_init(&trees, command);
	}
	write_maps(pid);
	floor_check(write(go[1], &byte, 1), "go");
	floor_check(waitpid(pid, &status, 0), "waitpid");
	if (cgroups)
		floor_remove_cgroups();
	return exit_status(status);
}
