/* SPDX-License-Identifier: Apache-2.0 */
/* The router shared by many at once, and what is left when holders of its addresses are killed. */
#include "router_guest.h"

#include <time.h>

/* --- At once, and killed -------------------------------------------------------------------------- */

/* A process that holds an address until its pipe is closed, or it is killed. */
struct holder {
	pid_t pid;
	int stay;
};

static int hold_address(const struct router_options *options, int ready, int stay)
{
	struct router *router = NULL;
	struct error err = {0};
	char byte = 0;

	if (router_open(&router, options, &err) < 0) {
		(void)fprintf(stderr, "router_open: %s; %s\n", err.text, err.hint);
		return 1;
	}
	const uint32_t address = router_address(router)->address;
	if (write(ready, &address, sizeof(address)) != sizeof(address) || read(stay, &byte, 1) != 0)
		return 2;
	if (router_close(router, &err) == 0)
		return 0;
	(void)fprintf(stderr, "router_close: %s\n", err.text);
	return 3;
}

/* Its address is read from ready. */
static struct holder start_holder(const struct router_options *options, int ready)
{
	int stay[2];

	assert_int_equal(pipe2(stay, O_CLOEXEC), 0);
	struct holder holder = {.pid = fork(), .stay = stay[1]};
	if (holder.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(stay[1]);
		_exit(hold_address(options, ready, stay[0]));
	}
	(void)close(stay[0]);
	return holder;
}

static int end_holder(const struct holder *holder, int signal)
{
	int status = 0;

	if (signal)
		(void)kill(holder->pid, signal);
	(void)close(holder->stay);
	assert_int_equal(waitpid(holder->pid, &status, 0), holder->pid);
	return signal ? 0 : status;
}

static uint32_t read_address(int ready)
{
	uint32_t address = 0;

	assert_true(readable(ready, PATIENCE_MS));
	assert_int_equal(read(ready, &address, sizeof(address)), sizeof(address));
	return address;
}

#define CROWD 32

static void test_crowd(void **state)
{
	const struct router_options options = options_of(24);
	struct holder holders[CROWD];
	bool seen[256] = {false};
	int ready[2];

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	for (int i = 0; i < CROWD; i++)
		holders[i] = start_holder(&options, ready[1]);
	for (int i = 0; i < CROWD; i++) {
		const uint32_t address = read_address(ready[0]);
		assert_false(seen[address & 0xff]);
		seen[address & 0xff] = true;
	}
	/* All at once again; each waits for its own pipe only, which its younger brothers hold as well until they end. */
	for (int i = CROWD - 1; i >= 0; i--)
		(void)close(holders[i].stay);
	for (int i = 0; i < CROWD; i++) {
		int status = -1;
		assert_int_equal(waitpid(holders[i].pid, &status, 0), holders[i].pid);
		assert_int_equal(status, 0);
	}
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void test_killed_beside_another(void **state)
{
	const struct router_options options = options_of(28);
	struct guest guest = {0}, other = {0};
	uint32_t killed = 0;
	int ready[2];

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	admit(&other, &options);
	/* The child gets a sandbox with elements, and dies with it. */
	pid_t pid = fork();
	if (pid == 0) {
		admit(&guest, &options);
		if (write(ready[1], &guest.rules.address, sizeof(uint32_t)) == sizeof(uint32_t))
			(void)pause();
		_exit(1);
	}
	killed = read_address(ready[0]);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	/* Until it is its turn again; rules_add would refuse elements that are there. */
	bool again = false;
	for (int i = 0; i < 12; i++) {
		admit(&guest, &options);
		again |= guest.rules.address == killed;
		assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
		dismiss(&guest);
	}
	assert_true(again);
	assert_int_equal(router_reclaim(&options, NULL), 0);
	assert_int_equal(exchange_udp(&other.place), TEST_HOST);
	dismiss(&other);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* What delete knows. */
static struct router_options reclaim_options(void)
{
	return (struct router_options){.state_dir = state_dir, .state_path = state_path, .far_end = -1};
}

static void test_killed_as_the_last(void **state)
{
	const struct router_options options = options_of(24), reclaim = reclaim_options();
	struct error err = {0};
	int ready[2];

	(void)state;
	/* Nothing there at all. */
	assert_int_equal(router_reclaim(&reclaim, &err), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	struct holder holder = start_holder(&options, ready[1]);
	(void)read_address(ready[0]);
	(void)end_holder(&holder, SIGKILL);
	assert_answer(&host, "nft list tables | wc -l", "1");
	assert_answer(&host, "cat /proc/sys/net/ipv4/conf/out0/forwarding", "1");
	/* From elsewhere: where the far end is must be remembered. */
	go(&world);
	int r = router_reclaim(&reclaim, &err);
	go(&host);
	if (r < 0)
		fail_msg("router_reclaim: %s", err.text);
	assert_true(is_clean());
	assert_int_equal(router_reclaim(&reclaim, &err), 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void test_killed_and_made_anew(void **state)
{
	const struct router_options options = options_of(24);
	struct guest guest = {0};
	int ready[2];

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	for (int i = 0; i < 3; i++) {
		struct holder holder = start_holder(&options, ready[1]);
		(void)read_address(ready[0]);
		(void)end_holder(&holder, SIGKILL);
	}
	admit(&guest, &options);
	assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
	dismiss(&guest);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* At any moment of making it and of taking it down. */
static void test_killed_half_way(void **state)
{
	const struct router_options options = options_of(24), reclaim = reclaim_options();
	struct error err = {0};

	(void)state;
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct router *router = NULL;
			if (router_open(&router, &options, NULL) == 0)
				(void)router_close(router, NULL);
			_exit(0);
		}
		const struct timespec pause = {.tv_nsec = i * 250000L};
		(void)nanosleep(&pause, NULL);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		if (router_reclaim(&reclaim, &err) < 0)
			fail_msg("after %d us: %s", i * 250, err.text);
		assert_answer(&host, "nft list tables; cat /proc/sys/net/ipv4/conf/out0/forwarding", "0");
	}
}

/* A monitor that could not remove its elements says so, and lives on to give the address back. */
static void test_given_back_soiled(void **state)
{
	const struct router_options options = options_of(28);
	struct guest guest = {0}, other = {0};
	struct error err = {0};

	(void)state;
	admit(&other, &options);
	admit(&guest, &options);
	const uint32_t soiled = guest.rules.address;
	end_place(&guest.place);
	router_soil(guest.router);
	if (router_close(guest.router, &err) < 0)
		fail_msg("router_close: %s", err.text);
	/* As above: rules_add would refuse elements that are there. */
	bool again = false;
	for (int i = 0; i < 12; i++) {
		admit(&guest, &options);
		again |= guest.rules.address == soiled;
		assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
		dismiss(&guest);
	}
	assert_true(again);
	dismiss(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN_TEST(test_crowd),
		CLEAN_TEST(test_killed_beside_another),
		CLEAN_TEST(test_killed_as_the_last),
		CLEAN_TEST(test_killed_and_made_anew),
		CLEAN_TEST(test_killed_half_way),
		CLEAN_TEST(test_given_back_soiled),
	};
	return cmocka_run_group_tests_name("router_crash", tests, NULL, NULL);
}
