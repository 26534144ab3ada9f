/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/namespaces.h"

#include <errno.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"

pid_t namespaces_clone(bool user, int cgroup_fd, int *pidfd, struct error *err)
{
	/* All at once: in one clone the user namespace is made first, and owns the others. */
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	struct clone_args args = {
		.flags = CLONE_PIDFD | flags | (user ? CLONE_NEWUSER : 0u) | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0u),
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid >= 0)
		return pid;

	int code = errno;
	(void)error_set(err, code, "clone3 with %s namespaces",
			user ? "user, mount, pid, net, ipc, uts" : "mount, pid, net, ipc, uts");
	if (code == EPERM)
		(void)error_hint(err, "needs CAP_SYS_ADMIN, and a host whose root is not a chroot");
	else if (code == ENOSPC)
		(void)error_hint(err, "raise user.max_*_namespaces of the host");
	return -code;
}

int namespaces_cgroup(struct error *err)
{
	return unshare(CLONE_NEWCGROUP) < 0 ? error_set(err, errno, "cgroup namespace") : 0;
}

int namespaces_forbid(int sysctls, struct error *err)
{
	static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "max_%s_namespaces", kinds[i]);
		int r = io_write_file(sysctls, path, "0");
		if (r < 0)
			return error_set(err, -r, "user.%s to 0", path);
	}
	return 0;
}

int namespaces_loopback_up(struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, errno, "socket for the loopback interface");

	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "lo");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_set(err, errno, "interface lo up");
	return 0;
}
