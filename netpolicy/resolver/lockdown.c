/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NOBODY 65534

static const struct {
	__rlimit_resource_t resource;
	rlim_t value;
	const char *name;
} limits[] = {
	{RLIMIT_NOFILE, 256, "descriptors"}, /* 3 x 32 to servers, 64 + 16 connections, and a few */
	{RLIMIT_AS, 128 << 20, "memory"}, /* a parser that is led to allocate: names fail, the host does not */
	{RLIMIT_FSIZE, 0, "file size"},      {RLIMIT_CORE, 0, "core"},
	{RLIMIT_NPROC, 0, "processes"},      {RLIMIT_MEMLOCK, 0, "locked memory"},
};

static int limit(struct error *err)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		const struct rlimit value = {.rlim_cur = limits[i].value, .rlim_max = limits[i].value};
		if (setrlimit(limits[i].resource, &value) < 0)
			return error_set(err, errno, "limit of %s", limits[i].name);
	}
	return 0;
}

/*
 * The root becomes a file system that is empty, read-only and mounted nowhere: nothing to clean up, nothing that another process could
 * put files into.
 */
static int empty_root(struct error *err)
{
	_cleanup_fd_ int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_set(err, errno, "empty root");

	_cleanup_fd_ int root =
		(int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
			     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (root < 0 || fchdir(root) < 0 || chroot(".") < 0)
		return error_set(err, errno, "empty root");
	return 0;
}

static int become_nobody(struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {0};

	/* The bounding set first: it takes a capability. */
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return error_set(err, errno, "capability %d", capability);
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return error_set(err, errno, "user %d", NOBODY);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capset, &header, none) < 0)
		return error_set(err, errno, "capabilities");
	return 0;
}

/*
 * Changing the user forgets the parent-death signal, so it is asked for again.  A monitor that has given up CAP_KILL by its death could not send
 * it; the end of the control socket says the same.
 */
static int die_with(int32_t parent, struct error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_set(err, errno, "parent-death signal");
	if (getppid() != parent)
		return error_say(err, ESRCH, "the monitor is gone");
	return 0;
}

int lockdown(int32_t parent, struct error *err)
{
	int r = empty_root(err);
	if (r == 0)
		r = limit(err);
	if (r == 0)
		r = become_nobody(err);
	if (r == 0)
		r = die_with(parent, err);
	if (r < 0)
		return r;
	/* Others of the same user must not look into it, nor put themselves into it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "no new privileges");
	return filter_install(err);
}
