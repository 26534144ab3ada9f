/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the policy lets the root file system be written, the host's directories are written on a copy: an overlay whose
 * upper layer is a tmpfs.  Their owner is shifted by an idmapped mount, or root inside could not write root's files.
 */
#include "adapters/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"

static int write_map(pid_t pid, const char *file, struct error *err)
{
	char path[64], map[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	(void)snprintf(map, sizeof(map), "0 %u %u", OCI_ID_BASE, OCI_ID_SIZE);
	int r = io_write_file(AT_FDCWD, path, map);
	return r < 0 ? error_set(err, -r, "write %s", path) : 0;
}

/* A descriptor of a fresh user namespace with the container's ids; a process has to hold it while the maps are written. */
static int open_user_namespace(struct error *err)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return error_set(err, errno, "make a user namespace");
	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	int r = write_map(pid, "uid_map", err);
	r = r < 0 ? r : write_map(pid, "gid_map", err);
	int fd = r < 0 ? r : open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		fd = error_set(err, errno, "open %s", path);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return fd;
}

/* The directories of one overlay, beneath BUNDLE/writable. */
enum layer { LAYER_LOWER, LAYER_UPPER, LAYER_WORK, LAYER_MERGED, LAYER_COUNT };
static const char *const layer_names[LAYER_COUNT] = {"lower", "upper", "work", "merged"};

static void layer_path(char path[PATH_MAX], const char *bundle, enum layer layer, const char *directory)
{
	(void)snprintf(path, PATH_MAX, "%s/writable/%s%s", bundle, layer_names[layer], directory);
}

void oci_writable_path(char path[PATH_MAX], const char *bundle, const char *directory)
{
	layer_path(path, bundle, LAYER_MERGED, directory);
}

static int make_layer(const char *path, uint32_t owner, struct error *err)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "make directory %s", path);
	if (chown(path, owner, owner) < 0 || chmod(path, 0755) < 0)
		return error_set(err, errno, "own %s", path);
	return 0;
}

/* user_namespace: -1 where the container has none and sees the owners as they are. */
static int mount_lower(const char *directory, const char *target, int user_namespace, struct error *err)
{
	_cleanup_fd_ int tree = (int)syscall(SYS_open_tree, AT_FDCWD, directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return error_set(err, errno, "open_tree %s", directory);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_namespace};
	if (user_namespace >= 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_set(err, errno, "shift the owners of %s", directory);
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set(err, errno, "mount %s", target);
	return 0;
}

static int overlay(const char *bundle, const char *directory, int user_namespace, struct error *err)
{
	char paths[LAYER_COUNT][PATH_MAX], options[3 * PATH_MAX + 64];
	uint32_t owner = user_namespace >= 0 ? OCI_ID_BASE : 0;
	int r = 0;
	for (enum layer layer = 0; r == 0 && layer < LAYER_COUNT; layer++) {
		layer_path(paths[layer], bundle, layer, directory);
		r = make_layer(paths[layer], owner, err);
	}
	r = r < 0 ? r : mount_lower(directory, paths[LAYER_LOWER], user_namespace, err);
	if (r < 0)
		return r;
	(void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", paths[LAYER_LOWER],
		       paths[LAYER_UPPER], paths[LAYER_WORK]);
	if (mount("overlay", paths[LAYER_MERGED], "overlay", MS_NOSUID | MS_NODEV, options) < 0)
		return error_set(err, errno, "overlay over %s", directory);
	return 0;
}

static int overlay_all(const char *bundle, int user_namespace, struct error *err)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/writable", bundle);
	int r = make_layer(path, 0, err);
	if (r == 0 && mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		r = error_set(err, errno, "mount a tmpfs on %s", path);
	for (enum layer layer = 0; r == 0 && layer < LAYER_COUNT; layer++) {
		layer_path(path, bundle, layer, "");
		r = make_layer(path, 0, err);
	}
	for (size_t i = 0; r == 0 && oci_host_directories[i]; i++) {
		if (oci_host_has(oci_host_directories[i]))
			r = overlay(bundle, oci_host_directories[i], user_namespace, err);
	}
	return r;
}

int oci_writable_lay(const char *bundle, bool user_namespace, struct error *err)
{
	_cleanup_fd_ int namespace = user_namespace ? open_user_namespace(err) : -1;
	if (user_namespace && namespace < 0)
		return namespace;
	return overlay_all(bundle, namespace, err);
}
