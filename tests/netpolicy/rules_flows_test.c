/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: what counts as one, who inherits none, and what is said of a refused one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>

#include "netpolicy/denied.h"
#include "router_fixture.h"

/* --- Frames of flows ------------------------------------------------------------------------------ */

#define FRAME_MAX 64
#define SYN       0x02
#define ACK       0x10

/* From A, to a target in the world; without data.  Its length. */
static size_t make_flow(unsigned char frame[FRAME_MAX], uint8_t protocol, uint32_t target, uint16_t from, uint16_t to,
			uint8_t flags)
{
	const unsigned char header[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 2, 8, 0};
	const size_t length = protocol == IPPROTO_TCP ? 20 : 8;
	unsigned char *ip = frame + sizeof(header), *data = ip + 20;

	memset(frame, 0, FRAME_MAX);
	memcpy(frame, header, sizeof(header));
	ip[0] = 0x45;
	ip[3] = (unsigned char)(20 + length);
	ip[8] = 64;
	ip[9] = protocol;
	put_u16(ip + 12, A >> 16);
	put_u16(ip + 14, A & 0xffff);
	put_u16(ip + 16, (uint16_t)(target >> 16));
	put_u16(ip + 18, (uint16_t)target);
	set_ip_checksum(ip, 5);
	put_u16(data, from);
	put_u16(data + 2, to);
	if (protocol == IPPROTO_TCP) {
		data[12] = 5 << 4;
		data[13] = flags;
		put_u16(data + 16, sum_up(protocol + (uint32_t)length, ip + 12, 8 + length));
	} else {
		put_u16(data + 4, (uint16_t)length);
	}
	return sizeof(header) + 20 + length;
}

static void send_flow(int fd, uint8_t protocol, uint32_t target, uint16_t from, uint16_t to, uint8_t flags)
{
	unsigned char frame[FRAME_MAX];
	const size_t length = make_flow(frame, protocol, target, from, to, flags);

	assert_int_equal(send(fd, frame, length, 0), length);
}

/* --- What counts ---------------------------------------------------------------------------------- */

static void a_limit_is_exact(void **state)
{
	static const uint64_t limits[] = {1, 7};
	struct host_rule rules[] = {network(0, 0, 0)};
	const struct host_list hosts = {rules, 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rules_sandbox a = sandbox_of(SANDBOX_A, 200 + (uint32_t)i, &hosts, limits[i]);
		struct error err = {0};
		uint64_t sent = 3 * limits[i];
		add(&a);
		for (uint64_t k = 0; k < sent; k++) {
			const struct sockaddr_in to = {.sin_family = AF_INET,
						       .sin_port = htons((uint16_t)(9000 + k)),
						       .sin_addr.s_addr = htonl(LISTED)};
			int fd = open_udp(SANDBOX_A, A, 0);
			/* Three times: an unanswered flow is one request, however often it is tried. */
			for (int again = 0; again < 3; again++)
				(void)sendto(fd, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to));
			(void)close(fd);
		}
		assert_int_equal(counts_of(&a).admitted, limits[i]);
		assert_int_equal(counts_of(&a).refused, 3 * (sent - limits[i]));
		assert_int_equal(rules_remove(nft, &a, &err), 0);
	}
}

static void a_large_limit_is_exact_too(void **state)
{
	struct host_rule rules[] = {network(0, 0, 0)};
	const struct host_list hosts = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 250, &hosts, 20000);

	(void)state;
	add(&a);
	run("nft -j list set ip agentcore budget | grep -q '\"burst\": 20000'");
	_cleanup_fd_ int fd = open_frames(SANDBOX_A);
	for (uint16_t i = 1; i <= 20010; i++)
		send_flow(fd, IPPROTO_UDP, SILENT, i, 9000, 0);
	assert_int_equal(counts_of(&a).admitted, 20000);
	assert_int_equal(counts_of(&a).refused, 10);
}

static void a_repeated_syn_is_one_request(void **state)
{
	struct host_rule rules[] = {network(SILENT, 32, 443)};
	const struct host_list hosts = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 260, &hosts, 1);

	(void)state;
	add(&a);
	_cleanup_fd_ int fd = open_frames(SANDBOX_A);
	for (int i = 0; i < 3; i++)
		send_flow(fd, IPPROTO_TCP, SILENT, 5000, 443, SYN);
	assert_int_equal(counts_of(&a).admitted, 1);
	assert_int_equal(counts_of(&a).refused, 0);
	send_flow(fd, IPPROTO_TCP, SILENT, 5001, 443, SYN);
	assert_int_equal(counts_of(&a).admitted, 1);
	assert_int_equal(counts_of(&a).refused, 1);
}

