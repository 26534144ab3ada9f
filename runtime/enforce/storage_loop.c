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

#define CONTROL      "/dev/loop-control"
#define ATTEMPTS_MAX 1000 /* each failed one means that somebody else got a device */

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

/* The lowest number without a device: the one that LOOP_CTL_GET_FREE makes when all that exist are in use. */
static int first_missing(void)
{
	char path[32];
	int number = 0;

	do
		(void)snprintf(path, sizeof(path), "/dev/loop%d", number);
	while (access(path, F_OK) == 0 && number++ < INT16_MAX);
	return number;
}

/* A device that is unbound now, remembered in the directory if it appeared just for us.  Its number, or a negative errno. */
static int take_number(int directory, int control)
{
	int missing = first_missing();
	int number = ioctl(control, LOOP_CTL_GET_FREE);

	if (number < 0)
		return -errno;
	if (number == missing) {
		char mark[32];
		(void)snprintf(mark, sizeof(mark), "loop-%d", number);
		_cleanup_fd_ int fd = openat(directory, mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
	}
	return number;
}

static int bind_image(int number, int image, int *device)
{
	char path[32];
	struct loop_config config = {
		.block_size = STORAGE_BLOCK, .fd = (unsigned)image, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};

	(void)snprintf(path, sizeof(path), "/dev/loop%d", number);
	(void)snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "agentcore");
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	*device = TAKE_FD(fd);
	return 0;
}

/* Between the search and the binding others may take the device (EBUSY) or remove it: our lock is ours alone. */
static bool lost_race(int code)
{
	return code == -EBUSY || code == -ENOENT || code == -ENXIO || code == -ENODEV;
}

int storage_loop_attach(int directory, int image, int *number, int *device, struct error *err)
{
	_cleanup_fd_ int control = open_control(err);
	if (control < 0)
		return control;
	int r = storage_lock(directory);
	if (r < 0)
		return error_set(err, -r, "lock of the storage directory");

	int found = -1;
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		found = take_number(directory, control);
		r = found < 0 ? found : bind_image(found, image, device);
		if (found < 0 || !lost_race(r))
			break;
	}
	storage_unlock(directory);
	if (r < 0) {
		(void)error_set(err, -r, found < 0 ? "free loop device" : "/dev/loop%d", found);
		return lost_race(r) ? error_hint(err, "/dev must be a devtmpfs, where new devices appear") : r;
	}
	*number = found;
	return 0;
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
		(void)snprintf(name, sizeof(name), "loop-%ld", number);
		(void)unlinkat(directory, name, 0);
	}
}

/* The marks, read through a descriptor of its own: the other's position would have to be set back. */
static DIR *open_marks(int directory)
{
	_cleanup_fd_ int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		fd = -1;
	return dir;
}

void storage_loop_reclaim(int directory)
{
	static const char prefix[] = "loop-";
	_cleanup_dir_ DIR *dir = open_marks(directory);
	_cleanup_fd_ int control = -1;

	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) != 0)
			continue;
		/* Without the lock a start that just found the device would find it gone. */
		if (control < 0 && ((control = open(CONTROL, O_RDWR | O_CLOEXEC)) < 0 || storage_lock(directory) < 0))
			return;
		remove_node(directory, control, entry->d_name + sizeof(prefix) - 1);
	}
	if (control >= 0)
		storage_unlock(directory);
}
