/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/mount_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int mount_clone(int dirfd, const char *path, bool recursive, uint64_t attributes, int *tree, struct error *err)
{
	unsigned deep = recursive ? AT_RECURSIVE : 0u;
	unsigned self = *path ? 0u : AT_EMPTY_PATH;
	_cleanup_fd_ int fd = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep | self);
	if (fd < 0)
		return error_set(err, errno, "open_tree of %s", *path ? path : "a descriptor");

	/* Private: an unmount on the host's side must not reach into the sandbox, nor the other way round. */
	struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
	if (mount_setattr(fd, "", AT_EMPTY_PATH | deep, &attr, sizeof(attr)) < 0)
		return error_set(err, errno, "attributes 0x%llx of %s", (unsigned long long)attributes, path);
	*tree = TAKE_FD(fd);
	return 0;
}

int mount_new(const char *type, const struct mount_option *options, uint64_t attributes, int *tree, struct error *err)
{
	_cleanup_fd_ int fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return error_set(err, errno, "new %s file system", type);
	for (; options && options->key; options++) {
		unsigned how = options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
		if (fsconfig(fs, how, options->key, options->value, 0) < 0)
			return error_set(err, errno, "new %s file system: option %s=%s", type, options->key,
					 options->value ? options->value : "");
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_set(err, errno, "new %s file system", type);
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
	if (fd < 0) {
		int code = errno;
		(void)error_set(err, code, "mount of a new %s", type);
		if (code == EPERM)
			(void)error_hint(err,
					 "the host's own /proc and /sys must not be partly hidden by other mounts");
		return -code;
	}
	*tree = fd;
	return 0;
}

int mount_idmap(int tree, int user_namespace, const char *object, struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_namespace};

	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0) {
		int code = errno;
		(void)error_set(err, code, "idmapped mount of %s", object);
		if (code == EINVAL)
			(void)error_hint(err, "its file system cannot shift owners");
		return -code;
	}
	return 0;
}

int mount_attributes(int mount, uint64_t attributes, const char *object, struct error *err)
{
	struct mount_attr attr = {.attr_set = attributes};

	if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_set(err, errno, "attributes of %s", object);
	return 0;
}

int mount_attach(int tree, int target, const char *object, struct error *err)
{
	if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_set(err, errno, "mount on %s", object);
	return 0;
}

int mount_open_inside(int root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};

	while (*path == '/')
		path++;
	int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

/* Make the last component of path in its parent, which is open. */
static int make_last(int parent, const char *name, bool directory)
{
	if (directory)
		return mkdirat(parent, name, 0755) < 0 ? -errno : 0;
	_cleanup_fd_ int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd < 0 ? -errno : 0;
}

/* path is ours to cut: it holds no trailing slash. */
static int make_inside(int root, char *path, bool directory)
{
	int fd = mount_open_inside(root, path);
	if (fd != -ENOENT)
		return fd;

	char *slash = strrchr(path, '/');
	_cleanup_fd_ int parent = -1;
	if (slash) {
		*slash = '\0';
		parent = make_inside(root, path, true);
		*slash = '/';
	} else {
		parent = mount_open_inside(root, "");
	}
	if (parent < 0)
		return parent;
	int r = make_last(parent, slash ? slash + 1 : path, directory);
	return r < 0 ? r : mount_open_inside(root, path);
}

int mount_make_inside(int root, const char *path, bool directory)
{
	path += strspn(path, "/");
	_cleanup_free_ char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	for (size_t end = strlen(copy); end > 0 && copy[end - 1] == '/'; end--)
		copy[end - 1] = '\0';
	return make_inside(root, copy, directory);
}

int mount_attach_inside(int tree, int root, const char *path, bool directory, bool make, struct error *err)
{
	_cleanup_fd_ int target = make ? mount_make_inside(root, path, directory) : mount_open_inside(root, path);

	if (target < 0) {
		(void)error_set(err, -target, "mount point %s in the root file system", path);
		if (target == -ELOOP)
			return error_hint(err, "a part of it is a symbolic link, which is never followed");
		return error_hint(err, "make it in the root file system, as a real %s",
				  directory ? "directory" : "file");
	}
	return mount_attach(tree, target, path, err);
}
