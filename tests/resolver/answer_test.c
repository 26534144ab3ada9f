/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in, a decision out: questions and answers that ldns makes, and bytes that nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <ldns/ldns.h>

#include "resolver/answer.h"

#define NAME "api.example.test."

static struct host_rule rules[] = {
	{.kind = HOST_NAME, .name = "api.example.test", .port = 443},
	{.kind = HOST_NETWORK, .address = 0x0a090000, .prefix = 24},
};
static const struct host_list hosts = {.rules = rules, .count = sizeof(rules) / sizeof(*rules)};
static const struct answer_policy policy = {.mode = NETWORK_RESTRICTED, .hosts = &hosts};

static struct bytes wire_of(ldns_pkt *packet)
{
	struct bytes wire = {0};

	assert_int_equal(ldns_pkt2wire(&wire.data, packet, &wire.length), LDNS_STATUS_OK);
	ldns_pkt_free(packet);
	return wire;
}

static struct bytes query(const char *name, ldns_rr_type type)
{
	ldns_pkt *packet = ldns_pkt_query_new(ldns_dname_new_frm_str(name), type, LDNS_RR_CLASS_IN, LDNS_RD);

	ldns_pkt_set_id(packet, 77);
	return wire_of(packet);
}

static enum question_verdict judge(const char *name, ldns_rr_type type, struct question *question, unsigned *rcode)
{
	struct bytes wire = query(name, type);
	enum question_verdict verdict = question_judge(&policy, wire.data, wire.length, question, rcode);

	bytes_clear(&wire);
	return verdict;
}

static void questions_are_sorted(void **state)
{
	static const struct {
		const char *name;
		ldns_rr_type type;
		enum question_verdict verdict;
		unsigned rcode;
	} rows[] = {
		{NAME, LDNS_RR_TYPE_A, QUESTION_FORWARDED, LDNS_RCODE_NOERROR},
		{"API.Example.TEST.", LDNS_RR_TYPE_A, QUESTION_FORWARDED, LDNS_RCODE_NOERROR},
		{NAME, LDNS_RR_TYPE_AAAA, QUESTION_ANSWERED, LDNS_RCODE_NOERROR},
		{NAME, LDNS_RR_TYPE_TXT, QUESTION_ANSWERED, LDNS_RCODE_NOERROR},
		{NAME, LDNS_RR_TYPE_AXFR, QUESTION_ANSWERED, LDNS_RCODE_REFUSED},
		{"x." NAME, LDNS_RR_TYPE_A, QUESTION_UNLISTED, LDNS_RCODE_REFUSED},
		{"x." NAME, LDNS_RR_TYPE_TXT, QUESTION_UNLISTED, LDNS_RCODE_REFUSED},
		{"api\\.example.test.", LDNS_RR_TYPE_A, QUESTION_UNLISTED, LDNS_RCODE_REFUSED},
		{"api.example.test\\000.", LDNS_RR_TYPE_A, QUESTION_UNLISTED, LDNS_RCODE_REFUSED},
		{".", LDNS_RR_TYPE_A, QUESTION_UNLISTED, LDNS_RCODE_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct question question;
		unsigned rcode = 99;
		assert_int_equal(judge(rows[i].name, rows[i].type, &question, &rcode), rows[i].verdict);
		assert_int_equal(rcode, rows[i].rcode);
		assert_int_equal(question.id, 77);
	}
}

/* Every prefix of a good question, and every value of every byte: a verdict, and no fault (make sanitize). */
static void damaged_questions_are_judged(void **state)
{
	struct bytes wire = query(NAME, LDNS_RR_TYPE_A);
	struct question question;
	unsigned rcode;

	(void)state;
	for (size_t length = 0; length < wire.length; length++) {
		uint8_t *part = malloc(length ? length : 1);
		memcpy(part, wire.data, length);
		assert_int_not_equal(question_judge(&policy, part, length, &question, &rcode), QUESTION_FORWARDED);
		free(part);
	}
	for (size_t at = 0; at < wire.length; at++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t saved = wire.data[at];
			wire.data[at] = (uint8_t)value;
			if (question_judge(&policy, wire.data, wire.length, &question, &rcode) == QUESTION_FORWARDED)
				assert_string_equal(question.name, "api.example.test");
			wire.data[at] = saved;
		}
	bytes_clear(&wire);
}

/* --- Answers ---------------------------------------------------------------------------------------------------- */

struct setting {
	struct question question;
	struct asked asked;
};

static struct setting ask(void)
{
	struct setting setting;
	uint8_t random[ASKED_RANDOM_SIZE];
	struct bytes wire = {0};
	unsigned rcode;

	assert_int_equal(judge(NAME, LDNS_RR_TYPE_A, &setting.question, &rcode), QUESTION_FORWARDED);
	memset(random, 0x55, sizeof(random));
	assert_int_equal(asked_make(&setting.question, random, &setting.asked, &wire), 0);
	bytes_clear(&wire);
	return setting;
}

/* An answer with records in the text form of zone files. */
static ldns_pkt *answer_with(const struct setting *setting, const char *const *records)
{
	ldns_rdf *name =
		ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, setting->asked.wire.length, setting->asked.wire.data);
	ldns_pkt *packet = ldns_pkt_query_new(name, LDNS_RR_TYPE_A, LDNS_RR_CLASS_IN, LDNS_RD | LDNS_QR);

	ldns_pkt_set_id(packet, setting->asked.id);
	for (; records && *records; records++) {
		ldns_rr *record = NULL;
		assert_int_equal(ldns_rr_new_frm_str(&record, *records, 0, NULL, NULL), LDNS_STATUS_OK);
		assert_true(ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, record));
	}
	return packet;
}

