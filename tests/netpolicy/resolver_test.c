/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real resolver program between a client in one network namespace and hostile servers in another.  The namespaces have loopback alone
 * and no link to anything.  Test, servers and monitor are one thread that moves step by step, so no order depends on time.
 */
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

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
}

static int new_place(void)
{
	if (unshare(CLONE_NEWNET) < 0 || loopback_up() < 0)
		return -1;
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int bound(int type, uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 16) < 0))
		return -1;
	return fd;
}

static int group_set_up(void **state)
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

static struct resolver *start_program(const char *program, enum network_mode mode, size_t server_count)
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

static struct resolver *start(enum network_mode mode, size_t server_count)
{
	return start_program(PROGRAM, mode, server_count);
}

static int set_up_servers(enum network_mode mode, size_t count)
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

static int set_up(void **state)
{
	(void)state;
	return set_up_servers(NETWORK_RESTRICTED, 1);
}

static int set_up_two(void **state)
{
	(void)state;
	return set_up_servers(NETWORK_RESTRICTED, 2);
}

static int set_up_full(void **state)
{
	(void)state;
	return set_up_servers(NETWORK_FULL, 1);
}

static int tear_down(void **state)
{
	(void)state;
	resolver_stop(resolver);
	resolver = NULL;
	cleanup_fd(&client);
	return 0;
}

/* --- Messages, by hand: the program's library must not be its own judge ------------------------------------------ */

static void put_16(struct message *message, unsigned value)
{
	message->data[message->length++] = (uint8_t)(value >> 8);
	message->data[message->length++] = (uint8_t)value;
}

static void put_name(struct message *message, const char *name)
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

static struct message question(uint16_t id, const char *name, uint16_t type)
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

static unsigned get_16(const struct message *message, size_t at)
{
	return (unsigned)message->data[at] << 8 | message->data[at + 1];
}

static unsigned rcode_of(const struct message *message)
{
	return message->data[3] & 15u;
}

/* The question's end: where records begin. */
static size_t question_end(const struct message *message)
{
	size_t at = 12;

	while (at < message->length && message->data[at])
		at += 1u + message->data[at];
	return at + 5;
}

/* What a server answers to what it was asked, with no records yet. */
static struct message answer_to(const struct message *asked, unsigned flags)
{
	struct message answer = *asked;

	answer.length = question_end(asked);
	answer.data[2] = (uint8_t)(flags >> 8);
	answer.data[3] = (uint8_t)flags;
	memset(answer.data + 6, 0, 6);
	return answer;
}

static void add_record(struct message *message, const char *owner, uint16_t type, uint32_t ttl)
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

static void add_address(struct message *message, const char *owner, uint32_t address, uint32_t ttl)
{
	add_record(message, owner, TYPE_A, ttl);
	put_16(message, 4);
	put_16(message, address >> 16);
	put_16(message, address & 0xffff);
}

static void add_alias(struct message *message, const char *target, uint32_t ttl)
{
	add_record(message, NULL, TYPE_CNAME, ttl);
	size_t at = message->length;
	put_16(message, 0);
	put_name(message, target);
	message->data[at + 1] = (uint8_t)(message->length - at - 2);
}

/* --- Steps ------------------------------------------------------------------------------------------------------ */

static void ask(const struct message *message)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT), .sin_addr.s_addr = htonl(RESOLVER_ADDRESS)};

	assert_int_equal(
		sendto(client, message->data, message->length, 0, (const struct sockaddr *)&address, sizeof(address)),
		message->length);
}

static bool readable(int fd, int milliseconds)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, milliseconds) == 1;
}

static int on_pin(void *context, const struct rules_pin *pins, size_t count)
{
	(void)context;
	assert_true(seen.pin_count + count <= sizeof(seen.pins) / sizeof(*seen.pins));
	memcpy(seen.pins + seen.pin_count, pins, count * sizeof(*pins));
	seen.pin_count += count;
	/* As long as the monitor is not back, nothing may have been told. */
	seen.answered_early |= readable(client, QUIET);
	return seen.pin_result;
}

