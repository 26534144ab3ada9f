/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce/id_range.h"

static char directory[64];
static int state_dir;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/id-range-test.XXXXXX");
	assert_non_null(mkdtemp(directory));
	state_dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return state_dir < 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlinkat(state_dir, "id-pool", 0);
	(void)close(state_dir);
	return rmdir(directory);
}

static void live_ranges_do_not_meet(void **state)
{
	(void)state;
	struct id_range ranges[50];

	for (size_t i = 0; i < 50; i++) {
		assert_int_equal(id_range_take(state_dir, &ranges[i], NULL), 0);
		assert_true(ranges[i].first >= ID_POOL_BASE);
		assert_int_equal((ranges[i].first - ID_POOL_BASE) % ID_RANGE_SIZE, 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(ranges[i].first, ranges[j].first);
	}
	for (size_t i = 0; i < 50; i++)
		(void)close(ranges[i].lock_fd);
}

/* The same process asks for the same slot first, so it gets it again once it is free. */
static void a_closed_range_is_free_again(void **state)
{
	(void)state;
	struct id_range first, second;

	assert_int_equal(id_range_take(state_dir, &first, NULL), 0);
	(void)close(first.lock_fd);
	assert_int_equal(id_range_take(state_dir, &second, NULL), 0);
	assert_int_equal(first.first, second.first);
	(void)close(second.lock_fd);
}

static void a_killed_holder_leaves_nothing_taken(void **state)
{
	(void)state;
	struct id_range mine, again;
	int ready[2];
	uint32_t theirs = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct id_range range;
		if (id_range_take(state_dir, &range, NULL) < 0)
			_exit(1);
		(void)!write(ready[1], &range.first, sizeof(range.first));
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &theirs, sizeof(theirs)), sizeof(theirs));
	(void)close(ready[0]);
	(void)close(ready[1]);
	uint32_t slot = (theirs - ID_POOL_BASE) / ID_RANGE_SIZE;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1};
	int pool = openat(state_dir, "id-pool", O_RDWR | O_CLOEXEC);
	assert_true(pool >= 0);
	assert_int_equal(fcntl(pool, F_OFD_SETLK, &lock), -1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(fcntl(pool, F_OFD_SETLK, &lock), 0);
	(void)close(pool);
	assert_int_equal(id_range_take(state_dir, &mine, NULL), 0);
	assert_int_equal(id_range_take(state_dir, &again, NULL), 0);
	(void)close(mine.lock_fd);
	(void)close(again.lock_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(live_ranges_do_not_meet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_closed_range_is_free_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_killed_holder_leaves_nothing_taken, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("id range", tests, NULL, NULL);
}
