/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/array.h"
#include "suites/seccomp.h"

/* What a probe did: succeeded (0), an errno (positive), or died of a signal (negative). */
#define OK        0
#define KILLED(s) (-(s))

static struct observation observe(int outcome)
{
	if (outcome < 0)
		return (struct observation){OBSERVED_SIGNAL, json_pack("{s:i}", "signal", -outcome)};
	return (struct observation){OBSERVED_DONE,
				    json_pack("{s:i, s:i, s:b, s:b, s:b}", "ret", outcome ? -1 : 0, "errno", outcome,
					      "new_namespace", !outcome, "special", !outcome, "ready", 1)};
}

static enum status judge(judge_function *function, const struct requirement *row, int observed, int control)
{
	struct requirement requirement = *row;
	struct verdict verdict = {.status = STATUS_ERROR};
	struct observation o = observe(observed), c = observe(control);
	requirement.control = SESSION_BARE;
	function(&requirement, &o, &c, &verdict);
	json_decref(o.facts);
	json_decref(c.facts);
	/* Everything but PASS says why. */
	assert_true((verdict.status == STATUS_PASS) == (verdict.reason[0] == '\0'));
	return verdict.status;
}

struct judged {
	judge_function *function;
	int observed, control;
	enum status status;
	int64_t number2;
	uint64_t mask;
};

static const struct judged judged[] = {
	{judge_call_denied, EPERM, EFAULT, STATUS_PASS, 0, 0},
	{judge_call_denied, EPERM, OK, STATUS_PASS, 0, 0},
	{judge_call_denied, EPERM, ENOSYS, STATUS_PASS, 0, 0},
	{judge_call_denied, ENOSYS, EFAULT, STATUS_PASS, 0, 0},
	{judge_call_denied, ENOSYS, ENOSYS, STATUS_UNSUPPORTED, 0, 0},
	{judge_call_denied, EPERM, EPERM, STATUS_INCONCLUSIVE, 0, 0},
	{judge_call_denied, EFAULT, EFAULT, STATUS_FAIL, 0, 0},
	{judge_call_denied, EACCES, EFAULT, STATUS_FAIL, 0, 0},
	{judge_call_denied, OK, OK, STATUS_FAIL, 0, 0},
	{judge_call_denied, KILLED(SIGSYS), EFAULT, STATUS_FAIL, 0, 0},
	{judge_call_denied, KILLED(SIGSEGV), EFAULT, STATUS_CRASH, 0, 0},
	{judge_call_denied, EPERM, EFAULT, STATUS_INCONCLUSIVE, 1, 0},
	{judge_call_denied, EPERM, OK, STATUS_PASS, 1, 0},
	{judge_call_denied, EAFNOSUPPORT, OK, STATUS_FAIL, 0, 0},
	{judge_call_denied, EAFNOSUPPORT, OK, STATUS_PASS, 0, 1},
	{judge_call_denied, EAFNOSUPPORT, EAFNOSUPPORT, STATUS_UNSUPPORTED, 0, 1},
	{judge_call_allowed, EFAULT, EFAULT, STATUS_PASS, 0, 0},
	{judge_call_allowed, OK, OK, STATUS_PASS, 0, 0},
	{judge_call_allowed, EACCES, OK, STATUS_PASS, 0, 0},
	{judge_call_allowed, EPERM, EFAULT, STATUS_FAIL, 0, 0},
	{judge_call_allowed, ENOSYS, EFAULT, STATUS_FAIL, 0, 0},
	{judge_call_allowed, ENOSYS, ENOSYS, STATUS_UNSUPPORTED, 0, 0},
	{judge_call_allowed, EPERM, EPERM, STATUS_INCONCLUSIVE, 0, 0},
	{judge_call_allowed, KILLED(SIGSEGV), KILLED(SIGSEGV), STATUS_PASS, 0, 0},
	{judge_call_allowed, KILLED(SIGSYS), KILLED(SIGSYS), STATUS_FAIL, 0, 0},
	{judge_call_allowed, KILLED(SIGSYS), EFAULT, STATUS_FAIL, 0, 0},
	{judge_call_unknown, ENOSYS, ENOSYS, STATUS_PASS, 0, 0},
	{judge_call_unknown, EPERM, ENOSYS, STATUS_FAIL, 0, 0},
	{judge_call_unknown, KILLED(SIGSYS), ENOSYS, STATUS_FAIL, 0, 0},
	{judge_call_unknown, KILLED(SIGSYS), ENOSYS, STATUS_PASS, 0, 2},
	{judge_call_killed, KILLED(SIGSYS), ENOSYS, STATUS_PASS, 0, 0},
	{judge_call_killed, ENOSYS, ENOSYS, STATUS_FAIL, 0, 0},
	{judge_call_killed, KILLED(SIGSYS), KILLED(SIGSYS), STATUS_INCONCLUSIVE, 0, 0},
	{judge_call_killed, KILLED(SIGILL), ENOSYS, STATUS_CRASH, 0, 0},
	{judge_no_namespace, EPERM, OK, STATUS_PASS, 0, 0},
	{judge_no_namespace, ENOSPC, OK, STATUS_PASS, 0, 0},
	{judge_no_namespace, OK, OK, STATUS_FAIL, 0, 0},
	{judge_no_namespace, EPERM, EINVAL, STATUS_INCONCLUSIVE, 0, 0},
	{judge_no_namespace, KILLED(SIGSYS), OK, STATUS_FAIL, 0, 0},
	{judge_no_special_mode, EPERM, OK, STATUS_PASS, 0, 0},
	{judge_no_special_mode, OK, OK, STATUS_FAIL, 0, 0},
	{judge_no_special_mode, EPERM, EPERM, STATUS_INCONCLUSIVE, 0, 0},
	{judge_no_special_mode, EPERM, ENOSYS, STATUS_UNSUPPORTED, 0, 0},
	{judge_works_or_absent, OK, OK, STATUS_PASS, 0, 0},
	{judge_works_or_absent, ENOSYS, OK, STATUS_PASS, 0, 0},
	{judge_works_or_absent, EPERM, OK, STATUS_FAIL, 0, 0},
	{judge_works_or_absent, OK, ENOSYS, STATUS_INCONCLUSIVE, 0, 0},
};