static void on_refused(void *context, const char *name, uint16_t type)
{
	(void)context;
	(void)type;
	seen.refused++;
	(void)snprintf(seen.refused_name, sizeof(seen.refused_name), "%s", name);
}

static const struct resolver_calls calls = {.pin = on_pin, .refused = on_refused};

/* Be the monitor until fd has something to read. */
static void serve_until(int fd)
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

static struct message hear(int fd)
{
	struct message message = {0};
	socklen_t size = sizeof(message.from);

	serve_until(fd);
	ssize_t length = recvfrom(fd, message.data, sizeof(message.data), 0, (struct sockaddr *)&message.from, &size);
	assert_true(length >= 12);
	message.length = (size_t)length;
	return message;
}

static void tell(int server, const struct message *answer)
{
	assert_int_equal(sendto(server, answer->data, answer->length, 0, (const struct sockaddr *)&answer->from,
				sizeof(answer->from)),
			 answer->length);
}

static struct message ask_and_hear(const char *name, uint16_t type)
{
	const struct message message = question(0x1234, name, type);

	ask(&message);
	struct message reply = hear(client);
	assert_int_equal(get_16(&reply, 0), 0x1234);
	assert_true(reply.data[2] & 0x80);
	return reply;
}

/* A question of the client's, answered by the server with one address. */
static struct message resolve(const char *name, uint32_t address, uint32_t ttl)
{
	const struct message message = question(0x1234, name, TYPE_A);

	ask(&message);
	struct message asked = hear(servers[0]);
	struct message answer = answer_to(&asked, 0x8180);
	add_address(&answer, NULL, address, ttl);
	tell(servers[0], &answer);
	return hear(client);
}

/* --- Tests ------------------------------------------------------------------------------------------------------ */

static void allowed_names_are_answered_and_pinned_first(void **state)
{
	(void)state;
	const struct message reply = resolve("api.example.test", GOOD, 7);

	assert_int_equal(rcode_of(&reply), 0);
	assert_int_equal(get_16(&reply, 6), 1);
	size_t at = question_end(&reply);
	assert_int_equal(get_16(&reply, at + 8), 7); /* the TTL as it was */
	assert_int_equal(get_16(&reply, at + 12) << 16 | get_16(&reply, at + 14), GOOD);
	assert_false(seen.answered_early);
	assert_int_equal(seen.pin_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(seen.pins[i].address, GOOD);
		assert_true(seen.pins[i].port == 443 || seen.pins[i].port == 80);
		assert_int_equal(seen.pins[i].seconds, RESOLVER_PIN_SECONDS);
	}
}

static void a_long_ttl_pins_for_as_long(void **state)
{
	(void)state;
	const struct message reply = resolve("a.b.wild.example.test", GOOD, 3600);

	assert_int_equal(get_16(&reply, 6), 1);
	assert_int_equal(seen.pin_count, 1);
	assert_int_equal(seen.pins[0].port, 0);
	assert_int_equal(seen.pins[0].seconds, 3600);
}

static void case_does_not_matter_and_is_echoed(void **state)
{
	(void)state;
	const struct message reply = resolve("API.eXample.TEST", GOOD, 0);

	assert_int_equal(rcode_of(&reply), 0);
	assert_int_equal(get_16(&reply, 6), 1);
	assert_memory_equal(reply.data + 13, "API", 3);
}

static void unlisted_names_are_refused_and_not_forwarded(void **state)
{
	static const char *const names[] = {"other.example.test",    "wild.example.test", "xapi.example.test",
					    "api.example.test.evil", "example.test",      ""};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct message reply = ask_and_hear(names[i], TYPE_A);
		assert_int_equal(rcode_of(&reply), REFUSED);
	}
	assert_false(readable(servers[0], QUIET));
	assert_int_equal(resolver_serve(resolver, &calls), 0);
	assert_true(seen.refused >= 1);
	assert_int_equal(seen.pin_count, 0);
}

