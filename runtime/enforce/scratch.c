/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writable places: /tmp, /workspace and, under a writable default root, the upper layers of the
 * overlays.  All lie on one file system, so that one size bounds their sum.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/mount_tree.h"
#include "enforce/rootfs.h"

#define PLAIN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static uint64_t attributes_of_places(const struct rootfs_spec *spec)
{
	return PLAIN | (spec->noexec ? MOUNT_ATTR_NOEXEC : 0);
}

/* Where the layer of the file system is off, nothing but the layer under test shall hold: no quota. */
static int take_scratch(const struct rootfs_spec *spec, int *tree, struct error *err)
{
	static const struct mount_option options[] = {{"size", "64m"}, {"mode", "0755"}, {NULL, NULL}};

	if (spec->kind == ROOTFS_BARE)
		return mount_new("tmpfs", options, PLAIN, tree, err);
	*tree = fcntl(spec->scratch, F_DUPFD_CLOEXEC, 0);
	return *tree < 0 ? error_set(err, errno, "the writable file system") : 0;
}

static int make_directory(int scratch, const char *name, mode_t mode, uid_t uid, gid_t gid, struct error *err)
{
	if (mkdirat(scratch, name, 0700) < 0 || fchownat(scratch, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(scratch, name, mode, 0) < 0)
		return error_set(err, errno, "directory %s of the writable file system", name);
	return 0;
}

/* A root that was given need not have the place. */
static int attach_workspace(const struct rootfs_spec *spec, int scratch, int root, struct error *err)
{
	_cleanup_fd_ int tree = -1;

	if (spec->kind == ROOTFS_DIRECTORY) {
		_cleanup_fd_ int there = mount_open_inside(root, "workspace");
		if (there == -ENOENT)
			return 0;
	}
	int r = mount_clone(scratch, "workspace", false, attributes_of_places(spec), &tree, err);
	return r < 0 ? r : mount_attach_inside(tree, root, "workspace", true, false, err);
}

/* An overlay over tree: reads come from it, writes go to the scratch file system.  Without the layer nothing but these two shall differ from the host. */
static int attach_overlay(const struct rootfs_spec *spec, int scratch, const struct rootfs_tree *tree, size_t number,
			  int root, struct error *err)
{
	char name[3][32], place[3][48];
	static const char *const kinds[] = {"lower", "upper", "work"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < 3; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "%s%zu", kinds[i], number);
		/* The scratch file system is the working directory: see scratch_attach. */
		(void)snprintf(place[i], sizeof(place[i]), "./%s", name[i]);
		r = make_directory(scratch, name[i], 0755, 0, 0, err);
	}
	if (r == 0)
		r = mount_attach_inside(tree->fd, scratch, name[0], true, false, err);
	if (r < 0)
		return r;

	_cleanup_fd_ int overlay = -1;
	const struct mount_option options[] = {{"lowerdir", place[0]},
					       {"upperdir", place[1]},
					       {"workdir", place[2]},
					       {"userxattr", NULL},
					       {NULL, NULL}};
	r = mount_new("overlay", options, spec->kind == ROOTFS_BARE ? 0 : PLAIN, &overlay, err);
	return r < 0 ? r : mount_attach_inside(overlay, root, tree->path, true, true, err);
}

static int attach_places(const struct rootfs_spec *spec, const struct rootfs *rootfs, int scratch, int root,
			 struct error *err)
{
	int r = make_directory(scratch, "tmp", 01777, 0, 0, err);
	if (r == 0)
		r = make_directory(scratch, "workspace", 0755, spec->uid, spec->gid, err);
	for (size_t i = 0; r == 0 && i < rootfs->tree_count; i++)
		if (rootfs->trees[i].overlay)
			r = attach_overlay(spec, scratch, &rootfs->trees[i], i, root, err);
	if (r == 0)
		r = attach_workspace(spec, scratch, root, err);
	return r;
}

int scratch_attach(const struct rootfs_spec *spec, const struct rootfs *rootfs, int root, struct error *err)
{
	_cleanup_fd_ int scratch = -1, tmp = -1;
	int r = take_scratch(spec, &scratch, err);

	/* Attached at /tmp for the time of the work: clones and overlays are made of attached mounts only. */
	if (r == 0)
		r = mount_attach_inside(scratch, root, "tmp", true, false, err);
	if (r == 0 && fchdir(scratch) < 0)
		r = error_set(err, errno, "the writable file system");
	if (r == 0)
		r = attach_places(spec, rootfs, scratch, root, err);
	if (r == 0)
		r = mount_clone(scratch, "tmp", false, attributes_of_places(spec), &tmp, err);
	if (r < 0)
		return r;

	/* Nobody inside shall see the upper layers as files. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_set(err, errno, "detaching the writable file system");
	return mount_attach_inside(tmp, root, "tmp", true, false, err);
}
