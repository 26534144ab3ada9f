/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"
#include "bench/floor.h"

#define PLAIN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int new_mount(const char *type, const char *mode, unsigned attributes)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC);

	floor_check(fs, type);
	if (mode)
		floor_check(fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0), type);
	floor_check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), type);
	int mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	floor_check(mount, type);
	close(fs);
	return mount;
}

static void set_attributes(int mount, unsigned flags, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};

	floor_check(mount_setattr(mount, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)), "mount_setattr");
}

static int clone_mount(int dirfd, const char *path, unsigned flags, uint64_t attributes)
{
	int tree = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);

	floor_check(tree, path);
	set_attributes(tree, flags, attributes);
	return tree;
}

static void attach(int tree, int root, const char *path)
{
	floor_check(move_mount(tree, "", root, path, MOVE_MOUNT_F_EMPTY_PATH), path);
	close(tree);
}

/* /dev of the sandbox, made by the host's root. */
static int make_devices(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
		     {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
	static const char *const links[][2] = {{"/proc/self/fd", "fd"},
					       {"/proc/self/fd/0", "stdin"},
					       {"/proc/self/fd/1", "stdout"},
					       {"/proc/self/fd/2", "stderr"},
					       {"pts/ptmx", "ptmx"}};
	static const char *const directories[] = {"pts", "shm", "mqueue"};
	int dev = new_mount("tmpfs", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		floor_check(mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)),
			    "mknod");
		floor_check(fchmodat(dev, nodes[i].name, 0666, 0), "chmod");
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		floor_check(symlinkat(links[i][0], dev, links[i][1]), "symlink");
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		floor_check(mkdirat(dev, directories[i], 0755), "mkdir");
	return dev;
}

/* What the sandbox shows of the host, opened before there is a sandbox. */
static const char *const shown[FLOOR_SHOWN] = {"usr",           "etc/alternatives", "etc/ld.so.cache",
					       "etc/localtime", "etc/ssl/certs",    "etc/ssl/openssl.cnf"};

void floor_open_trees(struct floor_trees *trees)
{
	for (size_t i = 0; i < FLOOR_SHOWN; i++) {
		char path[64];
		struct stat st;
		(void)snprintf(path, sizeof(path), "/%s", shown[i]);
		trees->shown[i] = -1;
		if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode))
			trees->shown[i] = clone_mount(AT_FDCWD, path, 0,
						      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	}
	trees->dev = make_devices();
}

static void enter_root(int root)
{
	floor_check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private propagation");
	floor_check(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "new root");
	floor_check(fchdir(root), "chdir");
	floor_check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	floor_check(umount2(".", MNT_DETACH), "old root");
	floor_check(chdir("/"), "chdir");
}

