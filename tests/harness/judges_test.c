/* SPDX-License-Identifier: Apache-2.0 */
/* Every judge: what passes, what fails, and what proves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "harness/judges.h"

/* "done FACTS", "signal FACTS", "timeout", "unknown", "nothing"; NULL: no observation at all. */
struct judge_row {
	const char *name;
	judge_function *judge;
	const char *fact, *expected;
	int64_t number, number2;
	const char *observed, *control;
	enum status status;
};

#define DENIED  "done {\"ret\":-1,\"errno\":1}"
#define EFAULTS "done {\"ret\":-1,\"errno\":14}"
#define NOSYS   "done {\"ret\":-1,\"errno\":38}"
#define READS   "done {\"ret\":-1,\"errno\":30}"
#define WORKED  "done {\"ret\":0,\"errno\":0}"
#define KILLED  "signal {\"signal\":31}"
#define SEGV    "signal {\"signal\":11}"

static const struct judge_row rows[] = {
	{"refused, and the control went further", judge_refused, NULL, "", 0, 0, DENIED, EFAULTS, STATUS_PASS},
	{"refused by ENOSYS", judge_refused, NULL, "refused", 0, 0, NOSYS, EFAULTS, STATUS_PASS},
	{"refused, no control asked for", judge_refused, NULL, "", 0, 0, READS, NULL, STATUS_PASS},
	{"refused in the named way", judge_refused, NULL, "EROFS|EPERM", 0, 0, READS, WORKED, STATUS_PASS},
	{"refused, but not in the named way", judge_refused, NULL, "EPERM", 0, 0, NOSYS, WORKED, STATUS_FAIL},
	{"not refused", judge_refused, NULL, "EPERM", 0, 0, WORKED, WORKED, STATUS_FAIL},
	{"reached the kernel", judge_refused, NULL, "EPERM", 0, 0, EFAULTS, EFAULTS, STATUS_FAIL},
	{"refused, and so was the control", judge_refused, NULL, "EPERM", 0, 0, DENIED, DENIED, STATUS_INCONCLUSIVE},
	{"refused, and the control should succeed", judge_refused, NULL, "EPERM", 0, 1, DENIED, WORKED, STATUS_PASS},
	{"the control should have succeeded", judge_refused, NULL, "EPERM", 0, 1, DENIED, EFAULTS, STATUS_INCONCLUSIVE},
	{"refused by a signal that is named", judge_refused, NULL, "EPERM|SIGSYS", 0, 0, KILLED, WORKED, STATUS_PASS},
	{"refused by a signal that is not named", judge_refused, NULL, "EPERM", 0, 0, KILLED, WORKED, STATUS_CRASH},
	{"refused without facts", judge_refused, NULL, "EPERM", 0, 0, "done {}", WORKED, STATUS_ERROR},
	{"refused, the control without facts", judge_refused, NULL, "EPERM", 0, 0, DENIED, "done {}",
	 STATUS_INCONCLUSIVE},

	{"works", judge_works, NULL, "", 0, 0, WORKED, WORKED, STATUS_PASS},
	{"works, no control asked for", judge_works, NULL, "", 0, 0, WORKED, NULL, STATUS_PASS},
	{"does not work", judge_works, NULL, "", 0, 0, DENIED, WORKED, STATUS_FAIL},
	{"works nowhere", judge_works, NULL, "", 0, 0, DENIED, DENIED, STATUS_INCONCLUSIVE},
	{"works without facts", judge_works, NULL, "", 0, 0, "done {\"x\":1}", WORKED, STATUS_ERROR},

	{"number as text", judge_fact_equals, "n", "7", 0, 0, "done {\"n\":7}", "done {\"n\":8}", STATUS_PASS},
	{"flag as text", judge_fact_equals, "n", "true", 0, 0, "done {\"n\":true}", NULL, STATUS_PASS},
	{"text", judge_fact_equals, "n", "a", 0, 0, "done {\"n\":\"a\"}", NULL, STATUS_PASS},
	{"not equal", judge_fact_equals, "n", "7", 0, 0, "done {\"n\":8}", "done {\"n\":9}", STATUS_FAIL},
	{"equal in the control too", judge_fact_equals, "n", "7", 0, 0, "done {\"n\":7}", "done {\"n\":7}",
	 STATUS_INCONCLUSIVE},
	{"fact missing", judge_fact_equals, "n", "7", 0, 0, WORKED, "done {\"n\":7}", STATUS_ERROR},
	{"fact missing in the control", judge_fact_equals, "n", "7", 0, 0, "done {\"n\":7}", WORKED,
	 STATUS_INCONCLUSIVE},

	{"one of", judge_fact_one_of, "n", "a|b", 0, 0, "done {\"n\":\"b\"}", NULL, STATUS_PASS},
	{"one of, in words", judge_fact_one_of, "n", "one of a|b", 0, 0, "done {\"n\":\"a\"}", "done {\"n\":\"c\"}",
	 STATUS_PASS},
	{"a part of a word is not the word", judge_fact_one_of, "n", "ab|cd", 0, 0, "done {\"n\":\"a\"}", NULL,
	 STATUS_FAIL},
	{"one of in the control too", judge_fact_one_of, "n", "a|b", 0, 0, "done {\"n\":\"a\"}", "done {\"n\":\"b\"}",
	 STATUS_INCONCLUSIVE},

	{"differs", judge_fact_differs_from_control, "n", "", 0, 0, "done {\"n\":1}", "done {\"n\":2}", STATUS_PASS},
	{"does not differ", judge_fact_differs_from_control, "n", "", 0, 0, "done {\"n\":1}", "done {\"n\":1}",
	 STATUS_FAIL},
	{"nothing to differ from", judge_fact_differs_from_control, "n", "", 0, 0, "done {\"n\":1}", NULL,
	 STATUS_INCONCLUSIVE},

	{"command", judge_command, NULL, "", 0, 0, "done {\"exit\":0,\"stdout\":\"x\"}", NULL, STATUS_PASS},
	{"command that says so", judge_command, NULL, "ok", 0, 0, "done {\"exit\":0,\"stdout\":\"ok\\nmore\"}", NULL,
	 STATUS_PASS},
	{"command that says something else", judge_command, NULL, "ok", 0, 0,
	 "done {\"exit\":0,\"stdout\":\"okay\\n\"}", NULL, STATUS_FAIL},
	{"command that fails", judge_command, NULL, "", 0, 0, "done {\"exit\":1,\"stderr\":\"no\"}",
	 "done {\"exit\":0}", STATUS_FAIL},
	{"command that fails everywhere", judge_command, NULL, "", 0, 0, "done {\"exit\":1}", "done {\"exit\":1}",
	 STATUS_INCONCLUSIVE},
	{"command that is killed", judge_command, NULL, "", 0, 0, "done {\"signal\":9}", NULL, STATUS_FAIL},
	{"command that is not there", judge_command, NULL, "", 0, 0, "done {\"exec_errno\":2,\"exit\":127}", NULL,
	 STATUS_FAIL},
	{"command that hangs", judge_command, NULL, "", 0, 0, "done {\"timed_out\":true}", NULL, STATUS_TIMEOUT},
	{"command without an end", judge_command, NULL, "", 0, 0, "done {}", NULL, STATUS_ERROR},

	{"killed as asked", judge_killed_by, NULL, "", 31, 0, KILLED, WORKED, STATUS_PASS},
	{"killed by another signal", judge_killed_by, NULL, "", 31, 0, SEGV, WORKED, STATUS_FAIL},
	{"survived", judge_killed_by, NULL, "", 31, 0, WORKED, WORKED, STATUS_FAIL},
	{"killed everywhere", judge_killed_by, NULL, "", 31, 0, KILLED, KILLED, STATUS_INCONCLUSIVE},
	{"killed, the control died of something else", judge_killed_by, NULL, "", 31, 0, KILLED, SEGV, STATUS_PASS},
};