static enum answer_verdict judge_answer(const struct setting *setting, ldns_pkt *packet, bool stream,
					struct answer *answer)
{
	struct bytes wire = wire_of(packet);
	enum answer_verdict verdict =
		answer_judge(&policy, &setting->question, &setting->asked, stream, wire.data, wire.length, answer);

	bytes_clear(&wire);
	return verdict;
}

static size_t kept(const char *const *records, struct answer *answer)
{
	const struct setting setting = ask();
	ldns_pkt *reply = NULL;

	assert_int_equal(judge_answer(&setting, answer_with(&setting, records), false, answer), ANSWER_TAKEN);
	assert_int_equal(ldns_wire2pkt(&reply, answer->reply.data, answer->reply.length), LDNS_STATUS_OK);
	assert_int_equal(ldns_pkt_id(reply), 77);
	size_t count = ldns_pkt_ancount(reply);
	ldns_pkt_free(reply);
	return count;
}

static void records_are_kept_or_left_out(void **state)
{
	static const struct {
		const char *records[6];
		size_t addresses, in_reply;
	} rows[] = {
		{{NAME " 0 IN A 198.51.100.1"}, 1, 1},
		{{NAME " 9 IN A 198.51.100.1", NAME " 9 IN A 10.0.0.1", NAME " 9 IN A 10.9.0.1"}, 2, 2},
		{{NAME " 9 IN A 127.0.0.1", NAME " 9 IN A 169.254.169.254", NAME " 9 IN A 224.0.0.1",
		  NAME " 9 IN A 0.0.0.0"},
		 0,
		 0},
		{{NAME " 9 IN CNAME b.test.", "b.test. 9 IN CNAME c.test.", "c.test. 9 IN A 198.51.100.1"}, 1, 3},
		{{"c.test. 9 IN A 198.51.100.1", "B.test. 9 IN CNAME c.test.", NAME " 9 IN CNAME b.TEST."}, 1, 3},
		{{NAME " 9 IN CNAME b.test.", "b.test. 9 IN A 10.0.0.5"}, 0, 0},
		{{NAME " 9 IN CNAME b.test."}, 0, 0},
		{{NAME " 9 IN CNAME " NAME}, 0, 0},
		{{NAME " 9 IN CNAME b.test.", "b.test. 9 IN CNAME " NAME}, 0, 0},
		{{"other.test. 9 IN A 198.51.100.1"}, 0, 0},
		{{NAME " 9 IN A 198.51.100.1", "other.test. 9 IN A 198.51.100.2", NAME " 9 IN AAAA 2001:db8::1",
		  NAME " 9 IN TXT \"x\""},
		 1,
		 1},
		{{NAME " 9 CH A 198.51.100.1"}, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct answer answer;
		assert_int_equal(kept(rows[i].records, &answer), rows[i].in_reply);
		assert_int_equal(answer.count, rows[i].addresses);
		answer_clear(&answer);
	}
}

static void addresses_are_bounded(void **state)
{
	char texts[40][64];
	const char *records[41] = {NULL};
	struct answer answer;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), NAME " 60 IN A 198.51.100.%u", i);
		records[i] = texts[i];
	}
	assert_int_equal(kept(records, &answer), RESOLVER_ADDRESSES_MAX);
	assert_int_equal(answer.count, RESOLVER_ADDRESSES_MAX);
	answer_clear(&answer);
}

