/* SPDX-License-Identifier: Apache-2.0 */
/* The oracles of the suite "network": what got through fails, and what proves nothing never passes. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "suites/network.h"

#define THROUGH  "\"ready\":1,\"through\":1,\"exit\":0"
#define ECHOED   THROUGH ",\"s1_result\":0,\"s1_bytes\":20"
#define REJECTED THROUGH ",\"s1_result\":111"
#define UNSEEN   ",\"seen_world\":0,\"seen_world_token\":0"
#define SEEN     ",\"seen_world\":3,\"seen_world_token\":1"

struct row {
	judge_function *judge;
	const char *terms, *victims;
	const char *observed, *control; /* members of the facts; control NULL: none */
	enum status status;
	const char *says; /* in the reason, or where it passes in what was observed */
	enum trial_end end;
};

static json_t *facts_of(const char *members)
{
	char text[1024];
	(void)snprintf(text, sizeof(text), "{%s}", members);
	json_t *facts = json_loads(text, 0, NULL);
	if (!facts)
		fail_msg("not JSON: %s", text);
	return facts;
}

static void judge_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct verdict verdict = {.status = STATUS_ERROR};
		struct requirement requirement = {
			.control = SESSION_COUNT,
			.fact = row->terms,
			.trial = {.limits = "", .load = "net", .end = row->end, .network.victims = row->victims},
			.control_trial = {.limits = "",
					  .load = row->control ? "net" : NULL,
					  .network.victims = row->victims},
		};
		struct observation observed = {OBSERVED_DONE, facts_of(row->observed)};
		struct observation control = {OBSERVED_DONE, row->control ? facts_of(row->control) : NULL};
		row->judge(&requirement, &observed, row->control ? &control : NULL, &verdict);
		json_decref(observed.facts);
		json_decref(control.facts);
		const char *text = verdict.status == STATUS_PASS ? verdict.observed : verdict.reason;
		if (verdict.status != row->status || !strstr(text, row->says))
			fail_msg("row %zu: %s, \"%s\" (%s)", i, status_name(verdict.status), text, row->observed);
	}
}

static const struct row works[] = {
	{judge_network_works, "1+", NULL, ECHOED, ECHOED, STATUS_PASS, "1: done, bytes 20", 0},
	{judge_network_works, "1+", NULL, ECHOED, NULL, STATUS_PASS, "bytes 20", 0},
	{judge_network_works, "1+", NULL, REJECTED, ECHOED, STATUS_FAIL, "step 1 got no answer", 0},
	{judge_network_works, "1+", NULL, THROUGH ",\"s1_result\":0,\"s1_bytes\":0", ECHOED, STATUS_FAIL, "no answer",
	 0},
	/* Connected, and then nothing. */
	{judge_network_works, "1+", NULL, THROUGH ",\"s1_result\":0,\"s1_connected\":1", ECHOED, STATUS_FAIL,
	 "no answer", 0},
	{judge_network_works, "1+", NULL, ECHOED, REJECTED, STATUS_INCONCLUSIVE, "in the control step 1", 0},
	{judge_network_works, "1+", NULL, REJECTED, REJECTED, STATUS_INCONCLUSIVE, "in the control step 1", 0},
	{judge_network_works, "1+", NULL, "\"exit\":125,\"stderr\":\"no network\"", ECHOED, STATUS_ERROR,
	 "did not start: no network", 0},
	{judge_network_works, "1+", NULL, "\"ready\":1,\"s1_result\":0,\"s1_bytes\":20", ECHOED, STATUS_ERROR,
	 "all its steps", 0},
	{judge_network_works, "1..2+", NULL, ECHOED, ECHOED, STATUS_INCONCLUSIVE, "step 2", 0},
	/* A name server's answer counts where it has something in it. */
	{judge_network_works, "1+", NULL, THROUGH ",\"s1_result\":0,\"s1_answers\":1", NULL, STATUS_PASS, "answers 1",
	 0},
	{judge_network_works, "1-", NULL, THROUGH ",\"s1_result\":0,\"s1_answers\":0,\"s1_rcode\":5", NULL, STATUS_PASS,
	 "rcode 5", 0},
};

static void what_is_allowed_brings_its_bytes_back(void **state)
{
	(void)state;
	judge_rows(works, ARRAY_SIZE(works));
}

