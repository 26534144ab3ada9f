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
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/storage_internal.h"

#define CONTROL     "/dev/loop-control"
#define MARK        "loop-" /* and the number: a file in the directory for each node that appeared for us */
#define NUMBERS_MAX 4096
#define TRIES_MAX   8

int storage_lock(int directory)
{
	while (flock(directory, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void storage_unlock(int directory)
{
	(void)flock(directory, LOCK_UN);
}

static int open_control(struct error *err)
{
	int control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (control >= 0)
		return control;
	(void)error_set(err, errno, "%s", CONTROL);
	return error_hint(err, "the storage quota needs loop devices: modprobe loop");
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
	struct loop_config config = {.fd = (unsigned)image, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};

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
 * A new device, remembered in the directory, and that first: whoever is killed in between leaves a mark too many, not a
 * node.  LOOP_CTL_GET_FREE would not tell whether it found the device or made it.
 */
static int make_node(int directory, int control, int number)
{
	char mark[32];

	(void)snprintf(mark, sizeof(mark), MARK "%d", number);
	_cleanup_fd_ int fd = openat(directory, mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (ioctl(control, LOOP_CTL_ADD, number) >= 0)
		return 0;
	int r = -errno;
	(void)unlinkat(directory, mark, 0);
	return r == -EEXIST ? 0 : r; /* somebody else just did, and will remove it */
}

/* -EBUSY: somebody has it. */
static int try_number(int directory, int control, int number, int image, int *device)
{
	int r = bind_image(number, image, device);

	/* Others may remove it again while it is free: they do not know our lock. */
	for (int i = 0; i < TRIES_MAX && is_missing(r); i++) {
		r = make_node(directory, control, number);
		if (r == 0)
			r = bind_image(number, image, device);
	}
	return r;
}

int storage_loop_attach(int directory, int image, int *number, int *device, struct error *err)
{
	_cleanup_fd_ int control = open_control(err);
	if (control < 0)
		return control;
	int r = storage_lock(directory);
	if (r < 0)
		return error_set(err, -r, "lock of the storage directory");

	int at = 0;
	for (r = -EBUSY; at < NUMBERS_MAX && r == -EBUSY; at++)
		if (!is_bound(at))
			r = try_number(directory, control, at, image, device);
	storage_unlock(directory);
	if (r == 0) {
		*number = at - 1;
		return 0;
	}
	(void)error_set(err, -r, "/dev/loop%d", at - 1);
	return is_missing(r) ? error_hint(err, "/dev must be a devtmpfs, where new devices appear") : r;
}

/* Marks are removed only when their device is: EBUSY is somebody who uses it, and ends later than we. */
static void remove_node(int directory, int control, const char *mark)
{
	char *end;
	long number = strtol(mark, &end, 10);

	if (end == mark || *end || number < 0)
		return;
	if (ioctl(control, LOOP_CTL_REMOVE, number) == 0 || errno == ENODEV) {
		char name[32];
		(void)snprintf(name, sizeof(name), MARK "%ld", number);
		(void)unlinkat(directory, name, 0);
	}
}

/* The marks, read through a descriptor of its own: the other's position would have to be set back. */
static DIR *open_marks(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		cleanup_fd(&fd);
	return dir;
}

void storage_loop_reclaim(int directory)
{
	_cleanup_dir_ DIR *dir = open_marks(directory);
	_cleanup_fd_ int control = -1;

	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, MARK, strlen(MARK)) != 0)
			continue;
		/* Without the lock a start that just found the device would find it gone. */
		if (control < 0 && ((control = open(CONTROL, O_RDWR | O_CLOEXEC)) < 0 || storage_lock(directory) < 0))
			return;
		remove_node(directory, control, entry->d_name + strlen(MARK));
	}
	if (control >= 0)
		storage_unlock(directory);
}
