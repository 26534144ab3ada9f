/* SPDX-License-Identifier: Apache-2.0 */
/* The listener of refused flows, in a network namespace of its own: what nft(8) makes the kernel log, and what a packet cut short tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netpolicy/denied.h"
#include "netpolicy/denied_packet.h"

#define GROUP       7
#define PATIENCE_MS 10000
#define SOURCE_PORT 4321
#define LOOPBACK    0x7f000001

static void run(const char *command)
{
	if (system(command) != 0) /* NOLINT(cert-env33-c): the words are this file's */
		fail_msg("%s", command);
}

/* --- Packets cut short: each in memory of exactly its length, so that the sanitizers see one byte too many ---------- */

static struct denied_flow read_packet(const uint8_t *packet, size_t length)
{
	struct denied_flow flow = {0};
	uint8_t *exact = malloc(length ? length : 1);

	assert_non_null(exact);
	memcpy(exact, packet, length);
	denied_read_packet(exact, length, &flow);
	free(exact);
	return flow;
}

/* 10.0.0.2:258 -> 10.9.0.1:772 with a header of `words` 32-bit words. */
static void make_packet(uint8_t packet[64], unsigned words, uint8_t protocol)
{
	const uint8_t head[20] = {
		(uint8_t)(0x40 | words), 0, 0, 64, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 2, 10, 9, 0, 1};
	const uint8_t ports[4] = {1, 2, 3, 4};

	memset(packet, 0xee, 64);
	memcpy(packet, head, sizeof(head));
	memcpy(packet + (size_t)words * 4, ports, sizeof(ports));
}

static void reads_no_further_than_there_is(void **state)
{
	const unsigned words[] = {5, 6, 15};
	uint8_t packet[64];

	(void)state;
	for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
		make_packet(packet, words[w], IPPROTO_TCP);
		for (size_t length = 0; length <= sizeof(packet); length++) {
			struct denied_flow flow = read_packet(packet, length);
			bool header = length >= 20, ports = length >= words[w] * 4 + 4;
			assert_int_equal(flow.source, header ? 0x0a000002 : 0);
			assert_int_equal(flow.target, header ? 0x0a090001 : 0);
			assert_int_equal(flow.protocol, header ? IPPROTO_TCP : 0);
			assert_int_equal(flow.source_port, ports ? 0x0102 : 0);
			assert_int_equal(flow.target_port, ports ? 0x0304 : 0);
		}
	}
}

static void believes_no_header_that_lies(void **state)
{
	uint8_t packet[64];

	(void)state;
	make_packet(packet, 5, IPPROTO_UDP);
	packet[0] = 0x44; /* four words: the ports would lie within the addresses */
	assert_int_equal(read_packet(packet, 64).source_port, 0);
	packet[0] = 0x65; /* IPv6 */
	assert_int_equal(read_packet(packet, 64).source, 0);
	make_packet(packet, 5, IPPROTO_UDP);
	packet[7] = 1; /* a later fragment: these are no ports */
	assert_int_equal(read_packet(packet, 64).source_port, 0);
	make_packet(packet, 5, IPPROTO_ICMP);
	assert_int_equal(read_packet(packet, 64).source_port, 0);
	assert_int_equal(read_packet(packet, 64).protocol, IPPROTO_ICMP);
}

/* --- What the kernel logs --------------------------------------------------------------------------------------------- */

struct seen {
	struct denied_flow flows[128];
	size_t count;
};

static void keep(void *context, const struct denied_flow *flow)
{
	struct seen *seen = context;

	if (seen->count < ARRAY_SIZE(seen->flows))
		seen->flows[seen->count++] = *flow;
}

static struct denied *listen_to(uint16_t group)
{
	struct denied *denied = NULL;
	struct error err = {0};

	if (denied_open(&denied, group, &err) != 0)
		fail_msg("%s", err.text);
	return denied;
}