static const struct row facts[] = {
	{judge_network_works, "s1_admitted=5 | s1_admitted=15", NULL, THROUGH ",\"s1_admitted\":5",
	 THROUGH ",\"s1_admitted\":15", STATUS_PASS, "", 0},
	{judge_network_works, "s1_admitted=5 | s1_admitted=15", NULL, THROUGH ",\"s1_admitted\":6",
	 THROUGH ",\"s1_admitted\":15", STATUS_FAIL, "not s1_admitted=5", 0},
	{judge_network_works, "s1_admitted=5 | s1_admitted=15", NULL, THROUGH ",\"s1_admitted\":5",
	 THROUGH ",\"s1_admitted\":5", STATUS_INCONCLUSIVE, "in the control not s1_admitted=15", 0},
	{judge_network_works, "s1_links=lo s1_routes=", NULL, THROUGH ",\"s1_links\":\"lo\",\"s1_routes\":\"\"", NULL,
	 STATUS_PASS, "", 0},
	/* What was not told is not empty. */
	{judge_network_works, "s1_routes=", NULL, THROUGH, NULL, STATUS_FAIL, "not s1_routes=", 0},
	{judge_network_works, "s1_routes!x", NULL, THROUGH, NULL, STATUS_FAIL, "not", 0},
	{judge_network_works, "s1_ms<1000", NULL, THROUGH ",\"s1_ms\":1000", NULL, STATUS_FAIL, "not", 0},
	{judge_network_works, "s1_ms<1000", NULL, THROUGH ",\"s1_ms\":999", NULL, STATUS_PASS, "", 0},
	{judge_network_works, "s1_ms>7", NULL, THROUGH ",\"s1_ms\":7", NULL, STATUS_FAIL, "not", 0},
	{judge_network_works, "questions=", NULL, THROUGH ",\"questions\":\"secret.test A\"", NULL, STATUS_FAIL,
	 "not questions=", 0},
	{judge_network_works, "questions%secret", NULL, THROUGH ",\"questions\":\"a.secret.test A\"", NULL, STATUS_PASS,
	 "asked: a.secret.test", 0},
	{judge_network_works, "questions^secret", NULL, THROUGH ",\"questions\":\"a.secret.test A\"", NULL, STATUS_FAIL,
	 "not", 0},
};

static void facts_are_compared(void **state)
{
	(void)state;
	judge_rows(facts, ARRAY_SIZE(facts));
}

static const struct row blocked[] = {
	{judge_network_blocked, "1-", "world:198.51.100.99", REJECTED UNSEEN, ECHOED SEEN, STATUS_PASS, "seen_world: 0",
	 0},
	{judge_network_blocked, "1-", "world", ECHOED SEEN, ECHOED SEEN, STATUS_FAIL, "world saw 3 frames", 0},
	/* The answer was lost, the frame was not. */
	{judge_network_blocked, "1-", "world", REJECTED SEEN, ECHOED SEEN, STATUS_FAIL, "world saw", 0},
	{judge_network_blocked, "1-", "lan", REJECTED ",\"seen_lan\":0,\"seen_lan_token\":1",
	 ECHOED ",\"seen_lan\":1,\"seen_lan_token\":1", STATUS_FAIL, "lan_token saw 1", 0},
	{judge_network_blocked, "1-", "world", ECHOED UNSEEN, ECHOED SEEN, STATUS_FAIL, "step 1 got through", 0},
	/* A failure needs no control. */
	{judge_network_blocked, "1-", "world", REJECTED SEEN, REJECTED UNSEEN, STATUS_FAIL, "world saw", 0},
	/* A dead listener, a sniffer that sees nothing, and one that is not there prove nothing. */
	{judge_network_blocked, "1-", "world", REJECTED UNSEEN, REJECTED SEEN, STATUS_INCONCLUSIVE,
	 "in the control step 1", 0},
	{judge_network_blocked, "1-", "world", REJECTED UNSEEN, ECHOED UNSEEN, STATUS_INCONCLUSIVE,
	 "in the control world saw nothing", 0},
	{judge_network_blocked, "1-", "world", REJECTED UNSEEN, ECHOED, STATUS_INCONCLUSIVE,
	 "in the control world saw nothing", 0},
	{judge_network_blocked, "1-", "world", REJECTED, ECHOED SEEN, STATUS_ERROR, "nobody watched world", 0},
	{judge_network_blocked, "1-", "world lan", REJECTED UNSEEN, ECHOED SEEN, STATUS_ERROR, "nobody watched lan", 0},
	{judge_network_blocked, "1-", "world", "\"exit\":125", ECHOED SEEN, STATUS_ERROR, "did not start", 0},
	{judge_network_blocked, "1-", "world", REJECTED UNSEEN, "\"exit\":125", STATUS_INCONCLUSIVE, "did not start",
	 0},
	/* A step that was not tried was not stopped, but where the terms say so. */
	{judge_network_blocked, "1-", "world", THROUGH ",\"s1_result\":-1,\"s1_skipped\":1" UNSEEN, ECHOED SEEN,
	 STATUS_FAIL, "step 1 was not tried", 0},
	{judge_network_blocked, "1~", "world", THROUGH ",\"s1_result\":-1,\"s1_skipped\":1" UNSEEN, ECHOED SEEN,
	 STATUS_PASS, "not tried", 0},
	{judge_network_blocked, "1~", "world", THROUGH UNSEEN, ECHOED SEEN, STATUS_FAIL, "was not tried", 0},
	{judge_network_blocked, "", "world", THROUGH UNSEEN, THROUGH SEEN, STATUS_PASS, "", 0},
	{judge_network_blocked, "outside_sent>0 | outside_sent>0", "world", THROUGH UNSEEN ",\"outside_sent\":0",
	 THROUGH SEEN ",\"outside_sent\":1", STATUS_FAIL, "not outside_sent>0", 0},
	/* Killed with its monitor, the load takes no more steps. */
	{judge_network_blocked, "| 1+", "world", "\"ready\":1,\"signal\":9" UNSEEN, ECHOED SEEN, STATUS_PASS, "",
	 TRIAL_END_KILL},
	{judge_network_blocked, "| 1+", "world", "\"ready\":1,\"signal\":9" UNSEEN, ECHOED SEEN, STATUS_ERROR,
	 "all its steps", TRIAL_END_ITSELF},
	{judge_network_blocked, "| 1+", "world", "\"ready\":1,\"signal\":9" SEEN, ECHOED SEEN, STATUS_FAIL, "world saw",
	 TRIAL_END_KILL},
};

