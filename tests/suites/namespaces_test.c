/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "harness/plan.h"
#include "harness/session.h"
#include "suites/namespaces.h"

static const struct suite *suite_named(const char *name)
{
	const struct suite **suites;
	size_t count = suites_all(&suites);
	for (size_t i = 0; i < count; i++)
		if (strcmp(suites[i]->name, name) == 0)
			return suites[i];
	return NULL;
}

static const struct requirement *row_named(const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->rows[i].id, id) == 0)
			return &plan->rows[i];
	fail_msg("no row %s", id);
	return NULL;
}

static void lay(struct plan *plan, struct policy *policy, const char *suite, enum profile profile)
{
	struct error err = {0};
	policy_defaults(policy, profile);
	*plan = (struct plan){.policy = policy, .profile = profile_name(profile)};
	assert_int_equal(suite_named(suite)->plan(plan, FIXTURES_DIR, &err), 0);
	assert_int_equal(plan_check(plan, &err), 0);
}

static struct verdict judge_row(const struct requirement *row, const char *observed, const char *control)
{
	struct verdict verdict = {.status = STATUS_ERROR};
	struct observation inside = {OBSERVED_DONE, json_loads(observed, 0, NULL)};
	struct observation bare = {OBSERVED_DONE, control ? json_loads(control, 0, NULL) : NULL};
	assert_non_null(inside.facts);
	row->judge(row, &inside, control ? &bare : NULL, &verdict);
	json_decref(inside.facts);
	json_decref(bare.facts);
	return verdict;
}

/* --- The plan ------------------------------------------------------------------------------------- */

static void every_profile_is_planned(void **state)
{
	(void)state;
	for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
		static const char *const suites[] = {"namespaces", "no_new_privs"};
		static const size_t least[] = {50, 15};
		for (size_t s = 0; s < ARRAY_SIZE(suites); s++) {
			struct policy policy;
			struct plan plan;
			lay(&plan, &policy, suites[s], profile);
			assert_true(plan.count >= least[s]);
			plan_clear(&plan);
			policy_clear(&policy);
		}
	}
}

static void what_is_not_asked_for_is_said(void **state)
{
	(void)state;
	struct policy policy;
	struct plan plan;
	policy_defaults(&policy, PROFILE_STANDARD);
	policy.user_namespace = false;
	policy.no_new_privileges = false;
	plan = (struct plan){.policy = &policy, .profile = "demo"};
	assert_int_equal(suite_named("namespaces")->plan(&plan, FIXTURES_DIR, NULL), 0);
	assert_int_equal(suite_named("no_new_privs")->plan(&plan, FIXTURES_DIR, NULL), 0);
	static const char *const ids[] = {"namespaces.demo.own.user", "namespaces.demo.user.uid_range",
					  "no_new_privs.demo.set.prctl", "no_new_privs.demo.alone.suid.euid"};
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(judge_row(row_named(&plan, ids[i]), "{}", NULL).status, STATUS_NOT_APPLICABLE);
	plan_clear(&plan);
	policy_clear(&policy);
}

static void suid_rows_have_a_bare_user_as_control(void **state)
{
	(void)state;
	struct policy policy;
	struct plan plan;
	lay(&plan, &policy, "no_new_privs", PROFILE_MINIMAL);
	const struct requirement *row = row_named(&plan, "no_new_privs.minimal.user.suid.euid");
	assert_int_equal(row->session, SESSION_USER);
	assert_int_equal(row->control, SESSION_BARE_USER);
	assert_int_equal(judge_row(row, "{\"euid\":1000}", "{\"euid\":0}").status, STATUS_PASS);
	assert_int_equal(judge_row(row, "{\"euid\":0}", "{\"euid\":0}").status, STATUS_FAIL);
	assert_int_equal(judge_row(row, "{\"euid\":1000}", "{\"euid\":1000}").status, STATUS_INCONCLUSIVE);
	plan_clear(&plan);
	policy_clear(&policy);
}

/* --- The host's side ------------------------------------------------------------------------------ */

static void objects_of_the_host_are_alive(void **state)
{
	(void)state;
	const struct host_objects *host = host_objects();
	assert_ptr_equal(host, host_objects());
	assert_true(host->abstract.ready);
	assert_true(host->tcp.ready);
	assert_true(host->init_started >= 0);
	assert_true(host->harness_started > host->init_started);
	assert_true(host->harness == getpid());
}

