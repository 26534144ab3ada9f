/* SPDX-License-Identifier: Apache-2.0 */
#include "adapters/hostroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "adapters/spawn.h"
#include "base/array.h"

/* One mount beneath the new root, made in this order. */
struct root_mount {
	const char *source, *target, *type;
	unsigned long flags;
	const char *data;
};

/* An overlay's own directories are beneath the tmpfs; both overlays show host directories that have submounts of
 * their own, which an overlay does not follow: those follow as rows. */
static const struct root_mount root_mounts[] = {
	{"/sys", "root/sys", NULL, MS_BIND | MS_REC, NULL},
	{"devpts", "root/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"},
	{"tmpfs", "root/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"},
	{"mqueue", "root/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
	{"tmpfs", "root/tmp", "tmpfs", 0, "mode=1777"},
	{"tmpfs", "root/workspace", "tmpfs", 0, "mode=1777"},
	{"tmpfs", "root/opt", "tmpfs", 0, "mode=755"},
};

static int make_directory(const char *base, const char *name, struct error *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", base, name) >= (int)sizeof(path))
		return error_say(err, ENAMETOOLONG, "%s: too long", base);
	/* The mode is the caller's whatever its umask: an unprivileged command walks through these. */
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "make directory %s", path);
	return 0;
}

static int overlay(const char *base, const char *lower, const char *target, const char *scratch, struct error *err)
{
	char upper[NAME_MAX], work[NAME_MAX], options[2 * PATH_MAX + 128], path[PATH_MAX];
	(void)snprintf(upper, sizeof(upper), "%s-upper", scratch);
	(void)snprintf(work, sizeof(work), "%s-work", scratch);
	int r = make_directory(base, upper, err);
	r = r < 0 ? r : make_directory(base, work, err);
	if (r < 0)
		return r;
	(void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/%s,workdir=%s/%s", lower, base, upper, base,
		       work);
	(void)snprintf(path, sizeof(path), "%s/%s", base, target);
	return mount("overlay", path, "overlay", 0, options) < 0 ? error_set(err, errno, "overlay over %s", lower) : 0;
}

static int mount_rows(const char *base, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(root_mounts); i++) {
		const struct root_mount *row = &root_mounts[i];
		char target[PATH_MAX];
		int r = make_directory(base, row->target, err);
		if (r < 0)
			return r;
		(void)snprintf(target, sizeof(target), "%s/%s", base, row->target);
		if (mount(row->source, target, row->type, row->flags, row->data) < 0)
			return error_set(err, errno, "mount %s on /%s", row->source, row->target);
	}
	return 0;
}

/* The tools, read-only but with setuid honoured: a probe needs that to show what it gains when nothing stops it. */
static int bind_tools(int tools, const char *base, struct error *err)
{
	char target[PATH_MAX];
	int r = make_directory(base, "root" SPAWN_TOOLS_INSIDE, err);
	if (r < 0)
		return r;
	(void)snprintf(target, sizeof(target), "%s/root%s", base, SPAWN_TOOLS_INSIDE);
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	if (syscall(SYS_mount_setattr, tools, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) < 0)
		return error_set(err, errno, "mount_setattr of the tools");
	if (syscall(SYS_move_mount, tools, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set(err, errno, "mount the tools on %s", SPAWN_TOOLS_INSIDE);
	return 0;
}

int hostroot_lay(const char *base, const char *tools_dir, struct error *err)
{
	/* Opened first: base may lie above the tools and hide them. */
	int tools = (int)syscall(SYS_open_tree, AT_FDCWD, tools_dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tools < 0)
		return error_set(err, errno, "open_tree %s", tools_dir);
	mode_t mask = umask(0);
	int r = 0;
	if (mount("tmpfs", base, "tmpfs", 0, "mode=755") < 0)
		r = error_set(err, errno, "mount a tmpfs on %s", base);
	r = r < 0 ? r : make_directory(base, "root", err);
	r = r < 0 ? r : overlay(base, "/", "root", "root", err);
	r = r < 0 ? r : overlay(base, "/dev", "root/dev", "dev", err);
	r = r < 0 ? r : mount_rows(base, err);
	r = r < 0 ? r : bind_tools(tools, base, err);
	(void)umask(mask);
	(void)close(tools);
	return r;
}

int hostroot_enter(const char *base, struct error *err)
{
	char root[PATH_MAX];
	if (snprintf(root, sizeof(root), "%s/root", base) >= (int)sizeof(root))
		return error_say(err, ENAMETOOLONG, "%s: too long", base);
	if (chdir(root) < 0)
		return error_set(err, errno, "change to %s", root);
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_set(err, errno, "mount /proc");
	/* The old root lands on top of the new one, from where it is detached: no directory is needed for it. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_set(err, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return error_set(err, errno, "detach the old root");
	return chdir("/") < 0 ? error_set(err, errno, "change to /") : 0;
}
