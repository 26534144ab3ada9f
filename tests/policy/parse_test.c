/* SPDX-License-Identifier: Apache-2.0 */
/* Every fixture under fixtures/policies, and what the parser makes of a document's values. */
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "policy/capabilities.h"
#include "policy/policy.h"

#define VALID   FIXTURES_DIR "/policies/valid"
#define INVALID FIXTURES_DIR "/policies/invalid"

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);
	return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static void parse(struct policy *policy, const char *json)
{
	struct error err = {0};

	if (policy_parse(policy, "test", json, strlen(json), &err) < 0)
		fail_msg("%s", err.text);
}

/* Call check for each file of the directory with that ending; returns how many there were. */
static int for_each(const char *directory, const char *end, void (*check)(const char *directory, const char *name))
{
	_cleanup_dir_ DIR *dir = opendir(directory);
	int count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!ends_with(entry->d_name, end))
			continue;
		check(directory, entry->d_name);
		count++;
	}
	return count;
}

static void count_only(const char *directory, const char *name)
{
	(void)directory, (void)name;
}

static void check_valid(const char *directory, const char *name)
{
	char path[512];
	struct policy policy = {0};
	struct error err = {0};

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (policy_load(&policy, path, &err) < 0)
		fail_msg("%s was refused: %s", name, err.text);
	policy_clear(&policy);
}

/* The .expected file: the message after "FILE: ", and on a second line the hint, if there is one. */
static void check_invalid(const char *directory, const char *name)
{
	char path[512], expected_path[512], got[1024];
	_cleanup_free_ char *expected = NULL;
	struct policy policy = {0}, untouched = {0};
	struct error err = {0};

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	(void)snprintf(expected_path, sizeof(expected_path), "%s/%.*s.expected", directory,
		       (int)(strlen(name) - strlen(".json")), name);
	if (io_read_file(AT_FDCWD, expected_path, 4096, &expected, NULL) < 0)
		fail_msg("%s has no .expected beside it", name);

	int r = policy_load(&policy, path, &err);
	if (r != -EINVAL)
		fail_msg("%s was not refused (%d)", name, r);
	assert_memory_equal(&policy, &untouched, sizeof(policy));
	assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
	(void)snprintf(got, sizeof(got), "%s\n%s%s", err.text + strlen(path) + strlen(": "), err.hint,
		       err.hint[0] ? "\n" : "");
	if (strcmp(got, expected) != 0)
		fail_msg("%s\n  expected %s  got      %s", name, expected, got);
}

static void test_valid_fixtures(void **state)
{
	(void)state;
	assert_in_range(for_each(VALID, ".json", check_valid), 20, 1000);
}

static void test_invalid_fixtures(void **state)
{
	(void)state;
	int documents = for_each(INVALID, ".json", check_invalid);

	assert_in_range(documents, 60, 1000);
	assert_int_equal(documents, for_each(INVALID, ".expected", count_only));
	/* No third kind of file that nobody looks at; "." and ".." are the other two entries. */
	assert_int_equal(2 * documents + 2, for_each(INVALID, "", count_only));
}

static void test_profile_defaults(void **state)
{
	(void)state;
	static const struct {
		enum profile profile;
		const char *seccomp, *apparmor;
		bool read_only, no_new_privileges;
		enum network_mode network;
		int capabilities;
	} rows[] = {
		{PROFILE_MINIMAL, "agentcore-minimal", "agentcore-minimal", true, true, NETWORK_NONE, 0},
		{PROFILE_STANDARD, "agentcore-standard", "agentcore-standard", true, true, NETWORK_RESTRICTED, 6},
		{PROFILE_PRIVILEGED, "agentcore-privileged", "agentcore-standard", false, false, NETWORK_FULL, 6},
	};

	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		struct policy policy;
		policy_defaults(&policy, rows[i].profile);
		assert_string_equal(policy.agent_id, "default");
		assert_string_equal(policy.seccomp_profile, rows[i].seccomp);
		assert_string_equal(policy.apparmor_profile, rows[i].apparmor);
		assert_int_equal(policy.read_only_filesystem, rows[i].read_only);
		assert_int_equal(policy.no_new_privileges, rows[i].no_new_privileges);
		assert_true(policy.user_namespace);
		assert_int_equal(policy.audit_failure, AUDIT_FAILURE_CONTINUE);
		assert_int_equal(policy.network, rows[i].network);
		assert_int_equal(__builtin_popcountll(policy.capabilities), rows[i].capabilities);
		policy_clear(&policy);
	}
}