static void what_was_not_asked_is_foreign(void **state)
{
	static const char *const records[] = {NAME " 60 IN A 198.51.100.1", NULL};
	struct setting setting = ask();
	struct answer answer;

	(void)state;
	ldns_pkt *packet = answer_with(&setting, records);
	ldns_pkt_set_id(packet, (uint16_t)(setting.asked.id + 1));
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_FOREIGN);

	packet = answer_with(&setting, records);
	ldns_pkt_set_qr(packet, false);
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_FOREIGN);

	packet = answer_with(&setting, records);
	ldns_rr_set_type(ldns_rr_list_rr(ldns_pkt_question(packet), 0), LDNS_RR_TYPE_AAAA);
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_FOREIGN);

	packet = answer_with(&setting, records);
	setting.asked.wire.data[1] ^= 0x20;
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_DOUBTFUL);
	setting.asked.wire.data[1] ^= 0x20;

	packet = answer_with(&setting, records);
	setting.asked.wire.data[1] ^= 0x01;
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_FOREIGN);
	assert_null(answer.reply.data);
}

static void failures_and_truncation_are_told_apart(void **state)
{
	const struct setting setting = ask();
	struct answer answer;

	(void)state;
	ldns_pkt *packet = answer_with(&setting, NULL);
	ldns_pkt_set_tc(packet, true);
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_TRUNCATED);
	packet = answer_with(&setting, NULL);
	ldns_pkt_set_tc(packet, true);
	assert_int_equal(judge_answer(&setting, packet, true, &answer), ANSWER_USELESS);
	packet = answer_with(&setting, NULL);
	ldns_pkt_set_rcode(packet, LDNS_RCODE_SERVFAIL);
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_USELESS);
	packet = answer_with(&setting, NULL);
	ldns_pkt_set_rcode(packet, LDNS_RCODE_NXDOMAIN);
	assert_int_equal(judge_answer(&setting, packet, false, &answer), ANSWER_TAKEN);
	assert_int_equal(LDNS_RCODE_WIRE(answer.reply.data), LDNS_RCODE_NXDOMAIN);
	answer_clear(&answer);
}

/* Whatever byte is wrong: no address that may not be, and no fault. */
static void damaged_answers_are_judged(void **state)
{
	static const char *const records[] = {NAME " 60 IN CNAME b.test.", "b.test. 60 IN A 198.51.100.1", NULL};
	const struct setting setting = ask();
	struct bytes wire = wire_of(answer_with(&setting, records));

	(void)state;
	for (size_t at = 0; at < wire.length; at++)
		for (unsigned value = 0; value < 256; value++) {
			struct answer answer;
			uint8_t saved = wire.data[at];
			wire.data[at] = (uint8_t)value;
			(void)answer_judge(&policy, &setting.question, &setting.asked, true, wire.data, wire.length,
					   &answer);
			for (size_t i = 0; i < answer.count; i++)
				assert_true(resolver_address_passes(&hosts, answer.addresses[i].address));
			answer_clear(&answer);
			wire.data[at] = saved;
		}
	bytes_clear(&wire);
}

/* A record whose name is a pointer to itself, and one that points at the next forever. */
static void names_that_go_in_circles_end(void **state)
{
	const struct setting setting = ask();
	struct bytes wire = wire_of(answer_with(&setting, NULL));
	uint8_t data[512];
	struct answer answer;

	(void)state;
	memcpy(data, wire.data, wire.length);
	data[7] = 1; /* ANCOUNT */
	for (unsigned target = 0; target < 2; target++) {
		size_t at = wire.length;
		for (unsigned i = 0; i < 2; i++) {
			data[at + 2 * i] = 0xc0;
			data[at + 2 * i + 1] = (uint8_t)(at + 2 * (i ^ target));
		}
		assert_int_equal(answer_judge(&policy, &setting.question, &setting.asked, true, data, at + 20, &answer),
				 ANSWER_FOREIGN);
	}
	bytes_clear(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_sorted),
		cmocka_unit_test(damaged_questions_are_judged),
		cmocka_unit_test(records_are_kept_or_left_out),
		cmocka_unit_test(addresses_are_bounded),
		cmocka_unit_test(what_was_not_asked_is_foreign),
		cmocka_unit_test(failures_and_truncation_are_told_apart),
		cmocka_unit_test(damaged_answers_are_judged),
		cmocka_unit_test(names_that_go_in_circles_end),
	};

	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
