/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OWN_NAMESPACE "/proc/thread-self/ns/net"

int netns_current(struct error *err)
{
	int fd = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? error_set(err, errno, "%s", OWN_NAMESPACE) : fd;
}

static int need_privilege(struct error *err, int code, const char *what)
{
	(void)error_set(err, code, "%s", what);
	if (err && code == EPERM)
		(void)error_hint(err, "CAP_SYS_ADMIN is needed: run as root, or use network none");
	return -code;
}

int netns_enter(int ns, int *back, struct error *err)
{
	_cleanup_fd_ int own = netns_current(err);

	if (own < 0)
		return own;
	if (setns(ns, CLONE_NEWNET) < 0)
		return need_privilege(err, errno, "entering a network namespace");
	*back = TAKE_FD(own);
	return 0;
}

int netns_leave(int *back, struct error *err)
{
	_cleanup_fd_ int own = TAKE_FD(*back);

	return setns(own, CLONE_NEWNET) < 0 ? need_privilege(err, errno, "leaving a network namespace") : 0;
}

int netns_make(struct error *err)
{
	_cleanup_fd_ int own = netns_current(err);

	if (own < 0)
		return own;
	if (unshare(CLONE_NEWNET) < 0)
		return need_privilege(err, errno, "network namespace");
	_cleanup_fd_ int made = netns_current(err);
	if (setns(own, CLONE_NEWNET) < 0)
		return need_privilege(err, errno, "leaving a network namespace");
	return TAKE_FD(made);
}

bool netns_same(int ns, int other)
{
	struct stat a, b;

	return fstat(ns, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* mount(2) takes paths alone, and the directory may be renamed meanwhile. */
static void mount_path(char path[PATH_MAX], int fd, const char *name)
{
	(void)snprintf(path, PATH_MAX, "/proc/thread-self/fd/%d%s%s", fd, *name ? "/" : "", name);
}

int netns_pin(int ns, int directory, const char *name, struct error *err)
{
	char source[PATH_MAX], target[PATH_MAX];

	_cleanup_fd_ int file = openat(directory, name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0);
	if (file < 0)
		return error_set(err, errno, "network/%s in the state directory", name);
	mount_path(source, ns, "");
	mount_path(target, file, "");
	if (mount(source, target, NULL, MS_BIND, NULL) == 0)
		return 0;
	int r = need_privilege(err, errno, "keeping a network namespace");
	(void)unlinkat(directory, name, 0);
	return r;
}

int netns_open_pinned(int directory, const char *name, struct error *err)
{
	struct statfs fs;

	_cleanup_fd_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP
			       ? -ENOENT
			       : error_set(err, errno, "network/%s in the state directory", name);
	/* After a crash of the machine, or of us in the middle, the file is there without its mount. */
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return -ENOENT;
	return TAKE_FD(fd);
}

int netns_unpin(int directory, const char *name, struct error *err)
{
	char path[PATH_MAX];

	mount_path(path, directory, name);
	/* More than one, when somebody mounted over it; what has no mount answers EINVAL. */
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		continue;
	/* The file's removal also detaches what is still mounted on it in copies of this mount namespace. */
	if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
		return error_set(err, errno, "network/%s in the state directory", name);
	return 0;
}
