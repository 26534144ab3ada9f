/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

int join_hide(struct error *err)
{
	_cleanup_free_ char *suid_dumpable = NULL;
	int r = io_read_file(AT_FDCWD, "/proc/sys/fs/suid_dumpable", 16, &suid_dumpable, NULL);

	if (r < 0)
		return error_set(err, -r, "fs.suid_dumpable");
	if (suid_dumpable[0] == '1') {
		(void)error_say(err, EPERM, "fs.suid_dumpable is 1: the sandbox could trace what joins it");
		return error_hint(err, "set it to 0 or 2");
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_set(err, errno, "not dumpable");
	return 0;
}

int join_has_user_namespace(pid_t pid, bool *other, struct error *err)
{
	char path[64];
	struct stat theirs, ours;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	if (stat(path, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
		return error_set(err, errno, "%s", path);
	*other = theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev;
	return 0;
}

pid_t join_clone(int pidfd, int cgroup_fd, int *child_fd, struct error *err)
{
	/* Changes where children are born, not the caller itself. */
	if (setns(pidfd, CLONE_NEWPID) < 0)
		return error_set(err, errno, "pid namespace of the sandbox");
	struct clone_args args = {
		.flags = CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)child_fd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	return pid < 0 ? error_set(err, errno, "clone3 into the sandbox") : pid;
}

int join_namespaces(int pidfd, bool user, struct error *err)
{
	/* In one call: the kernel checks all with the caller's present rights, and installs all or none. */
	int flags =
		CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | (user ? CLONE_NEWUSER : 0);

	if (setns(pidfd, flags) < 0)
		return error_set(err, errno, "namespaces of the sandbox");
	return 0;
}
