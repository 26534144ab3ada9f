/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real resolver program between a client in one network namespace and hostile servers in another.  The namespaces have loopback alone
 * and no link to anything.  Test, servers and monitor are one thread that moves step by step, so no order depends on time.
 */
#ifndef TESTS_NETPOLICY_RESOLVER_PLACE_H
#define TESTS_NETPOLICY_RESOLVER_PLACE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "netpolicy/resolver_wire.h"

#define PROGRAM    BUILD_DIR "/agentcore-resolver"
#define PATIENCE   20000 /* ms: a machine that is busy with others */
#define QUIET      100 /* ms in which nothing may come */
#define PORT       5300
#define TYPE_A     1
#define TYPE_CNAME 5
#define TYPE_TXT   16
#define TYPE_AAAA  28
#define TYPE_HTTPS 65
#define REFUSED    5
#define SERVFAIL   2
#define GOOD       0xc6336410u /* 198.51.100.16 */

static int sandbox_ns = -1, world_ns = -1, udp = -1, tcp = -1;
static int servers[2] = {-1, -1}, stream_server = -1, client = -1;
static struct resolver *resolver;

static struct {
	struct rules_pin pins[64];
	size_t pin_count;
	int pin_result;
	bool answered_early;
	unsigned refused;
	char refused_name[256];
} seen;

struct message {
	uint8_t data[2048];
	size_t length;
	struct sockaddr_in from;
};

/* --- The places ------------------------------------------------------------------------------------------------- */

static inline int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
}

static inline int new_place(void)
{
	if (unshare(CLONE_NEWNET) < 0 || loopback_up() < 0)
		return -1;
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static inline int bound(int type, uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 16) < 0))
		return -1;
	return fd;
}

static inline int group_set_up(void **state)
{
	struct error err = {0};

	(void)state;
	world_ns = new_place();
	servers[0] = bound(SOCK_DGRAM, PORT);
	servers[1] = bound(SOCK_DGRAM, PORT + 1);
	stream_server = bound(SOCK_STREAM, PORT);
	sandbox_ns = new_place();
	if (resolver_open_sockets(&udp, &tcp, &err) < 0)
		return -1;
	return servers[0] < 0 || servers[1] < 0 || stream_server < 0 || sandbox_ns < 0 ? -1 : 0;
}

static const struct host_rule rules[] = {
	{.kind = HOST_NAME, .name = "api.example.test", .port = 443},
	{.kind = HOST_NAME, .name = "api.example.test", .port = 80},
	{.kind = HOST_SUBDOMAINS, .name = "wild.example.test"},
	{.kind = HOST_NETWORK, .address = 0x0a090000, .prefix = 24},
};

static inline struct resolver *start_program(const char *program, enum network_mode mode, size_t server_count)
{
	const struct resolver_server asked[] = {{.address = INADDR_LOOPBACK, .port = PORT},
						{.address = INADDR_LOOPBACK, .port = PORT + 1}};
	struct host_rule copy[sizeof(rules) / sizeof(*rules)];
	const struct host_list hosts = {.rules = copy, .count = sizeof(rules) / sizeof(*rules)};
	const struct resolver_options options = {
		.program = program,
		.udp = udp,
		.tcp = tcp,
		.far_end = world_ns,
		.servers = asked,
		.server_count = server_count,
		.mode = mode,
		.hosts = &hosts,
	};
	struct resolver *started = NULL;
	struct error err = {0};

	memcpy(copy, rules, sizeof(rules));
	if (resolver_start(&started, &options, &err) < 0)
		fail_msg("%s", err.text);
	return started;
}

static inline struct resolver *start(enum network_mode mode, size_t server_count)
{
	return start_program(PROGRAM, mode, server_count);
}

static inline int set_up_servers(enum network_mode mode, size_t count)
{
	struct message rest;

	memset(&seen, 0, sizeof(seen));
	client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	for (int i = 0; i < 2; i++)
		while (recv(servers[i], rest.data, sizeof(rest.data), 0) >= 0)
			;
	resolver = start(mode, count);
	return 0;
}

static inline int set_up(void **state)
{
	(void)state;
	return set_up_servers(NETWORK_RESTRICTED, 1);
}

static inline int set_up_two(void **state)
{
	(void)state;
	return set_up_servers(NETWORK_RESTRICTED, 2);
}

static inline int set_up_full(void **state)
{
	(void)state;
	return set_up_servers(NETWORK_FULL, 1);
}

static inline int tear_down(void **state)
{
	(void)state;
	resolver_stop(resolver);
	resolver = NULL;
	cleanup_fd(&client);
	return 0;
}

/* --- Messages, by hand: the program's library must not be its own judge ------------------------------------------ */

static inline void put_16(struct message *message, unsigned value)
{
	message->data[message->length++] = (uint8_t)(value >> 8);
	message->data[message->length++] = (uint8_t)value;
}

static inline void put_name(struct message *message, const char *name)
{
	while (*name) {
		size_t label = strcspn(name, ".");
		message->data[message->length++] = (uint8_t)label;
		memcpy(message->data + message->length, name, label);
		message->length += label;
		name += label + (name[label] == '.');
	}
	message->data[message->length++] = 0;
}

