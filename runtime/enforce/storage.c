/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/mount_tree.h"
#include "enforce/storage_internal.h"

/* mkdir -p with 0700. */
static int make_directory(const char *path, struct error *err)
{
	_cleanup_free_ char *copy = strdup(path);
	if (!copy)
		return error_set(err, ENOMEM, "storage directory");
	for (char *slash = copy; *slash && (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return error_set(err, errno, "storage directory %s", copy);
		*slash = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? error_set(err, errno, "storage directory %s", path) : 0;
}

/* Templates become file systems that the kernel mounts: nobody else may have a hand in them. */
static int check_directory(int fd, const char *path, uint64_t bytes, struct error *err)
{
	struct stat st;
	struct statfs host;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &host) < 0)
		return error_set(err, errno, "storage directory %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		(void)error_say(err, EPERM, "storage directory %s belongs to someone else, or others can write to it",
				path);
		return error_hint(err, "name another with --storage-dir");
	}
	if (host.f_type == TMPFS_MAGIC || host.f_type == RAMFS_MAGIC) {
		(void)error_say(err, EINVAL, "storage directory %s lies in memory", path);
		return error_hint(err, "name one on a disk with --storage-dir");
	}
	if (bytes / (uint64_t)host.f_bsize > (uint64_t)host.f_blocks) {
		(void)error_say(err, ENOSPC, "a storage quota of %" PRIu64 " MiB is more than all of the disk of %s",
				bytes >> 20, path);
		return error_hint(err,
				  "lower storage_quota_mb, or name a directory on a larger disk with --storage-dir");
	}
	return 0;
}

static int open_directory(const char *path, uint64_t bytes, int *directory, struct error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_fd_ int fd = open(path, flags);

	if (fd < 0 && errno == ENOENT) {
		int r = make_directory(path, err);
		if (r < 0)
			return r;
		fd = open(path, flags);
	}
	if (fd < 0)
		return error_set(err, errno, "storage directory %s", path);
	int r = check_directory(fd, path, bytes, err);
	if (r == 0)
		*directory = TAKE_FD(fd);
	return r;
}

/* A file without a name: nothing to remove, whoever dies. */
static int open_image(int directory, struct error *err)
{
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		char name[32];
		(void)snprintf(name, sizeof(name), "image-%d", (int)getpid());
		(void)unlinkat(directory, name, 0); /* of an earlier process of this number */
		fd = openat(directory, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			(void)unlinkat(directory, name, 0);
	}
	return fd < 0 ? error_set(err, errno, "image in the storage directory") : fd;
}

static int copy_range(int from, int to, off_t at, off_t end)
{
	char buffer[16 * 1024];

	while (at < end) {
		size_t want = (uint64_t)(end - at) < sizeof(buffer) ? (size_t)(end - at) : sizeof(buffer);
		ssize_t n = pread(from, buffer, want, at);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (pwrite(to, buffer, (size_t)n, at) != n)
			return errno ? -errno : -EIO;
		at += n;
	}
	return 0;
}

static int set_size(int from, int to, struct error *err)
{
	off_t size = lseek(from, 0, SEEK_END);

	return size < 0 || ftruncate(to, size) < 0 ? error_set(err, errno, "size of an image") : 0;
}

/*
 * A copy of what is data in the template; the rest stays a hole.  The device is told to read it at once: the mount and the
 * first directories would wait for one block after the other.
 */
static int copy_data(int from, int to, int device, struct error *err)
{
	for (off_t at = 0;;) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0;
		off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return error_set(err, errno, "holes of a storage template");
		int r = copy_range(from, to, data, hole);
		if (r < 0)
			return error_set(err, -r, "copy of a storage template");
		(void)posix_fadvise(device, data, hole - data, POSIX_FADV_WILLNEED);
		at = hole;
	}
}

static int mount_device(int number, int *tree, struct error *err)
{
	char path[32];
	/*
	 * Nothing of it outlives the sandbox, so no fsync inside needs to reach the host's disk (nobarrier) and nobody
	 * has to fill inode tables that are holes, which read as zeros, by writing them (noinit_itable).
	 */
	const struct mount_option options[] = {{"source", path},
					       {"errors", "remount-ro"},
					       {"nobarrier", NULL},
					       {"noinit_itable", NULL},
					       {"no_prefetch_block_bitmaps", NULL},
					       {NULL, NULL}};

	(void)snprintf(path, sizeof(path), "/dev/loop%d", number);
	return mount_new("ext4", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, tree, err);
}

/* The kernel says what can be used: a template that was tampered with, or a kernel that counts in another way, is no limit. */
static int measure(struct storage *storage, uint64_t bytes, struct error *err)
{
	struct statfs found;

	if (fstatfs(storage->tree, &found) < 0)
		return error_set(err, errno, "size of the writable file system");
	storage->bytes = (uint64_t)found.f_bavail * (uint64_t)found.f_bsize;
	storage->inodes = found.f_ffree;
	if (storage->bytes <= bytes && bytes - storage->bytes <= storage_tolerance(bytes))
		return 0;
	(void)error_say(err, EUCLEAN, "the writable file system holds %" PRIu64 " bytes instead of %" PRIu64,
			storage->bytes, bytes);
	return error_hint(err, "remove the templates in the storage directory");
}

static int fill(int directory, uint64_t bytes, uint64_t inodes, struct storage *storage, struct error *err)
{
	_cleanup_fd_ int template = storage_template_open(directory, bytes, inodes, err);
	if (template <0)
		return template;
	_cleanup_fd_ int image = open_image(directory, err);
	if (image < 0)
		return image;
	_cleanup_fd_ int device = -1;
	/* Bound while it is empty: LOOP_CONFIGURE syncs the file to the disk.  The device sees what is written later. */
	int r = set_size(template, image, err);
	if (r == 0)
		r = storage_loop_attach(image, &storage->loop_number, &device, err);
	if (r == 0)
		r = copy_data(template, image, device, err);
	if (r == 0)
		r = mount_device(storage->loop_number, &storage->tree, err);
	return r < 0 ? r : measure(storage, bytes, err);
}

int storage_create(const char *directory, uint64_t bytes, uint64_t inodes, struct storage *storage, struct error *err)
{
	struct storage made = STORAGE_NONE;
	_cleanup_fd_ int fd = -1;
	int r = open_directory(directory, bytes, &fd, err);

	if (r == 0)
		r = fill(fd, bytes, inodes, &made, err);
	if (r < 0)
		storage_release(&made);
	else
		*storage = made;
	return r;
}

int storage_usage(const struct storage *storage, struct storage_usage *usage)
{
	struct statfs now;

	if (fstatfs(storage->tree, &now) < 0)
		return -errno;
	*usage = (struct storage_usage){
		.bytes = storage->bytes - (uint64_t)now.f_bavail * (uint64_t)now.f_bsize,
		.bytes_limit = storage->bytes,
		.inodes = storage->inodes - now.f_ffree,
		.inodes_limit = storage->inodes,
	};
	return 0;
}

void storage_release(struct storage *storage)
{
	cleanup_fd(&storage->tree);
	storage_loop_reclaim();
	*storage = STORAGE_NONE;
}
