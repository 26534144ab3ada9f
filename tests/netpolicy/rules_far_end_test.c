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
	const struct rules_far_end far = {"agentcore-test", "far0", POOL, 16, NULL, 0};
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

/* --- With packets: the world plays the host, and behind it is a third namespace ------------------------ */

#define HOST_OUT 0xc6336401u /* 198.51.100.1: the host's address towards it */
#define BEYOND   0xc6336409u /* 198.51.100.9 */
#define FORGED   0xc633640au /* 198.51.100.10: translated by the host's own rules */

static const struct rules_far_end far_end = {"agentcore-test", "up0", POOL, 16, NULL, 0};
static struct nft *host_nft;
static pid_t beyond;
static int beyond_echo = -1, forged_echo = -1;

static int open_beyond(uint32_t address, uint16_t port)
{
	const int kept = namespaces[WORLD];
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)beyond);
	_cleanup_fd_ int ns = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(ns >= 0);
	namespaces[WORLD] = ns;
	int fd = open_udp(WORLD, address, port);
	namespaces[WORLD] = kept;
	return fd;
}

static int with_beyond(void **state)
{
	struct host_rule everything = network(0, 0, 0);
	const struct host_list hosts = {&everything, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 700, &hosts, RULES_UNLIMITED);
	const pid_t world = holders[WORLD];
	const int world_ns = namespaces[WORLD];
	struct error err = {0};

	(void)fresh(state);
	add(&a);
	hold(WORLD);
	beyond = holders[WORLD];
	(void)close(namespaces[WORLD]);
	holders[WORLD] = world;
	namespaces[WORLD] = world_ns;
	run("nsenter -t %d -n sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; ip link add out type veth peer name in "
	    "netns %d; ip "
	    "link set out up; ip addr add 198.51.100.1/24 dev out'",
	    (int)world, (int)beyond);
	/* It would answer to the pool by the host, were it not masqueraded. */
	run("nsenter -t %d -n sh -c 'ip link set in up; ip link set lo up; ip addr add 198.51.100.9/24 dev in; ip addr "
	    "add 198.51.100.11/24 "
	    "dev in; ip route add default via 198.51.100.1'",
	    (int)beyond);
	beyond_echo = open_beyond(BEYOND, PORT);
	forged_echo = open_beyond(BEYOND, PORT + 1);
	enter(WORLD);
	int r = nft_open(&host_nft, &err);
	enter(HERE);
	return r;
}

static int without_beyond(void **state)
{
	(void)state;
	run("nsenter -t %d -n sh -c 'nft flush ruleset; ip link del out'", (int)holders[WORLD]);
	nft_close(host_nft);
	(void)kill(beyond, SIGKILL);
	(void)waitpid(beyond, NULL, 0);
	(void)close(beyond_echo);
	(void)close(forged_echo);
	return 0;
}

static void install(void)
{
	struct error err = {0};

	if (rules_far_end_install(host_nft, &far_end, &err) < 0)
		fail_msg("%s; %s", err.text, err.hint);
}

static void uninstall(void)
{
	struct error err = {0};

	assert_int_equal(rules_far_end_remove(host_nft, far_end.table, &err), 0);
}