static void make_entries(int root)
{
	static const char *const directories[] = {"proc", "sys", "dev",  "tmp", "workspace", "etc", "etc/ssl",
						  "run",  "var", "root", "opt", "app",       "usr", "var/tmp"};
	static const char *const links[] = {"bin", "sbin", "lib", "lib64"};
	static const char *const files[] = {"etc/passwd", "etc/group",       "etc/hosts",        "etc/hostname",
					    "etc/shells", "etc/resolv.conf", "etc/nsswitch.conf"};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		floor_check(mkdirat(root, directories[i], 0755), directories[i]);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		char target[32];
		(void)snprintf(target, sizeof(target), "usr/%s", links[i]);
		floor_check(symlinkat(target, root, links[i]), links[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = openat(root, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		floor_check(fd, files[i]);
		floor_check(io_write_all(fd, "root:x:0:0:root:/workspace:/bin/sh\n", 35), files[i]);
		close(fd);
	}
}

static void attach_shown(const struct floor_trees *trees, int root)
{
	for (size_t i = 0; i < FLOOR_SHOWN; i++) {
		struct stat st;
		if (trees->shown[i] < 0)
			continue;
		floor_check(fstat(trees->shown[i], &st), shown[i]);
		if (S_ISDIR(st.st_mode)) {
			if (mkdirat(root, shown[i], 0755) < 0 && errno != EEXIST)
				floor_check(-1, shown[i]);
		} else {
			int fd = openat(root, shown[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
			floor_check(fd, shown[i]);
			close(fd);
		}
		attach(trees->shown[i], root, shown[i]);
	}
}

static void attach_devices(int dev, int root)
{
	floor_check(move_mount(dev, "", root, "dev", MOVE_MOUNT_F_EMPTY_PATH), "dev");
	attach(new_mount("devpts", "0620", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), dev, "pts");
	attach(new_mount("tmpfs", "1777", PLAIN), dev, "shm");
	attach(new_mount("mqueue", NULL, PLAIN), dev, "mqueue");
	set_attributes(dev, 0, MOUNT_ATTR_RDONLY);
}

/* One file system for all writable places; clones are made of attached mounts only, so it is attached for that time. */
static void attach_scratch(int root)
{
	int scratch = new_mount("tmpfs", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

	floor_check(move_mount(scratch, "", root, "tmp", MOVE_MOUNT_F_EMPTY_PATH), "scratch");
	floor_check(mkdirat(scratch, "tmp", 0700), "scratch");
	floor_check(fchmodat(scratch, "tmp", 01777, 0), "scratch");
	floor_check(mkdirat(scratch, "workspace", 0755), "scratch");
	attach(clone_mount(scratch, "workspace", 0, 0), root, "workspace");
	int tmp = clone_mount(scratch, "tmp", 0, 0);
	floor_check(fchdir(scratch), "scratch");
	floor_check(umount2(".", MNT_DETACH), "scratch");
	floor_check(chdir("/"), "scratch");
	attach(tmp, root, "tmp");
	close(scratch);
}

static void mask_paths(int root)
{
	static const char *const masked_directories[] = {"proc/acpi", "proc/asound", "proc/scsi",
							 "sys/devices/virtual/powercap", "sys/firmware"};
	static const char *const masked_files[] = {"proc/interrupts",    "proc/kcore",       "proc/keys",
						   "proc/latency_stats", "proc/sched_debug", "proc/timer_list",
						   "proc/timer_stats"};
	static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
	int empty = new_mount("tmpfs", "0555", PLAIN | MOUNT_ATTR_RDONLY), used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(masked_directories); i++) {
		if (faccessat(root, masked_directories[i], F_OK, 0) < 0)
			continue;
		attach(used++ ? clone_mount(empty, "", 0, PLAIN | MOUNT_ATTR_RDONLY) : dup(empty), root,
		       masked_directories[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(masked_files); i++)
		if (faccessat(root, masked_files[i], F_OK, 0) == 0)
			attach(clone_mount(root, "dev/null", 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), root,
			       masked_files[i]);
	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++)
		if (faccessat(root, read_only[i], F_OK, 0) == 0)
			attach(clone_mount(root, read_only[i], AT_RECURSIVE, PLAIN | MOUNT_ATTR_RDONLY), root,
			       read_only[i]);
	close(empty);
}

/* user_sysctls was opened before /proc/sys became read-only.  Last of all mounting: a detached mount takes a namespace. */
static void forbid_namespaces(int user_sysctls)
{
	static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "max_%s_namespaces", kinds[i]);
		errno = -io_write_file(user_sysctls, path, "0");
		floor_check(errno ? -1 : 0, path);
	}
}

void floor_build_root(const struct floor_trees *trees)
{
	int proc = new_mount("proc", NULL, PLAIN), sys = new_mount("sysfs", NULL, PLAIN | MOUNT_ATTR_RDONLY);
	int root = new_mount("tmpfs", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	enter_root(root);
	make_entries(root);
	attach_scratch(root);
	attach_shown(trees, root);
	attach_devices(trees->dev, root);
	int user_sysctls = openat(proc, "sys/user", O_PATH | O_CLOEXEC);
	floor_check(user_sysctls, "/proc/sys/user");
	attach(proc, root, "proc");
	attach(sys, root, "sys");
	mask_paths(root);
	forbid_namespaces(user_sysctls);
	set_attributes(root, 0, MOUNT_ATTR_RDONLY);
}
