/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of a policy: the document again, warnings, and files in a hostile directory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "policy/lint.h"
#include "policy/policy_json.h"
#include "policy/profile_store.h"

#define VALID FIXTURES_DIR "/policies/valid"

/* --- The document again ------------------------------------------------------------------------------- */
static json_t *document_of(const struct policy *policy)
{
	json_t *document = policy_to_json(policy);

	assert_non_null(document);
	return document;
}

static void round_trip(const struct policy *policy, const char *name)
{
	struct policy again = {0};
	struct error err = {0};
	json_t *document = document_of(policy);
	_cleanup_free_ char *text = json_dumps(document, 0);

	if (policy_parse(&again, name, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	json_t *second = document_of(&again);
	if (!json_equal(document, second))
		fail_msg("%s changes on its way", name);
	for (int i = 0; i < LIMIT_COUNT; i++) {
		double before = -1, after = -1;
		assert_int_equal(policy_limit(policy, (enum limit)i, &before),
				 policy_limit(&again, (enum limit)i, &after));
		assert_true(before == after);
	}
	assert_int_equal(policy->capabilities, again.capabilities);
	assert_int_equal(policy->network, again.network);
	assert_int_equal(policy->apparmor_fallback, again.apparmor_fallback);
	assert_int_equal(policy->audit_failure, again.audit_failure);
	json_decref(document);
	json_decref(second);
	policy_clear(&again);
}

static void test_documents_come_back(void **state)
{
	(void)state;
	_cleanup_dir_ DIR *dir = opendir(VALID);
	int count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[512];
		struct policy policy = {0};
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", VALID, entry->d_name);
		assert_int_equal(policy_load(&policy, path, NULL), 0);
		round_trip(&policy, entry->d_name);
		policy_clear(&policy);
		count++;
	}
	assert_in_range(count, 20, 1000);
}

/* --- Warnings ------------------------------------------------------------------------------------------ */
struct heard {
	char text[4096];
};

static void hear(void *context, const char *where, const char *warning)
{
	struct heard *heard = context;
	size_t used = strlen(heard->text);

	(void)snprintf(heard->text + used, sizeof(heard->text) - used, "%s: %s\n", where, warning);
}

static size_t lint(const char *json, struct heard *heard)
{
	struct policy policy = {0};
	struct error err = {0};

	heard->text[0] = '\0';
	if (policy_parse(&policy, "test", json, strlen(json), &err) < 0)
		fail_msg("%s", err.text);
	size_t count = policy_lint(&policy, hear, heard);
	policy_clear(&policy);
	return count;
}

static void test_warnings(void **state)
{
	(void)state;
	static const struct {
		const char *json, *where;
		size_t count;
	} rows[] = {
		{"{}", "", 0},
		{"{\"security_profile\":{\"profile_name\":\"minimal\"}}", "", 0},
		{"{\"security_profile\":{\"allowed_capabilities\":[\"CAP_KILL\"]}}", "", 0},
		{"{\"security_profile\":{\"allowed_capabilities\":[\"CAP_SYS_ADMIN\",\"CAP_SYS_MODULE\"]}}",
		 "allowed_capabilities", 2},
		{"{\"security_profile\":{\"allowed_syscalls\":[\"read\",\"shmget\"]}}", "", 0},
		{"{\"security_profile\":{\"allowed_syscalls\":[\"bpf\",\"umount\"]}}", "allowed_syscalls", 2},
		{"{\"security_profile\":{\"allowed_syscalls\":[\"ptrace\"],\"blocked_syscalls\":[\"ptrace\"]}}",
		 "allowed_syscalls", 1},
		{"{\"security_profile\":{\"no_new_privileges\":false}}", "no_new_privileges", 1},
		{"{\"security_profile\":{\"apparmor_profile\":\"unconfined\"}}", "apparmor_profile", 1},
		{"{\"security_profile\":{\"profile_name\":\"minimal\",\"seccomp_profile\":\"agentcore-standard\"}}",
		 "seccomp_profile", 1},
		{"{\"security_profile\":{\"profile_name\":\"minimal\",\"read_only_filesystem\":false}}",
		 "read_only_filesystem", 1},
		/* and no_new_privileges and full network, which the privileged profile has by default */
		{"{\"security_profile\":{\"profile_name\":\"privileged\",\"user_namespace\":false}}", "user_namespace",
		 3},
		{"{\"security_profile\":{\"profile_name\":\"privileged\",\"user_namespace\":false,"
		 "\"allowed_syscalls\":[\"clone3\"]}}",
		 "clone3", 4},
		{"{\"resource_limits\":{\"network_access\":\"full\"}}", "network_access", 1},
		{"{\"sandbox\":{\"allow_network\":false,\"allowed_hosts\":[\"a.example\"]}}", "allowed_hosts", 1},
		{"{\"sandbox\":{\"allowed_hosts\":[\"0.0.0.0/0\"]}}", "allowed_hosts", 1},
		{"{\"resource_limits\":{\"max_memory_mb\":64},\"execution_limits\":{\"max_memory_mb\":128}}",
		 "$.execution_limits.max_memory_mb", 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct heard heard;
		size_t count = lint(rows[i].json, &heard);
		if (count != rows[i].count || !strstr(heard.text, rows[i].where))
			fail_msg("%s: %zu warnings:\n%s", rows[i].json, count, heard.text);
	}
}

/* --- Files ---------------------------------------------------------------------------------------------- */
static char root[] = "/tmp/profile-store-test-XXXXXX";

static int make_root(void **state)
{
	(void)state;
	(void)memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status, (void)kind, (void)where;
	return remove(path);
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int store(const char *folder, char path[512], struct error *err)
{
	char directory[256];
	struct policy policy;

	(void)snprintf(directory, sizeof(directory), "%s/%s", root, folder);
	policy_defaults(&policy, PROFILE_MINIMAL);
	(void)snprintf(policy.agent_id, sizeof(policy.agent_id), "demo");
	return profile_store(&policy, directory, "seccomp", "json", "{}\n", path, 512, err);
}

static void in_root(char path[256], const char *name)
{
	(void)snprintf(path, 256, "%s/%s", root, name);
}

static void assert_stored(const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_int_equal(io_read_file(AT_FDCWD, path, 100, &text, NULL), 0);
	assert_string_equal(text, "{}\n");
}

static void test_store_makes_what_is_missing(void **state)
{
	(void)state;
	char path[512], expected[256];

	assert_int_equal(store("new", path, NULL), 0);
	in_root(expected, "new/seccomp/demo-minimal.json");
	assert_string_equal(path, expected);
	assert_stored(path);
	assert_int_equal(store("new", path, NULL), 0); /* and again over itself */
	assert_stored(path);
}

static void test_store_leaves_no_temporary(void **state)
{
	(void)state;
	char path[512], folder[256];
	int entries = 0;

	assert_int_equal(store("new", path, NULL), 0);
	in_root(folder, "new/seccomp");
	_cleanup_dir_ DIR *dir = opendir(folder);
	assert_non_null(dir);
	while (readdir(dir))
		entries++;
	assert_int_equal(entries, 3); /* with "." and ".." */
}

static void test_store_replaces_a_link(void **state)
{
	(void)state;
	char path[512], victim[256], folder[256], link[256];
	struct stat status;

	in_root(victim, "victim");
	in_root(folder, "planted");
	assert_int_equal(mkdir(folder, 0755), 0);
	in_root(folder, "planted/seccomp");
	assert_int_equal(mkdir(folder, 0755), 0);
	in_root(link, "planted/seccomp/demo-minimal.json");
	assert_int_equal(symlink(victim, link), 0);
	assert_int_equal(store("planted", path, NULL), 0);
	assert_stored(path);
	assert_int_equal(stat(victim, &status), -1);
}

static void test_store_refuses_a_linked_directory(void **state)
{
	(void)state;
	char path[512], elsewhere[256], link[256];
	struct error err = {0};

	in_root(elsewhere, "elsewhere");
	in_root(link, "link");
	assert_int_equal(mkdir(elsewhere, 0755), 0);
	assert_int_equal(symlink(elsewhere, link), 0);
	assert_int_equal(store("link", path, &err), -ENOTDIR);
	assert_int_equal(rmdir(elsewhere), 0); /* nothing was put into it */
}

static void refuse_mode(mode_t mode)
{
	char path[512], folder[256];
	struct error err = {0};

	in_root(folder, "open");
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(chmod(folder, mode), 0);
	assert_int_equal(store("open", path, &err), -EPERM);
	assert_non_null(strstr(err.text, "others could put files there"));
	assert_int_equal(rmdir(folder), 0);
}

static void test_store_refuses_a_directory_open_to_others(void **state)
{
	(void)state;
	refuse_mode(0775);
	refuse_mode(0757);
	refuse_mode(01777);
}

static void test_store_refuses_someone_elses_directory(void **state)
{
	(void)state;
	char path[512], folder[256];

	if (geteuid() != 0)
		skip();
	in_root(folder, "foreign");
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(chown(folder, 12345, 12345), 0);
	assert_int_equal(store("foreign", path, NULL), -EPERM);
	in_root(folder, "ours");
	assert_int_equal(mkdir(folder, 0755), 0);
	in_root(folder, "ours/seccomp");
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(chown(folder, 12345, 12345), 0);
	assert_int_equal(store("ours", path, NULL), -EPERM);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents_come_back),
		cmocka_unit_test(test_warnings),
		STORE_TEST(test_store_makes_what_is_missing),
		STORE_TEST(test_store_leaves_no_temporary),
		STORE_TEST(test_store_replaces_a_link),
		STORE_TEST(test_store_refuses_a_linked_directory),
		STORE_TEST(test_store_refuses_a_directory_open_to_others),
		STORE_TEST(test_store_refuses_someone_elses_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
