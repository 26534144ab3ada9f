/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "harness/plan.h"
#include "suites/capabilities.h"

/* --- The golden table ------------------------------------------------------------------------------ */

static void golden_table_is_complete(void **state)
{
	(void)state;
	struct golden_capabilities golden;
	assert_int_equal(golden_capabilities_load(&golden, FIXTURES_DIR, NULL), 0);
	assert_int_equal(golden.count, CAP_LAST_CAP + 1);
	for (size_t i = 0; i < golden.count; i++)
		for (size_t j = i + 1; j < golden.count; j++)
			assert_string_not_equal(golden.rows[i].name, golden.rows[j].name);
}

/* The guide's words once more, by the kernel's constants. */
static void golden_table_says_what_the_guide_says(void **state)
{
	(void)state;
	const uint64_t standard = 1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_CHOWN | 1ULL << CAP_SETGID |
				  1ULL << CAP_SETUID | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER;
	struct golden_capabilities golden;
	assert_int_equal(golden_capabilities_load(&golden, FIXTURES_DIR, NULL), 0);
	assert_int_equal(golden_capabilities_mask(&golden, PROFILE_MINIMAL), 0);
	assert_int_equal(golden_capabilities_mask(&golden, PROFILE_STANDARD), standard);
	assert_int_equal(golden_capabilities_mask(&golden, PROFILE_PRIVILEGED), standard);
	assert_string_equal(golden.rows[CAP_SYS_ADMIN].name, "cap_sys_admin");
	assert_string_equal(golden.rows[CAP_CHECKPOINT_RESTORE].name, "cap_checkpoint_restore");
}

static void missing_table_is_an_error(void **state)
{
	(void)state;
	struct golden_capabilities golden;
	struct error err = {0};
	assert_int_equal(golden_capabilities_load(&golden, "/nonexistent", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/golden/capabilities.tsv"));
}

/* A runtime's table that grants too much must not move what the suite expects of a built-in profile. */
static void wrong_default_does_not_move_the_oracle(void **state)
{
	(void)state;
	struct golden_capabilities golden;
	struct policy policy = {.profile = PROFILE_MINIMAL, .capabilities = 1ULL << CAP_SYS_ADMIN};
	struct plan plan = {.policy = &policy, .profile = "minimal"};
	assert_int_equal(golden_capabilities_load(&golden, FIXTURES_DIR, NULL), 0);
	assert_int_equal(capabilities_expected(&plan, &golden), 0);
	plan.profile = "demo";
	assert_int_equal(capabilities_expected(&plan, &golden), 1ULL << CAP_SYS_ADMIN);
}

/* --- The plan ------------------------------------------------------------------------------------- */

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
	return NULL;
}

static void lay(struct plan *plan, struct policy *policy, enum profile profile)
{
	struct error err = {0};
	policy_defaults(policy, profile);
	*plan = (struct plan){.policy = policy, .profile = profile_name(profile)};
	assert_int_equal(suite_named("capabilities")->plan(plan, FIXTURES_DIR, &err), 0);
	assert_int_equal(plan_check(plan, &err), 0);
}

static void every_profile_has_every_capability_in_every_set(void **state)
{
	(void)state;
	for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
		struct policy policy;
		struct plan plan;
		size_t rows = 0;
		lay(&plan, &policy, profile);
		for (size_t i = 0; i < plan.count; i++)
			rows += plan.rows[i].judge == judge_capability_in_set;
		assert_int_equal(rows, 5 * (CAP_LAST_CAP + 1));
		plan_clear(&plan);
		policy_clear(&policy);
	}
}

