/* SPDX-License-Identifier: Apache-2.0 */
/* The rules read back: as nft(8) changes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "router_fixture.h"

static const struct {
	const char *change, *said;
} changes[] = {
	{"nft flush ruleset", "bridge agentcore is missing"},
	{"nft delete table bridge agentcore", "bridge agentcore is missing"},
	{"nft add table ip foreign", "table foreign is not ours"},
	{"nft add chain ip agentcore other '{ type filter hook forward priority -10; }'", "chain other is not ours"},
	{"nft add chain ip agentcore log-x", "chain log-x is not ours"},
	{"nft add chain ip agentcore log-40", "chain log-40 is not as it was made"},
	{"nft flush chain ip agentcore log-1", "chain log-1 is not as it was made"},
	{"nft add chain bridge agentcore more && nft add chain ip agentcore more", "chain more is not ours"},
	{"nft add counter ip agentcore more", "an object in table agentcore"},
	{"nft add rule ip agentcore logged accept", "a rule in chain logged is not ours"},
	{"nft add chain ip agentcore forward '{ policy accept; }'", "chain forward is not as"},
	{"nft add chain bridge agentcore prerouting '{ policy accept; }'", "chain frames is not as"},
	{"nft insert rule ip agentcore forward accept", "rule uplink is not as"},
	{"nft add rule ip agentcore admit accept", "a rule in chain admit is not ours"},
	{"nft flush chain ip agentcore inward", "rule unasked is missing"},
	{"nft flush chain bridge agentcore prerouting", "rule not-ipv4 is missing"},
	{"h=$(nft -a list chain ip agentcore forward | sed -n 's/.*@never.*handle //p') && nft delete rule ip "
	 "agentcore forward handle $h",
	 "rule never is not as"},
	{"h=$(nft -a list chain ip agentcore inward | sed -n 's/.*@live.*handle //p') && nft replace rule ip agentcore "
	 "inward handle $h 'ip daddr . ct mark "
	 "@live drop'",
	 "rule established-mark is not as"},
	{"nft delete element ip agentcore never '{ 169.254.0.0/16 }'", "elements of set never are missing"},
	{"nft add element ip agentcore private '{ 1.0.0.0/8 }'", "an element of set private is not ours"},
	{"nft add set ip agentcore more '{ type ipv4_addr; }'", "set more is not ours"},
	{"nft add table ip agentcore '{ flags dormant; }'", "ip agentcore is not as"},
};

static void a_change_is_noticed(void **state)
{
	const struct host_list none = {NULL, 0};
	struct rules_sandbox b = sandbox_of(SANDBOX_B, 600, &none, 5);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct error err = {0};
		(void)fresh(NULL);
		add(&b);
		if (rules_verify(nft, &router, &err) < 0)
			fail_msg("%s", err.text);
		run("%s", changes[i].change);
		assert_int_equal(rules_verify(nft, &router, &err), -EBADMSG);
		if (!strstr(err.text, changes[i].said))
			fail_msg("%s: \"%s\"", changes[i].change, err.text);
	}
}

static void another_router_is_another(void **state)
{
	struct rules_router other = router;
	struct error err = {0};

	(void)state;
	other.gateway_mac[5] = 7;
	assert_int_equal(rules_verify(nft, &other, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "gateway-mac"));
	assert_int_equal(rules_install(nft, &router, &(struct error){0}), -EEXIST);
}

/* What accepts there would let pass what is refused. */
static void a_changed_log_chain_is_not_used(void **state)
{
	static const char *const damages[] = {
		"nft add rule ip agentcore log-1 accept",
		"nft insert rule bridge agentcore log-1 accept",
		"nft flush chain bridge agentcore log-1",
		"h=$(nft -a list chain ip agentcore log-1 | sed -n 's/.*group.*handle //p') && nft replace rule ip "
		"agentcore "
		"log-1 handle $h 'limit rate 20/second burst 100 packets log snaplen 96 group 1 queue-threshold 1 jump "
		"logged'",
	};
	const struct host_list none = {NULL, 0};
	struct rules_sandbox b = sandbox_of(SANDBOX_B, 610, &none, 5);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct error err = {0};
		(void)fresh(NULL);
		add(&b);
		assert_int_equal(rules_remove(nft, &b, &err), 0);
		add(&b);
		assert_int_equal(rules_remove(nft, &b, &err), 0);
		run("%s", damages[i]);
		if (rules_add(nft, &b, &err) != -EBADMSG || !strstr(err.text, "chain log-1 is not as it was made"))
			fail_msg("%s: \"%s\"", damages[i], err.text);
		assert_non_null(strstr(err.hint, "end all sandboxes"));
	}
}