static void a_dot_within_a_label_is_no_dot(void **state)
{
	(void)state;
	struct message message = question(1, "api.example.test", TYPE_A);
	/* "api.example" becomes one label of 11 bytes. */
	message.data[12] = 11;
	message.data[16] = '.';
	ask(&message);
	const struct message reply = hear(client);
	assert_int_equal(rcode_of(&reply), REFUSED);
	assert_false(readable(servers[0], QUIET));
}

static void other_types_have_no_data_and_are_not_forwarded(void **state)
{
	static const uint16_t types[] = {TYPE_AAAA, TYPE_HTTPS, TYPE_TXT, 10, 64, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		const struct message reply = ask_and_hear("api.example.test", types[i]);
		assert_int_equal(rcode_of(&reply), 0);
		assert_int_equal(get_16(&reply, 6), 0);
	}
	assert_false(readable(servers[0], QUIET));
}

static void addresses_out_of_bounds_are_stripped(void **state)
{
	static const uint32_t addresses[] = {0x0a000005, GOOD,       0xa9fea9fe, 0x7f000001,
					     0x0a090005, 0xe0000001, 0x64400001};

	(void)state;
	const struct message message = question(2, "a.wild.example.test", TYPE_A);
	ask(&message);
	struct message asked = hear(servers[0]);
	struct message answer = answer_to(&asked, 0x8180);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		add_address(&answer, NULL, addresses[i], 60);
	/* Of another name: nobody asked. */
	add_address(&answer, "api.example.test", GOOD + 1, 60);
	tell(servers[0], &answer);
	const struct message reply = hear(client);
	assert_int_equal(get_16(&reply, 6), 2);
	assert_int_equal(seen.pin_count, 2);
	assert_int_equal(seen.pins[0].address, GOOD);
	assert_int_equal(seen.pins[1].address, 0x0a090005);
}

static void all_stripped_is_no_data(void **state)
{
	(void)state;
	const struct message reply = resolve("a.wild.example.test", 0xa9fea9fe, 60);

	assert_int_equal(rcode_of(&reply), 0);
	assert_int_equal(get_16(&reply, 6), 0);
	assert_int_equal(seen.pin_count, 0);
}

static void aliases_are_followed_within_the_answer(void **state)
{
	(void)state;
	const struct message message = question(3, "api.example.test", TYPE_A);
	ask(&message);
	struct message asked = hear(servers[0]);
	struct message answer = answer_to(&asked, 0x8180);
	add_address(&answer, "cdn.other.test", GOOD, 60);
	add_alias(&answer, "cdn.other.test", 60);
	tell(servers[0], &answer);
	const struct message reply = hear(client);
	assert_int_equal(get_16(&reply, 6), 2);
	assert_int_equal(seen.pins[0].address, GOOD);
	/* The target did not become a name. */
	const struct message target = ask_and_hear("cdn.other.test", TYPE_A);
	assert_int_equal(rcode_of(&target), REFUSED);
}

static void a_pin_that_fails_is_no_answer(void **state)
{
	(void)state;
	seen.pin_result = -ENOSPC;
	const struct message reply = resolve("api.example.test", GOOD, 60);
	assert_int_equal(rcode_of(&reply), SERVFAIL);
	assert_int_equal(get_16(&reply, 6), 0);
}

static void forged_answers_are_ignored(void **state)
{
	(void)state;
	const struct message message = question(4, "api.example.test", TYPE_A);
	ask(&message);
	struct message asked = hear(servers[0]);
	struct message forged = answer_to(&asked, 0x8180);
	add_address(&forged, NULL, GOOD + 9, 60);
	/* Another source; another id; another question; a question back. */
	tell(servers[1], &forged);
	forged.data[0] ^= 1;
	tell(servers[0], &forged);
	forged.data[0] ^= 1;
	forged.data[13] = 'x';
	tell(servers[0], &forged);
	tell(servers[0], &asked);
	struct message answer = answer_to(&asked, 0x8180);
	add_address(&answer, NULL, GOOD, 60);
	tell(servers[0], &answer);
	const struct message reply = hear(client);
	assert_int_equal(get_16(&reply, 6), 1);
	assert_int_equal(seen.pins[0].address, GOOD);
}

