/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "saboteurs/judgement.h"

static const struct saboteur saboteur = {
	.name = "sample",
	.must = {"a.one", "b.*"},
	.may = {"c.also"},
};

/* One scenario: "id=STATUS ..." before and after. */
struct row {
	const char *baseline, *broken;
	bool killed, good;
	size_t reds;
	const char *strays, *unmeasured, *unmet; /* comma-separated */
};

static const struct row rows[] = {
	{"a.one=PASS b.x=PASS", "a.one=FAIL b.x=FAIL", true, true, 2, "", "", ""},
	{"a.one=PASS b.x=PASS b.y=PASS", "a.one=CRASH b.x=TIMEOUT b.y=PASS", true, true, 2, "", "", ""},
	{"a.one=PASS b.x=PASS", "a.one=FAIL b.x=PASS", false, false, 1, "", "", "b.*"},
	{"a.one=PASS b.x=PASS", "a.one=PASS b.x=PASS", false, false, 0, "", "", "a.one,b.*"},
	{"a.one=PASS b.x=PASS c.also=PASS", "a.one=FAIL b.x=FAIL c.also=FAIL", true, true, 3, "", "", ""},
	{"a.one=PASS b.x=PASS d.other=PASS", "a.one=FAIL b.x=FAIL d.other=FAIL", true, false, 3, "d.other", "", ""},
	/* A sandbox that does not start is not a discovery. */
	{"a.one=PASS b.x=PASS", "a.one=ERROR b.x=ERROR", false, false, 0, "", "", "a.one,b.*"},
	{"a.one=PASS b.x=PASS d.other=PASS", "a.one=FAIL b.x=FAIL d.other=INCONCLUSIVE", true, false, 2, "",
	 "d.other (INCONCLUSIVE)", ""},
	{"a.one=PASS b.x=PASS d.other=PASS", "a.one=FAIL b.x=FAIL", true, false, 2, "", "d.other (no result)", ""},
	/* What the good runtime fails already is no evidence either way. */
	{"a.one=FAIL b.x=PASS", "a.one=FAIL b.x=FAIL", false, false, 1, "", "", "a.one"},
	{"a.one=PASS b.x=PASS d.other=FAIL", "a.one=FAIL b.x=FAIL d.other=ERROR", true, true, 2, "", "", ""},
};

static json_t *parse(const char *text)
{
	json_t *results = json_array();
	_cleanup_free_ char *copy = strdup(text);
	char *rest = NULL;
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *equals = strchr(word, '=');
		json_array_append_new(
			results, json_pack("{s:s%, s:s}", "id", word, (size_t)(equals - word), "status", equals + 1));
	}
	return results;
}

static void assert_ids(const json_t *ids, const char *expected)
{
	char joined[256] = "";
	json_t *id;
	size_t i;
	json_array_foreach(ids, i, id)
	{
		(void)strcat(joined, i ? "," : "");
		(void)strcat(joined, json_string_value(id));
	}
	assert_string_equal(joined, expected);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *baseline = parse(rows[i].baseline), *broken = parse(rows[i].broken);
		struct judgement judgement;
		judge_saboteur(&saboteur, baseline, broken, &judgement);
		assert_int_equal(judgement.killed, rows[i].killed);
		assert_int_equal(judgement_is_good(&judgement), rows[i].good);
		assert_int_equal(judgement.reds, rows[i].reds);
		assert_ids(judgement.strays, rows[i].strays);
		assert_ids(judgement.unmeasured, rows[i].unmeasured);
		assert_ids(judgement.unmet, rows[i].unmet);
		judgement_clear(&judgement);
		json_decref(baseline);
		json_decref(broken);
	}
}

/* A row that says nothing of what it breaks cannot be killed by accident. */
static void test_without_must_is_never_killed(void **state)
{
	(void)state;
	static const struct saboteur silent = {.name = "silent"};
	json_t *results = parse("a=PASS");
	struct judgement judgement;
	judge_saboteur(&silent, results, results, &judgement);
	assert_false(judgement.killed);
	judgement_clear(&judgement);
	json_decref(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_without_must_is_never_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
