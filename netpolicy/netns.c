/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/io.h"

#define OWN     "/proc/thread-self/ns/net"
#define SYSCTLS "/proc/sys/net"
/* Someone may have mounted over it; more than a few is no accident. */
#define MOUNTS_MAX 16

static void path_of(int fd, char path[32])
{
	(void)snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static bool is_network(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

int netns_open(int fd, int *ns, struct error *err)
{
	char path[32] = OWN;

	if (fd >= 0)
		path_of(fd, path);
	_cleanup_fd_ int opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (opened < 0)
		return error_set(err, errno, "network namespace %s", path);
	if (!is_network(opened))
		return error_say(err, EINVAL, "%s is no network namespace", path);
	*ns = TAKE_FD(opened);
	return 0;
}

int netns_identify(int ns, struct netns_id *id, struct error *err)
{
	struct stat status;

	if (fstat(ns, &status) < 0)
		return error_set(err, errno, "network namespace");
	*id = (struct netns_id){status.st_dev, status.st_ino};
	return 0;
}

bool netns_same(const struct netns_id *a, const struct netns_id *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static bool is_here(int ns)
{
	struct stat here, there;

	return stat(OWN, &here) == 0 && fstat(ns, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

static int enter(int ns, struct error *err)
{
	if (setns(ns, CLONE_NEWNET) < 0) {
		int code = errno;
		(void)error_set(err, code, "entering a network namespace");
		if (err && code == EPERM)
			(void)error_hint(err, "needs CAP_SYS_ADMIN: run as root, or use network none");
		return -code;
	}
	return is_here(ns) ? 0 : error_say(err, ENOTRECOVERABLE, "entering a network namespace: arrived elsewhere");
}

int netns_inside(int ns, netns_work *work, void *context, struct error *err)
{
	int home = -1;

	if (is_here(ns))
		return work(context, err);
	int r = netns_open(-1, &home, err);
	if (r < 0)
		return r;
	r = enter(ns, err);
	if (r == 0)
		r = work(context, err);
	int back = enter(home, r < 0 ? NULL : err);
	(void)close(home);
	return r < 0 ? r : back < 0 ? back : r;
}

int netns_make(int *ns, struct error *err)
{
	int home = -1, made = -1;
	int r = netns_open(-1, &home, err);

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0) {
		int code = errno;
		(void)error_set(err, code, "network namespace for the router");
		if (err && code == EPERM)
			(void)error_hint(err, "needs CAP_SYS_ADMIN: run as root, or use network none");
		else if (err && code == ENOSPC)
			(void)error_hint(err, "raise user.max_net_namespaces");
		(void)close(home);
		return -code;
	}
	r = netns_open(-1, &made, err);
	int back = enter(home, r < 0 ? NULL : err);
	(void)close(home);
	if (r < 0 || back < 0) {
		cleanup_fd(&made);
		return r < 0 ? r : back;
	}
	*ns = made;
	return 0;
}

int netns_keep(int directory, const char *name, int ns, struct error *err)
{
	char source[32], target[32];
	_cleanup_fd_ int file = openat(directory, name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (file < 0)
		return error_set(err, errno, "network/%s in the state directory", name);
	/* By descriptors: nobody can put another file in between. */
	path_of(ns, source);
	path_of(file, target);
	if (mount(source, target, NULL, MS_BIND, NULL) < 0) {
		int code = errno;
		(void)unlinkat(directory, name, 0);
		(void)error_set(err, code, "bind mount of the router's namespace on network/%s", name);
		if (err && code == EPERM)
			(void)error_hint(err, "needs CAP_SYS_ADMIN: run as root, or use network none");
		return -code;
	}
	return 0;
}

int netns_find(int directory, const char *name, int *ns, struct error *err)
{
	_cleanup_fd_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno != ENOENT)
		return error_set(err, errno, "network/%s in the state directory", name);
	if (fd < 0 || !is_network(fd))
		return -ENOENT;
	*ns = TAKE_FD(fd);
	return 0;
}

int netns_drop(int directory, const char *name, struct error *err)
{
	for (int i = 0; i < MOUNTS_MAX; i++) {
		char path[32];
		_cleanup_fd_ int fd = openat(directory, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return errno == ENOENT ? 0 : error_set(err, errno, "network/%s in the state directory", name);
		path_of(fd, path);
		/* Lazily: the descriptor itself is in use.  EINVAL: no mount, but the file below. */
		if (umount2(path, MNT_DETACH) == 0)
			continue;
		if (errno != EINVAL)
			return error_set(err, errno, "unmounting network/%s", name);
		if (unlinkat(directory, name, 0) < 0 && errno != ENOENT)
			return error_set(err, errno, "removing network/%s", name);
		return 0;
	}
	return error_say(err, EBUSY, "network/%s: more than %d mounts", name, MOUNTS_MAX);
}

/* --- /proc/sys/net ------------------------------------------------------------------------------------------------ */

int sysctl_write(const struct sysctl *rows, size_t count, struct error *err)
{
	_cleanup_fd_ int sysctls = open(SYSCTLS, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (sysctls < 0)
		return error_set(err, errno, SYSCTLS);
	for (size_t i = 0; i < count; i++) {
		int r = io_write_file(sysctls, rows[i].path, rows[i].value);
		if (r == -ENOENT && rows[i].may_lack)
			continue;
		if (r < 0)
			return error_set(err, -r, SYSCTLS "/%s to %s", rows[i].path, rows[i].value);
	}
	return 0;
}

int sysctl_read_digit(const char *path)
{
	char full[128], digit;

	if ((size_t)snprintf(full, sizeof(full), SYSCTLS "/%s", path) >= sizeof(full))
		return -ENAMETOOLONG;
	_cleanup_fd_ int fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, &digit, 1);
	if (n < 0)
		return -errno;
	return n == 1 && digit >= '0' && digit <= '9' ? digit - '0' : -EBADMSG;
}
