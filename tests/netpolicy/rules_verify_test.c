/* SPDX-License-Identifier: Apache-2.0 */
/* The rules read back: as nft(8) changes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "router_fixture.h"

static const struct {
	const char *change, *said;
} changes[] = {
	{"nft flush ruleset", "bridge agentcore is missing"},
	{"nft delete table bridge agentcore", "bridge agentcore is missing"},
	{"nft add table ip foreign", "table foreign is not ours"},
	{"nft add chain ip agentcore other '{ type filter hook forward priority -10; }'", "chain other is not ours"},
	{"nft add chain ip agentcore log-x", "chain log-x is not ours"},
	{"nft add chain ip agentcore log-3", "chain log-3 is not as it was made"},
	{"nft flush chain ip agentcore log-1", "chain log-1 is not as it was made"},
	{"nft add chain bridge agentcore more && nft add chain ip agentcore more", "chain more is not ours"},
	{"nft add counter ip agentcore more", "an object in table agentcore"},
	{"nft add rule ip agentcore logged accept", "a rule in chain logged is not ours"},
	{"nft add chain ip agentcore forward '{ policy accept; }'", "chain forward is not as"},
	{"nft add chain bridge agentcore prerouting '{ policy accept; }'", "chain frames is not as"},
	{"nft insert rule ip agentcore forward accept", "rule uplink is not as"},
	{"nft add rule ip agentcore admit accept", "a rule in chain admit is not ours"},
	{"nft flush chain ip agentcore inward", "rule unasked is missing"},
	{"nft flush chain bridge agentcore prerouting", "rule vlan is missing"},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_change_is_noticed, fresh),
		cmocka_unit_test_setup(another_router_is_another, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
