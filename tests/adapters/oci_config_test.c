/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of config.json for each kind of session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/capability.h>

#include "adapters/oci.h"
#include "base/array.h"
#include "base/cleanup.h"

static struct policy policy;
static char *const command[] = {(char[]){"probe"}, (char[]){"serve"}, (char[]){"word"}, NULL};

static bool cgroup_v2;

static int set_up(void **state)
{
	(void)state;
	policy_defaults(&policy, PROFILE_STANDARD);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	policy_clear(&policy);
	return 0;
}

static json_t *build(enum session_kind kind, json_t *seccomp, const char *cgroups)
{
	struct adapter_launch launch = {.kind = kind, .policy = &policy, .tools_dir = "/tools", .command = command};
	struct oci_config_input input = {.launch = &launch,
					 .bundle = "/bundle",
					 .seccomp = seccomp,
					 .cgroups_path = cgroups,
					 .cgroup_v2 = cgroup_v2};
	struct error err = {0};
	json_t *config = oci_config_build(&input, &err);
	assert_non_null(config);
	return config;
}

/* "process/user" and the like: members only. */
static json_t *at(json_t *config, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	char *rest = NULL;
	for (char *key = strtok_r(copy, "/", &rest); key; key = strtok_r(NULL, "/", &rest))
		config = json_object_get(config, key);
	return config;
}

static void assert_member(json_t *config, const char *path, const char *expected)
{
	_cleanup_free_ char *text = json_dumps(at(config, path), JSON_COMPACT | JSON_ENCODE_ANY);
	if (!expected)
		assert_null(text);
	else
		assert_string_equal(text, expected);
}

static bool has_mount(json_t *config, const char *destination)
{
	json_t *mount;
	size_t i;
	json_array_foreach(json_object_get(config, "mounts"), i, mount)
	{
		if (strcmp(json_string_value(json_object_get(mount, "destination")), destination) == 0)
			return true;
	}
	return false;
}

#define STANDARD_SIX                                                                                                   \
	"[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_SETGID\",\"CAP_SETUID\",\"CAP_NET_BIND_SERVICE\"]"
#define MAP "[{\"containerID\":0,\"hostID\":1879048192,\"size\":65536}]"

static void test_full(void **state)
{
	(void)state;
	json_t *seccomp = json_pack("{s:s}", "defaultAction", "SCMP_ACT_ERRNO");
	json_t *config = build(SESSION_FULL, seccomp, "/mine");
	assert_member(config, "process/args", "[\"/opt/conformance/probe\",\"serve\",\"word\"]");
	assert_member(config, "process/env",
		      "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"HOME=/workspace\","
		      "\"LANG=C.UTF-8\",\"TERM=dumb\"]");
	assert_member(config, "process/user", "{\"uid\":0,\"gid\":0}");
	assert_member(config, "process/cwd", "\"/workspace\"");
	assert_member(config, "process/terminal", "false");
	assert_member(config, "process/noNewPrivileges", "true");
	assert_member(config, "process/capabilities/bounding", STANDARD_SIX);
	assert_member(config, "process/capabilities/effective", STANDARD_SIX);
	assert_member(config, "process/capabilities/permitted", STANDARD_SIX);
	assert_member(config, "process/capabilities/inheritable", "[]");
	assert_member(config, "process/capabilities/ambient", "[]");
	assert_member(config, "process/rlimits",
		      "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1024,\"hard\":1024},"
		      "{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0},"
		      "{\"type\":\"RLIMIT_MEMLOCK\",\"soft\":65536,\"hard\":65536}]");
	assert_member(config, "root", "{\"path\":\"/bundle/rootfs\",\"readonly\":true}");
	assert_member(config, "linux/namespaces",
		      "[{\"type\":\"user\"},{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"network\"},"
		      "{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"cgroup\"}]");
	assert_member(config, "linux/uidMappings", MAP);
	assert_member(config, "linux/gidMappings", MAP);
	assert_member(config, "linux/cgroupsPath", "\"/mine\"");
	assert_member(config, "linux/seccomp", "{\"defaultAction\":\"SCMP_ACT_ERRNO\"}");
	assert_true(has_mount(config, "/opt/conformance"));
	assert_true(has_mount(config, "/usr"));
	assert_false(has_mount(config, "/root"));
	assert_int_equal(json_array_size(at(config, "linux/maskedPaths")), 12);
	assert_member(config, "hostname", "\"sandbox\"");
	json_decref(config);
	json_decref(seccomp);
}

