/* SPDX-License-Identifier: Apache-2.0 */
/* Loop devices: loop(4). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "enforce/storage_internal.h"

#define CONTROL      "/dev/loop-control"
#define NUMBERS_MAX  4096
#define LOCK_WAIT_MS 10000 /* held for less than a millisecond */
#define LOST_MAX     8 /* new nodes that somebody who does not know our lock removed at once */

/*
 * For each node that appeared for us an empty file with its number.  One place for the whole machine, as the nodes are, and
 * as they are gone with the next boot.
 */
#define MARKS "/run/agentcore-loop"

/* Locked until it is closed.  -ENOENT without make: no node ever appeared for us. */
static int open_marks(bool make)
{
	if (make && mkdir(MARKS, 0700) < 0 && errno != EEXIST)
		return -errno;
	_cleanup_fd_ int fd = open(MARKS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	int r = lock_exclusive(fd, LOCK_WAIT_MS);
	return r < 0 ? r : TAKE_FD(fd);
}

/* The kernel shows the attributes of a device while it is bound.  Only a hint, to save the attempt. */
static bool is_bound(int number)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/block/loop%d/loop/autoclear", number);
	return access(path, F_OK) == 0;
}

static int bind_image(int number, int image, int *device)
{
	char path[32];
	/* With sectors of one block ext4 need not change the device's block size, which throws its cache away. */
	struct loop_config config = {
		.fd = (unsigned)image, .block_size = STORAGE_BLOCK, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};

	(void)snprintf(path, sizeof(path), "/dev/loop%d", number);
	(void)snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "agentcore");
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	*device = TAKE_FD(fd);
	return 0;
}

static bool is_missing(int code)
{
	return code == -ENOENT || code == -ENXIO || code == -ENODEV;
}

/*
 * A new device, remembered among the marks, and that first: whoever is killed in between leaves a mark too many, not a
 * node.  LOOP_CTL_GET_FREE would not tell whether it found the device or made it.
 */
static int make_node(int marks, int control, int number)
{
	char mark[16];

	(void)snprintf(mark, sizeof(mark), "%d", number);
	_cleanup_fd_ int fd = openat(marks, mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return -errno;
	if (ioctl(control, LOOP_CTL_ADD, number) >= 0)
		return 0;
	int r = -errno;
	if (fd >= 0) /* an older mark is that of an older node */
		(void)unlinkat(marks, mark, 0);
	return r;
}

/* -EBUSY: somebody has it. */
static int try_number(int control, int number, int image, int *device)
{
	int r = bind_image(number, image, device);

	if (!is_missing(r))
		return r;
	/* Held until it is bound: whoever ends removes what is marked and free. */
	_cleanup_fd_ int marks = open_marks(true);
	if (marks < 0)
		return marks;
	r = make_node(marks, control, number);
	/* There, but not to be opened: it is on its way out, which takes some milliseconds. */
	if (r == -EEXIST)
		return -EBUSY;
	return r < 0 ? r : bind_image(number, image, device);
}

int storage_loop_attach(int image, int *number, int *device, struct error *err)
{
	_cleanup_fd_ int control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (control < 0) {
		(void)error_set(err, errno, "%s", CONTROL);
		return error_hint(err, "the storage quota needs loop devices: modprobe loop");
	}

	int last = -1, r = -EBUSY;
	for (int lost = 0; last + 1 < NUMBERS_MAX && (r == -EBUSY || (is_missing(r) && lost++ < LOST_MAX));)
		if (!is_bound(++last))
			r = try_number(control, last, image, device);
	if (r == 0) {
		*number = last;
		return 0;
	}
	(void)error_set(err, -r, "/dev/loop%d, whose mark would lie in %s", last, MARKS);
	return is_missing(r) ? error_hint(err, "/dev must be a devtmpfs, where new devices appear") : r;
}

/* Its mark goes with it.  EBUSY: somebody uses it, and ends later than we. */
static void remove_node(int marks, int control, const char *mark)
{
	char *end;
	long number = strtol(mark, &end, 10);

	if (end == mark || *end || number < 0)
		return;
	if (ioctl(control, LOOP_CTL_REMOVE, number) == 0 || errno == ENODEV)
		(void)unlinkat(marks, mark, 0);
}

void storage_loop_reclaim(void)
{
	int marks = open_marks(false);
	if (marks < 0)
		return;
	_cleanup_fd_ int control = open(CONTROL, O_RDWR | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fdopendir(marks);
	if (!dir)
		cleanup_fd(&marks);
	for (const struct dirent *entry; dir && control >= 0 && (entry = readdir(dir));)
		remove_node(marks, control, entry->d_name);
}
