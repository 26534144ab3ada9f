/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: who holds what, what a dead holder leaves, numbers that never come again. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netpolicy/pool.h"
#include "netpolicy/router.h"

#define NETWORK 0x0ad50000u

static char path[64];
static int directory = -1;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/agentcore-pool-test-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlinkat(directory, "pool", 0);
	(void)close(directory);
	return rmdir(path);
}

static struct pool opened(unsigned prefix)
{
	struct pool pool = POOL_CLOSED;
	struct error err = {0};

	if (pool_open(&pool, directory, NETWORK, prefix, &err) < 0)
		fail_msg("%s", err.text);
	return pool;
}

static struct pool fresh(unsigned prefix)
{
	struct pool pool = opened(prefix);

	assert_int_equal(pool_reset(&pool, NULL), 0);
	return pool;
}

static void test_layout(void **state)
{
	const struct pool small = {.fd = -1, .network = NETWORK, .prefix = 28};
	const struct pool large = {.fd = -1, .network = NETWORK, .prefix = 16};

	(void)state;
	assert_int_equal(pool_slots(28), 10);
	assert_int_equal(pool_slots(24), 250);
	assert_int_equal(pool_slots(16), ROUTER_SLOTS_MAX);
	assert_int_equal(pool_gateway(&small), NETWORK + 1);
	assert_int_equal(pool_address(&small, 0), NETWORK + 2);
	/* The last slot's address is the one before the uplink's network. */
	assert_int_equal(pool_address(&small, 9), NETWORK + 11);
	assert_int_equal(pool_uplink(&small), NETWORK + 13);
	assert_int_equal(pool_uplink(&large), NETWORK + 0xfffd);
}

static void test_one_holder_each(void **state)
{
	struct pool pools[10], more = fresh(28);
	struct error err = {0};
	bool seen[10] = {false}, dirty = false;
	unsigned slot = 99;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		pools[i] = opened(28);
		assert_int_equal(pool_take(&pools[i], 7, &slot, &dirty, &err), 0);
		assert_false(dirty);
		assert_true(slot < 10 && !seen[slot]);
		seen[slot] = true;
	}
	assert_int_equal(pool_take(&more, 7, &slot, &dirty, &err), -EBUSY);
	assert_non_null(strstr(err.text, "10"));
	assert_string_not_equal(err.hint, "");
	assert_int_equal(pool_in_use(&more, NULL), 1);
	assert_int_equal(pool_release(&pools[3], 0, false, NULL), 0); /* of another: nothing of ours is unlocked */
	for (int i = 0; i < 10; i++)
		pool_close(&pools[i]);
	assert_int_equal(pool_in_use(&more, NULL), 0);
	pool_close(&more);
}

static void test_own_lock_is_no_use(void **state)
{
	struct pool pool = fresh(24);
	bool dirty = false;
	unsigned slot = 0;

	(void)state;
	assert_int_equal(pool_take(&pool, 1, &slot, &dirty, NULL), 0);
	assert_int_equal(pool_in_use(&pool, NULL), 0);
	pool_close(&pool);
}

static void test_dirty_after_death(void **state)
{
	struct pool pool = fresh(28);
	bool dirty = true;
	unsigned slot = 99;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		struct pool own = POOL_CLOSED;
		if (pool_open(&own, directory, NETWORK, 28, NULL) == 0 &&
		    pool_take(&own, 5, &slot, &dirty, NULL) == 0 && !dirty && slot == 5)
			(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));

	assert_int_equal(pool_take(&pool, 5, &slot, &dirty, NULL), 0);
	assert_int_equal(slot, 5);
	assert_true(dirty);
	/* Who cannot clean it leaves it dirty. */
	assert_int_equal(pool_release(&pool, slot, true, NULL), 0);
	assert_int_equal(pool_take(&pool, 5, &slot, &dirty, NULL), 0);
	assert_true(dirty);
	assert_int_equal(pool_release(&pool, slot, false, NULL), 0);
	assert_int_equal(pool_take(&pool, 5, &slot, &dirty, NULL), 0);
	assert_false(dirty);
	pool_close(&pool);
}

