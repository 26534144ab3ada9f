/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "enforce/devices.h"
#include "enforce/mount_tree.h"
#include "enforce/rootfs.h"

#define SHARED_CODE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* What the default root shows of the host.  A link (merged /usr) is made again as a link. */
static const struct host_row {
	const char *path;
	bool code; /* programs and libraries: under a writable root they get a private overlay */
} host_rows[] = {
	{"/usr", true},
	{"/bin", true},
	{"/sbin", true},
	{"/lib", true},
	{"/lib32", true},
	{"/lib64", true},
	{"/libx32", true},
	{"/etc/alternatives", false},
	{"/etc/ld.so.cache", false},
	{"/etc/localtime", false},
	{"/etc/ssl/certs", false},
	{"/etc/ssl/openssl.cnf", false},
};

#define GROWTH 8 /* entries at a time */

/* Room for one more entry: the array grows when its count is a multiple of GROWTH. */
static int reserve(void *array, size_t count, size_t size, struct error *err)
{
	void **memory = array;

	if (count % GROWTH != 0)
		return 0;
	void *grown = reallocarray(*memory, count + GROWTH, size);
	if (!grown)
		return error_set(err, ENOMEM, "trees of the root file system");
	*memory = grown;
	return 0;
}

/* Takes fd over, also when it fails.  *tree is good until the next call. */
static int add_tree(struct rootfs *rootfs, const char *path, bool directory, int fd, struct rootfs_tree **tree,
		    struct error *err)
{
	if (reserve(&rootfs->trees, rootfs->tree_count, sizeof(rootfs->trees[0]), err) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	struct rootfs_tree *added = &rootfs->trees[rootfs->tree_count++];
	*added = (struct rootfs_tree){.fd = fd, .directory = directory};
	(void)snprintf(added->path, sizeof(added->path), "%s", path);
	*tree = added;
	return 0;
}

static int add_link(struct rootfs *rootfs, const char *path, struct error *err)
{
	if (reserve(&rootfs->links, rootfs->link_count, sizeof(rootfs->links[0]), err) < 0)
		return -ENOMEM;
	struct rootfs_link *link = &rootfs->links[rootfs->link_count];
	ssize_t length = readlink(path, link->target, sizeof(link->target) - 1);
	if (length < 0)
		return error_set(err, errno, "link %s", path);
	link->target[length] = '\0';
	(void)snprintf(link->path, sizeof(link->path), "%s", path);
	rootfs->link_count++;
	return 0;
}

/* One path of the host as it is there: a link as a link, anything else as a clone. */
static int add_host_path(struct rootfs *rootfs, const char *path, bool recursive, uint64_t attributes,
			 struct rootfs_tree **tree, struct error *err)
{
	struct stat st;

	*tree = NULL;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", path);
	if (S_ISLNK(st.st_mode))
		return add_link(rootfs, path, err);
	int fd = -1;
	int r = mount_clone(AT_FDCWD, path, recursive, attributes, &fd, err);
	return r < 0 ? r : add_tree(rootfs, path, S_ISDIR(st.st_mode), fd, tree, err);
}

static int collect_default(const struct rootfs_spec *spec, struct rootfs *rootfs, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(host_rows); i++) {
		struct rootfs_tree *tree;
		int r = add_host_path(rootfs, host_rows[i].path, false, SHARED_CODE, &tree, err);
		if (r < 0)
			return r;
		if (tree && host_rows[i].code && !spec->read_only) {
			tree->overlay = true;
			/* Copying a file up takes an owner that exists inside. */
			tree->shift = spec->shift_owners;
		}
	}
	return 0;
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Does a bind go to a place below /name? */
static bool is_bind_root(const struct rootfs_spec *spec, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < spec->bind_count; i++) {
		const char *destination = spec->binds[i].destination + 1;
		if (!strncmp(destination, name, length) && (destination[length] == '/' || !destination[length]))
			return true;
	}
	return false;
}

/*
 * Everything of the host, with a private writable layer over the directories that tests write to, and the others read-only: a test shall change nothing of
 * the host's, also when it ends early.  Private places for what the workload writes, and fresh directories where a bind's mount point has to be made.
 */
static int collect_bare(const struct rootfs_spec *spec, struct rootfs *rootfs, struct error *err)
{
	static const char *const ours[] = {".", "..", "proc", "tmp", "workspace"};
	static const char *const shared[] = {"dev", "sys"};
	/* Not all of them: each takes a fifth of a millisecond. */
	static const char *const layered[] = {"etc", "home", "opt", "root", "run", "srv", "usr", "var"};
	_cleanup_dir_ DIR *dir = opendir("/");
	if (!dir)
		return error_set(err, errno, "/");

	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (is_bind_root(spec, entry->d_name) || is_among(ours, ARRAY_SIZE(ours), entry->d_name))
			continue;
		char path[sizeof(entry->d_name) + 1];
		(void)snprintf(path, sizeof(path), "/%s", entry->d_name);
		struct rootfs_tree *tree;
		const bool as_it_is = is_among(shared, ARRAY_SIZE(shared), entry->d_name);
		int r = add_host_path(rootfs, path, true, as_it_is ? 0 : MOUNT_ATTR_RDONLY, &tree, err);
		if (r < 0)
			return r;
		if (tree)
			tree->overlay = tree->directory && is_among(layered, ARRAY_SIZE(layered), entry->d_name);
	}
	return 0;
}

