/* SPDX-License-Identifier: Apache-2.0 */
/* A command prefix: words split at blanks, the placeholder replaced, the command after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "launch.h"

static struct launched seen;

static void run(const char *prefix, const char *script)
{
	struct adapter adapter;
	struct error err = {0};
	struct adapter_options options = {.command_prefix = prefix};
	assert_int_equal(adapter_open(&adapter, NULL, &options, &err), 0);
	launch_script(&adapter, SESSION_FULL, NULL, script, &seen);
	adapter_close(&adapter);
}

static void test_prefix_comes_before_the_command(void **state)
{
	(void)state;
	run("  env -i  A={tools} B={tools}/x{tools} ", "echo $A $B; exit 7");
	assert_int_equal(seen.result, 0);
	assert_string_equal(seen.output, "/usr/bin /usr/bin/x/usr/bin\n");
	assert_int_equal(WEXITSTATUS(seen.status), 7);
}

static void test_only_standard_descriptors_are_handed_on(void **state)
{
	(void)state;
	int leak = open("/", O_RDONLY);
	run("/usr/bin/env", "exec ls /proc/self/fd");
	(void)close(leak);
	assert_string_equal(seen.output, "0\n1\n2\n3\n"); /* 3 is ls's own */
}

static void test_bubblewrap(void **state)
{
	(void)state;
	if (access("/usr/bin/bwrap", X_OK) < 0)
		skip();
	run("bwrap --ro-bind / / --proc /proc --dev /dev --unshare-all --die-with-parent --",
	    "ls -d /proc/[0-9]* | wc -l; touch /x");
	assert_int_equal(seen.result, 0);
	assert_non_null(strstr(seen.output, "Read-only file system"));
	assert_true(atoi(seen.output) <= 5);
}

static void test_only_the_whole_sandbox(void **state)
{
	(void)state;
	struct adapter adapter;
	struct adapter_options options = {.command_prefix = "env"};
	assert_int_equal(adapter_open(&adapter, NULL, &options, NULL), 0);
	for (unsigned kind = 0; kind < SESSION_COUNT; kind++) {
		struct adapter_launch launch = {.kind = kind};
		char reason[256] = "";
		assert_int_equal(adapter.class->can_express(&adapter, &launch, reason, sizeof(reason)),
				 kind == SESSION_FULL);
		assert_int_equal(reason[0] == '\0', kind == SESSION_FULL);
	}
	adapter_close(&adapter);
}

static void test_too_many_words(void **state)
{
	(void)state;
	char prefix[512];
	memset(prefix, 'x', sizeof(prefix) - 1);
	for (size_t i = 1; i < sizeof(prefix); i += 2)
		prefix[i] = ' ';
	prefix[sizeof(prefix) - 1] = '\0';
	struct adapter adapter;
	struct adapter_options options = {.command_prefix = prefix};
	struct error err = {0};
	assert_int_equal(adapter_open(&adapter, NULL, &options, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_comes_before_the_command),
		cmocka_unit_test(test_only_standard_descriptors_are_handed_on),
		cmocka_unit_test(test_bubblewrap),
		cmocka_unit_test(test_only_the_whole_sandbox),
		cmocka_unit_test(test_too_many_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