static void what_is_blocked_is_seen_by_nobody(void **state)
{
	(void)state;
	judge_rows(blocked, ARRAY_SIZE(blocked));
}

static const struct row refuses[] = {
	{judge_network_refuses, "exit=125 stderr%127.0.0.1", NULL, "\"exit\":125,\"stderr\":\"127.0.0.1: loopback\"",
	 THROUGH, STATUS_PASS, "exit 125", 0},
	{judge_network_refuses, "exit=125 stderr%127.0.0.1", NULL, "\"exit\":125,\"stderr\":\"no\"", THROUGH,
	 STATUS_FAIL, "not stderr%127.0.0.1: no", 0},
	{judge_network_refuses, "exit=125", NULL, THROUGH, THROUGH, STATUS_FAIL, "took the policy", 0},
	/* A runtime that refuses every network refuses this one, too. */
	{judge_network_refuses, "exit=125", NULL, "\"exit\":125", "\"exit\":125", STATUS_INCONCLUSIVE,
	 "without the entry", 0},
};

static void a_policy_is_refused_for_its_entry(void **state)
{
	(void)state;
	judge_rows(refuses, ARRAY_SIZE(refuses));
}

static void a_control_that_was_not_tried_proves_nothing(void **state)
{
	(void)state;
	judge_function *const judges[] = {judge_network_works, judge_network_blocked, judge_network_refuses};
	for (size_t i = 0; i < ARRAY_SIZE(judges); i++) {
		struct verdict verdict = {.status = STATUS_ERROR};
		struct requirement row = {.control = SESSION_COUNT,
					  .fact = "1-",
					  .trial = {.limits = "", .load = "net"},
					  .control_trial = {.limits = "", .load = "net"}};
		struct observation observed = {OBSERVED_DONE, facts_of(REJECTED)};
		judges[i](&row, &observed, NULL, &verdict);
		json_decref(observed.facts);
		assert_int_equal(verdict.status, STATUS_INCONCLUSIVE);
	}
}

static void only_terms_are_terms(void **state)
{
	(void)state;
	static const struct {
		const char *terms, *bad; /* bad NULL: valid */
	} rows[] = {
		{"", NULL},
		{"1+", NULL},
		{"1..24- s1_ms<5 | 2~ questions%a=b", NULL},
		{"| exit=0", NULL},
		{"0+", "0+"},
		{"25+", "25+"},
		{"3..2+", "3..2+"},
		{"1", "1"},
		{"1+x", "1+x"},
		{"ready", "ready"},
		{"s1_ms<soon", "s1_ms<soon"},
		{"s1_ms<", "s1_ms<"},
		{"1+ Exit=0", "Exit=0"},
		{"1+ | 2+ | 3+", "| 3+"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *bad = "", *expected = rows[i].bad ? rows[i].bad : "";
		bool valid = network_terms_valid(rows[i].terms, &bad);
		if (valid != !rows[i].bad || strncmp(bad, expected, strlen(expected)) != 0)
			fail_msg("\"%s\": \"%s\"", rows[i].terms, bad);
	}
}

static void terms_are_put_in_words(void **state)
{
	(void)state;
	char text[128], small[12];
	network_terms_describe("1+ 2..4- s1_rcode=5 | 9+", text, sizeof(text));
	assert_string_equal(text, "step 1 answered, steps 2 to 4 nothing, s1_rcode=5");
	network_terms_describe("1+ 2..4-", small, sizeof(small));
	assert_string_equal(small, "step 1 answ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_allowed_brings_its_bytes_back),
		cmocka_unit_test(facts_are_compared),
		cmocka_unit_test(what_is_blocked_is_seen_by_nobody),
		cmocka_unit_test(a_policy_is_refused_for_its_entry),
		cmocka_unit_test(a_control_that_was_not_tried_proves_nothing),
		cmocka_unit_test(only_terms_are_terms),
		cmocka_unit_test(terms_are_put_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