static void test_user_has_nothing_but_the_bound(void **state)
{
	(void)state;
	json_t *config = build(SESSION_USER, NULL, NULL);
	assert_member(config, "process/user", "{\"uid\":1000,\"gid\":1000}");
	assert_member(config, "process/capabilities/bounding", STANDARD_SIX);
	assert_member(config, "process/capabilities/effective", "[]");
	assert_member(config, "process/capabilities/permitted", "[]");
	assert_member(config, "linux/cgroupsPath", NULL);
	json_decref(config);
}

static void test_policy_fields_show(void **state)
{
	(void)state;
	struct policy kept = policy;
	policy.read_only_filesystem = policy.no_new_privileges = policy.user_namespace = false;
	policy.capabilities = 1ULL << CAP_SYS_PTRACE;
	policy.container.value[LIMIT_FILE_DESCRIPTORS] = 50;
	json_t *config = build(SESSION_FULL, NULL, NULL);
	policy = kept;
	assert_member(config, "root/readonly", "false");
	assert_member(config, "process/noNewPrivileges", "false");
	assert_member(config, "process/capabilities/effective", "[\"CAP_SYS_PTRACE\"]");
	assert_member(config, "linux/uidMappings", NULL);
	assert_member(config, "linux/namespaces",
		      "[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
		      "{\"type\":\"uts\"},{\"type\":\"cgroup\"}]");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(at(config, "process/rlimits"), 0), "hard")),
			 50);
	json_decref(config);
}

/* The smaller of the tiers, without swap; only where the runtime makes a group, and never around a layer alone. */
static void test_limits(void **state)
{
	(void)state;
	static const char policy_text[] = "{\"resource_limits\":{\"max_memory_mb\":64,\"max_cpu_cores\":0.333},"
					  "\"execution_limits\":{\"max_memory_mb\":32,\"max_processes\":20}}";
	struct policy kept = policy;
	struct error err = {0};
	assert_int_equal(policy_parse(&policy, "test", policy_text, strlen(policy_text), &err), 0);
	json_t *config = build(SESSION_FULL, NULL, "/mine");
	assert_member(config, "linux/resources/memory", "{\"limit\":33554432,\"swap\":33554432}");
	assert_member(config, "linux/resources/cpu", "{\"quota\":33300,\"period\":100000}");
	assert_member(config, "linux/resources/pids", "{\"limit\":20}");
	assert_member(config, "linux/resources/unified", NULL);
	json_decref(config);
	cgroup_v2 = true;
	config = build(SESSION_FULL, NULL, "/mine");
	cgroup_v2 = false;
	assert_member(config, "linux/resources/unified", "{\"memory.oom.group\":\"1\"}");
	json_decref(config);
	config = build(SESSION_FULL, NULL, NULL);
	assert_member(config, "linux/resources", NULL);
	json_decref(config);
	config = build(SESSION_RLIMITS_ALONE, NULL, "/mine");
	assert_member(config, "linux/resources", NULL);
	json_decref(config);
	policy_clear(&policy);
	policy = kept;
}

struct alone {
	enum session_kind kind;
	bool six, no_new_privs;
	size_t rlimits;
	int uid;
};

/* A layer alone: that layer as in the full sandbox, and nothing else of it. */
static void test_layers_alone(void **state)
{
	(void)state;
	static const struct alone rows[] = {
		{SESSION_SECCOMP_ALONE, false, true, 0, 0},
		{SESSION_CAPABILITIES_ALONE, true, false, 0, 0},
		{SESSION_NO_NEW_PRIVS_ALONE, false, true, 0, 1000},
		{SESSION_RLIMITS_ALONE, false, false, 3, 0},
	};
	size_t own = 0;
	for (cap_value_t number = 0; number < 64; number++)
		own += cap_get_bound(number) == 1;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *config = build(rows[i].kind, NULL, NULL);
		assert_int_equal(json_array_size(at(config, "process/capabilities/bounding")), rows[i].six ? 6 : own);
		assert_int_equal(json_is_true(at(config, "process/noNewPrivileges")), rows[i].no_new_privs);
		assert_int_equal(json_array_size(at(config, "process/rlimits")), rows[i].rlimits);
		assert_int_equal(json_integer_value(at(config, "process/user/uid")), rows[i].uid);
		assert_member(config, "root/readonly", "false");
		assert_member(config, "linux/uidMappings", NULL);
		assert_member(config, "linux/maskedPaths", NULL);
		assert_member(config, "linux/readonlyPaths", NULL);
		assert_int_equal(json_array_size(json_object_get(config, "mounts")), 1);
		json_decref(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_user_has_nothing_but_the_bound),
		cmocka_unit_test(test_policy_fields_show),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_layers_alone),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
