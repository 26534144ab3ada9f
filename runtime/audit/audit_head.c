/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "base/cleanup.h"

#define HEAD_SIZE 256 /* more than the text ever has: what is longer is no head */

/*
 * The kernel has no lock with a time limit, and a signal would be the caller's business; a watch of inotify(7) takes longer to close
 * than a line takes to write.  So the lock is asked for again and again: its holders have it for some tens of microseconds.
 */
int audit_lock(int fd, short type, int timeout_ms)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	struct timespec pause = {.tv_nsec = 50 * 1000}, start, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 >= timeout_ms)
			return -ETIMEDOUT;
		(void)ppoll(NULL, 0, &pause, NULL);
		if (pause.tv_nsec < 2 * 1000 * 1000)
			pause.tv_nsec += pause.tv_nsec / 2;
	}
	return 0;
}

int audit_head_lock(int directory, int timeout_ms, struct error *err)
{
	for (int tries = 0; tries < 100; tries++) {
		struct stat status;
		_cleanup_fd_ int fd =
			openat(directory, AUDIT_HEAD, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
		if (fd < 0)
			return error_set(err, errno, "audit log: %s", AUDIT_HEAD);
		int r = audit_check_owner(fd, AUDIT_HEAD, err);
		if (r < 0)
			return r;
		r = audit_lock(fd, F_WRLCK, timeout_ms);
		if (r == -ETIMEDOUT) {
			(void)error_say(err, ETIMEDOUT, "audit log: another writer has held %s for %d ms", AUDIT_HEAD,
					timeout_ms);
			(void)error_hint(err, "fuser(1) names who has it open; is that process stopped?");
			return r;
		}
		if (r < 0)
			return error_set(err, -r, "audit log: lock of %s", AUDIT_HEAD);
		/* Removed while we waited: the next writer would lock another. */
		if (fstat(fd, &status) == 0 && status.st_nlink > 0)
			return TAKE_FD(fd);
	}
	return error_say(err, EAGAIN, "audit log: %s is removed again and again", AUDIT_HEAD);
}

static size_t print_head(char text[HEAD_SIZE], const struct audit_head *head)
{
	/* Numbers of one width: the next head covers this one whole. */
	return (size_t)snprintf(text, HEAD_SIZE,
				"agentcore-audit-head 1 sequence %020" PRIu64 " digest %s file %s size %020" PRIu64
				" first %020" PRIu64 "\n",
				head->last.sequence, head->last.digest, head->file, head->size, head->first);
}

/* Good is only what print_head writes, to the byte. */
static bool parse_head(const char *text, size_t length, struct audit_head *head)
{
	char again[HEAD_SIZE];
	struct audit_head found = {.size = 0};

	if (sscanf(text,
		   "agentcore-audit-head 1 sequence %20" SCNu64
		   " digest %64[0-9a-f] file %22[a-z0-9_.-] size %20" SCNu64 " first %20" SCNu64,
		   &found.last.sequence, found.last.digest, found.file, &found.size, &found.first) != 5)
		return false;
	if (print_head(again, &found) != length || memcmp(again, text, length) != 0)
		return false;
	*head = found;
	return true;
}

int audit_head_read(int fd, struct audit_head *head, enum audit_head_state *state)
{
	char text[HEAD_SIZE + 1];
	ssize_t length = pread(fd, text, HEAD_SIZE, 0);

	if (length < 0)
		return -errno;
	text[length] = '\0';
	if (length == 0)
		*state = HEAD_EMPTY;
	else
		*state = parse_head(text, (size_t)length, head) ? HEAD_GOOD : HEAD_BAD;
	return 0;
}

int audit_head_write(int fd, const struct audit_head *head)
{
	char text[HEAD_SIZE];
	size_t length = print_head(text, head);
	struct stat status;
	ssize_t n = pwrite(fd, text, length, 0);

	if (n < 0)
		return -errno;
	if ((size_t)n != length)
		return -ENOSPC;
	/* Only a damaged one is longer. */
	if (fstat(fd, &status) == 0 && status.st_size != n && ftruncate(fd, n) < 0)
		return -errno;
	return 0;
}
