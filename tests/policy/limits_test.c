/* SPDX-License-Identifier: Apache-2.0 */
/* --limit, and the limit in force of two tiers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "policy/policy.h"

static void assert_in_force(const struct policy *policy, enum limit limit, double expected)
{
	double value = -1;

	assert_true(policy_limit(policy, limit, &value));
	assert_true(value == expected);
}

static void test_the_smaller_tier_holds(void **state)
{
	(void)state;
	struct policy policy;
	double untouched = 7;

	policy_defaults(&policy, PROFILE_STANDARD);
	assert_in_force(&policy, LIMIT_MEMORY_MB, 512);
	assert_in_force(&policy, LIMIT_PROCESSES, 100);
	assert_false(policy_limit(&policy, LIMIT_NETWORK_REQUESTS, &untouched));
	assert_true(untouched == 7);

	policy.execution.set[LIMIT_MEMORY_MB] = true;
	policy.execution.value[LIMIT_MEMORY_MB] = 256;
	assert_in_force(&policy, LIMIT_MEMORY_MB, 256);
	policy.execution.value[LIMIT_MEMORY_MB] = 1024;
	assert_in_force(&policy, LIMIT_MEMORY_MB, 512);
	policy.container.set[LIMIT_MEMORY_MB] = false;
	assert_in_force(&policy, LIMIT_MEMORY_MB, 1024);
}

static void test_assignments(void **state)
{
	(void)state;
	struct policy policy;

	policy_defaults(&policy, PROFILE_STANDARD);
	assert_int_equal(policy_set_limit(&policy, "max_memory_mb=64", NULL), 0);
	assert_true(policy.container.value[LIMIT_MEMORY_MB] == 64 && policy.container.explicit_[LIMIT_MEMORY_MB]);
	assert_false(policy.execution.set[LIMIT_MEMORY_MB]);
	assert_int_equal(policy_set_limit(&policy, "max_cpu_percent=50", NULL), 0);
	assert_in_force(&policy, LIMIT_CPU_CORES, 0.5);
	assert_int_equal(policy_set_limit(&policy, "max_execution_time_seconds=0.25", NULL), 0);
	assert_in_force(&policy, LIMIT_WALL_SECONDS, 0.25);
	assert_int_equal(policy_set_limit(&policy, "max_processes=1", NULL), 0);
	assert_in_force(&policy, LIMIT_PROCESSES, 1);
	assert_int_equal(policy.network, NETWORK_RESTRICTED);
	assert_int_equal(policy_set_limit(&policy, "max_network_requests=0", NULL), 0);
	assert_int_equal(policy.network, NETWORK_NONE);
}

static void test_bad_assignments(void **state)
{
	(void)state;
	static const struct {
		const char *assignment, *text, *hint;
	} rows[] = {
		{"max_memory=64", "--limit: \"max_memory\" is not a limit", "did you mean \"max_memory_mb\"?"},
		{"max_memory_mb", "--limit: \"max_memory_mb\" is not a limit", "did you mean \"max_memory_mb\"?"},
		{"", "--limit: \"\" is not a limit",
		 "write KEY=VALUE with a key of resource_limits or execution_limits"},
		{"=5", "--limit: \"\" is not a limit",
		 "write KEY=VALUE with a key of resource_limits or execution_limits"},
		{"max_memory_mb=", "--limit max_memory_mb: \"\" is not a number", ""},
		{"max_memory_mb=nan", "--limit max_memory_mb: \"nan\" is not a number", ""},
		{"max_memory_mb=inf", "--limit max_memory_mb: \"inf\" is not a number", ""},
		{"max_memory_mb=0x40", "--limit max_memory_mb: \"0x40\" is not a number", ""},
		{"max_memory_mb= 64", "--limit max_memory_mb: \" 64\" is not a number", ""},
		{"max_memory_mb=64M", "--limit max_memory_mb: \"64M\" is not a number", ""},
		{"max_memory_mb=1e999", "--limit max_memory_mb: inf is out of range: from 1 to 16777216 MiB", ""},
		{"max_memory_mb=0", "--limit max_memory_mb: 0 is out of range: from 1 to 16777216 MiB", ""},
		{"max_memory_mb=-1", "--limit max_memory_mb: -1 is out of range: from 1 to 16777216 MiB", ""},
		{"max_processes=1.5", "--limit max_processes: 1.5 is not a whole number", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy policy, before;
		struct error err = {0};
		memset(&policy, 0, sizeof(policy));
		policy_defaults(&policy, PROFILE_STANDARD);
		memcpy(&before, &policy, sizeof(policy));
		assert_int_equal(policy_set_limit(&policy, rows[i].assignment, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].text);
		assert_string_equal(err.hint, rows[i].hint);
		assert_memory_equal(&policy, &before, sizeof(policy));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_smaller_tier_holds),
		cmocka_unit_test(test_assignments),
		cmocka_unit_test(test_bad_assignments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