/* Read until so many flows were told of. */
static void await(struct denied *denied, struct seen *seen, size_t count)
{
	uint64_t lost = 0;

	while (seen->count < count) {
		struct pollfd wait = {.fd = denied_fd(denied), .events = POLLIN};
		if (poll(&wait, 1, PATIENCE_MS) != 1)
			fail_msg("%zu of %zu flows", seen->count, count);
		assert_int_equal(denied_read(denied, keep, seen, &lost), 0);
	}
	assert_int_equal(lost, 0);
}

static void send_datagram(uint16_t to)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_port = htons(SOURCE_PORT), .sin_addr = {htonl(LOOPBACK)}};
	struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(to), .sin_addr = {htonl(LOOPBACK + 1)}};

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&target, sizeof(target)), 1);
}

static void tells_who_wanted_what_and_why(void **state)
{
	struct denied *denied = listen_to(GROUP);
	struct seen seen = {0};

	(void)state;
	for (unsigned i = 0; i < REFUSAL_COUNT + 1; i++)
		send_datagram((uint16_t)(5000 + i));
	await(denied, &seen, REFUSAL_COUNT + 1);
	for (unsigned i = 0; i < REFUSAL_COUNT + 1; i++) {
		const struct denied_flow *flow = &seen.flows[i];
		/* The rules set a mark that is the port's last digit; one that is no reason is none. */
		assert_int_equal(flow->refusal, i < REFUSAL_COUNT ? i : REFUSAL_NONE);
		assert_false(flow->frame);
		assert_int_equal(flow->source, LOOPBACK);
		assert_int_equal(flow->target, LOOPBACK + 1);
		assert_int_equal(flow->protocol, IPPROTO_UDP);
		assert_int_equal(flow->source_port, SOURCE_PORT);
		assert_int_equal(flow->target_port, 5000 + i);
	}
	denied_close(denied);
}

static void hears_its_own_group_alone(void **state)
{
	struct denied *other = listen_to(GROUP + 1), *denied = listen_to(GROUP);
	struct seen seen = {0}, none = {0};
	uint64_t lost = 0;

	(void)state;
	send_datagram(5001);
	await(denied, &seen, 1);
	assert_int_equal(denied_read(other, keep, &none, &lost), 0); /* and does not wait */
	assert_int_equal(none.count, 0);
	denied_close(other);
	denied_close(denied);
}

static void one_call_takes_a_bounded_number(void **state)
{
	struct denied *denied = listen_to(GROUP);
	struct seen seen = {0};
	uint64_t lost = 0;
	const int ample = 200000;

	(void)state;
	assert_int_equal(setsockopt(denied_fd(denied), SOL_SOCKET, SO_RCVBUF, &ample, sizeof(ample)), 0);
	/* They are in the queue when sendto returns: lo delivers at once. */
	for (int i = 0; i < 100; i++)
		send_datagram(5001);
	assert_int_equal(denied_read(denied, keep, &seen, &lost), 0);
	assert_in_range(seen.count, 1, 64);
	await(denied, &seen, 100);
	denied_close(denied);
}