static void held_capabilities_must_work_and_others_be_refused(void **state)
{
	(void)state;
	struct policy policy;
	struct plan plan;
	lay(&plan, &policy, PROFILE_STANDARD);
	assert_int_equal(row_named(&plan, "capabilities.standard.effect.chown")->number2, 1);
	assert_int_equal(row_named(&plan, "capabilities.standard.effect.mknod")->number2, 0);
	assert_int_equal(row_named(&plan, "capabilities.standard.alone.bind")->session, SESSION_CAPABILITIES_ALONE);
	assert_string_equal(row_named(&plan, "capabilities.standard.effective.cap_chown")->expected, "set");
	assert_string_equal(row_named(&plan, "capabilities.standard.ambient.cap_chown")->expected, "clear");
	plan_clear(&plan);
	lay(&plan, &policy, PROFILE_MINIMAL);
	assert_int_equal(row_named(&plan, "capabilities.minimal.effect.chown")->number2, 0);
	assert_null(row_named(&plan, "capabilities.minimal.effect.fowner"));
	plan_clear(&plan);
	policy_clear(&policy);
}

/* --- The judges ----------------------------------------------------------------------------------- */

static struct verdict judge_json(const struct requirement *row, const char *observed, const char *control)
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

struct judged {
	int64_t number, number2;
	uint64_t mask;
	const char *expected, *observed, *control;
	enum status status;
};

static void check(judge_function *judge, const char *fact, const struct judged *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct requirement row = {.judge = judge, .fact = fact, .control = SESSION_COUNT};
		row.number = rows[i].number;
		row.number2 = rows[i].number2;
		row.mask = rows[i].mask;
		if (rows[i].control)
			row.control = SESSION_BARE;
		(void)snprintf(row.expected, sizeof(row.expected), "%s", rows[i].expected);
		struct verdict verdict = judge_json(&row, rows[i].observed, rows[i].control);
		if (verdict.status != rows[i].status)
			fail_msg("row %zu: %s is %s (%s), not %s", i, rows[i].observed, status_name(verdict.status),
				 verdict.reason, status_name(rows[i].status));
	}
}

static void membership_needs_both_sources_to_agree(void **state)
{
	(void)state;
	static const struct judged rows[] = {
		{0, 1, 0, "", "{\"effective\":1,\"status_effective\":1}", NULL, STATUS_PASS},
		{0, 0, 0, "", "{\"effective\":1,\"status_effective\":1}", NULL, STATUS_FAIL},
		{1, 1, 0, "", "{\"effective\":1,\"status_effective\":1}", NULL, STATUS_FAIL},
		{0, 0, 0, "", "{\"effective\":0,\"status_effective\":1}", NULL, STATUS_FAIL},
		{0, 1, 0, "", "{\"effective\":0,\"status_effective\":1}", NULL, STATUS_FAIL},
		{40, 1, 0, "", "{\"effective\":1099511627776,\"status_effective\":1099511627776}", NULL, STATUS_PASS},
		{0, 0, 0, "", "{\"capget_errno\":1,\"status_effective\":0}", NULL, STATUS_PASS},
		{0, 0, 0, "", "{\"effective\":1}", NULL, STATUS_FAIL},
		{0, 0, 0, "", "{\"capget_errno\":1}", NULL, STATUS_INCONCLUSIVE},
	};
	check(judge_capability_in_set, "effective", rows, ARRAY_SIZE(rows));
}

static void masks_are_compared_whole(void **state)
{
	(void)state;
	static const struct judged rows[] = {
		{0, 0, 3, "", "{\"bounding\":3,\"status_bounding\":3}", NULL, STATUS_PASS},
		{0, 0, 3, "", "{\"bounding\":7,\"status_bounding\":7}", NULL, STATUS_FAIL},
		{0, 0, 3, "", "{\"bounding\":3,\"status_bounding\":7}", NULL, STATUS_FAIL},
		{0, 0, 3, "", "{\"ret\":-1,\"errno\":13}", NULL, STATUS_INCONCLUSIVE},
	};
	check(judge_capability_mask, "bounding", rows, ARRAY_SIZE(rows));
}

static void secure_bits_are_read_under_the_mask(void **state)
{
	(void)state;
	static const struct judged rows[] = {
		{1, 0, 1, "", "{\"securebits\":3}", NULL, STATUS_PASS},
		{0, 0, 1, "", "{\"securebits\":3}", NULL, STATUS_FAIL},
		{2, 0, 2, "", "{\"securebits\":1}", NULL, STATUS_FAIL},
		{0, 0, 1, "", "{\"securebits\":-1}", NULL, STATUS_INCONCLUSIVE},
	};
	check(judge_secure_bits, NULL, rows, ARRAY_SIZE(rows));
}

