/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "harness/attribution.h"
#include "harness/judges.h"
#include "harness/subjects.h"

static struct subject here, elsewhere;

#define FULL     SESSION_FULL
#define MAC      SESSION_MAC_ALONE
#define LANDLOCK SESSION_LANDLOCK_ALONE
#define SECCOMP  SESSION_SECCOMP_ALONE

/* A case of the full session, and one beside it. */
struct row {
	enum status full_status;
	judge_function *full_judge;
	bool full_denial;
	enum session_kind session;
	const char *probe;
	enum status status;
	bool other_subject;
	unsigned asked, denied; /* 0: it is told of nobody */
};

#define BIT(kind) (1U << (kind))

static const struct row rows[] = {
	{STATUS_PASS, judge_refused, false, MAC, "a", STATUS_PASS, false, BIT(MAC), BIT(MAC)},
	{STATUS_PASS, judge_works, true, LANDLOCK, "a", STATUS_PASS, false, BIT(LANDLOCK), BIT(LANDLOCK)},
	{STATUS_PASS, judge_refused, false, SECCOMP, "a", STATUS_FAIL, false, BIT(SECCOMP), 0},
	/* Nothing was measured there. */
	{STATUS_PASS, judge_refused, false, SECCOMP, "a", STATUS_INCONCLUSIVE, false, 0, 0},
	{STATUS_PASS, judge_refused, false, SECCOMP, "a", STATUS_UNSUPPORTED, false, 0, 0},
	/* Another request, another policy, no layer alone. */
	{STATUS_PASS, judge_refused, false, MAC, "b", STATUS_PASS, false, 0, 0},
	{STATUS_PASS, judge_refused, false, MAC, "a", STATUS_PASS, true, 0, 0},
	{STATUS_PASS, judge_refused, false, SESSION_USER, "a", STATUS_PASS, false, 0, 0},
	/* It was not denied, or is nothing to deny. */
	{STATUS_FAIL, judge_refused, false, MAC, "a", STATUS_PASS, false, 0, 0},
	{STATUS_PASS, judge_works, false, MAC, "a", STATUS_PASS, false, 0, 0},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct requirement full = {
			.session = FULL, .judge = row->full_judge, .denial = row->full_denial, .probe = "a"};
		struct requirement alone = {.session = row->session, .judge = judge_refused};
		(void)snprintf(alone.probe, sizeof(alone.probe), "%s", row->probe);
		const struct test_case cases[] = {
			{.row = &full, .subject = &here, .verdict.status = row->full_status},
			{.row = &alone,
			 .subject = row->other_subject ? &elsewhere : &here,
			 .verdict.status = row->status},
		};
		struct attribution attribution;
		assert_int_equal(attribution_find(cases, ARRAY_SIZE(cases), &cases[0], &attribution), row->asked != 0);
		assert_int_equal(attribution.asked, row->asked);
		assert_int_equal(attribution.denied, row->denied);
		/* Of a layer alone nothing is told. */
		assert_false(attribution_find(cases, ARRAY_SIZE(cases), &cases[1], &attribution));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