static void an_ack_opens_nothing(void **state)
{
	struct host_rule rules[] = {network(SILENT, 32, 0)};
	const struct host_list hosts = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 270, &hosts, RULES_UNLIMITED);

	(void)state;
	add(&a);
	_cleanup_fd_ int fd = open_frames(SANDBOX_A);
	send_flow(fd, IPPROTO_TCP, SILENT, 5000, 443, ACK);
	assert_int_equal(counts_of(&a).admitted, 0);
	assert_int_equal(counts_of(&a).refused, 1);
	send_flow(fd, IPPROTO_TCP, SILENT, 5000, 443, SYN);
	assert_int_equal(counts_of(&a).admitted, 1);
}

#define LIMIT 5
#define TRIED (3 * LIMIT)

static void of_many_at_once_the_limit_connects(void **state)
{
	struct host_rule rules[] = {network(LISTED, 32, 0)};
	const struct host_list hosts = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 280, &hosts, LIMIT);
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(LISTED)};
	int fds[TRIED], connected = 0, refused = 0;

	(void)state;
	add(&a);
	enter(WORLD);
	_cleanup_fd_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listener, TRIED), 0);
	enter(SANDBOX_A);
	for (int i = 0; i < TRIED; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		/* On veth the answer may be there at once. */
		if (connect(fds[i], (const struct sockaddr *)&to, sizeof(to)) < 0)
			assert_true(errno == EINPROGRESS || errno == ECONNREFUSED);
	}
	enter(HERE);
	for (int i = 0; i < TRIED; i++) {
		struct pollfd done = {.fd = fds[i], .events = POLLOUT};
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		assert_int_equal(poll(&done, 1, PATIENCE_MS), 1);
		connected += getpeername(fds[i], (struct sockaddr *)&peer, &length) == 0;
		refused += (done.revents & POLLERR) != 0;
	}
	for (int i = 0; i < TRIED; i++)
		(void)close(fds[i]);
	assert_int_equal(connected, LIMIT);
	assert_int_equal(counts_of(&a).admitted, LIMIT);
	assert_int_equal(counts_of(&a).refused, TRIED - LIMIT);
}

/* --- Who inherits what ---------------------------------------------------------------------------- */

