/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes of a router, and what the host looks like before and after: for the router's tests. */
#ifndef TESTS_NETPOLICY_ROUTER_GUEST_H
#define TESTS_NETPOLICY_ROUTER_GUEST_H

#include "router_place.h"

struct guest {
	struct place place;
	struct router *router;
	struct rules_sandbox rules;
	struct host_list hosts;
};

static const struct host_list nobody;

/* What PID 1 does. */
static inline void forbid_ipv6(const struct place *place)
{
	struct error err = {0};

	go(place);
	_cleanup_fd_ int sysctls = open("/proc/sys/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (router_no_ipv6(sysctls, &err) < 0)
		fail_msg("router_no_ipv6: %s", err.text);
	go(&host);
}

static inline void admit(struct guest *guest, const struct router_options *options)
{
	struct error err = {0};

	guest->place = make_place();
	if (router_open(&guest->router, options, &err) < 0)
		fail_msg("router_open: %s; %s", err.text, err.hint);
	const struct router_address *address = router_address(guest->router);
	guest->rules = (struct rules_sandbox){.slot = address->slot,
					      .address = address->address,
					      .mark = address->mark,
					      .mode = NETWORK_FULL,
					      .hosts = &nobody,
					      .requests = RULES_UNLIMITED};
	memcpy(guest->rules.mac, address->mac, sizeof(address->mac));
	if (router_connect(guest->router, guest->place.ns, &guest->rules.port, &err) < 0)
		fail_msg("router_connect: %s", err.text);
	if (rules_add(router_nft(guest->router), &guest->rules, &err) < 0)
		fail_msg("rules_add: %s", err.text);
	forbid_ipv6(&guest->place);
	if (router_up(guest->router, &err) < 0)
		fail_msg("router_up: %s", err.text);
}

static inline void dismiss(struct guest *guest)
{
	struct error err = {0};

	if (rules_remove(router_nft(guest->router), &guest->rules, &err) < 0)
		fail_msg("rules_remove: %s", err.text);
	end_place(&guest->place);
	if (router_close(guest->router, &err) < 0)
		fail_msg("router_close: %s", err.text);
	guest->router = NULL;
}

/* A datagram and its answer; the address that the world saw.  0: it did not arrive. */
static inline uint32_t exchange_udp(const struct place *place)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(TEST_PORT), .sin_addr.s_addr = htonl(TEST_TARGET)};
	struct sockaddr_in from = {0};
	socklen_t length = sizeof(from);
	char text[16] = "";

	go(place);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	go(&host);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	if (send(fd, "question", 8, 0) != 8 || !readable(udp_echo, 1000))
		return 0;
	assert_int_equal(recvfrom(udp_echo, text, sizeof(text), 0, (struct sockaddr *)&from, &length), 8);
	assert_int_equal(sendto(udp_echo, "answer", 6, 0, (const struct sockaddr *)&from, length), 6);
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, text, sizeof(text), 0), 6);
	return ntohl(from.sin_addr.s_addr);
}

static inline uint32_t exchange_tcp(const struct place *place)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(TEST_PORT), .sin_addr.s_addr = htonl(TEST_TARGET)};
	struct sockaddr_in from = {0};
	socklen_t length = sizeof(from);
	char text[16] = "";

	go(place);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	go(&host);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(readable(tcp_echo, PATIENCE_MS));
	_cleanup_fd_ int other = accept4(tcp_echo, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);
	assert_int_equal(send(fd, "question", 8, 0), 8);
	assert_true(readable(other, PATIENCE_MS));
	assert_int_equal(recv(other, text, sizeof(text), 0), 8);
	assert_int_equal(send(other, "answer", 6, 0), 6);
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, text, sizeof(text), 0), 6);
	return ntohl(from.sin_addr.s_addr);
}

/* --- What is there -------------------------------------------------------------------------------- */

/* Everything of the host that a router touches: links, addresses, routes, neighbours, rules, forwarding, mounts. */
static inline void picture(char *text, size_t size)
{
	char command[600];

	(void)snprintf(
		command, sizeof(command),
		"ip -o link | sed 's/ .*: / /'; ip -o -4 addr | sed 's/ valid_lft.*//'; ip -4 route show table all; ip "
		"neigh show nud permanent; nft list ruleset; grep . /proc/sys/net/ipv4/conf/*/forwarding "
		"/proc/sys/net/ipv4/ip_forward 2>/dev/null; grep %s /proc/self/mountinfo; ls %s/network 2>/dev/null | "
		"grep -v "
		"'^lock$\\|^pool$'",
		state_path, state_path);
	ask(text, size, command);
}

static char before[16384];

static inline int remember(void **state)
{
	(void)state;
	if (make_world() < 0)
		return -1;
	state_dir = make_state(state_path);
	picture(before, sizeof(before));
	return 0;
}

/* Links end a moment after the namespace that their other side was in. */
static inline bool is_clean(void)
{
	static char after[16384];

	for (int i = 0; i < 100; i++) {
		picture(after, sizeof(after));
		if (strcmp(before, after) == 0)
			return true;
		(void)poll(NULL, 0, 20);
	}
	print_message("before:\n%s\nafter:\n%s\n", before, after);
	return false;
}

static inline int nothing_left(void **state)
{
	(void)state;
	const bool clean = is_clean();
	end_state(state_dir, state_path);
	end_world();
	return clean ? 0 : -1;
}

static inline void assert_answer(const struct place *place, const char *command, const char *expected)
{
	char answer[1024];

	go(place);
	ask(answer, sizeof(answer), command);
	go(&host);
	assert_string_equal(answer, expected);
}

#define CLEAN_TEST(test) cmocka_unit_test_setup_teardown(test, remember, nothing_left)

#endif
