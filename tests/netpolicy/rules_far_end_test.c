/* SPDX-License-Identifier: Apache-2.0 */
/* The far end of the uplink: in its table, and with packets that the host's own rules would send astray. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "router_fixture.h"

static void the_far_end_comes_and_goes(void **state)
{
	const struct rules_far_end far = {"agentcore-test", "far0", POOL, 16};
	struct error err = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		if (rules_far_end_install(nft, &far, &err) < 0)
			fail_msg("%s; %s", err.text, err.hint);
	}
	run("nft list table ip agentcore-test | grep -q 'iifname \"far0\" fib daddr type != unicast drop'");
	run("test $(nft list table ip agentcore-test | grep -c 'masquerade$') = 1");
	run("nft list table ip agentcore-test | grep -q 'iifname \"far0\" ct status dnat drop'");
	assert_int_equal(rules_far_end_remove(nft, "agentcore-test", &err), 0);
	assert_int_equal(rules_far_end_remove(nft, "agentcore-test", &err), 0);
	run("! nft list tables | grep -q agentcore-test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_far_end_comes_and_goes, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
