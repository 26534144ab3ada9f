/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lock.h"

#include <errno.h>
#include <poll.h>
#include <sys/file.h>
#include <time.h>

#define FIRST_PAUSE_NS   (50 * 1000L)
#define LONGEST_PAUSE_NS (2 * 1000 * 1000L)

static long milliseconds_since(const struct timespec *start)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

int lock_exclusive(int fd, int timeout_ms)
{
	struct timespec pause = {.tv_nsec = FIRST_PAUSE_NS}, start;

	/* The kernel has no lock with a time limit, and an alarm would be the caller's business. */
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (milliseconds_since(&start) >= timeout_ms)
			return -ETIMEDOUT;
		(void)ppoll(NULL, 0, &pause, NULL);
		if (pause.tv_nsec < LONGEST_PAUSE_NS)
			pause.tv_nsec += pause.tv_nsec / 2;
	}
	return 0;
}
