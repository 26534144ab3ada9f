/* SPDX-License-Identifier: Apache-2.0 */
/* The oracles for files and limits, from made-up observations. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "suites/outcomes.h"

struct row {
	const char *what;
	judge_function *judge;
	const char *fact, *expected;
	const char *inside, *bare; /* facts as JSON; bare NULL: no control */
	enum status status;
};

#define GONE   "{\"ret\":-1,\"errno\":2}"
#define DENIED "{\"ret\":-1,\"errno\":13}"
#define OPENED "{\"ret\":3,\"errno\":0}"

static const struct row rows[] = {
	{"denied, and the control succeeds", judge_absent, NULL, "ENOENT|EACCES", DENIED, OPENED, STATUS_PASS},
	{"missing inside only", judge_absent, NULL, "ENOENT|EACCES", GONE, OPENED, STATUS_PASS},
	{"missing on the host too", judge_absent, NULL, "ENOENT|EACCES", GONE, GONE, STATUS_UNSUPPORTED},
	{"opens", judge_absent, NULL, "ENOENT|EACCES", OPENED, OPENED, STATUS_FAIL},
	{"opens although the host lacks it", judge_absent, NULL, "ENOENT|EACCES", OPENED, GONE, STATUS_FAIL},
	{"the control is denied as well", judge_absent, NULL, "ENOENT|EACCES", DENIED, DENIED, STATUS_INCONCLUSIVE},

	{"masked file", judge_hidden, NULL, "", "{\"yields\":\"nothing\"}", "{\"yields\":\"bytes\"}", STATUS_PASS},
	{"left out", judge_hidden, NULL, "", "{\"yields\":\"absent\"}", "{\"yields\":\"entries\"}", STATUS_PASS},
	{"unreadable", judge_hidden, NULL, "", "{\"yields\":\"refused\"}", "{\"yields\":\"bytes\"}", STATUS_PASS},
	{"readable", judge_hidden, NULL, "", "{\"yields\":\"bytes\"}", "{\"yields\":\"bytes\"}", STATUS_FAIL},
	{"readable only inside", judge_hidden, NULL, "", "{\"yields\":\"entries\"}", "{\"yields\":\"absent\"}",
	 STATUS_FAIL},
	{"nowhere", judge_hidden, NULL, "", "{\"yields\":\"absent\"}", "{\"yields\":\"absent\"}", STATUS_UNSUPPORTED},
	{"no fact", judge_hidden, NULL, "", "{}", "{\"yields\":\"bytes\"}", STATUS_ERROR},
	{"no control", judge_hidden, NULL, "", "{\"yields\":\"nothing\"}", NULL, STATUS_INCONCLUSIVE},

	{"at the limit", judge_fact_at_most, "hard", "10", "{\"hard\":10}", "{\"hard\":11}", STATUS_PASS},
	{"beyond", judge_fact_at_most, "hard", "10", "{\"hard\":11}", "{\"hard\":11}", STATUS_FAIL},
	{"low without the sandbox too", judge_fact_at_most, "hard", "10", "{\"hard\":1}", "{\"hard\":2}",
	 STATUS_INCONCLUSIVE},
	{"without a control", judge_fact_at_most, "hard", "10", "{\"hard\":1}", NULL, STATUS_PASS},
	{"no number", judge_fact_at_most, "hard", "10", "{\"hard\":\"1\"}", NULL, STATUS_ERROR},

	{"known words", judge_fact_only, "n", "a b", "{\"n\":\"b a\"}", "{\"n\":\"a b c\"}", STATUS_PASS},
	{"fewer words", judge_fact_only, "n", "a b", "{\"n\":\"\"}", NULL, STATUS_PASS},
	{"a stranger", judge_fact_only, "n", "a b", "{\"n\":\"a c\"}", "{\"n\":\"a b c\"}", STATUS_FAIL},
	{"a longer word", judge_fact_only, "n", "a b", "{\"n\":\"ab\"}", NULL, STATUS_FAIL},
	{"a shorter word", judge_fact_only, "n", "abc", "{\"n\":\"ab\"}", NULL, STATUS_FAIL},
	{"below a directory", judge_fact_only, "n", "c:pts/", "{\"n\":\"c:pts/0 c:pts/1\"}", NULL, STATUS_PASS},
	{"beside a directory", judge_fact_only, "n", "c:pts/", "{\"n\":\"c:ptsx\"}", NULL, STATUS_FAIL},
	{"a control without strangers", judge_fact_only, "n", "a", "{\"n\":\"a\"}", "{\"n\":\"a\"}",
	 STATUS_INCONCLUSIVE},
};

static enum status judge(const struct row *row, char *reason, size_t size)
{
	struct requirement requirement = {
		.fact = row->fact, .number2 = 1, .control = row->bare ? SESSION_BARE : SESSION_COUNT};
	struct observation inside = {OBSERVED_DONE, json_loads(row->inside, 0, NULL)};
	struct observation bare = {OBSERVED_DONE, row->bare ? json_loads(row->bare, 0, NULL) : NULL};
	struct verdict verdict = {.status = STATUS_ERROR};
	(void)snprintf(requirement.expected, sizeof(requirement.expected), "%s", row->expected);
	row->judge(&requirement, &inside, row->bare ? &bare : NULL, &verdict);
	(void)snprintf(reason, size, "%s", verdict.reason);
	json_decref(inside.facts);
	json_decref(bare.facts);
	return verdict.status;
}

static void each_row_is_judged_as_it_says(void **state)
{
	(void)state;
	char reason[VERDICT_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum status status = judge(&rows[i], reason, sizeof(reason));
		if (status != rows[i].status)
			fail_msg("%s: %s instead of %s (%s)", rows[i].what, status_name(status),
				 status_name(rows[i].status), reason);
		/* Whatever is not a pass says why. */
		assert_true(status == STATUS_PASS ? !reason[0] : reason[0]);
	}
}

static void what_was_not_measured_is_never_a_pass(void **state)
{
	(void)state;
	judge_function *const judges[] = {judge_absent, judge_hidden, judge_fact_at_most, judge_fact_only};
	const enum observed_state states[] = {OBSERVED_NOTHING, OBSERVED_SIGNAL, OBSERVED_TIMEOUT,
					      OBSERVED_UNKNOWN_PROBE};
	struct requirement requirement = {.fact = "n", .expected = "1", .control = SESSION_BARE};
	for (size_t i = 0; i < ARRAY_SIZE(judges); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(states); j++) {
			struct observation observed = {states[j], json_object()};
			struct observation bare = {OBSERVED_DONE, json_loads(OPENED, 0, NULL)};
			struct verdict verdict = {.status = STATUS_ERROR};
			judges[i](&requirement, &observed, &bare, &verdict);
			assert_int_not_equal(verdict.status, STATUS_PASS);
			assert_int_not_equal(verdict.status, STATUS_UNSUPPORTED);
			json_decref(observed.facts);
			json_decref(bare.facts);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_judged_as_it_says),
		cmocka_unit_test(what_was_not_measured_is_never_a_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
