/* SPDX-License-Identifier: Apache-2.0 */
/* A lock that somebody else keeps is waited for, and not for ever. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/lock.h"

static char path[] = "/tmp/agentcore-lock-test.XXXXXX";

static int open_again(void)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void a_held_lock_is_not_had(void **state)
{
	int holder = open_again(), other = open_again();

	(void)state;
	assert_int_equal(lock_exclusive(holder, 0), 0);
	assert_int_equal(lock_exclusive(other, 20), -ETIMEDOUT);
	(void)close(holder);
	assert_int_equal(lock_exclusive(other, 0), 0);
	(void)close(other);
	assert_int_equal(lock_exclusive(-1, 0), -EBADF);
}

static void a_lock_is_waited_for(void **state)
{
	int ready[2], other = open_again(), status = 0;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		int fd = open(path, O_RDWR);
		struct timespec some = {.tv_nsec = 50 * 1000 * 1000};
		int r = lock_exclusive(fd, 5000);
		(void)!write(ready[1], "", 1);
		(void)nanosleep(&some, NULL);
		_exit(r == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(lock_exclusive(other, 10000), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(other);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_held_lock_is_not_had),
		cmocka_unit_test(a_lock_is_waited_for),
	};
	int fd = mkstemp(path);
	int failed = fd < 0 ? 1 : cmocka_run_group_tests_name("lock", tests, NULL, NULL);

	(void)close(fd);
	(void)unlink(path);
	return failed;
}