#define WORKED       "{\"ret\":0,\"errno\":0}"
#define EPERM_       "{\"ret\":-1,\"errno\":1}"
#define ENODEV_      "{\"ret\":-1,\"errno\":19}"
#define NO_CHOWN     "{\"setup\":\"chown\",\"setup_errno\":1}"
#define NO_DIRECTORY "{\"setup\":\"mkdtemp\",\"setup_errno\":30}"

static void acts_are_judged_against_the_control(void **state)
{
	(void)state;
	static const struct judged rows[] = {
		/* past, held, full session */
		{0, 1, 1, "worked", WORKED, WORKED, STATUS_PASS},
		{0, 1, 1, "worked", EPERM_, WORKED, STATUS_FAIL},
		{0, 1, 1, "worked", NO_CHOWN, WORKED, STATUS_FAIL},
		{0, 0, 1, "EPERM", EPERM_, WORKED, STATUS_PASS},
		{0, 0, 1, "EPERM", WORKED, WORKED, STATUS_FAIL},
		{0, 0, 1, "EPERM", EPERM_, EPERM_, STATUS_INCONCLUSIVE},
		{0, 0, 1, "EPERM", NO_CHOWN, WORKED, STATUS_PASS},
		{0, 0, 0, "EPERM", NO_CHOWN, WORKED, STATUS_INCONCLUSIVE},
		{0, 0, 1, "EPERM", NO_DIRECTORY, WORKED, STATUS_INCONCLUSIVE},
		{0, 0, 0, "EACCES", EPERM_, WORKED, STATUS_FAIL},
		{0, 0, 0, "EPERM|dropped", "{\"ret\":-1,\"errno\":0}", WORKED, STATUS_PASS},
		{0, 0, 0, "EPERM", "{\"ret\":-1,\"errno\":0}", WORKED, STATUS_FAIL},
		/* an act that ends in ENODEV once it is past the check */
		{19, 0, 0, "EPERM", EPERM_, ENODEV_, STATUS_PASS},
		{19, 0, 0, "EPERM", ENODEV_, ENODEV_, STATUS_FAIL},
		{19, 1, 0, "ENODEV", ENODEV_, ENODEV_, STATUS_PASS},
		{19, 1, 0, "ENODEV", EPERM_, ENODEV_, STATUS_FAIL},
		{19, 0, 0, "EPERM", EPERM_, EPERM_, STATUS_INCONCLUSIVE},
		{0, 0, 0, "EPERM", "{}", WORKED, STATUS_ERROR},
		{0, 0, 0, "EPERM", EPERM_, "{}", STATUS_INCONCLUSIVE},
	};
	check(judge_effect, NULL, rows, ARRAY_SIZE(rows));
}

static void a_policy_may_add_and_not_take(void **state)
{
	(void)state;
	static const struct judged rows[] = {
		{3, 0, 7, "", "{}", NULL, STATUS_PASS},
		{3, 0, 5, "", "{}", NULL, STATUS_FAIL},
	};
	check(judge_declared_set, NULL, rows, ARRAY_SIZE(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_table_is_complete),
		cmocka_unit_test(golden_table_says_what_the_guide_says),
		cmocka_unit_test(missing_table_is_an_error),
		cmocka_unit_test(wrong_default_does_not_move_the_oracle),
		cmocka_unit_test(every_profile_has_every_capability_in_every_set),
		cmocka_unit_test(held_capabilities_must_work_and_others_be_refused),
		cmocka_unit_test(membership_needs_both_sources_to_agree),
		cmocka_unit_test(masks_are_compared_whole),
		cmocka_unit_test(secure_bits_are_read_under_the_mask),
		cmocka_unit_test(acts_are_judged_against_the_control),
		cmocka_unit_test(a_policy_may_add_and_not_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
