/* SPDX-License-Identifier: Apache-2.0 */
/* The test internet's name server: every row of fixtures/network/README.md. */
#include <errno.h>
#include <ldns/ldns.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>

#include "base/array.h"
#include "drive.h"

#define SERVER    "198.51.100.53"
#define ANY_TTL   UINT32_MAX
#define REPLY_MAX 4096

static struct drive drive;

static int start(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	drive_start(&drive);
	return 0;
}

static int end(void **state)
{
	(void)state;
	return drive_end(&drive);
}

/* --- Questions ------------------------------------------------------------------------------------- */

static ssize_t exchange(int type, const char *server, const uint8_t *query, size_t length, uint8_t reply[REPLY_MAX])
{
	uint8_t prefix[2] = {(uint8_t)(length >> 8), (uint8_t)length};
	_cleanup_fd_ int fd = drive_connect(&drive, "bare", type, server, 53);
	assert_true(fd >= 0);
	if (type == SOCK_STREAM)
		assert_int_equal(send(fd, prefix, 2, MSG_NOSIGNAL), 2);
	assert_int_equal(send(fd, query, length, MSG_NOSIGNAL), length);
	if (type == SOCK_DGRAM)
		return recv(fd, reply, REPLY_MAX, 0);
	assert_int_equal(recv(fd, prefix, 2, MSG_WAITALL), 2);
	return recv(fd, reply, (size_t)prefix[0] << 8 | prefix[1], MSG_WAITALL);
}

/* The bytes of the answer. */
static ssize_t ask_raw(int type, const char *server, const char *name, ldns_rr_type record, uint16_t *id,
		       uint8_t reply[REPLY_MAX])
{
	uint8_t *wire = NULL;
	size_t length = 0;
	ldns_pkt *query = ldns_pkt_query_new(ldns_dname_new_frm_str(name), record, LDNS_RR_CLASS_IN, LDNS_RD);
	ldns_pkt_set_random_id(query);
	*id = ldns_pkt_id(query);
	assert_int_equal(ldns_pkt2wire(&wire, query, &length), LDNS_STATUS_OK);
	ssize_t n = exchange(type, server, wire, length, reply);
	free(wire);
	ldns_pkt_free(query);
	return n;
}

/* The answer, which has to be one: the caller's. */
static ldns_pkt *ask(int type, const char *server, const char *name, ldns_rr_type record)
{
	uint8_t reply[REPLY_MAX];
	uint16_t id;
	ldns_pkt *answer = NULL;
	ssize_t n = ask_raw(type, server, name, record, &id, reply);
	if (n <= 0 || ldns_wire2pkt(&answer, reply, (size_t)n) != LDNS_STATUS_OK)
		fail_msg("%s: no answer", name);
	assert_int_equal(ldns_pkt_id(answer), id);
	assert_true(ldns_pkt_qr(answer));
	return answer;
}

/* "TYPE value TYPE value", as the answers come. */
static void values_of(const ldns_pkt *answer, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < ldns_rr_list_rr_count(ldns_pkt_answer(answer)); i++) {
		const ldns_rr *record = ldns_rr_list_rr(ldns_pkt_answer(answer), i);
		char *type = ldns_rr_type2str(ldns_rr_get_type(record)), *value = ldns_rdf2str(ldns_rr_rdf(record, 0));
		size_t used = strlen(text);
		(void)snprintf(text + used, size - used, "%s%s %s", used ? " " : "", type, value);
		free(type);
		free(value);
	}
}

/* --- The table ------------------------------------------------------------------------------------- */