static void a_dead_ones_connections_are_nobodys(void **state)
{
	struct host_rule rules[] = {network(LISTED, 32, 0)};
	const struct host_list hosts = {rules, 1}, none = {NULL, 0};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 290, &hosts, RULES_UNLIMITED);
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(LISTED)};
	struct sockaddr_in sender;
	socklen_t length = sizeof(sender);
	struct error err = {0};
	char byte = 0;

	(void)state;
	add(&a);
	_cleanup_fd_ int fd = open_udp(SANDBOX_A, A, 0);
	struct pollfd came = {.fd = echo, .events = POLLIN}, back = {.fd = fd, .events = POLLIN};
	assert_int_equal(sendto(fd, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	assert_int_equal(poll(&came, 1, PATIENCE_MS), 1);
	assert_int_equal(recvfrom(echo, &byte, 1, 0, (struct sockaddr *)&sender, &length), 1);
	(void)close(echo);
	echo = -1;
	const int from_listed = open_udp(WORLD, LISTED, PORT);
	assert_int_equal(sendto(from_listed, "!", 1, 0, (const struct sockaddr *)&sender, length), 1);
	assert_int_equal(poll(&back, 1, PATIENCE_MS), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	/* The next one with the address: the same five numbers, an established connection. */
	assert_int_equal(rules_remove(nft, &a, &err), 0);
	a.mark = 291;
	a.hosts = &none;
	add(&a);
	assert_int_equal(sendto(from_listed, "!", 1, 0, (const struct sockaddr *)&sender, length), 1);
	assert_int_equal(poll(&back, 1, 200), 0);
	assert_int_equal(sendto(fd, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	came.fd = from_listed;
	assert_int_equal(poll(&came, 1, 200), 0);
	assert_int_equal(counts_of(&a).refused, 1);
	assert_int_equal(counts_of(&a).admitted, 0);
	(void)close(from_listed);
	echo = open_udp(WORLD, 0, PORT);
}

static void forgotten_is_all_of_it(void **state)
{
	struct host_rule rules[] = {network(LISTED, 31, 0), network(LISTED, 22, 80), network(0, 0, 0)};
	const struct host_list hosts = {rules, ARRAY_SIZE(rules)};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 295, &hosts, 9), b = sandbox_of(SANDBOX_B, 296, &hosts, 9);
	const struct rules_pin pins[] = {{OTHER, 80, 100}, {OTHER, 0, 100}};
	struct error err = {0};

	(void)state;
	a.mode = b.mode = NETWORK_FULL;
	for (int i = 0; i < 2; i++) {
		add(&a);
		add(&b);
		assert_int_equal(rules_pin(nft, &a, pins, 2, &err), 0);
		assert_int_equal(rules_pin(nft, &b, pins, 2, &err), 0);
		assert_int_equal(rules_forget(nft, a.slot, a.address, &err), 0);
		run("! nft list ruleset | grep -q '10\\.213\\.0\\.2[^0-9]'");
		run("! nft list ruleset | grep -q '0x00000127'");
		/* And nothing of another's. */
		run("nft list set ip agentcore live | grep -q '10.213.0.3 . 0x00000128'");
		run("test $(nft list ruleset | grep -c '0x00000128 . 203.0.114.6') = 2");
		assert_int_equal(rules_remove(nft, &b, &err), 0);
		assert_int_equal(rules_forget(nft, b.slot, b.address, &err), 0);
	}
}

/* --- What is said of it --------------------------------------------------------------------------- */

struct heard {
	struct denied_flow flows[16];
	size_t count;
};

static void hear(void *context, const struct denied_flow *flow)
{
	struct heard *heard = context;

	if (heard->count < ARRAY_SIZE(heard->flows))
		heard->flows[heard->count++] = *flow;
}

static void the_slots_group_hears_why(void **state)
{
	static const enum refusal expected[] = {REFUSAL_NONE,  REFUSAL_UNLISTED, REFUSAL_NEVER, REFUSAL_PROTOCOL,
						REFUSAL_STATE, REFUSAL_REQUESTS, REFUSAL_FRAME};
	struct host_rule rules[] = {network(SILENT, 32, 0)};
	const struct host_list hosts = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 297, &hosts, 1), b = sandbox_of(SANDBOX_B, 298, &hosts, 1);
	struct denied *denied = NULL, *others = NULL;
	struct heard heard = {0}, none = {0};
	struct error err = {0};
	unsigned char frame[FRAME_MAX];
	uint64_t lost = 0;

	(void)state;
	add(&a);
	add(&b);
	assert_int_equal(denied_open(&denied, (uint16_t)(a.slot + 1), &err), 0);
	assert_int_equal(denied_open(&others, (uint16_t)(b.slot + 1), &err), 0);
	_cleanup_fd_ int fd = open_frames(SANDBOX_A);
	send_flow(fd, IPPROTO_UDP, SILENT, 5000, 53, 0);
	send_flow(fd, IPPROTO_UDP, OTHER, 5001, 53, 0);
	send_flow(fd, IPPROTO_UDP, META, 5002, 53, 0);
	send_flow(fd, IPPROTO_UDPLITE, SILENT, 5003, 53, 0);
	send_flow(fd, IPPROTO_TCP, SILENT, 5004, 53, ACK);
	send_flow(fd, IPPROTO_TCP, SILENT, 5005, 53, SYN);
	size_t length = make_flow(frame, IPPROTO_UDP, SILENT, 5006, 53, 0);
	frame[11] = 9;
	assert_int_equal(send(fd, frame, length, 0), length);
	while (heard.count < ARRAY_SIZE(expected) - 1) {
		struct pollfd wait = {.fd = denied_fd(denied), .events = POLLIN};
		if (poll(&wait, 1, PATIENCE_MS) != 1)
			fail_msg("%zu refused", heard.count);
		assert_int_equal(denied_read(denied, hear, &heard, &lost), 0);
	}
	for (size_t i = 0; i < heard.count; i++) {
		assert_int_equal(heard.flows[i].refusal, expected[i + 1]);
		assert_int_equal(heard.flows[i].frame, expected[i + 1] == REFUSAL_FRAME);
		assert_int_equal(heard.flows[i].source, A);
		if (expected[i + 1] != REFUSAL_PROTOCOL)
			assert_int_equal(heard.flows[i].source_port, 5001 + i);
	}
	assert_int_equal(denied_read(others, hear, &none, &lost), 0);
	assert_int_equal(none.count, 0);
	denied_close(denied);
	denied_close(others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_limit_is_exact, fresh),
		cmocka_unit_test_setup(a_large_limit_is_exact_too, fresh),
		cmocka_unit_test_setup(a_repeated_syn_is_one_request, fresh),
		cmocka_unit_test_setup(an_ack_opens_nothing, fresh),
		cmocka_unit_test_setup(of_many_at_once_the_limit_connects, fresh),
		cmocka_unit_test_setup(a_dead_ones_connections_are_nobodys, fresh),
		cmocka_unit_test_setup(forgotten_is_all_of_it, fresh),
		cmocka_unit_test_setup(the_slots_group_hears_why, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
