/* SPDX-License-Identifier: Apache-2.0 */
/* Audits of the saboteur table, and every row's edits made on a sample bundle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "saboteurs/saboteur.h"

static json_t *sample(void)
{
	json_t *config = json_load_file(FIXTURES_DIR "/../tests/saboteurs/config.json", JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(config);
	return config;
}

static void test_rows_are_complete_and_unique(void **state)
{
	(void)state;
	assert_non_null(saboteur_at(100));
	for (size_t i = 0; saboteur_at(i); i++) {
		const struct saboteur *row = saboteur_at(i);
		assert_ptr_equal(saboteur_find(row->name), row);
		assert_true(strlen(row->breaks) > 10);
		assert_int_equal((row->edits[0].op != EDIT_NONE) + row->leak_descriptor + (row->fault != NULL), 1);
		assert_non_null(row->must[0]);
	}
	assert_null(saboteur_find("there-is-none"));
}

/* A pattern that matches everything would let every stray through. */
static void test_patterns_are_exact(void **state)
{
	(void)state;
	static const char *const innocent[] = {"workloads.standard.shell", "filesystem.standard.other", "x"};
	for (size_t i = 0; saboteur_at(i); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(innocent); j++) {
			assert_false(saboteur_matches(saboteur_at(i)->must, innocent[j]));
			assert_false(saboteur_matches(saboteur_at(i)->may, innocent[j]));
		}
	}
}

static void split(const char *text, void (*each)(const char *word))
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = NULL;
	assert_non_null(copy);
	for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
		each(word);
}

/* A word that the test build does not know breaks nothing, and would be said to survive only when the whole suite is run. */
static void check_fault(const char *word)
{
	static const char *const sources[] = {"runtime/faults.h",           "runtime/stages.c",
					      "netpolicy/rules_static.c",   "netpolicy/rules_sandbox.c",
					      "netpolicy/rules_far_end.c",  "netpolicy/router_inside.c",
					      "runtime/enforce/apparmor.c", "runtime/enforce/landlock.c",
					      "runtime/policy/mac.c",       "runtime/policy/apparmor_profile.c"};
	_cleanup_free_ char *quoted = NULL;
	const char *colon = strchr(word, ':');
	bool known = false;
	assert_non_null(colon);
	assert_true(asprintf(&quoted, "\"%s\"", colon + 1) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		char path[PATH_MAX];
		_cleanup_free_ char *text = NULL;
		(void)snprintf(path, sizeof(path), "%s/../%s", FIXTURES_DIR, sources[i]);
		assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
		known |= strstr(text, quoted) != NULL;
	}
	if (!known)
		print_error("%s\n", word);
	assert_true(known);
}

static void test_faults_are_known(void **state)
{
	(void)state;
	for (size_t i = 0; saboteur_at(i); i++)
		if (saboteur_at(i)->fault)
			split(saboteur_at(i)->fault, check_fault);
}

/* Trials are tried by the case: a row that breaks a limit, or the reference runtime, says what stays green. */
static void test_trials_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; saboteur_at(i); i++) {
		const struct saboteur *row = saboteur_at(i);
		bool trials = row->fault != NULL;
		for (size_t j = 0; j < SABOTEUR_PATTERNS_MAX && row->must[j]; j++)
			trials |= strncmp(row->must[j], "limits.", 7) == 0;
		assert_int_equal(trials, row->green[0] != NULL);
		for (size_t j = 0; j < SABOTEUR_PATTERNS_MAX && row->green[j]; j++) {
			assert_false(saboteur_matches(row->must, row->green[j]));
			assert_false(strchr(row->green[j], '*'));
		}
	}
}

static void test_every_edit_changes_a_whole_sandbox(void **state)
{
	(void)state;
	for (size_t i = 0; saboteur_at(i); i++) {
		json_t *config = sample(), *original = sample();
		struct error err = {0};
		int r = saboteur_edit(saboteur_at(i), config, &err);
		if (r < 0)
			print_error("%s: %s\n", saboteur_at(i)->name, err.text);
		assert_int_equal(r, 0);
		assert_int_equal(json_equal(config, original), saboteur_at(i)->edits[0].op == EDIT_NONE);
		json_decref(config);
		json_decref(original);
	}
}

/* Root with all capabilities stays in its throwaway namespaces whatever the saboteur. */
static void test_bare_sessions_keep_namespaces_and_mounts(void **state)
{
	(void)state;
	for (size_t i = 0; saboteur_at(i); i++) {
		json_t *config = sample(), *original = sample();
		(void)json_object_del(json_object_get(config, "linux"), "maskedPaths");
		(void)json_object_del(json_object_get(original, "linux"), "maskedPaths");
		assert_int_equal(saboteur_edit(saboteur_at(i), config, NULL), 0);
		json_t *now = json_object_get(config, "linux"), *then = json_object_get(original, "linux");
		assert_true(json_equal(json_object_get(now, "namespaces"), json_object_get(then, "namespaces")));
		assert_true(json_equal(json_object_get(config, "mounts"), json_object_get(original, "mounts")));
		assert_true(json_equal(json_object_get(config, "root"), json_object_get(original, "root")));
		json_decref(config);
		json_decref(original);
	}
}

static void test_layer_alone_without_the_layer_is_left_as_it_was(void **state)
{
	(void)state;
	json_t *config = sample();
	(void)json_object_del(json_object_get(config, "linux"), "maskedPaths");
	(void)json_object_del(json_object_get(config, "linux"), "seccomp");
	json_t *original = json_deep_copy(config);
	assert_int_equal(saboteur_edit(saboteur_find("no-seccomp"), config, NULL), 0);
	assert_int_equal(saboteur_edit(saboteur_find("allow-mount"), config, NULL), 0);
	assert_true(json_equal(config, original));
	json_decref(config);
	json_decref(original);
}

static void test_patterns_match_as_globs(void **state)
{
	(void)state;
	static const char *const patterns[SABOTEUR_PATTERNS_MAX] = {"seccomp.standard.deny.mount", "a.*.b"};
	assert_true(saboteur_matches(patterns, "seccomp.standard.deny.mount"));
	assert_true(saboteur_matches(patterns, "a.x.y.b"));
	assert_false(saboteur_matches(patterns, "seccomp.standard.deny.mount_setattr"));
	assert_false(saboteur_matches(patterns, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_complete_and_unique),
		cmocka_unit_test(test_patterns_are_exact),
		cmocka_unit_test(test_faults_are_known),
		cmocka_unit_test(test_trials_are_named),
		cmocka_unit_test(test_every_edit_changes_a_whole_sandbox),
		cmocka_unit_test(test_bare_sessions_keep_namespaces_and_mounts),
		cmocka_unit_test(test_layer_alone_without_the_layer_is_left_as_it_was),
		cmocka_unit_test(test_patterns_match_as_globs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
