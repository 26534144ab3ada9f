/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: an empty ext4 for each size that was ever asked for, made by mkfs.ext4(8) and kept.  A start
 * copies its few blocks of data; ext4 disk layout: Documentation/filesystems/ext4/super.rst of the kernel.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/lock.h"
#include "enforce/storage_internal.h"

#define GROUP_BLOCKS_MAX 32768u /* one block of bitmap */
#define INODE_SIZE       256u
#define INODES_PER_BLOCK (STORAGE_BLOCK / INODE_SIZE)
#define RESERVED_MAX     4096u /* blocks that ext4 keeps for its own trees, at most */
#define MKFS_SECONDS     30
#define TEMPORARY        "template.tmp" /* one: the maker holds the lock */

static const char hint_package[] = "install e2fsprogs";

/* What mkfs.ext4 is told. */
struct shape {
	uint64_t data; /* blocks for the workload */
	uint64_t blocks; /* of the whole file system */
	uint64_t groups, group_blocks, group_inodes;
};

/*
 * Groups of one size, so that none is too small to be of use: mkfs drops such a one, and sizes between would
 * be out of reach.  Inodes are rounded down, since more than were asked for would be no limit.
 */
static void shape_groups(struct shape *shape, uint64_t inodes)
{
	shape->groups = (shape->blocks + GROUP_BLOCKS_MAX - 1) / GROUP_BLOCKS_MAX;
	shape->group_blocks = ((shape->blocks + shape->groups - 1) / shape->groups + 7) & ~UINT64_C(7);
	shape->group_inodes = inodes / shape->groups / INODES_PER_BLOCK * INODES_PER_BLOCK;
	if (shape->group_inodes < INODES_PER_BLOCK)
		shape->group_inodes = INODES_PER_BLOCK;
}

uint64_t storage_tolerance(uint64_t bytes)
{
	return bytes / 1000;
}

/* The superblock as it lies on disk, as far as it is of interest. */
struct superblock {
	uint32_t inodes, blocks, root_reserved, free_blocks, free_inodes, first_data_block, log_block_size;
	uint8_t between[0x38 - 0x1c];
	uint16_t magic, state;
};

/* Blocks that a workload could fill, if fd is a clean ext4 of the form that we make and no larger than its file; else 0. */
static uint64_t usable_blocks(int fd, uint64_t size)
{
	struct superblock found;

	if (pread(fd, &found, sizeof(found), 1024) != (ssize_t)sizeof(found))
		return 0;
	uint64_t blocks = le32toh(found.blocks), available = le32toh(found.free_blocks);
	if (le16toh(found.magic) != 0xef53 || le16toh(found.state) != 1 || le32toh(found.log_block_size) != 2 ||
	    found.root_reserved || !blocks || blocks * STORAGE_BLOCK > size)
		return 0;
	/* As ext4_calculate_resv_clusters in the kernel's fs/ext4/super.c does; storage_create looks at what came of it. */
	uint64_t reserved = blocks / 50 < RESERVED_MAX ? blocks / 50 : RESERVED_MAX;
	return available > reserved ? available - reserved : 0;
}

static bool good_size(uint64_t usable, const struct shape *shape)
{
	return usable <= shape->data && shape->data - usable <= storage_tolerance(shape->data);
}

/* mkfs.ext4 wherever it is: sbin is not in everybody's PATH. */
static int spawn_mkfs(char *const argv[], posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
		      pid_t *pid)
{
	static const char *const places[] = {"/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/local/sbin/mkfs.ext4"};
	/* The machine's own defaults must not change what we ask for. */
	char *const environment[] = {(char[]){"MKE2FS_CONFIG=/dev/null"}, (char[]){"LC_ALL=C"}, NULL};
	int code = posix_spawnp(pid, "mkfs.ext4", actions, attributes, argv, environment);

	for (size_t i = 0; code != 0 && i < ARRAY_SIZE(places); i++)
		code = posix_spawn(pid, places[i], actions, attributes, argv, environment);
	return -code;
}

/* In the directory, its complaints in errors, and with no signal blocked or ignored. */
static int start_mkfs(char *const argv[], int directory, int errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	int code = posix_spawn_file_actions_addfchdir_np(&actions, directory);
	if (code == 0)
		code = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	if (code == 0)
		code = posix_spawn_file_actions_adddup2(&actions, errors, STDOUT_FILENO);
	if (code == 0)
		code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (code == 0)
		code = posix_spawnattr_setsigmask(&attributes, &none);
	if (code == 0)
		code = posix_spawnattr_setsigdefault(&attributes, &all);
	int r = code ? -code : spawn_mkfs(argv, &actions, &attributes, pid);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Its wait status, or a negative errno; killed when it takes too long. */
static int await(pid_t pid)
{
	int status = 0;
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = {.fd = fd, .events = POLLIN};
	bool late = fd < 0 || poll(&end, 1, MKFS_SECONDS * 1000) <= 0;

	if (late)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return late ? -ETIMEDOUT : status;
}

static int run_mkfs(char *const argv[], int directory, struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "pipe from mkfs.ext4");
	_cleanup_fd_ int from = ends[0], to = ends[1];

	pid_t pid = -1;
	int r = start_mkfs(argv, directory, to, &pid);
	if (r < 0) {
		(void)error_set(err, -r, "mkfs.ext4");
		return error_hint(err, "%s", hint_package);
	}
	r = await(pid);
	if (r < 0)
		return error_set(err, -r, "mkfs.ext4");
	if (r == 0)
		return 0;
	char said[256] = "";
	(void)!read(from, said, sizeof(said) - 1);
	said[strcspn(said, "\n")] = '\0';
	return error_say(err, EIO, "mkfs.ext4 ended with wait status %d: %s", r, said);
}

