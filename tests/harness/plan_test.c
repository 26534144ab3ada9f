/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "harness/judges.h"
#include "harness/plan.h"

/* A suite of this test's own: that it is found shows that announcing is enough. */
static int plan_colours(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	static const char *const colours[] = {"red", "green", "blue"};
	(void)fixtures_dir;
	(void)err;
	for (size_t i = 0; i < ARRAY_SIZE(colours); i++) {
		struct requirement *row = plan_add(plan, "colours", "like.%s", colours[i]);
		row->judge = judge_works;
		row->rationale = "why";
		row->remediation = "how";
		(void)snprintf(row->probe, sizeof(row->probe), "noop");
	}
	return 0;
}

static const struct suite colours = {"colours", "three rows", plan_colours};
SUITE(colours);

static struct requirement *good_row(struct plan *plan, const char *name)
{
	struct requirement *row = plan_add(plan, "area", "%s", name);
	row->judge = judge_works;
	row->rationale = "why";
	row->remediation = "how";
	(void)snprintf(row->probe, sizeof(row->probe), "noop");
	return row;
}

static void test_defaults(void **state)
{
	struct plan plan = {.profile = "standard"};
	(void)state;
	const struct requirement *row = plan_add(&plan, "seccomp", "deny.%s", "mount");
	assert_string_equal(row->id, "seccomp.standard.deny.mount");
	assert_string_equal(row->area, "seccomp");
	assert_int_equal(row->level, LEVEL_MUST);
	assert_int_equal(row->session, SESSION_FULL);
	assert_int_equal(row->control, SESSION_COUNT);
	assert_null(row->judge);
	plan_clear(&plan);
	assert_int_equal(plan.count, 0);
}

static void test_grows(void **state)
{
	struct plan plan = {.profile = "p"};
	struct error err = {0};
	char name[16];
	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		(void)good_row(&plan, name);
	}
	assert_int_equal(plan.count, 5000);
	assert_string_equal(plan.rows[4321].id, "area.p.4321");
	assert_int_equal(plan_check(&plan, &err), 0);
	plan_clear(&plan);
}

static void break_id(struct requirement *row)
{
	(void)snprintf(row->id, sizeof(row->id), "Area.p.b");
}

static void break_length(struct requirement *row)
{
	memset(row->id, 'a', sizeof(row->id) - 1);
}

static void break_judge(struct requirement *row)
{
	row->judge = NULL;
}

static void break_probe(struct requirement *row)
{
	row->probe[0] = '\0';
}

static void break_line(struct requirement *row)
{
	(void)snprintf(row->control_probe, sizeof(row->control_probe), "noop\nnoop");
}

static void break_rationale(struct requirement *row)
{
	row->rationale = NULL;
}

static void break_unique(struct requirement *row)
{
	(void)snprintf(row->id, sizeof(row->id), "area.p.a");
}

static void test_bad_rows(void **state)
{
	static const struct {
		void (*spoil)(struct requirement *row);
		const char *message;
	} cases[] = {
		{break_id, "characters beyond"}, {break_length, "too long"}, {break_judge, "no judge"},
		{break_probe, "observes it"},    {break_line, "newline"},    {break_rationale, "rationale"},
		{break_unique, "used twice"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan plan = {.profile = "p"};
		struct error err = {0};
		(void)good_row(&plan, "a");
		cases[i].spoil(good_row(&plan, "b"));
		assert_int_equal(plan_check(&plan, &err), -EINVAL);
		if (!strstr(err.text, cases[i].message))
			fail_msg("\"%s\" lacks \"%s\"", err.text, cases[i].message);
		plan_clear(&plan);
	}
}

static size_t build(const char *suite, const char *filter, int expected, struct error *err)
{
	struct plan plan = {.profile = "p"};
	const struct plan_selection selection = {&suite, suite ? 1 : 0, &filter, filter ? 1 : 0};
	assert_int_equal(plan_build(&plan, &selection, FIXTURES_DIR, err), expected);
	size_t count = plan.count;
	plan_clear(&plan);
	return count;
}

static void test_build(void **state)
{
	struct error err = {0};
	(void)state;
	assert_int_equal(build(NULL, NULL, 0, &err), 3);
	assert_int_equal(build("colours", "*.like.*e*", 0, &err), 3);
	assert_int_equal(build("colours", "*.green", 0, &err), 1);
	assert_int_equal(build(NULL, "nothing", 0, &err), 0);
	(void)build("colors", NULL, -EINVAL, &err);
	assert_non_null(strstr(err.text, "no suite named colors"));
	assert_non_null(strstr(err.hint, "colours"));
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < STATUS_COUNT; i++) {
		assert_non_null(status_name((enum status)i));
		assert_int_equal(status_from_name(status_name((enum status)i)), i);
	}
	assert_int_equal(status_from_name("pass"), -1);
	for (int i = 0; i < SESSION_COUNT; i++)
		assert_non_null(session_kind_name((enum session_kind)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_grows), cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_build),    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