/* A datagram from A comes to that socket; *sender is whom it came from. */
static bool comes(uint32_t target, uint16_t port, int at, bool expected, uint32_t *sender)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(target)};
	struct sockaddr_in from = {0};
	socklen_t length = sizeof(from);
	_cleanup_fd_ int fd = open_udp(SANDBOX_A, A, 0);
	struct pollfd came = {.fd = at, .events = POLLIN};
	char byte = 0;

	assert_int_equal(sendto(fd, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	if (poll(&came, 1, expected ? PATIENCE_MS : 200) != 1)
		return false;
	assert_int_equal(recvfrom(at, &byte, 1, 0, (struct sockaddr *)&from, &length), 1);
	*sender = ntohl(from.sin_addr.s_addr);
	return true;
}

static void the_pool_is_masqueraded(void **state)
{
	uint32_t sender = 0;

	(void)state;
	assert_true(comes(BEYOND, PORT, beyond_echo, true, &sender));
	assert_int_equal(sender, A);
	install();
	assert_true(comes(BEYOND, PORT, beyond_echo, true, &sender));
	assert_int_equal(sender, HOST_OUT);
}

static void the_host_itself_is_out_of_reach(void **state)
{
	uint32_t sender = 0;

	(void)state;
	/* By the rules of the router it may: the far end alone is in the way. */
	assert_true(comes(OTHER, PORT, echo, true, &sender));
	install();
	assert_false(comes(OTHER, PORT, echo, false, &sender));
	/* Also where the host's own rules turn it elsewhere. */
	uninstall();
	run("nsenter -t %d -n nft 'table ip own { chain c { type nat hook prerouting priority -100; ip daddr "
	    "203.0.114.6 udp dport 7000 dnat to "
	    "198.51.100.9:%d; }; }'",
	    (int)holders[WORLD], PORT + 1);
	assert_true(comes(OTHER, PORT, forged_echo, true, &sender));
	install();
	assert_false(comes(OTHER, PORT, forged_echo, false, &sender));
}

static void what_the_host_translates_is_dropped(void **state)
{
	uint32_t sender = 0;

	(void)state;
	run("nsenter -t %d -n nft 'table ip own { chain c { type nat hook prerouting priority -100; ip daddr "
	    "198.51.100.10 udp dport 7000 dnat to "
	    "198.51.100.9:%d; ip daddr 198.51.100.12 dnat to 203.0.114.6; }; }'",
	    (int)holders[WORLD], PORT + 1);
	assert_true(comes(FORGED, PORT, forged_echo, true, &sender));
	assert_true(comes(FORGED + 2, PORT, echo, true, &sender));
	install();
	assert_false(comes(FORGED, PORT, forged_echo, false, &sender));
	/* To the host itself. */
	assert_false(comes(FORGED + 2, PORT, echo, false, &sender));
	assert_true(comes(BEYOND, PORT, beyond_echo, true, &sender));
}

static void nobody_outside_begins(void **state)
{
	const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(A)};
	_cleanup_fd_ int at_a = open_udp(SANDBOX_A, A, PORT);
	struct pollfd came = {.fd = at_a, .events = POLLIN};
	char byte = 0;

	(void)state;
	/* Without the router's rules, which would not have it either. */
	run("nft flush ruleset");
	assert_int_equal(sendto(forged_echo, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	assert_int_equal(poll(&came, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(at_a, &byte, 1, 0), 1);
	install();
	assert_int_equal(sendto(beyond_echo, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	assert_int_equal(poll(&came, 1, 200), 0);
}

static void a_foreign_source_is_dropped(void **state)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(BEYOND)};
	/* Of the router itself: no sandbox can. */
	_cleanup_fd_ int own = open_udp(HERE, 0xc0000201u, 0);
	struct pollfd came = {.fd = beyond_echo, .events = POLLIN};
	char byte = 0;

	(void)state;
	assert_int_equal(sendto(own, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	assert_int_equal(poll(&came, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(beyond_echo, &byte, 1, 0), 1);
	install();
	assert_int_equal(sendto(own, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	assert_int_equal(poll(&came, 1, 200), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_far_end_comes_and_goes, fresh),
		cmocka_unit_test_setup_teardown(the_pool_is_masqueraded, with_beyond, without_beyond),
		cmocka_unit_test_setup_teardown(the_host_itself_is_out_of_reach, with_beyond, without_beyond),
		cmocka_unit_test_setup_teardown(what_the_host_translates_is_dropped, with_beyond, without_beyond),
		cmocka_unit_test_setup_teardown(nobody_outside_begins, with_beyond, without_beyond),
		cmocka_unit_test_setup_teardown(a_foreign_source_is_dropped, with_beyond, without_beyond),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
