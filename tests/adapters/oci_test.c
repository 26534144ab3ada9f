/* SPDX-License-Identifier: Apache-2.0 */
/* Real containers through the OCI adapter.  A script stands in for the agentcore program that writes the profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "launch.h"

static const char fake_agentcore[] =
	"#!/bin/sh\nmkdir -p \"$6/seccomp\"\n"
	"echo '{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
	"\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":[{\"names\":[\"mknod\",\"mknodat\"],"
	"\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":95}]}' > \"$6/seccomp/x.json\"\n";

static char work_dir[] = "/tmp/agentcore-oci-test-XXXXXX";
static char program[sizeof(work_dir) + 32];
static struct launched seen;
static struct policy policy;

static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0 || !mkdtemp(work_dir))
		return -1;
	(void)snprintf(program, sizeof(program), "%s/fake-agentcore", work_dir);
	FILE *file = fopen(program, "we");
	if (!file || fputs(fake_agentcore, file) < 0 || fclose(file) != 0 || chmod(program, 0755) < 0)
		return -1;
	policy_defaults(&policy, PROFILE_STANDARD);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char path[sizeof(work_dir) + 32];
	(void)snprintf(path, sizeof(path), "%s/state", work_dir);
	(void)rmdir(path);
	policy_clear(&policy);
	return unlink(program) == 0 && rmdir(work_dir) == 0 ? 0 : -1; /* fails where anything was left */
}

static void run(const char *runtime, enum session_kind kind, const char *script)
{
	struct adapter adapter;
	struct error err = {0};
	struct adapter_options options = {.runtime = runtime, .work_dir = work_dir, .agentcore = program};
	int r = adapter_open(&adapter, NULL, &options, &err);
	if (r == -ENOENT)
		skip();
	assert_int_equal(r, 0);
	launch_script(&adapter, kind, &policy, script, &seen);
	adapter_close(&adapter);
	if (seen.result || seen.status)
		print_error("%s %s: %d %s\n%s\n", runtime, script, seen.status, seen.err.text, seen.output);
	assert_int_equal(seen.result, 0);
	assert_int_equal(seen.status, 0);
}

static const char *const runtimes[] = {"crun", "runc"};

static void test_full_is_confined(void **state)
{
	const char *runtime = *state;
	run(runtime, SESSION_FULL,
	    "id -u; cat /proc/self/uid_map; grep -E 'CapEff|CapAmb|NoNewPrivs|Seccomp:' /proc/self/status;"
	    "touch /x 2>/dev/null || echo read-only; touch /tmp/a /workspace/b && echo wrote; ulimit -n; ulimit -c;"
	    "pwd; ls /opt/conformance/sh; mkfifo /tmp/f 2>&1 | grep -c supported");
	assert_string_equal(seen.output,
			    "0\n         0 1879048192      65536\n"
			    "CapEff:\t00000000000004cb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
			    "read-only\nwrote\n1024\n0\n/workspace\n/opt/conformance/sh\n1\n");
}

static void test_user_is_1000(void **state)
{
	const char *runtime = *state;
	run(runtime, SESSION_USER,
	    "id -u; id -G; grep -E 'CapEff|CapBnd' /proc/self/status; touch /workspace/b && echo wrote");
	assert_string_equal(seen.output, "1000\n1000\nCapEff:\t0000000000000000\nCapBnd:\t00000000000004cb\nwrote\n");
}