static const struct name_row {
	const char *name;
	ldns_rr_type type;
	ldns_pkt_rcode rcode;
	uint32_t ttl; /* of the first record */
	const char *values;
} rows[] = {
	{"api.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.10"},
	{"two.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.11"},
	{"web.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.80"},
	{"cdn.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.81"},
	{"sub.wild.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.11"},
	{"a.b.wild.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.11"},
	{"short.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 1, "A 198.51.100.10"},
	{"zero.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 0, "A 198.51.100.10"},
	{"mixed.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.10 A 10.0.0.5 A 169.254.169.254"},
	{"private.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 10.0.0.5"},
	{"meta.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 169.254.169.254"},
	{"local.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 127.0.0.1"},
	{"alias.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "CNAME api.example.test. A 198.51.100.10"},
	{"evil-alias.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "CNAME target.other.test. A 198.51.100.99"},
	{"private-alias.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60,
	 "CNAME private.example.test. A 10.0.0.5"},
	{"six.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.10"},
	{"six.example.test", LDNS_RR_TYPE_AAAA, LDNS_RCODE_NOERROR, 60, "AAAA 2001:db8::1"},
	{"slow.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.10"},
	{"secret.leak.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.99"},
	{"other.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.99"},
	{"target.other.test", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.99"},
	{"API.Example.TEST", LDNS_RR_TYPE_A, LDNS_RCODE_NOERROR, 60, "A 198.51.100.10"},
	{"api.example.test", LDNS_RR_TYPE_TXT, LDNS_RCODE_NOERROR, ANY_TTL, ""},
	{"nobody.example.test", LDNS_RR_TYPE_A, LDNS_RCODE_NXDOMAIN, ANY_TTL, ""},
	{"evilexample.test", LDNS_RR_TYPE_A, LDNS_RCODE_REFUSED, ANY_TTL, ""},
};

static void assert_row(const struct name_row *row, int type)
{
	char values[512];
	ldns_pkt *answer = ask(type, SERVER, row->name, row->type);
	values_of(answer, values, sizeof(values));
	assert_int_equal(ldns_pkt_get_rcode(answer), row->rcode);
	assert_string_equal(values, row->values);
	if (row->ttl != ANY_TTL)
		assert_int_equal(ldns_rr_ttl(ldns_rr_list_rr(ldns_pkt_answer(answer), 0)), row->ttl);
	ldns_pkt_free(answer);
}

static void test_every_row_by_both_protocols(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_row(&rows[i], SOCK_DGRAM);
		assert_row(&rows[i], SOCK_STREAM);
	}
}

static void test_the_second_server(void **state)
{
	char values[64];
	(void)state;
	ldns_pkt *answer = ask(SOCK_DGRAM, "8.8.8.8", "api.example.test", LDNS_RR_TYPE_A);
	values_of(answer, values, sizeof(values));
	assert_string_equal(values, "A 198.51.100.10");
	ldns_pkt_free(answer);
}

static void test_slow_is_slow(void **state)
{
	(void)state;
	int64_t before = drive_now_ms();
	ldns_pkt_free(ask(SOCK_DGRAM, SERVER, "slow.example.test", LDNS_RR_TYPE_A));
	assert_true(drive_now_ms() - before >= 700);
}

static void test_many_are_cut_off_by_udp(void **state)
{
	(void)state;
	ldns_pkt *answer = ask(SOCK_DGRAM, SERVER, "many.example.test", LDNS_RR_TYPE_A);
	assert_true(ldns_pkt_tc(answer));
	ldns_pkt_free(answer);
	answer = ask(SOCK_STREAM, SERVER, "many.example.test", LDNS_RR_TYPE_A);
	assert_false(ldns_pkt_tc(answer));
	assert_int_equal(ldns_rr_list_rr_count(ldns_pkt_answer(answer)), 60);
	ldns_pkt_free(answer);
}

static void assert_rebind(const char *expected)
{
	char values[64];
	ldns_pkt *answer = ask(SOCK_DGRAM, SERVER, "rebind.example.test", LDNS_RR_TYPE_A);
	values_of(answer, values, sizeof(values));
	assert_string_equal(values, expected);
	ldns_pkt_free(answer);
}

static void test_rebind_begins_anew_with_a_window(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		(void)drive_done(&drive, "window " TOKEN, "ok");
		assert_rebind("A 198.51.100.10");
		assert_rebind("A 169.254.169.254");
		assert_rebind("A 169.254.169.254");
	}
}

/* --- Answers that are none ------------------------------------------------------------------------- */

static void test_forged_answers(void **state)
{
	uint8_t reply[REPLY_MAX];
	uint16_t id;
	ldns_pkt *answer = NULL;
	(void)state;
	ssize_t n = ask_raw(SOCK_DGRAM, SERVER, "wrong-id.example.test", LDNS_RR_TYPE_A, &id, reply);
	assert_true(n > 12);
	assert_int_not_equal(reply[0] << 8 | reply[1], id);
	n = ask_raw(SOCK_DGRAM, SERVER, "garbage.example.test", LDNS_RR_TYPE_A, &id, reply);
	assert_true(n > 12);
	assert_int_not_equal(ldns_wire2pkt(&answer, reply, (size_t)n), LDNS_STATUS_OK);
	answer = ask(SOCK_DGRAM, SERVER, "wrong-question.example.test", LDNS_RR_TYPE_A);
	char *owner = ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(answer), 0)));
	assert_string_equal(owner, "api.example.test.");
	free(owner);
	ldns_pkt_free(answer);
}