static struct observation observe(const char *text)
{
	static const struct {
		const char *word;
		enum observed_state state;
	} words[] = {{"done", OBSERVED_DONE},
		     {"signal", OBSERVED_SIGNAL},
		     {"timeout", OBSERVED_TIMEOUT},
		     {"unknown", OBSERVED_UNKNOWN_PROBE},
		     {"nothing", OBSERVED_NOTHING}};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t length = strlen(words[i].word);
		if (strncmp(text, words[i].word, length) != 0)
			continue;
		json_t *facts = text[length] ? json_loads(text + length, 0, NULL) : NULL;
		assert_true(!text[length] || facts);
		return (struct observation){words[i].state, facts};
	}
	fail_msg("bad observation %s", text);
	return (struct observation){OBSERVED_NOTHING, NULL};
}

static struct verdict judge(const struct judge_row *row, enum session_kind control_kind)
{
	struct requirement requirement = {
		.id = "test.row",
		.control = control_kind,
		.fact = row->fact,
		.number = row->number,
		.number2 = row->number2,
	};
	(void)snprintf(requirement.expected, sizeof(requirement.expected), "%s", row->expected);
	struct observation observed = {OBSERVED_NOTHING, NULL}, control = {OBSERVED_NOTHING, NULL};
	if (row->observed)
		observed = observe(row->observed);
	if (row->control)
		control = observe(row->control);
	struct verdict verdict = {.status = STATUS_ERROR};
	row->judge(&requirement, row->observed ? &observed : NULL, row->control ? &control : NULL, &verdict);
	json_decref(observed.facts);
	json_decref(control.facts);
	return verdict;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verdict verdict = judge(&rows[i], rows[i].control ? SESSION_BARE : SESSION_COUNT);
		if (verdict.status != rows[i].status)
			fail_msg("%s: %s (%s), not %s", rows[i].name, status_name(verdict.status), verdict.reason,
				 status_name(rows[i].status));
		/* What is not PASS says why; what is PASS has nothing to say. */
		assert_int_equal(verdict.status == STATUS_PASS, verdict.reason[0] == '\0');
	}
}