/* Other monitors make log chains, add and remove elements while one reads. */
static void others_may_start_meanwhile(void **state)
{
	const struct host_list none = {NULL, 0};
	int begun[2];
	char byte = 0;
	struct error err = {0};

	(void)state;
	assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		struct nft *own = NULL;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		int r = nft_open(&own, &err);
		for (uint32_t i = 0; r == 0 && i < 1500; i++) {
			struct rules_sandbox one = sandbox_of(SANDBOX_A, 1000 + i, &none, 5);
			one.slot = 100 + i;
			one.address = A + 100 + i;
			one.port = 1000 + i;
			r = rules_add(own, &one, &err);
			if (r == 0)
				r = rules_remove(own, &one, &err);
			if (i == 10)
				r = write(begun[1], "", 1) == 1 ? 0 : -EIO;
		}
		_exit(r == 0 ? 0 : 1);
	}
	int status = 0;
	(void)close(begun[1]);
	assert_int_equal(read(begun[0], &byte, 1), 1);
	(void)close(begun[0]);
	/* As long as it goes on. */
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (rules_verify(nft, &router, &err) < 0) {
			(void)kill(child, SIGKILL);
			(void)waitpid(child, NULL, 0);
			fail_msg("%s", err.text);
		}
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(rules_verify(nft, &router, &err), 0);
}

enum { STARTERS = 3, BLOCKS = 90, BLOCK = 32, STEP_US = 25 };

static void spin(unsigned us)
{
	struct timespec start, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	do
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 < (long)us);
}

/* Of each block the log chains are made by whoever of them comes first. */
static int start_in_each_block(unsigned number, atomic_uint *arrived)
{
	struct nft *own = NULL;
	struct error err = {0};
	int r = nft_open(&own, &err);

	for (unsigned block = 0; r == 0 && block < BLOCKS; block++) {
		struct rules_sandbox one = sandbox_of(SANDBOX_A, 1000 + number, &(struct host_list){NULL, 0}, 5);
		one.slot = 1024 + block * BLOCK + number;
		one.address = A + 100 + number;
		one.port = 1000 + number;
		/* All at once: whoever is early waits, with no rest. */
		(void)atomic_fetch_add(arrived, 1);
		while (atomic_load(arrived) < (block + 1) * STARTERS)
			(void)sched_yield();
		/* Later and later behind the first one, so that each moment of its start is met. */
		spin(number * block * STEP_US);
		r = rules_add(own, &one, &err);
		if (r == 0)
			r = rules_remove(own, &one, &err);
	}
	if (r < 0)
		(void)fprintf(stderr, "starter %u: %s\n", number, err.text);
	/* Nobody waits for one who has failed. */
	(void)atomic_fetch_add(arrived, STARTERS * BLOCKS);
	return r == 0 ? 0 : 1;
}

static void starts_of_one_block_meet(void **state)
{
	pid_t children[STARTERS];
	unsigned failed = 0;

	(void)state;
	atomic_uint *arrived = mmap(NULL, sizeof(*arrived), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(arrived, MAP_FAILED);
	for (unsigned i = 0; i < STARTERS; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(start_in_each_block(i, arrived));
		}
	}
	for (unsigned i = 0; i < STARTERS; i++) {
		int status = 1;
		failed += waitpid(children[i], &status, 0) < 0 || status != 0;
	}
	(void)munmap(arrived, sizeof(*arrived));
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_change_is_noticed, fresh),
		cmocka_unit_test_setup(another_router_is_another, fresh),
		cmocka_unit_test_setup(a_changed_log_chain_is_not_used, fresh),
		cmocka_unit_test_setup(others_may_start_meanwhile, fresh),
		cmocka_unit_test_setup(starts_of_one_block_meet, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
