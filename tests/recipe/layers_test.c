/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be enforced is refused, by name and with advice. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* A machine with every controller on cgroup v1, and what a test takes away from it. */
static struct cgroup_layout all_controllers(void)
{
	struct cgroup_layout layout = {0};

	for (size_t i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		layout.places[i].available = true;
	return layout;
}

static int check(const char *json, const struct cgroup_layout *cgroups, struct error *err)
{
	struct policy policy = {0};
	struct limits limits;

	parse(&policy, json);
	policy_limits_in_force(&policy, &limits);
	int r = layers_check(&policy, &limits, cgroups, &(struct mandatory){.wish = MANDATORY_LANDLOCK}, err);
	policy_clear(&policy);
	return r;
}

static void refusals_name_what_and_why(void **state)
{
	static const struct {
		const char *json, *text;
	} rows[] = {
		{"{\"security_profile\": {\"apparmor_fallback\": \"refuse\"}}", "apparmor_fallback is"},
		{"{\"security_profile\": {\"apparmor_profile\": \"unconfined\"}}", "apparmor_profile is"},
		{"{\"sandbox\": {\"allowed_hosts\": [\"example.com\", \"169.254.169.254\"]}}", "allowed_hosts[1]"},
		{"{\"resource_limits\": {\"max_memory_mb\": 16000000}}", "max_memory_mb"},
		{"{\"resource_limits\": {\"max_cpu_cores\": 4096}}", "max_cpu_cores"},
	};
	struct cgroup_layout cgroups = all_controllers();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		assert_true(check(rows[i].json, &cgroups, &err) < 0);
		if (!strstr(err.text, rows[i].text) || !err.hint[0])
			fail_msg("%s: \"%s\"; \"%s\"", rows[i].json, err.text, err.hint);
	}
}

static void a_limit_without_its_controller_is_refused(void **state)
{
	static const struct {
		enum cgroup_controller missing;
		const char *text;
	} rows[] = {
		{CGROUP_MEMORY, "max_memory_mb 512: no memory controller for it: not enabled"},
		{CGROUP_CPU, "max_cpu_cores 1: no cpu controller for it: not enabled"},
		{CGROUP_PIDS, "max_processes 100: no pids controller for it: not enabled"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cgroup_layout cgroups = all_controllers();
		struct error err = {0};
		cgroups.places[rows[i].missing].available = false;
		(void)strcpy(cgroups.why_not[rows[i].missing], "not enabled");
		assert_int_equal(check("{}", &cgroups, &err), -EOPNOTSUPP);
		assert_string_equal(err.text, rows[i].text);
		/* Another layer alone has no limits. */
		assert_int_equal(check("{}", NULL, &(struct error){0}), 0);
	}
}

static void what_can_be_enforced_is_not_refused(void **state)
{
	static const char *const rows[] = {
		"{}",
		"{\"security_profile\": {\"profile_name\": \"minimal\"}}",
		"{\"security_profile\": {\"profile_name\": \"privileged\"}, \"sandbox\": {\"allow_network\": false}}",
		"{\"resource_limits\": {\"max_file_descriptors\": 64, \"max_execution_time_seconds\": 5}}",
		"{\"execution_limits\": {\"max_processes\": 10, \"max_memory_mb\": 64, \"max_cpu_percent\": 50}}",
	};
	struct cgroup_layout cgroups = all_controllers();

	(void)state;
	if (landlock_abi() == 0)
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		if (check(rows[i], &cgroups, &err) != 0)
			fail_msg("%s: %s", rows[i], err.text);
	}
}

static void layers_say_what_they_do(void **state)
{
	const struct mandatory landlock = {.wish = MANDATORY_LANDLOCK};
	struct policy policy;
	struct limits limits;
	struct cgroup_layout cgroups = all_controllers();

	(void)state;
	policy_defaults(&policy, PROFILE_PRIVILEGED);
	policy_limits_in_force(&policy, &limits);
	for (int layer = 0; layer < LAYER_COUNT; layer++) {
		struct layer_state shown;
		layer_state((enum layer)layer, &policy, &limits, &cgroups, &landlock, &shown);
		assert_true(shown.detail[0]);
		if (layer == LAYER_NO_NEW_PRIVS)
			assert_false(shown.in_force);
		if (layer == LAYER_CGROUPS)
			assert_non_null(strstr(shown.detail, "memory 512 MiB, cpu 1, pids 100"));
	}
	cgroups.places[CGROUP_PIDS].available = false;
	struct layer_state shown;
	layer_state(LAYER_CGROUPS, &policy, &limits, &cgroups, &landlock, &shown);
	assert_false(shown.in_force);
}

static bool has_gap(const struct policy *policy, const struct mandatory *mandatory, const char *what)
{
	const struct layer_gap *gaps[LAYER_GAPS_MAX];
	const size_t count = layer_gaps(policy, mandatory, gaps);

	for (size_t i = 0; i < count; i++) {
		assert_true(gaps[i]->how[0] && gaps[i]->covered_by < LAYER_COUNT && gaps[i]->covered_by != LAYER_MAC);
		if (strcmp(gaps[i]->what, what) == 0)
			return true;
	}
	return false;
}

/* What counts for one policy does not for another. */
static void gaps_follow_the_policy(void **state)
{
	const struct mandatory landlock = {.wish = MANDATORY_LANDLOCK}, apparmor = {.wish = MANDATORY_APPARMOR};
	struct policy minimal, standard;

	(void)state;
	policy_defaults(&minimal, PROFILE_MINIMAL);
	policy_defaults(&standard, PROFILE_STANDARD);
	assert_true(has_gap(&standard, &landlock, "chmod and chown outside the writable places"));
	assert_false(has_gap(&standard, &apparmor, "chmod and chown outside the writable places"));
	assert_true(has_gap(&standard, &apparmor, "times and extended attributes outside the writable places"));
	assert_true(has_gap(&minimal, &landlock, "mapping a library that was written inside"));
	assert_false(has_gap(&standard, &landlock, "mapping a library that was written inside"));
	assert_true(has_gap(&minimal, &landlock, "internet sockets, TCP and UDP, without a network"));
	assert_false(has_gap(&standard, &landlock, "internet sockets, TCP and UDP, without a network"));
	assert_true(has_gap(&standard, &landlock, "raw and packet sockets"));
	standard.capabilities |= UINT64_C(1) << 13; /* CAP_NET_RAW */
	assert_false(has_gap(&standard, &landlock, "raw and packet sockets"));
	(void)snprintf(standard.apparmor_profile, sizeof(standard.apparmor_profile), "unconfined");
	assert_false(has_gap(&standard, &(struct mandatory){.wish = MANDATORY_ANY}, "capabilities"));
	policy_clear(&minimal);
	policy_clear(&standard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_name_what_and_why),
		cmocka_unit_test(a_limit_without_its_controller_is_refused),
		cmocka_unit_test(what_can_be_enforced_is_not_refused),
		cmocka_unit_test(layers_say_what_they_do),
		cmocka_unit_test(gaps_follow_the_policy),
	};
	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