static void says_when_the_kernel_dropped_some(void **state)
{
	struct denied *denied = listen_to(GROUP);
	struct seen seen = {0};
	uint64_t lost = 0;
	const int little = 1;

	(void)state;
	assert_int_equal(setsockopt(denied_fd(denied), SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
	for (int i = 0; i < 100; i++)
		send_datagram(5001);
	assert_int_equal(denied_read(denied, keep, &seen, &lost), 0);
	assert_true(lost > 0);
	denied_close(denied);
}

static void its_descriptor_neither_blocks_nor_is_inherited(void **state)
{
	struct denied *denied = listen_to(GROUP);

	(void)state;
	assert_true(fcntl(denied_fd(denied), F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(denied_fd(denied), F_GETFD) & FD_CLOEXEC);
	denied_close(denied);
	denied_close(NULL);
}

static void a_group_has_one_listener(void **state)
{
	struct denied *first = listen_to(GROUP), *second = NULL;
	struct error err = {0};

	(void)state;
	/* The kernel has one errno for both reasons; the hint names both. */
	assert_int_equal(denied_open(&second, GROUP, &err), -EPERM);
	assert_non_null(strstr(err.text, "NFLOG group 7"));
	assert_non_null(strstr(err.hint, "another process"));
	assert_null(second);
	denied_close(first);
	denied_close(listen_to(GROUP));
}

/* --- Frames on a bridge ------------------------------------------------------------------------------------------------- */

static void send_frame(uint16_t ethertype, const void *data, size_t length)
{
	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = (int)if_nametoindex("sender"),
		.sll_halen = ETH_ALEN,
		.sll_addr = {2, 0, 0, 0, 0, 9},
	};

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, data, length, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)length);
}

static void tells_of_frames(void **state)
{
	struct denied *denied = listen_to(GROUP);
	struct seen seen = {0};
	uint8_t packet[64];

	(void)state;
	make_packet(packet, 5, IPPROTO_UDP);
	send_frame(ETH_P_IP, packet, sizeof(packet));
	send_frame(ETH_P_IP, packet, 22); /* cut within the ports */
	send_frame(ETH_P_IP, packet, 7); /* cut within the header */
	send_frame(ETH_P_ARP, packet, sizeof(packet)); /* no IPv4, however much it looks like it */
	await(denied, &seen, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(seen.flows[i].refusal, REFUSAL_FRAME);
		assert_true(seen.flows[i].frame);
		assert_int_equal(seen.flows[i].ethertype, i == 3 ? ETH_P_ARP : ETH_P_IP);
		assert_int_equal(seen.flows[i].source, i < 2 ? 0x0a000002 : 0);
		assert_int_equal(seen.flows[i].target, i < 2 ? 0x0a090001 : 0);
		assert_int_equal(seen.flows[i].source_port, i == 0 ? 0x0102 : 0);
		assert_int_equal(seen.flows[i].target_port, i == 0 ? 0x0304 : 0);
	}
	denied_close(denied);
}

/* The namespace goes with this process, and all that is in it. */
static int make_namespace(void **state)
{
	char rules[1024];

	(void)state;
	if (unshare(CLONE_NEWNET) != 0)
		return -1;
	run("ip link set lo up");
	run("ip link add sandboxes type bridge && ip link add port type veth peer name sender && "
	    "ip link set port master sandboxes && ip link set sandboxes up && ip link set port up && "
	    "ip link set sender up");
	(void)snprintf(
		rules, sizeof(rules),
		"nft 'table ip t { chain out { type filter hook output priority 0; udp sport %d meta mark set udp "
		"dport map "
		"{ 5000 : 0, 5001 : 1, 5002 : 2, 5003 : 3, 5004 : 4, 5005 : 5, 5006 : 6, 5007 : 7 } log group %d; }; };"
		"table bridge t { chain in { type filter hook prerouting priority -300; "
		"ether daddr 02:00:00:00:00:09 meta mark set %d log group %d drop; }; }'",
		SOURCE_PORT, GROUP, REFUSAL_FRAME, GROUP);
	run(rules);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_no_further_than_there_is),
		cmocka_unit_test(believes_no_header_that_lies),
		cmocka_unit_test(tells_who_wanted_what_and_why),
		cmocka_unit_test(hears_its_own_group_alone),
		cmocka_unit_test(one_call_takes_a_bounded_number),
		cmocka_unit_test(says_when_the_kernel_dropped_some),
		cmocka_unit_test(its_descriptor_neither_blocks_nor_is_inherited),
		cmocka_unit_test(a_group_has_one_listener),
		cmocka_unit_test(tells_of_frames),
	};
	return cmocka_run_group_tests(tests, make_namespace, NULL);
}