static void answer_over_tcp(const struct message *first)
{
	serve_until(stream_server);
	_cleanup_fd_ int fd = accept4(stream_server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	struct message asked = {0};
	serve_until(fd);
	uint8_t prefix[2];
	assert_int_equal(io_read_all(fd, prefix, 2), 2);
	asked.length = (size_t)(prefix[0] << 8 | prefix[1]);
	assert_int_equal(asked.length, first->length);
	assert_int_equal(io_read_all(fd, asked.data, asked.length), asked.length);
	struct message answer = answer_to(&asked, 0x8180);
	add_address(&answer, NULL, GOOD, 60);
	prefix[0] = (uint8_t)(answer.length >> 8);
	prefix[1] = (uint8_t)answer.length;
	assert_int_equal(io_write_all(fd, prefix, 2), 0);
	assert_int_equal(io_write_all(fd, answer.data, answer.length), 0);
	const struct message reply = hear(client);
	assert_int_equal(get_16(&reply, 6), 1);
	assert_int_equal(seen.pins[0].address, GOOD);
}

static void a_truncated_answer_is_fetched_over_tcp(void **state)
{
	(void)state;
	const struct message message = question(5, "api.example.test", TYPE_A);
	ask(&message);
	struct message asked = hear(servers[0]);
	const struct message answer = answer_to(&asked, 0x8380);
	tell(servers[0], &answer);
	answer_over_tcp(&asked);
}

static void an_answer_in_another_case_is_checked_over_tcp(void **state)
{
	(void)state;
	const struct message message = question(6, "api.example.test", TYPE_A);
	ask(&message);
	struct message asked = hear(servers[0]);
	struct message answer = answer_to(&asked, 0x8180);
	answer.data[13] ^= 0x20;
	add_address(&answer, NULL, GOOD + 9, 60);
	tell(servers[0], &answer);
	answer_over_tcp(&asked);
}

static void a_silent_server_gives_way_to_the_next(void **state)
{
	(void)state;
	const struct message message = question(7, "api.example.test", TYPE_A);
	ask(&message);
	struct message asked = hear(servers[1]);
	struct message answer = answer_to(&asked, 0x8180);
	add_address(&answer, NULL, GOOD, 60);
	tell(servers[1], &answer);
	const struct message reply = hear(client);
	assert_int_equal(get_16(&reply, 6), 1);
	assert_true(readable(servers[0], 0));
}

static void a_server_that_fails_gives_way_at_once(void **state)
{
	(void)state;
	const struct message message = question(8, "api.example.test", TYPE_A);
	ask(&message);
	for (int i = 0; i < 2; i++) {
		struct message asked = hear(servers[i]);
		const struct message answer = answer_to(&asked, 0x8182);
		tell(servers[i], &answer);
	}
	const struct message reply = hear(client);
	assert_int_equal(rcode_of(&reply), SERVFAIL);
}

static void no_answer_at_all_is_servfail(void **state)
{
	(void)state;
	const struct message reply = ask_and_hear("api.example.test", TYPE_A);
	assert_int_equal(rcode_of(&reply), SERVFAIL);
}

static void odd_messages_get_what_they_deserve(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		unsigned rcode;
	} rows[] = {
		{2, 0x28, 4}, /* UPDATE */
		{5, 2, 1}, /* two questions */
		{5, 0, 1}, /* none */
		{7, 1, 1}, /* an answer in the question */
		{33, 3, REFUSED}, /* class CHAOS */
		{31, 252, REFUSED}, /* zone transfer */
		{12, 0xc0, 1}, /* a name that points at its own end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct message message = question(9, "api.example.test", TYPE_A);
		message.data[rows[i].at] = rows[i].value;
		if (rows[i].value == 0xc0)
			message.data[13] = 12;
		ask(&message);
		const struct message reply = hear(client);
		assert_int_equal(rcode_of(&reply), rows[i].rcode);
	}
	/* An answer is no question. */
	struct message answer = question(9, "api.example.test", TYPE_A);
	answer.data[2] = 0x80;
	ask(&answer);
	assert_false(readable(client, QUIET));
	assert_false(readable(servers[0], 0));
}

/* Two questions in one piece, answered both. */
static void tcp_takes_several_questions(void **state)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT), .sin_addr.s_addr = htonl(RESOLVER_ADDRESS)};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct message both = {0};

	(void)state;
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	for (uint16_t i = 1; i <= 2; i++) {
		const struct message one = question(i, "other.example.test", TYPE_A);
		put_16(&both, (unsigned)one.length);
		memcpy(both.data + both.length, one.data, one.length);
		both.length += one.length;
	}
	assert_int_equal(io_write_all(fd, both.data, both.length), 0);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	uint8_t replies[2048];
	struct timeval patience = {.tv_sec = PATIENCE / 1000};
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(io_read_all(fd, replies, sizeof(replies)), both.length);
	assert_int_equal(replies[3], 1);
	assert_int_equal(replies[5] & 15, REFUSED);
}