static void test_network_resolution(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		enum network_mode network;
	} rows[] = {
		{"{}", NETWORK_RESTRICTED},
		{"{\"sandbox\":{\"allow_network\":false}}", NETWORK_NONE},
		{"{\"sandbox\":{\"allow_network\":false},\"resource_limits\":{\"network_access\":\"full\"}}",
		 NETWORK_NONE},
		{"{\"resource_limits\":{\"network_access\":\"full\"},\"execution_limits\":{\"max_network_requests\":0}"
		 "}",
		 NETWORK_NONE},
		{"{\"execution_limits\":{\"max_network_requests\":0},\"resource_limits\":{\"network_access\":\"full\"}"
		 "}",
		 NETWORK_NONE},
		{"{\"execution_limits\":{\"max_network_requests\":1}}", NETWORK_RESTRICTED},
		{"{\"sandbox\":{\"allow_network\":true},\"resource_limits\":{\"network_access\":\"none\"}}",
		 NETWORK_NONE},
		{"{\"sandbox\":{\"allow_network\":true},\"security_profile\":{\"profile_name\":\"minimal\"}}",
		 NETWORK_RESTRICTED},
		{"{\"sandbox\":{\"allow_network\":true},\"security_profile\":{\"profile_name\":\"privileged\"}}",
		 NETWORK_FULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy policy = {0};
		parse(&policy, rows[i].json);
		if (policy.network != rows[i].network)
			fail_msg("%s: network %s", rows[i].json, network_mode_name(policy.network));
		policy_clear(&policy);
	}
}

static void test_capabilities_add_to_the_profile(void **state)
{
	(void)state;
	struct policy policy = {0};

	parse(&policy, "{\"security_profile\":{\"allowed_capabilities\":[\"CAP_KILL\",\"net_raw\"]}}");
	assert_int_equal(policy.capabilities, capability_defaults(PROFILE_STANDARD) |
						      1ULL << capability_number("CAP_KILL") |
						      1ULL << capability_number("CAP_NET_RAW"));
	policy_clear(&policy);
}

static void test_words_become_their_values(void **state)
{
	(void)state;
	struct policy policy = {0};

	parse(&policy, "{\"security_profile\":{\"audit_failure\":\"refuse\"}}");
	assert_int_equal(policy.audit_failure, AUDIT_FAILURE_REFUSE);
	assert_int_equal(policy.apparmor_fallback, APPARMOR_FALLBACK_LANDLOCK);
	policy_clear(&policy);
	parse(&policy, "{\"security_profile\":{\"audit_failure\":\"continue\",\"apparmor_fallback\":\"refuse\"}}");
	assert_int_equal(policy.audit_failure, AUDIT_FAILURE_CONTINUE);
	assert_int_equal(policy.apparmor_fallback, APPARMOR_FALLBACK_REFUSE);
	policy_clear(&policy);
}

static void test_blocking_a_fork_blocks_the_family(void **state)
{
	(void)state;
	static const char *const names[] = {"fork", "vfork", "clone", "clone3"};

	for (size_t i = 0; i < 4; i++) {
		char json[128];
		struct policy policy = {0};
		(void)snprintf(json, sizeof(json), "{\"security_profile\":{\"blocked_syscalls\":[\"bpf\",\"%s\"]}}",
			       names[i]);
		parse(&policy, json);
		assert_int_equal(policy.blocked_syscalls.count, 5);
		policy_clear(&policy);
	}
}

static void test_profile_is_found_wherever_it_stands(void **state)
{
	(void)state;
	struct policy policy = {0};

	parse(&policy, "{\"resource_limits\":{\"max_memory_mb\":64},"
		       "\"security_profile\":{\"read_only_filesystem\":true,\"profile_name\":\"privileged\"}}");
	assert_int_equal(policy.profile, PROFILE_PRIVILEGED);
	assert_true(policy.read_only_filesystem);
	assert_false(policy.no_new_privileges);
	assert_int_equal((int)policy.container.value[LIMIT_MEMORY_MB], 64);
	policy_clear(&policy);
}

static void test_missing_file(void **state)
{
	(void)state;
	struct policy policy = {0};
	struct error err = {0};

	assert_int_equal(policy_load(&policy, "/nonexistent/policy.json", &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/policy.json: No such file or directory");
	assert_int_equal(policy_load(&policy, "/nonexistent/policy.json", NULL), -ENOENT);
	assert_int_equal(policy_parse(&policy, "x", "[", 1, NULL), -EINVAL);
}

static void test_bytes_after_a_nul_are_seen(void **state)
{
	(void)state;
	struct policy policy = {0};
	struct error err = {0};

	assert_int_equal(policy_parse(&policy, "x", "{}\0{\"agent_id\":1}", 18, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_fixtures),
		cmocka_unit_test(test_invalid_fixtures),
		cmocka_unit_test(test_profile_defaults),
		cmocka_unit_test(test_network_resolution),
		cmocka_unit_test(test_capabilities_add_to_the_profile),
		cmocka_unit_test(test_words_become_their_values),
		cmocka_unit_test(test_blocking_a_fork_blocks_the_family),
		cmocka_unit_test(test_profile_is_found_wherever_it_stands),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_bytes_after_a_nul_are_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
