/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/masks.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/mount_tree.h"
#include "policy/paths.h"

#define NOTHING_SPECIAL (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

int kernel_filesystems_new(int *proc, int *sys, struct error *err)
{
	int r = mount_new("proc", NULL, NOTHING_SPECIAL, proc, err);
	return r < 0 || !sys ? r : mount_new("sysfs", NULL, NOTHING_SPECIAL | MOUNT_ATTR_RDONLY, sys, err);
}

int kernel_filesystems_attach(int proc, int sys, int root, struct error *err)
{
	int r = mount_attach_inside(proc, root, "proc", true, false, err);
	if (r == 0 && sys >= 0)
		r = mount_attach_inside(sys, root, "sys", true, false, err);
	return r;
}

/* What is laid over a masked path: a clone of /dev/null, or of one empty directory that all share. */
static int cover(int root, bool directory, int *empty, int *tree, struct error *err)
{
	static const struct mount_option options[] = {{"mode", "0555"}, {"size", "4k"}, {NULL, NULL}};

	if (!directory) {
		_cleanup_fd_ int null = mount_open_inside(root, "dev/null");
		if (null < 0)
			return error_set(err, -null, "/dev/null as a mask");
		return mount_clone(null, "", false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, tree, err);
	}
	/* The first is used itself: a detached mount cannot be cloned on kernels before 6.15. */
	if (*empty < 0) {
		int r = mount_new("tmpfs", options, NOTHING_SPECIAL | MOUNT_ATTR_RDONLY, tree, err);
		if (r == 0)
			*empty = dup(*tree);
		return r;
	}
	return mount_clone(*empty, "", false, NOTHING_SPECIAL | MOUNT_ATTR_RDONLY, tree, err);
}

static int apply(const struct path_row *row, int root, int *empty, struct error *err)
{
	_cleanup_fd_ int target = mount_open_inside(root, row->path), tree = -1;
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return error_set(err, -target, "%s", row->path);

	int r = row->treatment == PATH_MASKED
			? cover(root, row->directory, empty, &tree, err)
			: mount_clone(target, "", true, NOTHING_SPECIAL | MOUNT_ATTR_RDONLY, &tree, err);
	return r < 0 ? r : mount_attach(tree, target, row->path, err);
}

int masks_apply(int root, struct error *err)
{
	_cleanup_fd_ int empty = -1;

	for (size_t i = 0; i < path_row_count; i++) {
		int r = apply(&path_rows[i], root, &empty, err);
		if (r < 0)
			return r;
	}
	return 0;
}