static unsigned take(struct pool *pool, uint32_t number)
{
	bool dirty = false;
	unsigned slot = 0;

	assert_int_equal(pool_take(pool, number, &slot, &dirty, NULL), 0);
	assert_false(dirty);
	return slot;
}

static void test_in_turn(void **state)
{
	struct pool pool = fresh(16);

	(void)state;
	/* Of a large pool that is hardly in use, a part. */
	for (uint32_t i = 1; i <= 600; i++) {
		const unsigned slot = take(&pool, i);
		assert_int_equal(slot, i % 256);
		assert_int_equal(pool_release(&pool, slot, false, NULL), 0);
	}
	/* It grows with what is in use, which never comes twice: to all of it. */
	static struct pool pools[600];
	static bool seen[2048];
	for (uint32_t i = 0; i < 600; i++) {
		pools[i] = opened(16);
		const unsigned slot = take(&pools[i], 1000 + i);
		assert_true(slot < 2048 && !seen[slot]);
		seen[slot] = true;
	}
	for (uint32_t i = 0; i < 600; i++)
		pool_close(&pools[i]);
	pool_close(&pool);
}

/* A child that has the descriptor still does not hold what was given back. */
static void test_released_in_spite_of_a_copy(void **state)
{
	struct pool pool = fresh(28), other = opened(28);
	bool dirty = false;
	unsigned slot = 0;

	(void)state;
	assert_int_equal(pool_take(&pool, 1, &slot, &dirty, NULL), 0);
	int copy = fcntl(pool.fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(pool_release(&pool, slot, false, NULL), 0);
	pool_close(&pool);
	assert_int_equal(pool_in_use(&other, NULL), 0);
	(void)close(copy);
	pool_close(&other);
}

static void set_number(const struct pool *pool, uint32_t number)
{
	assert_int_equal(pwrite(pool->fd, &number, sizeof(number), 8), sizeof(number));
}

static void test_numbers(void **state)
{
	struct pool pool = fresh(24);
	struct error err = {0};
	uint32_t number = 0;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(pool_number(&pool, &number, NULL), 0);
		assert_int_equal(number, i);
	}
	/* A new router goes on, and a reopened file as well. */
	assert_int_equal(pool_reset(&pool, NULL), 0);
	pool_close(&pool);
	pool = opened(24);
	assert_int_equal(pool_number(&pool, &number, NULL), 0);
	assert_int_equal(number, 6);
	/* At the end there is no next one; only a new router may start over. */
	set_number(&pool, 0x7ffffeff);
	assert_int_equal(pool_number(&pool, &number, NULL), 0);
	assert_int_equal(pool_number(&pool, &number, &err), -EOVERFLOW);
	assert_string_not_equal(err.hint, "");
	assert_int_equal(pool_reset(&pool, NULL), 0);
	assert_int_equal(pool_number(&pool, &number, NULL), 0);
	assert_int_equal(number, 1);
	pool_close(&pool);
}

static void test_broken_file(void **state)
{
	uint32_t number = 0;
	struct error err = {0};
	struct pool pool = opened(24);

	(void)state;
	assert_int_equal(pwrite(pool.fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 32, 0), 32);
	assert_int_equal(pool_reset(&pool, NULL), 0);
	assert_int_equal(pool_number(&pool, &number, NULL), 0);
	assert_int_equal(number, 1);
	pool_close(&pool);
	/* Neither a link nor a directory is taken for it. */
	assert_int_equal(unlinkat(directory, "pool", 0), 0);
	assert_int_equal(symlinkat("/dev/null", directory, "pool"), 0);
	assert_int_equal(pool_open(&pool, directory, NETWORK, 24, &err), -ELOOP);
	assert_int_equal(pool.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test_setup_teardown(test_one_holder_each, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_own_lock_is_no_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dirty_after_death, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_in_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_released_in_spite_of_a_copy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_file, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
