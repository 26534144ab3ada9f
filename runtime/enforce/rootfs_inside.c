/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "enforce/devices.h"
#include "enforce/masks.h"
#include "enforce/mount_tree.h"
#include "enforce/rootfs.h"

static const struct rootfs_tree *root_tree(const struct rootfs *rootfs)
{
	for (size_t i = 0; i < rootfs->tree_count; i++)
		if (!*rootfs->trees[i].path)
			return &rootfs->trees[i];
	return NULL;
}

/* The tree that becomes "/": the given directory, or an empty tmpfs for the directories and links of the others. */
static int make_root(const struct rootfs *rootfs, int *tree, struct error *err)
{
	static const struct mount_option options[] = {{"mode", "0755"}, {"size", "16m"}, {NULL, NULL}};
	const struct rootfs_tree *given = root_tree(rootfs);

	if (!given)
		return mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, tree, err);
	*tree = fcntl(given->fd, F_DUPFD_CLOEXEC, 0);
	return *tree < 0 ? error_set(err, errno, "root file system") : 0;
}

/*
 * Mount tree over "/", make it the root, and drop what was there.  With "." for both arguments the old root comes
 * to lie on top of the new one, so that no directory for it is needed; pivot_root(2), NOTES.
 */
static int pivot_into(int tree, struct error *err)
{
	/* First cut the ties to the host: the unmount below must not travel there, nor a mount of the host come here. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(err, errno, "private propagation of all mounts");
	if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set(err, errno, "mount of the new root");
	if (fchdir(tree) < 0)
		return error_set(err, errno, "change into the new root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_set(err, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return error_set(err, errno, "unmount of the old root");
	return chdir("/") < 0 ? error_set(err, errno, "/") : 0;
}

static int make_directories(int root, struct error *err)
{
	static const char *const directories[] = {"proc", "sys", "dev",     "tmp",  "workspace", "etc",
						  "run",  "var", "var/tmp", "root", "opt",       "app"};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (mkdirat(root, directories[i], 0755) < 0 && errno != EEXIST)
			return error_set(err, errno, "directory /%s", directories[i]);
	return 0;
}

static int make_links(const struct rootfs *rootfs, int root, struct error *err)
{
	for (size_t i = 0; i < rootfs->link_count; i++) {
		const struct rootfs_link *link = &rootfs->links[i];
		if (symlinkat(link->target, root, link->path + 1) < 0)
			return error_set(err, errno, "link %s", link->path);
	}
	return 0;
}

/* Only where the root is a tmpfs of ours are mount points made; a given directory must have them. */
static int attach_trees(const struct rootfs *rootfs, int root, struct error *err)
{
	bool make = root_tree(rootfs) == NULL;

	for (size_t i = 0; i < rootfs->tree_count; i++) {
		const struct rootfs_tree *tree = &rootfs->trees[i];
		if (!*tree->path || tree->overlay)
			continue;
		int r = mount_attach_inside(tree->fd, root, tree->path, tree->directory, make, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill(const struct rootfs_spec *spec, const struct rootfs *rootfs, int proc, int sys, int root,
		struct error *err)
{
	int r = 0;

	if (spec->kind != ROOTFS_DIRECTORY)
		r = make_directories(root, err);
	if (r == 0)
		r = make_links(rootfs, root, err);
	if (r == 0)
		r = scratch_attach(spec, rootfs, root, err);
	if (r == 0)
		r = attach_trees(rootfs, root, err);
	if (r == 0 && spec->kind == ROOTFS_DEFAULT)
		r = etc_files_write(root, spec->resolver, err);
	if (r == 0 && spec->kind == ROOTFS_DIRECTORY && spec->resolver)
		r = etc_resolver_attach(root, err);
	if (r == 0 && rootfs->dev >= 0)
		r = devices_attach(rootfs->dev, root, err);
	if (r == 0)
		r = kernel_filesystems_attach(proc, sys, root, err);
	return r;
}

int rootfs_enter(const struct rootfs_spec *spec, const struct rootfs *rootfs, int proc, int sys, int *root,
		 struct error *err)
{
	_cleanup_fd_ int tree = -1;
	int r = make_root(rootfs, &tree, err);
	if (r == 0)
		r = pivot_into(tree, err);
	if (r == 0)
		r = fill(spec, rootfs, proc, sys, tree, err);
	if (r == 0)
		*root = TAKE_FD(tree);
	return r;
}

int rootfs_seal(const struct rootfs_spec *spec, int root, struct error *err)
{
	if (!spec->read_only || spec->kind == ROOTFS_BARE)
		return 0;
	return mount_attributes(root, MOUNT_ATTR_RDONLY, "the root file system", err);
}