static void many_questions_stay_bounded(void **state)
{
	unsigned failed = 0, heard = 0;

	(void)state;
	for (uint16_t i = 0; i < 200; i++) {
		const struct message message = question(i, "api.example.test", TYPE_A);
		ask(&message);
		(void)hear(servers[0]);
	}
	/* 64 of them are still waited for: the others' askers get nothing. */
	while (heard < 64) {
		const struct message reply = hear(client);
		heard++;
		failed += rcode_of(&reply) == SERVFAIL && get_16(&reply, 0) >= 136;
	}
	assert_int_equal(failed, 64);
	assert_false(readable(client, QUIET));
}

static void mode_full_answers_all_and_pins_nothing(void **state)
{
	(void)state;
	struct message reply = resolve("anything.test", GOOD, 60);
	assert_int_equal(get_16(&reply, 6), 1);
	reply = resolve("anything.test", 0xa9fea9fe, 60);
	assert_int_equal(get_16(&reply, 6), 0);
	assert_int_equal(seen.pin_count, 0);
}

static pid_t program_pid(void)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	assert_int_equal(io_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
	return (pid_t)strtol(text, NULL, 10);
}

static void the_program_has_nothing(void **state)
{
	static const char *const lines[] = {"Uid:\t65534\t65534\t65534\t65534\n",
					    "Gid:\t65534\t65534\t65534\t65534\n",
					    "Groups:\t \n",
					    "CapPrm:\t0000000000000000\n",
					    "CapEff:\t0000000000000000\n",
					    "CapBnd:\t0000000000000000\n",
					    "NoNewPrivs:\t1\n",
					    "Seccomp:\t2\n"};
	_cleanup_free_ char *status = NULL;
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", program_pid());
	assert_int_equal(io_read_file(AT_FDCWD, path, 65536, &status, NULL), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!strstr(status, lines[i]))
			fail_msg("no \"%s\" in\n%s", lines[i], status);
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", program_pid());
	_cleanup_free_ char *environment = NULL;
	size_t length = 1;
	assert_int_equal(io_read_file(AT_FDCWD, path, 65536, &environment, &length), 0);
	assert_int_equal(length, 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/root", program_pid());
	_cleanup_dir_ DIR *root = opendir(path);
	assert_non_null(root);
	for (const struct dirent *entry; (entry = readdir(root));)
		assert_int_equal(entry->d_name[0], '.');
}

static void a_killed_program_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(kill(program_pid(), SIGKILL), 0);
	assert_true(readable(resolver_fd(resolver), PATIENCE));
	assert_int_equal(resolver_serve(resolver, &calls), -EPIPE);
}

