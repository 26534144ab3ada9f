/* SPDX-License-Identifier: Apache-2.0 */
/* What the resolver answers, what it asks others, and what it pins before: resolver_place.h says where. */
#include "resolver_place.h"

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

int main(void)
{
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
		cmocka_unit_test(servers_are_read_strictly),
	};

	return cmocka_run_group_tests_name("resolver", tests, group_set_up, NULL);
}