static int refuse_root_owned(const char *what, const char *path, struct error *err)
{
	(void)error_say(err, EPERM, "%s %s is writable and belongs to the host's root", what, path);
	return error_hint(err, "what the sandbox writes there would be the host root's: give it another owner, or add "
			       "root-owned to the option if that is wanted");
}

static int collect_directory(const struct rootfs_spec *spec, struct rootfs *rootfs, struct error *err)
{
	struct stat st;
	if (stat(spec->directory, &st) < 0)
		return error_set(err, errno, "--rootfs %s", spec->directory);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "--rootfs %s", spec->directory);
	if (!spec->read_only && st.st_uid == 0 && !spec->root_owned)
		return refuse_root_owned("--rootfs", spec->directory, err);

	int fd = -1;
	int r = mount_clone(AT_FDCWD, spec->directory, true, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &fd, err);
	struct rootfs_tree *tree;
	if (r == 0)
		r = add_tree(rootfs, "", true, fd, &tree, err);
	if (r == 0) {
		tree->shift = spec->shift_owners;
		tree->uid = st.st_uid;
		tree->gid = st.st_gid;
	}
	return r;
}

static int collect_bind(const struct rootfs_spec *spec, const struct bind *bind, struct rootfs *rootfs,
			struct error *err)
{
	struct stat st;
	if (stat(bind->source, &st) < 0)
		return error_set(err, errno, "--bind source %s", bind->source);
	if (bind->writable && st.st_uid == 0 && !bind->root_owned)
		return refuse_root_owned("--bind source", bind->source, err);

	uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	if (!bind->writable)
		attributes |= MOUNT_ATTR_RDONLY;
	else if (spec->noexec)
		attributes |= MOUNT_ATTR_NOEXEC;
	int fd = -1;
	/* In the bare root nothing but the layer under test may hold: a setuid program stays one. */
	int r = mount_clone(AT_FDCWD, bind->source, true, spec->kind == ROOTFS_BARE ? 0 : attributes, &fd, err);
	struct rootfs_tree *tree;
	if (r == 0)
		r = add_tree(rootfs, bind->destination, S_ISDIR(st.st_mode), fd, &tree, err);
	if (r == 0) {
		tree->shift = spec->shift_owners;
		tree->uid = st.st_uid;
		tree->gid = st.st_gid;
	}
	return r;
}

int rootfs_collect(const struct rootfs_spec *spec, struct rootfs *rootfs, struct error *err)
{
	*rootfs = (struct rootfs){.dev = -1};
	int r = 0;

	switch (spec->kind) {
	case ROOTFS_DEFAULT:
		r = collect_default(spec, rootfs, err);
		break;
	case ROOTFS_DIRECTORY:
		r = collect_directory(spec, rootfs, err);
		break;
	case ROOTFS_BARE:
		r = collect_bare(spec, rootfs, err);
		break;
	}
	for (size_t i = 0; r == 0 && i < spec->bind_count; i++)
		r = collect_bind(spec, &spec->binds[i], rootfs, err);
	if (r == 0 && spec->kind != ROOTFS_BARE)
		r = devices_new(&rootfs->dev, err);
	return r;
}

int rootfs_shift(struct rootfs *rootfs, int user_namespace, const struct id_range *ids, struct error *err)
{
	for (size_t i = 0; i < rootfs->tree_count; i++) {
		struct rootfs_tree *tree = &rootfs->trees[i];
		if (!tree->shift)
			continue;
		const char *object = *tree->path ? tree->path : "the root file system";
		_cleanup_fd_ int owner = -1;
		/* What belongs to the host's root keeps all its owners, moved into the range. */
		int r = tree->uid ? id_range_owner_namespace(tree->uid, tree->gid, ids, &owner, err) : 0;
		if (r == 0)
			r = mount_idmap(tree->fd, owner >= 0 ? owner : user_namespace, object, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void rootfs_close(struct rootfs *rootfs)
{
	for (size_t i = 0; i < rootfs->tree_count; i++)
		(void)close(rootfs->trees[i].fd);
	free(rootfs->trees);
	free(rootfs->links);
	cleanup_fd(&rootfs->dev);
	*rootfs = (struct rootfs){.dev = -1};
}