/*
 * No journal (the file system lives no longer than its sandbox), no reserve for root, no backups and all of its own blocks in
 * one place, so that little has to be copied; no UUID, which the host's tools would take for a disk of its own.
 */
static int format(int directory, const struct shape *shape, struct error *err)
{
	char group_blocks[32], inodes[32];
	char *const argv[] = {(char[]){"mkfs.ext4"},
			      (char[]){"-F"},
			      (char[]){"-q"},
			      (char[]){"-b4096"},
			      (char[]){"-I256"},
			      (char[]){"-m0"},
			      (char[]){"-Uclear"},
			      (char[]){"-Onone,dir_index,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,"
				       "huge_file,large_file,sparse_super2,uninit_bg"},
			      (char[]){"-Elazy_itable_init=1,num_backup_sb=0,packed_meta_blocks=1"},
			      group_blocks,
			      inodes,
			      (char[]){TEMPORARY},
			      NULL};

	(void)snprintf(group_blocks, sizeof(group_blocks), "-g%" PRIu64, shape->group_blocks);
	(void)snprintf(inodes, sizeof(inodes), "-N%" PRIu64, shape->group_inodes * shape->groups);
	return run_mkfs(argv, directory, err);
}

/*
 * How much ext4 needs for itself is known only afterwards: try, and correct by what is missing.  A few rounds
 * of some milliseconds, once for each size.
 */
static int fit(int directory, int fd, struct shape *shape, uint64_t inodes, struct error *err)
{
	for (int round = 0; round < 16; round++) {
		shape_groups(shape, inodes);
		if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)(shape->blocks * STORAGE_BLOCK)) < 0)
			return error_set(err, errno, "size of a storage template");
		int r = format(directory, shape, err);
		if (r < 0)
			return r;
		uint64_t usable = usable_blocks(fd, shape->blocks * STORAGE_BLOCK);
		if (usable == 0)
			return error_say(err, EIO, "mkfs.ext4 made a file system of another form");
		if (usable == shape->data || (round >= 8 && good_size(usable, shape)))
			return 0;
		shape->blocks += shape->data - usable; /* modulo 2^64: may be less */
	}
	return error_say(err, EIO, "no ext4 for %" PRIu64 " blocks of data found", shape->data);
}

static int make(int directory, const char *name, struct shape *shape, uint64_t inodes, struct error *err)
{
	(void)unlinkat(directory, TEMPORARY, 0); /* of one that was killed */
	_cleanup_fd_ int fd = openat(directory, TEMPORARY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "%s in the storage directory", TEMPORARY);

	shape->blocks = shape->data + shape->data / 50 + inodes / INODES_PER_BLOCK;
	int r = fit(directory, fd, shape, inodes, err);
	/* On disk before it has its name: after a loss of power it is whole or not there. */
	if (r == 0 && fsync(fd) < 0)
		r = error_set(err, errno, "%s in the storage directory", TEMPORARY);
	if (r == 0 && renameat(directory, TEMPORARY, directory, name) < 0)
		r = error_set(err, errno, "%s in the storage directory", name);
	if (r < 0) {
		(void)unlinkat(directory, TEMPORARY, 0);
		return r;
	}
	return TAKE_FD(fd);
}

/* -ENOENT: it is missing or damaged.  What is not a file of ours alone was put there by someone, and is refused. */
static int open_made(int directory, const char *name, const struct shape *shape, struct error *err)
{
	struct stat st;
	_cleanup_fd_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s in the storage directory", name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) || st.st_nlink > 1) {
		(void)error_say(err, EPERM, "%s in the storage directory is not a file of ours alone", name);
		return error_hint(err, "remove it");
	}
	return good_size(usable_blocks(fd, (uint64_t)st.st_size), shape) ? TAKE_FD(fd) : -ENOENT;
}

int storage_template_open(int directory, uint64_t bytes, uint64_t inodes, struct error *err)
{
	struct shape shape = {.data = bytes / STORAGE_BLOCK};
	char name[64];

	(void)snprintf(name, sizeof(name), "template-%" PRIu64 "-%" PRIu64 ".img", bytes >> 20, inodes);
	int fd = open_made(directory, name, &shape, err);
	if (fd != -ENOENT)
		return fd;
	/* Another start may make it: wait for that, and look again. */
	int r = lock_exclusive(directory, (MKFS_SECONDS + 5) * 1000);
	if (r < 0)
		return error_set(err, -r, "lock of the storage directory");
	fd = open_made(directory, name, &shape, err);
	if (fd == -ENOENT)
		fd = make(directory, name, &shape, inodes, err);
	(void)flock(directory, LOCK_UN);
	return fd;
}