static void test_outcomes(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
		const struct judged *j = &judged[i];
		const struct requirement row = {.number2 = j->number2, .mask = j->mask};
		enum status status = judge(j->function, &row, j->observed, j->control);
		if (status != j->status)
			fail_msg("row %zu: %s", i, status_name(status));
	}
}

static void test_unanswered_is_no_verdict(void **unused)
{
	(void)unused;
	static judge_function *const functions[] = {judge_call_denied, judge_call_allowed,    judge_call_unknown,
						    judge_call_killed, judge_no_namespace,    judge_no_special_mode,
						    judge_installed,   judge_installed_count, judge_works_or_absent};
	static const struct {
		enum observed_state state;
		enum status status;
	} ends[] = {{OBSERVED_NOTHING, STATUS_ERROR},
		    {OBSERVED_TIMEOUT, STATUS_TIMEOUT},
		    {OBSERVED_UNKNOWN_PROBE, STATUS_ERROR}};
	const struct requirement row = {.control = SESSION_COUNT};
	for (size_t f = 0; f < ARRAY_SIZE(functions); f++)
		for (size_t e = 0; e < ARRAY_SIZE(ends); e++) {
			const struct observation nothing = {ends[e].state, NULL};
			struct verdict verdict = {.status = STATUS_ERROR};
			functions[f](&row, &nothing, NULL, &verdict);
			assert_int_equal(verdict.status, ends[e].status);
		}
}

static enum status judge_filter(enum installed_want want, const char *action, int data, int filters, uint64_t mask)
{
	const struct requirement row = {.number2 = want, .mask = mask, .control = SESSION_COUNT};
	struct verdict verdict = {.status = STATUS_ERROR};
	struct observation o = {OBSERVED_DONE,
				json_pack("{s:s, s:i, s:i}", "action", action, "data", data, "filters", filters)};
	judge_installed(&row, &o, NULL, &verdict);
	json_decref(o.facts);
	return verdict.status;
}

static void test_installed(void **unused)
{
	(void)unused;
	static const struct {
		enum installed_want want;
		const char *action;
		int data;
		enum status status;
	} rows[] = {
		{INSTALLED_ALLOW, "ALLOW", 0, STATUS_PASS},         {INSTALLED_ALLOW, "LOG", 0, STATUS_PASS},
		{INSTALLED_ALLOW, "ERRNO", EPERM, STATUS_FAIL},     {INSTALLED_ALLOW, "by argument", 0, STATUS_FAIL},
		{INSTALLED_DENY, "ERRNO", EPERM, STATUS_PASS},      {INSTALLED_DENY, "ERRNO", ENOSYS, STATUS_PASS},
		{INSTALLED_DENY, "ERRNO", 0, STATUS_FAIL},          {INSTALLED_DENY, "ALLOW", 0, STATUS_FAIL},
		{INSTALLED_DENY, "TRACE", 0, STATUS_FAIL},          {INSTALLED_DENY, "KILL_PROCESS", 0, STATUS_FAIL},
		{INSTALLED_UNKNOWN, "ERRNO", ENOSYS, STATUS_PASS},  {INSTALLED_UNKNOWN, "ERRNO", EPERM, STATUS_FAIL},
		{INSTALLED_KILL, "KILL_PROCESS", 0, STATUS_PASS},   {INSTALLED_KILL, "KILL_THREAD", 0, STATUS_PASS},
		{INSTALLED_KILL, "ERRNO", EPERM, STATUS_FAIL},      {INSTALLED_CLOSED, "ERRNO", ENOSYS, STATUS_PASS},
		{INSTALLED_CLOSED, "KILL_PROCESS", 0, STATUS_PASS}, {INSTALLED_CLOSED, "ALLOW", 0, STATUS_FAIL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(judge_filter(rows[i].want, rows[i].action, rows[i].data, 1, 0), rows[i].status);
	/* No filter would allow everything that is asked to be allowed. */
	assert_int_equal(judge_filter(INSTALLED_ALLOW, "ALLOW", 0, 0, 0), STATUS_FAIL);
	assert_int_equal(judge_filter(INSTALLED_DENY, "ERRNO", EAFNOSUPPORT, 1, 0), STATUS_FAIL);
	assert_int_equal(judge_filter(INSTALLED_DENY, "ERRNO", EAFNOSUPPORT, 1, 1), STATUS_PASS);
}

static void test_count(void **unused)
{
	(void)unused;
	static const struct {
		int allowed;
		enum status status;
	} rows[] = {{249, STATUS_FAIL}, {250, STATUS_PASS}, {468, STATUS_PASS}, {469, STATUS_FAIL}};
	const struct requirement row = {.number = 250, .number2 = 468, .control = SESSION_COUNT};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verdict verdict = {.status = STATUS_ERROR};
		struct observation o = {OBSERVED_DONE, json_pack("{s:i}", "allowed", rows[i].allowed)};
		judge_installed_count(&row, &o, NULL, &verdict);
		json_decref(o.facts);
		assert_int_equal(verdict.status, rows[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_unanswered_is_no_verdict),
		cmocka_unit_test(test_installed),
		cmocka_unit_test(test_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
