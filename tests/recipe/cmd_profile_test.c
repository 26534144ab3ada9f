/* SPDX-License-Identifier: Apache-2.0 */
/* agentcore profile: exit statuses, and output that other programs can read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "policy/policy.h"
#include "recipe/commands.h"

#define VALID      FIXTURES_DIR "/policies/valid/"
#define INVALID    FIXTURES_DIR "/policies/invalid/"
#define OUTPUT_MAX 131072

static char output[OUTPUT_MAX], errors[OUTPUT_MAX];

/* Point descriptor fd at a fresh file in memory; the old one is returned, to be put back. */
static int divert(int fd, int *memory)
{
	int saved = dup(fd);

	*memory = memfd_create("output", MFD_CLOEXEC);
	assert_true(saved >= 0 && *memory >= 0 && dup2(*memory, fd) == fd);
	return saved;
}

static void restore(int fd, int saved, int memory, char text[OUTPUT_MAX])
{
	ssize_t length = pread(memory, text, OUTPUT_MAX - 1, 0);

	(void)dup2(saved, fd);
	(void)close(saved);
	(void)close(memory);
	assert_true(length >= 0);
	text[length] = '\0';
}

/* Run "profile WORD..." with its output caught; words end with NULL. */
static int profile(const char *first, ...)
{
	char *argv[12] = {strdup("profile"), strdup(first)};
	int argc = 2, memory[2], saved[2];
	va_list words;

	va_start(words, first);
	for (const char *word; (word = va_arg(words, const char *));)
		argv[argc++] = strdup(word);
	va_end(words);

	(void)fflush(stdout);
	saved[0] = divert(STDOUT_FILENO, &memory[0]);
	saved[1] = divert(STDERR_FILENO, &memory[1]);
	int status = command_profile(argc, argv);
	(void)fflush(stdout);
	restore(STDOUT_FILENO, saved[0], memory[0], output);
	restore(STDERR_FILENO, saved[1], memory[1], errors);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return status;
}

static json_t *printed_json(void)
{
	json_error_t error;
	json_t *root = json_loads(output, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		fail_msg("%s in: %s", error.text, output);
	return root;
}

static void test_list(void **state)
{
	(void)state;
	assert_int_equal(profile("list", NULL), 0);
	assert_non_null(strstr(output, "minimal"));
	assert_int_equal(profile("list", "--json", NULL), 0);
	json_t *root = printed_json();
	assert_int_equal(json_array_size(root), PROFILE_COUNT);
	assert_in_range(json_integer_value(json_object_get(json_array_get(root, PROFILE_STANDARD), "syscalls_allowed")),
			250, 469);
	json_decref(root);
}

static void test_what_show_prints_is_a_policy(void **state)
{
	(void)state;
	struct policy policy = {0};
	struct error err = {0};

	assert_int_equal(profile("show", "privileged", "--json", NULL), 0);
	if (policy_parse(&policy, "shown", output, strlen(output), &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(policy.profile, PROFILE_PRIVILEGED);
	policy_clear(&policy);
}

static void test_show(void **state)
{
	(void)state;
	assert_int_equal(profile("show", "--policy", VALID "whole.json", NULL), 0);
	assert_non_null(strstr(output, "CAP_NET_RAW"));
	assert_non_null(strstr(output, "max_memory_mb               256 MiB"));
	assert_int_equal(profile("show", "minimal", "--syscalls", NULL), 0);
	assert_non_null(strstr(output, " 165 mount                    deny        EPERM"));
	assert_non_null(strstr(output, " 437 openat2                  deny        ENOSYS"));
	assert_non_null(strstr(output, "  16 ioctl                    conditional"));
}

static void test_lint(void **state)
{
	(void)state;
	assert_int_equal(profile("lint", VALID "guide-minimal.json", VALID "guide-standard.json", NULL), 0);
	assert_string_equal(output, "");
	assert_int_equal(profile("lint", VALID "guide-standard.json", VALID "guide-privileged.json", NULL), 1);
	assert_non_null(strstr(output, "CAP_NET_ADMIN"));
	assert_int_equal(profile("lint", "--json", VALID "guide-privileged.json", NULL), 1);
	json_t *root = printed_json();
	assert_in_range(json_array_size(root), 2, 100);
	json_decref(root);
	/* A bad policy weighs more than a warning, wherever it stands. */
	assert_int_equal(profile("lint", INVALID "memory-zero.json", VALID "guide-privileged.json", NULL),
			 EXIT_RUNTIME_FAILED);
	assert_non_null(strstr(errors, "$.resource_limits.max_memory_mb: 0 is out of range"));
	assert_non_null(strstr(output, "CAP_NET_ADMIN"));
}

static void test_generate(void **state)
{
	(void)state;
	char directory[] = "/tmp/cmd-profile-test-XXXXXX", path[512], folder[256];
	json_error_t error;

	assert_non_null(mkdtemp(directory));
	(void)snprintf(folder, sizeof(folder), "%s/seccomp", directory);
	(void)snprintf(path, sizeof(path), "%s/demo-standard.json", folder);
	assert_int_equal(profile("generate", "--policy", VALID "whole.json", "--output", directory, NULL), 0);
	assert_int_equal(strncmp(output, path, strlen(path)), 0);
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(root);
	assert_int_equal(json_integer_value(json_object_get(root, "defaultErrnoRet")), 38);
	json_decref(root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void test_bad_usage(void **state)
{
	(void)state;
	assert_int_equal(profile("--help", NULL), 0);
	assert_non_null(strstr(output, "Usage: agentcore profile"));
	assert_int_equal(profile("shwo", NULL), EXIT_RUNTIME_FAILED);
	assert_int_equal(profile("list", "minimal", NULL), EXIT_RUNTIME_FAILED);
	assert_int_equal(profile("show", "--nonsense", NULL), EXIT_RUNTIME_FAILED);
	assert_int_equal(profile("show", "minimal", "--policy", VALID "whole.json", NULL), EXIT_RUNTIME_FAILED);
	assert_int_equal(profile("lint", NULL), EXIT_RUNTIME_FAILED);
	assert_int_equal(profile("show", "minmal", NULL), EXIT_RUNTIME_FAILED);
	assert_non_null(strstr(errors, "did you mean \"minimal\"?"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),     cmocka_unit_test(test_what_show_prints_is_a_policy),
		cmocka_unit_test(test_show),     cmocka_unit_test(test_lint),
		cmocka_unit_test(test_generate), cmocka_unit_test(test_bad_usage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