static void it_dies_with_the_monitor(void **state)
{
	int ends[2];

	(void)state;
	/* The write end is held by the monitor alone; orphans come to us, so that the program's end is seen. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t monitor = fork();
	if (monitor == 0) {
		(void)start(NETWORK_RESTRICTED, 1);
		const pid_t pid = program_pid();
		(void)io_write_all(ends[1], &pid, sizeof(pid));
		(void)kill(getpid(), SIGKILL);
	}
	pid_t program = -1;
	(void)close(ends[1]);
	assert_int_equal(io_read_all(ends[0], &program, sizeof(program)), sizeof(program));
	(void)close(ends[0]);
	assert_int_equal(waitpid(monitor, NULL, 0), monitor);
	int status = 0;
	assert_int_equal(waitpid(program, &status, 0), program);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void a_missing_program_says_where_it_belongs(void **state)
{
	const struct resolver_server server = {.address = INADDR_LOOPBACK, .port = PORT};
	const struct resolver_options options = {.program = "/nowhere/agentcore-resolver",
						 .udp = udp,
						 .tcp = tcp,
						 .far_end = -1,
						 .servers = &server,
						 .server_count = 1,
						 .mode = NETWORK_FULL};
	struct resolver *none = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(resolver_start(&none, &options, &err), -ENOENT);
	assert_null(none);
	assert_non_null(strstr(err.text, "/nowhere/agentcore-resolver"));
	assert_non_null(strstr(err.hint, "libexec"));
}

/* --- A program in an attacker's hands: this one, started in its place ---------------------------------------------- */

static int hostile_program(void)
{
	static const struct resolver_request requests[] = {
		{.kind = RESOLVER_PIN, .count = 1, .name = "other.example.test", .addresses = {{GOOD, 60}}},
		{.kind = RESOLVER_PIN, .count = 1, .name = "API.example.test", .addresses = {{GOOD, 60}}},
		{.kind = RESOLVER_PIN, .count = 1, .name = "api.example.test", .addresses = {{0xa9fea9fe, 60}}},
		{.kind = RESOLVER_PIN, .count = 1, .name = "api.example.test", .addresses = {{0x0a000001, 60}}},
		{.kind = RESOLVER_PIN,
		 .count = 2,
		 .name = "api.example.test",
		 .addresses = {{GOOD, 60}, {0x7f000001, 60}}},
		{.kind = RESOLVER_PIN, .count = 0, .name = "api.example.test"},
		{.kind = RESOLVER_PIN, .count = RESOLVER_ADDRESSES_MAX + 1, .name = "api.example.test"},
		{.kind = RESOLVER_PIN, .count = UINT32_MAX, .name = "api.example.test"},
		{.kind = RESOLVER_DIAL, .server = 1},
		{.kind = RESOLVER_DIAL, .server = UINT16_MAX},
	};
	struct resolver_request request = {.kind = RESOLVER_READY};
	struct resolver_reply reply;
	unsigned granted = 0;

	(void)fcntl(RESOLVER_FD_CONTROL, F_SETFL, 0);
	(void)send(RESOLVER_FD_CONTROL, &request, sizeof(request), 0);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		(void)send(RESOLVER_FD_CONTROL, &requests[i], sizeof(requests[i]), 0);
		if (recv(RESOLVER_FD_CONTROL, &reply, sizeof(reply), 0) != sizeof(reply) || reply.result >= 0)
			granted++;
	}
	/* A name without an end. */
	request = (struct resolver_request){.kind = RESOLVER_PIN, .count = 1};
	memset(request.name, 'a', sizeof(request.name));
	(void)send(RESOLVER_FD_CONTROL, &request, sizeof(request), 0);
	if (recv(RESOLVER_FD_CONTROL, &reply, sizeof(reply), 0) != sizeof(reply) || reply.result >= 0)
		granted++;
	for (int i = 0; i < 3 * RESOLVER_REFUSED_PER_SECOND; i++) {
		request = (struct resolver_request){.kind = RESOLVER_REFUSED};
		(void)snprintf(request.name, sizeof(request.name), "granted %u\n\033", granted);
		(void)send(RESOLVER_FD_CONTROL, &request, sizeof(request), 0);
	}
	(void)send(RESOLVER_FD_CONTROL, &request, 1, 0);
	(void)recv(RESOLVER_FD_CONTROL, &reply, sizeof(reply), 0);
	return 0;
}

