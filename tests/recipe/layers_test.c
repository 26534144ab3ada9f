/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be enforced is refused, by name and with advice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "enforce/landlock.h"
#include "recipe/layers.h"

static void parse(struct policy *policy, const char *json)
{
	struct error err = {0};

	if (policy_parse(policy, "test", json, strlen(json), &err) < 0)
		fail_msg("%s", err.text);
}

static void refusals_name_what_and_why(void **state)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{"{\"security_profile\": {\"apparmor_fallback\": \"refuse\"}}", "AppArmor is not available"},
		{"{\"resource_limits\": {\"network_access\": \"full\"}}", "network_access full"},
		{"{\"sandbox\": {\"allowed_hosts\": [\"example.com\"]}}", "network_access restricted"},
		{"{\"resource_limits\": {\"max_memory_mb\": 64}}", "max_memory_mb"},
		{"{\"resource_limits\": {\"max_cpu_cores\": 1}}", "max_cpu_cores"},
		{"{\"execution_limits\": {\"max_cpu_percent\": 50}}", "max_cpu_percent"},
		{"{\"execution_limits\": {\"max_processes\": 10}}", "max_processes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy policy = {0};
		struct error err = {0};
		parse(&policy, rows[i].json);
		assert_int_equal(layers_check(&policy, &err), -EOPNOTSUPP);
		if (!strstr(err.text, rows[i].text) || !err.hint[0])
			fail_msg("%s: \"%s\"; \"%s\"", rows[i].json, err.text, err.hint);
		policy_clear(&policy);
	}
}

static void what_can_be_enforced_is_not_refused(void **state)
{
	static const char *const rows[] = {
		"{}",
		"{\"security_profile\": {\"profile_name\": \"minimal\"}}",
		"{\"security_profile\": {\"profile_name\": \"privileged\"}, \"sandbox\": {\"allow_network\": false}}",
		"{\"resource_limits\": {\"max_file_descriptors\": 64, \"max_execution_time_seconds\": 5}}",
	};

	(void)state;
	if (landlock_abi() == 0)
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy policy = {0};
		struct error err = {0};
		parse(&policy, rows[i]);
		if (layers_check(&policy, &err) != 0)
			fail_msg("%s: %s", rows[i], err.text);
		policy_clear(&policy);
	}
}

static void layers_say_what_they_do(void **state)
{
	struct policy policy;

	(void)state;
	policy_defaults(&policy, PROFILE_PRIVILEGED);
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		struct layer_state shown;
		layer_state((enum layer)layer, &policy, &shown);
		assert_true(shown.detail[0]);
		if (layer == LAYER_NO_NEW_PRIVS)
			assert_false(shown.in_force);
	}
}

static void limits_that_nothing_holds_are_named(void **state)
{
	struct policy policy;
	struct layer_state shown;

	(void)state;
	policy_defaults(&policy, PROFILE_STANDARD);
	layers_missing_limits(&policy, &shown);
	assert_false(shown.in_force);
	assert_non_null(strstr(shown.detail, "max_memory_mb 512"));
	assert_non_null(strstr(shown.detail, "max_processes 100"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_name_what_and_why),
		cmocka_unit_test(what_can_be_enforced_is_not_refused),
		cmocka_unit_test(layers_say_what_they_do),
		cmocka_unit_test(limits_that_nothing_holds_are_named),
	};
	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