static void test_silence(void **state)
{
	uint8_t text[64];
	struct timeval short_time = {0, 300000};
	ldns_pkt *query = ldns_pkt_query_new(ldns_dname_new_frm_str("silent.example.test"), LDNS_RR_TYPE_A,
					     LDNS_RR_CLASS_IN, LDNS_RD);
	uint8_t *wire = NULL;
	size_t length;
	(void)state;
	assert_int_equal(ldns_pkt2wire(&wire, query, &length), LDNS_STATUS_OK);
	_cleanup_fd_ int fd = drive_connect(&drive, "bare", SOCK_DGRAM, SERVER, 53);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time)), 0);
	assert_int_equal(send(fd, wire, length, 0), length);
	assert_int_equal(recv(fd, text, sizeof(text), 0), -1);
	assert_int_equal(errno, EAGAIN);
	/* What is no question is no reason to fall over. */
	assert_int_equal(send(fd, "x", 1, 0), 1);
	free(wire);
	ldns_pkt_free(query);
	test_the_second_server(state);
}

/* --- What was asked -------------------------------------------------------------------------------- */

static void test_questions_are_recorded(void **state)
{
	(void)state;
	(void)drive_done(&drive, "window " TOKEN, "ok");
	ldns_pkt_free(ask(SOCK_DGRAM, SERVER, "API.example.test", LDNS_RR_TYPE_A));
	ldns_pkt_free(ask(SOCK_STREAM, "8.8.8.8", "secret.leak.example.test", LDNS_RR_TYPE_TXT));
	json_t *answer = drive_ask(&drive, "seen"), *questions = json_object_get(answer, "questions");
	assert_int_equal(json_array_size(questions), 2);
	assert_string_equal(json_string_value(json_array_get(questions, 0)), "api.example.test A");
	assert_string_equal(json_string_value(json_array_get(questions, 1)), "secret.leak.example.test TXT");
	json_decref(answer);
	(void)drive_done(&drive, "window " TOKEN, "ok");
	answer = drive_ask(&drive, "seen");
	assert_int_equal(json_array_size(json_object_get(answer, "questions")), 0);
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_by_both_protocols),
		cmocka_unit_test(test_the_second_server),
		cmocka_unit_test(test_slow_is_slow),
		cmocka_unit_test(test_many_are_cut_off_by_udp),
		cmocka_unit_test(test_rebind_begins_anew_with_a_window),
		cmocka_unit_test(test_forged_answers),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_questions_are_recorded),
	};
	return cmocka_run_group_tests(tests, start, end);
}