static void a_hostile_program_gets_nothing(void **state)
{
	int r = 0;

	(void)state;
	client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memset(&seen, 0, sizeof(seen));
	resolver = start_program("/proc/self/exe", NETWORK_RESTRICTED, 1);
	while (r == 0) {
		assert_true(readable(resolver_fd(resolver), PATIENCE));
		r = resolver_serve(resolver, &calls);
	}
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(seen.pin_count, 0);
	assert_string_equal(seen.refused_name, "granted 0??");
	/* A second may turn meanwhile. */
	assert_in_range(seen.refused, RESOLVER_REFUSED_PER_SECOND, 2 * RESOLVER_REFUSED_PER_SECOND);
}

static void servers_are_read_strictly(void **state)
{
	struct resolver_server found[RESOLVER_SERVERS_MAX] = {{0}};
	char path[] = "/tmp/agentcore-resolver-test.XXXXXX";
	static const char text[] = "# nameserver 9.9.9.9\nsearch x\nnameserver\t192.0.2.1 # first\nnameserver ::1\n"
				   "nameserver 192.0.2.256\nnameservers 192.0.2.9\n  nameserver 192.0.2.2\n"
				   "nameserver 192.0.2.3\nnameserver 192.0.2.4";
	static const char *const bad[] = {"",    "192.0.2.1:", "192.0.2.1:0",   "192.0.2.1:65536", "192.0.2.1:5x",
					  "::1", "name",       "192.0.2.1:053", "0.0.0.0"};
	struct error err = {0};

	(void)state;
	_cleanup_fd_ int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, sizeof(text) - 1), 0);
	assert_int_equal(resolver_read_servers(path, found, &err), 3);
	(void)unlink(path);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(found[i].address, 0xc0000201 + i);
	assert_int_equal(resolver_read_servers(path, found, &err), -ENOENT);
	assert_int_equal(resolver_parse_server("192.0.2.7:5353", &found[0], NULL), 0);
	assert_int_equal(found[0].port, 5353);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(resolver_parse_server(bad[i], &found[0], NULL), -EINVAL);
	assert_int_equal(found[0].address, 0xc0000207);
}

#define RESTRICTED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define TWO(test)        cmocka_unit_test_setup_teardown(test, set_up_two, tear_down)

int main(int argc, char **argv)
{
	/* Started by resolver_start. */
	if (argc == 1 && !strcmp(argv[0], "agentcore-resolver"))
		return hostile_program();

	const struct CMUnitTest tests[] = {
		RESTRICTED(allowed_names_are_answered_and_pinned_first),
		RESTRICTED(a_long_ttl_pins_for_as_long),
		RESTRICTED(case_does_not_matter_and_is_echoed),
		RESTRICTED(unlisted_names_are_refused_and_not_forwarded),
		RESTRICTED(a_dot_within_a_label_is_no_dot),
		RESTRICTED(other_types_have_no_data_and_are_not_forwarded),
		RESTRICTED(addresses_out_of_bounds_are_stripped),
		RESTRICTED(all_stripped_is_no_data),
		RESTRICTED(aliases_are_followed_within_the_answer),
		RESTRICTED(a_pin_that_fails_is_no_answer),
		RESTRICTED(forged_answers_are_ignored),
		RESTRICTED(a_truncated_answer_is_fetched_over_tcp),
		RESTRICTED(an_answer_in_another_case_is_checked_over_tcp),
		TWO(a_silent_server_gives_way_to_the_next),
		TWO(a_server_that_fails_gives_way_at_once),
		RESTRICTED(no_answer_at_all_is_servfail),
		RESTRICTED(odd_messages_get_what_they_deserve),
		RESTRICTED(tcp_takes_several_questions),
		RESTRICTED(many_questions_stay_bounded),
		cmocka_unit_test_setup_teardown(mode_full_answers_all_and_pins_nothing, set_up_full, tear_down),
		RESTRICTED(the_program_has_nothing),
		RESTRICTED(a_killed_program_is_noticed),
		cmocka_unit_test_teardown(a_hostile_program_gets_nothing, tear_down),
		cmocka_unit_test(it_dies_with_the_monitor),
		cmocka_unit_test(a_missing_program_says_where_it_belongs),
		cmocka_unit_test(servers_are_read_strictly),
	};

	return cmocka_run_group_tests_name("resolver", tests, group_set_up, NULL);
}