/* Against itself the harness is in the host's namespaces: the comparison must be able to fail. */
static void a_process_without_a_sandbox_fails(void **state)
{
	(void)state;
	struct policy policy;
	struct plan plan;
	lay(&plan, &policy, "namespaces", PROFILE_STANDARD);
	struct host_context context = {getpid(), "token", &policy};
	static const char *const ids[] = {"namespaces.standard.own.net", "namespaces.standard.own.user",
					  "namespaces.standard.user.uid_range", "namespaces.standard.ipc.host_msg",
					  "namespaces.standard.ipc.host_mq"};
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct error err = {0};
		struct verdict verdict = {.status = STATUS_ERROR};
		const struct requirement *row = row_named(&plan, ids[i]);
		struct observation observed = {OBSERVED_DONE, row->host(&context, row, &err)};
		assert_non_null(observed.facts);
		row->judge(row, &observed, NULL, &verdict);
		assert_int_equal(verdict.status, STATUS_FAIL);
		json_decref(observed.facts);
	}
	context.probe_pid = 0;
	struct error err = {0};
	const struct requirement *row = row_named(&plan, ids[0]);
	assert_null(row->host(&context, row, &err));
	assert_true(err.code != 0);
	plan_clear(&plan);
	policy_clear(&policy);
}

/* --- The judges ----------------------------------------------------------------------------------- */