/* Each layer alone: what it sets differs from the host, and everything else is as the bare control has it. */
static void test_layers_alone(void **state)
{
	const char *runtime = *state;
	static const struct {
		enum session_kind kind;
		const char *expected;
	} rows[] = {
		{SESSION_SECCOMP_ALONE, "0 1 2 all"},
		{SESSION_CAPABILITIES_ALONE, "0 0 0 some"},
		{SESSION_NO_NEW_PRIVS_ALONE, "1000 1 0 some"},
		{SESSION_RLIMITS_ALONE, "0 0 0 all memlock"},
	};
	_cleanup_free_ char *script = NULL;
	_cleanup_free_ char *status = NULL;
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/status", 65536, &status, NULL), 0);
	unsigned long long effective = 0;
	assert_int_equal(sscanf(strstr(status, "CapEff:"), "CapEff: %llx", &effective), 1);
	assert_true(
		asprintf(
			&script,
			"field() { sed -n \"s/^$1:.//p\" /proc/self/status; };"
			"c=some; [ $(field CapEff) = %016llx ] && c=all; o=; [ $(ulimit -l) = 64 ] && o=' memlock';"
			"echo $(id -u) $(field NoNewPrivs) $(field Seccomp) $c$o; test -w /tmp; cat /proc/self/uid_map;"
			"touch /etc/agentcore-oci-test-mark 2>/dev/null; ls -d /workspace /root",
			effective) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		run(runtime, rows[i].kind, script);
		char *end = strchr(seen.output, '\n');
		assert_non_null(end);
		assert_non_null(strstr(end, "         0          0 4294967295\n/root\n/workspace\n"));
		*end = '\0';
		assert_string_equal(seen.output, rows[i].expected);
		assert_int_not_equal(access("/etc/agentcore-oci-test-mark", F_OK), 0);
	}
}

/* An overlay takes no mount that shifts owners. */
static bool owners_can_be_shifted(void)
{
	struct statfs usr;

	assert_int_equal(statfs("/usr", &usr), 0);
	return usr.f_type != OVERLAYFS_SUPER_MAGIC;
}

/* A writable root: programs of the host can be changed inside, and the host's stay as they are. */
static void test_writable_root_is_a_copy(void **state)
{
	const char *runtime = *state;
	if (!owners_can_be_shifted())
		skip();
	policy.read_only_filesystem = false;
	run(runtime, SESSION_FULL,
	    "touch /agentcore-oci-test-mark /etc/agentcore-oci-test-mark /usr/agentcore-oci-test-mark && echo made;"
	    "chmod 700 /usr/bin/env && stat -c '%u %a' /usr/bin/env; echo x > /usr/bin/who && cat /usr/bin/who");
	policy.read_only_filesystem = true;
	assert_string_equal(seen.output, "made\n0 700\nx\n");
	assert_int_not_equal(access("/usr/agentcore-oci-test-mark", F_OK), 0);
	struct stat host;
	assert_int_equal(stat("/usr/bin/env", &host), 0);
	assert_int_equal(host.st_mode & 07777, 0755);
	assert_int_equal(stat("/usr/bin/who", &host), 0);
	assert_true(host.st_size > 2);
}

/* What the harness kills is the runtime; finish must then end the container and leave nothing. */
static void test_killed_runtime_leaves_nothing(void **state)
{
	const char *runtime = *state;
	struct adapter adapter;
	struct adapter_options options = {.runtime = runtime, .work_dir = work_dir, .agentcore = program};
	if (adapter_open(&adapter, NULL, &options, NULL) == -ENOENT)
		skip();
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char *command[] = {strdup("sh"), strdup("-c"), strdup("echo ready; exec sleep 60"), NULL};
	struct adapter_launch launch = {.kind = SESSION_FULL,
					.policy = &policy,
					.policy_file = "policy.json",
					.tools_dir = "/usr/bin",
					.command = command,
					.stdin_fd = null,
					.stdout_fd = ends[1],
					.stderr_fd = ends[1]};
	pid_t pid;
	assert_int_equal(adapter.class->start(&adapter, &launch, &pid, NULL), 0);
	(void)close(ends[1]);
	(void)close(null);
	char answer[6];
	assert_int_equal(io_read_all(ends[0], answer, sizeof(answer)), sizeof(answer));
	assert_memory_equal(answer, "ready\n", sizeof(answer));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	adapter.class->finish(&adapter, &launch, pid);
	assert_int_equal(io_read_all(ends[0], answer, 1), 0); /* end of file: the container's process is gone */
	(void)close(ends[0]);
	adapter_close(&adapter);
	for (size_t i = 0; command[i]; i++)
		free(command[i]);
}

#define BOTH(test)                                                                                                     \
	cmocka_unit_test_prestate(test, (void *)(uintptr_t)runtimes[0]),                                               \
		cmocka_unit_test_prestate(test, (void *)(uintptr_t)runtimes[1])

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_full_is_confined),
		BOTH(test_user_is_1000),
		BOTH(test_layers_alone),
		BOTH(test_writable_root_is_a_copy),
		BOTH(test_killed_runtime_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