static judge_function *const judges[] = {
	judge_refused, judge_works,     judge_fact_equals, judge_fact_one_of, judge_fact_differs_from_control,
	judge_command, judge_killed_by,
};

struct unmeasured_row {
	const char *observed, *control;
	enum session_kind control_kind;
	enum status status;
};

/* Facts that would let every judge pass must not do so where one side measured nothing. */
static void test_unmeasured(void **state)
{
	static const char good[] = "done {\"ret\":-1,\"errno\":1,\"n\":1,\"exit\":0}";
	static const struct unmeasured_row cases[] = {
		{NULL, good, SESSION_BARE, STATUS_ERROR},
		{"nothing", good, SESSION_BARE, STATUS_ERROR},
		{"unknown {}", good, SESSION_BARE, STATUS_ERROR},
		{"timeout {}", good, SESSION_BARE, STATUS_TIMEOUT},
		{good, NULL, SESSION_BARE, STATUS_INCONCLUSIVE},
		{good, "nothing", SESSION_BARE, STATUS_INCONCLUSIVE},
		{good, "timeout {}", SESSION_BARE, STATUS_INCONCLUSIVE},
		{good, "unknown {}", SESSION_BARE, STATUS_INCONCLUSIVE},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(judges); i++)
		for (size_t j = 0; j < ARRAY_SIZE(cases); j++) {
			struct judge_row row = {.judge = judges[i], .fact = "n", .expected = "1", .number = 31};
			row.observed = cases[j].observed;
			row.control = cases[j].control;
			struct verdict verdict = judge(&row, cases[j].control_kind);
			if (verdict.status != cases[j].status)
				fail_msg("judge %zu, case %zu: %s (%s)", i, j, status_name(verdict.status),
					 verdict.reason);
		}
}

/* Every judge but the one that wants it takes a death for a crash. */
static void test_crash(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(judges); i++) {
		struct judge_row row = {.judge = judges[i], .fact = "n", .expected = "", .number = 31};
		row.observed = SEGV;
		row.control = "done {\"ret\":0,\"errno\":0,\"n\":1,\"exit\":0}";
		struct verdict verdict = judge(&row, SESSION_BARE);
		assert_int_equal(verdict.status, judges[i] == judge_killed_by ? STATUS_FAIL : STATUS_CRASH);
		assert_string_equal(verdict.observed, "killed by SIGSEGV");
	}
}

static void test_texts(void **state)
{
	(void)state;
	struct judge_row row = {"", judge_refused, NULL, "EPERM", 0, 0, DENIED, WORKED, STATUS_PASS};
	struct verdict verdict = judge(&row, SESSION_BARE);
	assert_string_equal(verdict.observed, "EPERM");
	assert_string_equal(verdict.control, "succeeded (0)");
	assert_string_equal(errno_name(1), "EPERM");
	assert_string_equal(errno_name(524), "524");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_unmeasured),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests_name("judges", tests, NULL, NULL);
}
