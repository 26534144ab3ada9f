/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <poll.h>

#include "base/cleanup.h"
#include "launch.h"

static char work_dir[] = "/tmp/agentcore-none-test-XXXXXX";
static struct adapter adapter;
static struct launched seen;

static int open_adapter(void **state)
{
	(void)state;
	if (geteuid() != 0 || !mkdtemp(work_dir))
		return -1;
	struct adapter_options options = {.runtime = "none", .work_dir = work_dir};
	return adapter_open(&adapter, NULL, &options, NULL);
}

static int close_adapter(void **state)
{
	(void)state;
	adapter_close(&adapter);
	return rmdir(work_dir); /* fails where something was left in it */
}

static void run(enum session_kind kind, const char *script)
{
	launch_script(&adapter, kind, NULL, script, &seen);
	if (seen.result)
		print_error("%s\n", seen.err.text);
	assert_int_equal(seen.result, 0);
}

static void test_root_has_all_of_our_capabilities(void **state)
{
	(void)state;
	_cleanup_free_ char *status = NULL;
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/status", 65536, &status, NULL), 0);
	run(SESSION_BARE, "id -u; ls /opt/conformance/sh; pwd; grep CapEff /proc/self/status");
	static const char before[] = "0\n/opt/conformance/sh\n/workspace\n";
	assert_int_equal(strncmp(seen.output, before, sizeof(before) - 1), 0);
	assert_non_null(strstr(status, seen.output + sizeof(before) - 1));
	assert_int_equal(seen.status, 0);
}

static void test_user_has_no_capabilities(void **state)
{
	(void)state;
	run(SESSION_BARE_USER, "id -u; id -G; grep Cap[PE] /proc/self/status; touch /tmp/a /workspace/b && echo wrote");
	assert_string_equal(seen.output, "1000\n1000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nwrote\n");
}

static void test_environment_is_fixed(void **state)
{
	(void)state;
	assert_int_equal(setenv("LEAKED", "yes", 1), 0);
	run(SESSION_BARE, "exec /usr/bin/env");
	assert_null(strstr(seen.output, "LEAKED"));
	assert_non_null(strstr(seen.output, "HOME=/workspace\n"));
}

static void test_no_descriptor_is_inherited(void **state)
{
	(void)state;
	int leak = open("/", O_RDONLY);
	assert_true(leak >= 0);
	run(SESSION_BARE, "exec /bin/ls /proc/self/fd");
	(void)close(leak);
	assert_string_equal(seen.output, "0\n1\n2\n3\n"); /* 3 is ls's own */
}

static void test_processes_and_network_are_its_own(void **state)
{
	(void)state;
	run(SESSION_BARE, "echo $$; cat /sys/class/net/lo/flags /proc/1/comm; ls /proc | grep -c '^[0-9]*$'");
	assert_int_equal(strncmp(seen.output, "2\n", 2), 0);
	run(SESSION_BARE, "grep -c : /proc/net/dev; ip -o link show lo 2>/dev/null | grep -c LOOPBACK,UP");
	assert_int_equal(seen.output[0], '1');
}

static void test_writes_do_not_reach_the_host(void **state)
{
	(void)state;
	run(SESSION_BARE,
	    "for d in /etc /usr /dev /tmp /opt /; do touch $d/agentcore-none-test-mark || echo no $d; done");
	assert_string_equal(seen.output, "");
	static const char *const places[] = {"/etc", "/usr", "/dev", "/tmp", "/opt", ""};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/agentcore-none-test-mark", places[i]);
		assert_int_not_equal(access(path, F_OK), 0);
	}
}

static void test_status_passes_through(void **state)
{
	(void)state;
	run(SESSION_BARE, "exit 41");
	assert_int_equal(WEXITSTATUS(seen.status), 41);
	run(SESSION_BARE, "kill -TERM $$");
	assert_int_equal(WEXITSTATUS(seen.status), 128 + SIGTERM);
}

static void test_missing_command_is_an_error(void **state)
{
	(void)state;
	char *command[] = {strdup("there-is-none"), NULL};
	struct adapter_launch launch = {
		.kind = SESSION_BARE, .tools_dir = "/usr/bin", .command = command, .stdout_fd = 1, .stderr_fd = 2};
	pid_t pid;
	struct error err = {0};
	assert_int_equal(adapter.class->start(&adapter, &launch, &pid, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/opt/conformance/there-is-none"));
	free(command[0]);
}

/* Killing what the harness waits for ends every process inside. */
static void test_kill_ends_all(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	char *command[] = {strdup("sh"), strdup("-c"), strdup("(trap '' TERM; sleep 60) & sleep 60"), NULL};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct adapter_launch launch = {.kind = SESSION_BARE,
					.tools_dir = "/usr/bin",
					.command = command,
					.stdin_fd = null,
					.stdout_fd = ends[1],
					.stderr_fd = ends[1]};
	pid_t pid;
	assert_int_equal(adapter.class->start(&adapter, &launch, &pid, NULL), 0);
	(void)close(ends[1]);
	(void)close(null);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* End of file on the pipe: nobody inside holds it any more. */
	struct pollfd end = {.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&end, 1, 5000), 1);
	char byte;
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
	for (size_t i = 0; command[i]; i++)
		free(command[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_has_all_of_our_capabilities),
		cmocka_unit_test(test_user_has_no_capabilities),
		cmocka_unit_test(test_environment_is_fixed),
		cmocka_unit_test(test_no_descriptor_is_inherited),
		cmocka_unit_test(test_processes_and_network_are_its_own),
		cmocka_unit_test(test_writes_do_not_reach_the_host),
		cmocka_unit_test(test_status_passes_through),
		cmocka_unit_test(test_missing_command_is_an_error),
		cmocka_unit_test(test_kill_ends_all),
	};
	return cmocka_run_group_tests(tests, open_adapter, close_adapter);
}