static const struct judged {
	judge_function *judge;
	const char *fact, *expected;
	int64_t number, number2;
	const char *observed, *control;
	enum status status;
} judged[] = {
	{judge_other_namespace, "net", "", 0, 0, "{\"inside\":\"net:[1]\",\"outside\":\"net:[2]\"}", NULL, STATUS_PASS},
	{judge_other_namespace, "net", "", 0, 0, "{\"inside\":\"net:[1]\",\"outside\":\"net:[1]\"}", NULL, STATUS_FAIL},
	{judge_other_namespace, "net", "", 0, 0, "{\"inside\":\"\",\"outside\":\"net:[1]\"}", NULL,
	 STATUS_INCONCLUSIVE},

	{judge_host_ids, NULL, "", 65536, 0, "{\"id\":100000,\"lowest\":100000}", NULL, STATUS_PASS},
	{judge_host_ids, NULL, "", 65536, 0, "{\"id\":100000,\"lowest\":0}", NULL, STATUS_FAIL},
	{judge_host_ids, NULL, "", 65536, 0, "{\"id\":0,\"lowest\":100000}", NULL, STATUS_FAIL},
	{judge_host_ids, NULL, "", 65536, 0, "{\"id\":100000,\"lowest\":-1}", NULL, STATUS_FAIL},
	{judge_host_ids, NULL, "", 65536, 0, "{\"id\":100000}", NULL, STATUS_ERROR},

	{judge_alone, NULL, "", 0, 0, "{\"others\":0,\"sees_child\":true}", NULL, STATUS_PASS},
	{judge_alone, NULL, "", 0, 0, "{\"others\":0,\"sees_child\":false}", NULL, STATUS_INCONCLUSIVE},
	{judge_alone, NULL, "", 0, 0, "{\"others\":2,\"sees_child\":true}", NULL, STATUS_FAIL},

	{judge_no_such_process, NULL, "", 90, 0, "{\"ret\":-1,\"errno\":3,\"started\":-1}", NULL, STATUS_PASS},
	{judge_no_such_process, NULL, "", 90, 0, "{\"ret\":-1,\"errno\":1,\"started\":-1}", NULL, STATUS_FAIL},
	{judge_no_such_process, NULL, "", 90, 0, "{\"ret\":-1,\"errno\":1,\"started\":90}", NULL, STATUS_FAIL},
	{judge_no_such_process, NULL, "", 90, 0, "{\"ret\":0,\"errno\":0,\"started\":90}", NULL, STATUS_FAIL},
	{judge_no_such_process, NULL, "", 90, 0, "{\"ret\":0,\"errno\":0,\"started\":91}", NULL, STATUS_PASS},
	{judge_no_such_process, NULL, "", -1, 0, "{\"ret\":-1,\"errno\":3,\"started\":-1}", NULL, STATUS_INCONCLUSIVE},

	{judge_other_init, NULL, "", 20, 0, "{\"started\":9000,\"cmdline\":\"agentcore\"}", NULL, STATUS_PASS},
	{judge_other_init, NULL, "", 20, 0, "{\"started\":20,\"cmdline\":\"init\"}", NULL, STATUS_FAIL},
	{judge_other_init, NULL, "", 20, 0, "{\"started\":-1}", NULL, STATUS_INCONCLUSIVE},
	{judge_other_init, NULL, "", -1, 0, "{\"started\":9000}", NULL, STATUS_INCONCLUSIVE},

	{judge_init_survives, NULL, "", 0, 0, "{\"ret\":0,\"errno\":0,\"alive\":true}", NULL, STATUS_PASS},
	{judge_init_survives, NULL, "", 0, 0, "{\"ret\":0,\"errno\":0,\"alive\":false}", NULL, STATUS_FAIL},
	{judge_init_survives, NULL, "", 0, 0, "{\"initial\":true}", NULL, STATUS_FAIL},

	{judge_init_shielded, NULL, "", 0, 0, "{\"ret\":-1,\"errno\":1}", "{\"ret\":0,\"errno\":0}", STATUS_PASS},
	{judge_init_shielded, NULL, "", 0, 0, "{\"ret\":3,\"errno\":0}", "{\"ret\":0,\"errno\":0}", STATUS_FAIL},
	{judge_init_shielded, NULL, "", 0, 0, "{\"ret\":-1,\"errno\":1}", "{\"ret\":-1,\"errno\":1}",
	 STATUS_INCONCLUSIVE},
	{judge_init_shielded, NULL, "", 0, 0, "{\"ret\":-1,\"errno\":2}", "{\"ret\":0,\"errno\":0}",
	 STATUS_INCONCLUSIVE},
	{judge_init_shielded, NULL, "", 0, 0, "{\"ret\":3,\"errno\":0,\"pid1_is_ours\":true}",
	 "{\"ret\":0,\"errno\":0}", STATUS_NOT_APPLICABLE},
	{judge_init_shielded, NULL, "", 0, 0, "{\"initial\":true}", "{\"ret\":0,\"errno\":0}", STATUS_FAIL},

	{judge_reaped, NULL, "", 0, 0, "{\"ret\":0,\"errno\":0}", NULL, STATUS_PASS},
	{judge_reaped, NULL, "", 0, 0, "{\"ret\":-1,\"errno\":110}", NULL, STATUS_FAIL},
	{judge_reaped, NULL, "", 0, 0, "{\"ret\":-1,\"errno\":11}", NULL, STATUS_INCONCLUSIVE},
	{judge_reaped, NULL, "", 0, 0, "{\"ret\":-1,\"errno\":110,\"pid1_is_ours\":true}", NULL, STATUS_NOT_APPLICABLE},

	{judge_out_of_reach, NULL, "ECONNREFUSED", 0, 1, "{\"ret\":-1,\"errno\":111}", NULL, STATUS_PASS},
	{judge_out_of_reach, NULL, "ECONNREFUSED", 0, 1, "{\"ret\":0,\"errno\":0}", NULL, STATUS_FAIL},
	{judge_out_of_reach, NULL, "ECONNREFUSED", 0, 1, "{\"ret\":-1,\"errno\":24}", NULL, STATUS_INCONCLUSIVE},
	{judge_out_of_reach, NULL, "ECONNREFUSED", 0, 0, "{\"ret\":-1,\"errno\":111}", NULL, STATUS_INCONCLUSIVE},
	{judge_out_of_reach, "size", "EINVAL", 9, 1, "{\"ret\":0,\"errno\":0,\"size\":9}", NULL, STATUS_FAIL},
	{judge_out_of_reach, "size", "EINVAL", 9, 1, "{\"ret\":0,\"errno\":0,\"size\":8}", NULL, STATUS_PASS},
	{judge_out_of_reach, "size", "EINVAL", 9, 1, "{\"ret\":0,\"errno\":0}", NULL, STATUS_ERROR},
};

static void judges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
		struct requirement row = {.judge = judged[i].judge, .fact = judged[i].fact};
		row.control = judged[i].control ? SESSION_BARE : SESSION_COUNT;
		row.number = judged[i].number;
		row.number2 = judged[i].number2;
		(void)snprintf(row.expected, sizeof(row.expected), "%s", judged[i].expected);
		struct verdict verdict = judge_row(&row, judged[i].observed, judged[i].control);
		if (verdict.status != judged[i].status)
			fail_msg("row %zu: %s is %s (%s), not %s", i, judged[i].observed, status_name(verdict.status),
				 verdict.reason, status_name(judged[i].status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_is_planned),
		cmocka_unit_test(what_is_not_asked_for_is_said),
		cmocka_unit_test(suid_rows_have_a_bare_user_as_control),
		cmocka_unit_test(objects_of_the_host_are_alive),
		cmocka_unit_test(a_process_without_a_sandbox_fails),
		cmocka_unit_test(judges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