static inline struct message question(uint16_t id, const char *name, uint16_t type)
{
	struct message message = {0};

	put_16(&message, id);
	put_16(&message, 0x0100);
	put_16(&message, 1);
	put_16(&message, 0);
	put_16(&message, 0);
	put_16(&message, 0);
	put_name(&message, name);
	put_16(&message, type);
	put_16(&message, 1);
	return message;
}

static inline unsigned get_16(const struct message *message, size_t at)
{
	return (unsigned)message->data[at] << 8 | message->data[at + 1];
}

static inline unsigned rcode_of(const struct message *message)
{
	return message->data[3] & 15u;
}

/* The question's end: where records begin. */
static inline size_t question_end(const struct message *message)
{
	size_t at = 12;

	while (at < message->length && message->data[at])
		at += 1u + message->data[at];
	return at + 5;
}

/* What a server answers to what it was asked, with no records yet. */
static inline struct message answer_to(const struct message *asked, unsigned flags)
{
	struct message answer = *asked;

	answer.length = question_end(asked);
	answer.data[2] = (uint8_t)(flags >> 8);
	answer.data[3] = (uint8_t)flags;
	memset(answer.data + 6, 0, 6);
	return answer;
}

static inline void add_record(struct message *message, const char *owner, uint16_t type, uint32_t ttl)
{
	message->data[7]++;
	if (owner)
		put_name(message, owner);
	else
		put_16(message, 0xc00c);
	put_16(message, type);
	put_16(message, 1);
	put_16(message, ttl >> 16);
	put_16(message, ttl & 0xffff);
}

static inline void add_address(struct message *message, const char *owner, uint32_t address, uint32_t ttl)
{
	add_record(message, owner, TYPE_A, ttl);
	put_16(message, 4);
	put_16(message, address >> 16);
	put_16(message, address & 0xffff);
}

static inline void add_alias(struct message *message, const char *target, uint32_t ttl)
{
	add_record(message, NULL, TYPE_CNAME, ttl);
	size_t at = message->length;
	put_16(message, 0);
	put_name(message, target);
	message->data[at + 1] = (uint8_t)(message->length - at - 2);
}

/* --- Steps ------------------------------------------------------------------------------------------------------ */

static inline void ask(const struct message *message)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT), .sin_addr.s_addr = htonl(RESOLVER_ADDRESS)};

	assert_int_equal(
		sendto(client, message->data, message->length, 0, (const struct sockaddr *)&address, sizeof(address)),
		message->length);
}

static inline bool readable(int fd, int milliseconds)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, milliseconds) == 1;
}

static inline int on_pin(void *context, const struct rules_pin *pins, size_t count)
{
	(void)context;
	assert_true(seen.pin_count + count <= sizeof(seen.pins) / sizeof(*seen.pins));
	memcpy(seen.pins + seen.pin_count, pins, count * sizeof(*pins));
	seen.pin_count += count;
	/* As long as the monitor is not back, nothing may have been told. */
	seen.answered_early |= readable(client, QUIET);
	return seen.pin_result;
}

static inline void on_refused(void *context, const char *name, uint16_t type)
{
	(void)context;
	(void)type;
	seen.refused++;
	(void)snprintf(seen.refused_name, sizeof(seen.refused_name), "%s", name);
}

static const struct resolver_calls calls = {.pin = on_pin, .refused = on_refused};

/* Be the monitor until fd has something to read. */
static inline void serve_until(int fd)
{
	for (;;) {
		struct pollfd waits[] = {{.fd = fd, .events = POLLIN}, {.fd = resolver_fd(resolver), .events = POLLIN}};
		if (poll(waits, 2, PATIENCE) <= 0)
			fail_msg("nothing came");
		if (waits[0].revents)
			return;
		assert_int_equal(resolver_serve(resolver, &calls), 0);
	}
}

static inline struct message hear(int fd)
{
	struct message message = {0};
	socklen_t size = sizeof(message.from);

	serve_until(fd);
	ssize_t length = recvfrom(fd, message.data, sizeof(message.data), 0, (struct sockaddr *)&message.from, &size);
	assert_true(length >= 12);
	message.length = (size_t)length;
	return message;
}

static inline void tell(int server, const struct message *answer)
{
	assert_int_equal(sendto(server, answer->data, answer->length, 0, (const struct sockaddr *)&answer->from,
				sizeof(answer->from)),
			 answer->length);
}

static inline struct message ask_and_hear(const char *name, uint16_t type)
{
	const struct message message = question(0x1234, name, type);

	ask(&message);
	struct message reply = hear(client);
	assert_int_equal(get_16(&reply, 0), 0x1234);
	assert_true(reply.data[2] & 0x80);
	return reply;
}

/* A question of the client's, answered by the server with one address. */
static inline struct message resolve(const char *name, uint32_t address, uint32_t ttl)
{
	const struct message message = question(0x1234, name, TYPE_A);

	ask(&message);
	struct message asked = hear(servers[0]);
	struct message answer = answer_to(&asked, 0x8180);
	add_address(&answer, NULL, address, ttl);
	tell(servers[0], &answer);
	return hear(client);
}

#define RESTRICTED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define TWO(test)        cmocka_unit_test_setup_teardown(test, set_up_two, tear_down)

#endif
