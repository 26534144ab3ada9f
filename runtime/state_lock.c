/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recipe/state.h"

/* Bytes of the file "lock". */
enum {
	BYTE_OWNER, /* held by whoever has the directory */
	BYTE_RECLAIMER, /* held besides by one who has it only to remove it: then it is worth waiting.  It comes next */
	BYTE_UPDATE, /* held by an `agentcore update`, beside the monitor */
};

static struct flock byte_lock(off_t byte)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static int lock_byte(int fd, off_t byte)
{
	struct flock lock = byte_lock(byte);

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/* Asked, not taken: a mere look must not make a start believe that the id is in use. */
static bool byte_is_locked(int fd, off_t byte)
{
	struct flock lock = byte_lock(byte);

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/*
 * In one question, since between two the holder may come or go: the kernel makes one lock of a reclaimer's two bytes, and
 * tells its length.
 */
static int held_by_another(int fd)
{
	struct flock lock = byte_lock(BYTE_OWNER);

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type == F_UNLCK || lock.l_len > 1 ? -EAGAIN : -EBUSY;
}

static int take(int fd, enum state_hold_as as)
{
	int r = 0;

	if (as == HOLD_TO_RECLAIM) {
		/* Most sandboxes that are looked at are alive: no mark on those, it would only confuse. */
		if (byte_is_locked(fd, BYTE_OWNER))
			return held_by_another(fd);
		/* The mark first: whoever finds the owner's byte held then finds the reason, too. */
		r = lock_byte(fd, BYTE_RECLAIMER);
	}
	if (r == 0)
		r = lock_byte(fd, BYTE_OWNER);
	return r == -EAGAIN ? held_by_another(fd) : r;
}

int state_hold(int sandboxes, const char *name, enum state_hold_as as, struct state_hold *hold)
{
	/*
	 * O_CREAT only for a new one: a lock file that comes into being in a directory that is being removed would
	 * keep it there.
	 */
	int create = as == HOLD_NEW ? O_CREAT : 0;
	_cleanup_fd_ int directory = openat(sandboxes, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	_cleanup_fd_ int lock = openat(directory, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC | create, 0600);
	if (lock < 0)
		return -errno;
	int r = take(lock, as);
	if (r < 0)
		return r;

	/* Between our open and our lock its last holder may have renamed the directory away, and another may have come. */
	struct stat named, held;
	if (fstatat(sandboxes, name, &named, AT_SYMLINK_NOFOLLOW) < 0 || fstat(directory, &held) < 0)
		return -errno;
	if (named.st_ino != held.st_ino || named.st_dev != held.st_dev)
		return -ENOENT;
	*hold = (struct state_hold){.directory = TAKE_FD(directory), .lock = TAKE_FD(lock)};
	return 0;
}

void state_let_go(struct state_hold *hold)
{
	cleanup_fd(&hold->directory);
	cleanup_fd(&hold->lock);
	*hold = (struct state_hold){-1, -1};
}

bool state_is_locked(int directory)
{
	_cleanup_fd_ int fd = openat(directory, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && byte_is_locked(fd, BYTE_OWNER);
}

int state_lock_update(int directory, struct error *err)
{
	_cleanup_fd_ int fd = openat(directory, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : lock_byte(fd, BYTE_UPDATE);

	if (r == -EAGAIN) {
		(void)error_say(err, EBUSY, "another update of this sandbox is under way");
		return error_hint(err, "try again");
	}
	return r < 0 ? error_set(err, -r, "lock of the sandbox") : TAKE_FD(fd);
}

/* By the file's end: it is closed (which the kernel does for a killed one too) when its holder is done. */
void state_await_reclaimer(int sandboxes, const char *name, int timeout_ms)
{
	char path[64 + STATE_ID_MAX];
	_cleanup_fd_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s/lock", sandboxes, name);
	if (watch < 0 || inotify_add_watch(watch, path, IN_CLOSE_WRITE | IN_DELETE_SELF) < 0)
		return; /* gone already */
	/* Looked at behind the watch: an end in between is not missed. */
	_cleanup_fd_ int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	struct pollfd end = {.fd = watch, .events = POLLIN};
	if (fd >= 0 && byte_is_locked(fd, BYTE_OWNER) && byte_is_locked(fd, BYTE_RECLAIMER))
		(void)poll(&end, 1, timeout_ms);
}
