/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "none": the control.  Root in throwaway namespaces, without a user namespace, with every capability, no filter and
 * nothing read-only, on the root that hostroot.h describes: what a probe can do when no sandbox stops it.
 */
#include <errno.h>
#include <grp.h>
#include <linux/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/hostroot.h"
#include "adapters/spawn.h"
#include "base/cleanup.h"
#include "harness/adapter.h"

#define USER_ID 1000

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

struct bare {
	const struct adapter_launch *launch;
	const char *base;
};

static int loopback_up(struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return error_set(err, errno, "read the flags of lo");
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? error_set(err, errno, "set lo up") : 0;
}

/* Without keepcaps, leaving uid 0 for good drops every capability. */
static int become_user(struct error *err)
{
	if (setgroups(0, NULL) < 0 || setresgid(USER_ID, USER_ID, USER_ID) < 0 ||
	    setresuid(USER_ID, USER_ID, USER_ID) < 0)
		return error_set(err, errno, "become user %d", USER_ID);
	return 0;
}

/* PID 1: reaps until the command has ended, and ends as it did; that ends every other process of the namespace. */
static _Noreturn void reap(pid_t command)
{
	(void)close(SPAWN_ERROR_FD);
	/* The harness closes its end of these to end the command; PID 1 must not keep the other one open. */
	for (int fd = 0; fd <= 2; fd++)
		(void)close(fd);
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);
		if (pid == command)
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		if (pid < 0 && errno != EINTR)
			_exit(125);
	}
}

/* Runs in PID 1; returns in its child, which then execs the command. */
static int prepare(void *data, struct error *err)
{
	const struct bare *bare = data;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(err, errno, "make the mounts private");
	int r = hostroot_lay(bare->base, bare->launch->tools_dir, err);
	r = r < 0 ? r : hostroot_enter(bare->base, err);
	r = r < 0 ? r : loopback_up(err);
	if (r < 0)
		return r;
	if (chdir("/workspace") < 0)
		return error_set(err, errno, "change to /workspace");
	pid_t command = fork();
	if (command < 0)
		return error_set(err, errno, "fork");
	if (command > 0)
		reap(command);
	if (setsid() < 0)
		return error_set(err, errno, "setsid");
	return bare->launch->kind == SESSION_BARE_USER ? become_user(err) : 0;
}

static bool none_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
			     size_t size)
{
	(void)adapter;
	/* As a runtime under test it is the sandbox that stops nothing: every kind but an attribution of layers. */
	switch (launch->kind) {
	case SESSION_FULL:
	case SESSION_USER:
	case SESSION_BARE:
	case SESSION_BARE_USER:
		return true;
	default:
		(void)snprintf(reason, size, "no sandbox has no layers");
		return false;
	}
}

static int none_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	char **argv = spawn_build_argv(NULL, 0, SPAWN_TOOLS_INSIDE, launch->command);
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	struct adapter_launch effective = *launch;
	if (launch->kind == SESSION_USER)
		effective.kind = SESSION_BARE_USER;
	/* As a control it stays in the network that it is given; as a runtime under test it has its own, with nothing in it. */
	bool stays = launch->kind == SESSION_BARE && launch->network_of;
	struct bare bare = {&effective, adapter->options.work_dir};
	struct spawn spawn = {
		.argv = argv,
		.envp = spawn_inside_environment,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
		.namespaces = stays ? NAMESPACES & ~(uint64_t)CLONE_NEWNET : NAMESPACES,
		.network_of = stays ? launch->network_of : 0,
		.prepare = prepare,
		.data = &bare,
	};
	int r = spawn_start(&spawn, pid, err);
	spawn_free_argv(argv);
	return r;
}

static const struct adapter_class none = {
	.name = "none",
	.summary = "no sandbox: root in throwaway namespaces, the control",
	.runtimes = "none",
	.shared_kernel = true,
	.networks = 1U << NETWORK_NONE,
	.can_express = none_can_express,
	.start = none_start,
};
ADAPTER(none);
