/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `podman run` and `docker run` for a policy; with PEERS=1, root and a podman also real containers, in an empty network namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <sys/stat.h>

#include "adapters/peer.h"
#include "adapters/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "launch.h"

static const char fake_agentcore[] =
	"#!/bin/sh\nmkdir -p \"$6/seccomp\"\n"
	"echo '{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
	"\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":[{\"names\":[\"mknod\",\"mknodat\"],"
	"\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":95}]}' > \"$6/seccomp/x.json\"\n";

static char work_dir[] = "/tmp/agentcore-podman-test-XXXXXX";
static char program[sizeof(work_dir) + 32];
static struct policy policy;
static char *const command[] = {(char[]){"probe"}, (char[]){"load"}, (char[]){"net"}, NULL};
static struct adapter_launch launch;
static const struct peer_dialect *dialect = &peer_podman;

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(work_dir))
		return -1;
	(void)snprintf(program, sizeof(program), "%s/fake-agentcore", work_dir);
	FILE *file = fopen(program, "we");
	return !file || fputs(fake_agentcore, file) < 0 || fclose(file) != 0 ? -1 : chmod(program, 0755);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(program) == 0 && rmdir(work_dir) == 0 ? 0 : -1; /* fails where anything was left */
}

static int set_up_policy(void **state)
{
	(void)state;
	policy_defaults(&policy, PROFILE_STANDARD);
	dialect = &peer_podman;
	launch = (struct adapter_launch){
		.kind = SESSION_FULL, .policy = &policy, .tools_dir = "/tools", .command = command};
	return 0;
}

static int tear_down_policy(void **state)
{
	(void)state;
	policy_clear(&policy);
	return 0;
}

static char **words(void)
{
	char **argv = peer_run_words(&(struct peer_input){.dialect = dialect,
							  .program = "/usr/bin/podman",
							  .launch = &launch,
							  .name = "box",
							  .bundle = "/work/box",
							  .seccomp = "/work/box/seccomp.json",
							  .cgroups = "/groups",
							  .processes = 100});
	assert_non_null(argv);
	return argv;
}

/* Where the word stands; 0: it does not. */
static size_t place(char *const *argv, const char *word)
{
	for (size_t i = 1; argv[i]; i++)
		if (strcmp(argv[i], word) == 0)
			return i;
	return 0;
}

static bool says(const char *word)
{
	char **argv = words();
	bool found = place(argv, word) > 0;
	spawn_free_argv(argv);
	return found;
}

static void test_order(void **state)
{
	(void)state;
	char **argv = words();
	assert_string_equal(argv[0], "/usr/bin/podman");
	size_t run = place(argv, "run"), root = place(argv, "--rootfs"), own = place(argv, "--root");
	assert_true(own > 0 && own < run && run < root);
	assert_string_equal(argv[own + 1], PEER_ROOT "/storage");
	assert_true(place(argv, "--tmpdir") > 0 && place(argv, "--runroot") > 0);
	const char *const end[] = {"--rootfs", "/work/box/rootfs", "/opt/conformance/probe", "load", "net"};
	for (size_t i = 0; i < ARRAY_SIZE(end); i++)
		assert_string_equal(argv[root + i], end[i]);
	assert_null(argv[root + ARRAY_SIZE(end)]);
	spawn_free_argv(argv);
}

/* Nothing of the machine's own podman may be touched, whatever the subcommand. */
static void test_every_command_has_places_of_its_own(void **state)
{
	(void)state;
	char **argv = peer_command(&peer_podman, "podman", (const char *const[]){"rm", "box", NULL});
	assert_non_null(argv);
	const struct {
		const char *option, *value;
	} rows[] = {
		{"--root", PEER_ROOT "/storage"}, {"--runroot", PEER_ROOT "/state"}, {"--tmpdir", PEER_ROOT "/tmp"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t at = place(argv, rows[i].option);
		assert_true(at > 0 && at < place(argv, "rm"));
		assert_string_equal(argv[at + 1], rows[i].value);
	}
	spawn_free_argv(argv);
}

static void test_networks(void **state)
{
	(void)state;
	launch.dns = "198.51.100.53";
	policy.network = NETWORK_FULL;
	assert_true(says("--network=bridge"));
	assert_true(says("--dns=198.51.100.53"));
	policy.network = NETWORK_NONE;
	assert_true(says("--network=none"));
	assert_false(says("--dns=198.51.100.53"));
	policy.network = NETWORK_RESTRICTED; /* without a host: loopback only */
	assert_true(says("--network=none"));
}

static void test_policy(void **state)
{
	(void)state;
	policy.capabilities = 1ULL << 0 | 1ULL << 10;
	policy.container.set[LIMIT_MEMORY_MB] = policy.container.set[LIMIT_PROCESSES] = true;
	policy.container.value[LIMIT_MEMORY_MB] = 64;
	policy.container.value[LIMIT_PROCESSES] = 7;
	policy.execution.set[LIMIT_MEMORY_MB] = policy.execution.set[LIMIT_PROCESSES] = false;
	static const char *const said[] = {"--cap-drop=all",
					   "--cap-add=CAP_CHOWN",
					   "--cap-add=CAP_NET_BIND_SERVICE",
					   "--security-opt=seccomp=/work/box/seccomp.json",
					   "--security-opt=no-new-privileges",
					   "--uidmap=0:1879048192:65536",
					   "--gidmap=0:1879048192:65536",
					   "--read-only",
					   "--memory=64m",
					   "--memory-swap=64m",
					   "--pids-limit=7",
					   "--ulimit=nproc=100:100",
					   "--cgroup-parent=/groups",
					   "--volume=/usr:/usr:ro,nosuid,nodev",
					   "--volume=/tools:/opt/conformance:ro,suid,nodev,exec",
					   "--tmpfs=/tmp:rw,nosuid,nodev,exec,mode=1777"};
	for (size_t i = 0; i < ARRAY_SIZE(said); i++)
		if (!says(said[i]))
			fail_msg("not said: %s", said[i]);
	assert_false(says("--cap-add=CAP_NET_RAW"));
	policy.no_new_privileges = policy.user_namespace = false;
	assert_false(says("--security-opt=no-new-privileges"));
	assert_false(says("--uidmap=0:1879048192:65536"));
}

static void test_docker_says_it_otherwise(void **state)
{
	(void)state;
	dialect = &peer_docker;
	char **argv = words();
	size_t run = place(argv, "run"), image = place(argv, "agentcore-conformance");
	assert_true(run > 0 && run < image);
	assert_string_equal(argv[image + 1], "/opt/conformance/probe");
	spawn_free_argv(argv);
	static const char socket[] = "unix://" PEER_ROOT "/docker.sock";
	static const char *const said[] = {"--host",
					   socket,
					   "--pull=never",
					   "--read-only",
					   "--volume=/usr:/usr:ro",
					   "--volume=/tools:/opt/conformance:ro"};
	static const char *const never[] = {"--rootfs", "--read-only-tmpfs=false", "--uidmap=0:1879048192:65536",
					    "--userns=host", "--root"};
	for (size_t i = 0; i < ARRAY_SIZE(said); i++)
		if (!says(said[i]))
			fail_msg("not said: %s", said[i]);
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (says(never[i]))
			fail_msg("said: %s", never[i]);
	policy.user_namespace = false;
	assert_true(says("--userns=host"));
}

static void test_what_it_cannot_say(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < SESSION_COUNT; kind++) {
		launch.kind = kind;
		assert_int_equal(!peer_cannot_say(&launch), kind == SESSION_FULL);
	}
	launch.kind = SESSION_FULL;
	policy.network = NETWORK_RESTRICTED;
	assert_null(peer_cannot_say(&launch));
	policy.allowed_hosts.count = 1;
	assert_non_null(strstr(peer_cannot_say(&launch), "allowed hosts"));
	policy.allowed_hosts.count = 0;
	policy.read_only_filesystem = false;
	assert_non_null(strstr(peer_cannot_say(&launch), "read-only"));
}

/* --- With a podman --------------------------------------------------------------------------------- */

static void run(const char *runtime, enum network_mode mode, const char *script, struct launched *seen)
{
	struct adapter adapter;
	struct error err = {0};
	struct adapter_options options = {.runtime = runtime, .work_dir = work_dir, .agentcore = program};
	if (geteuid() != 0 || !getenv("PEERS"))
		skip();
	int r = adapter_open(&adapter, NULL, &options, &err);
	if (r == -ENOENT)
		skip();
	assert_int_equal(r, 0);
	policy.network = mode;
	launch_script(&adapter, SESSION_FULL, &policy, script, seen);
	adapter_close(&adapter);
	if (seen->result || seen->status)
		print_error("%d %d %s\n%s\n", seen->result, seen->status, seen->err.text, seen->output);
	assert_int_equal(seen->result, 0);
	assert_int_equal(seen->status, 0);
}

static void test_none(void **state)
{
	const char *runtime = *state;
	struct launched seen;
	run(runtime, NETWORK_NONE,
	    "id -u; cat /proc/self/uid_map; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; ls /sys/class/net;"
	    "touch /x 2>/dev/null || echo read-only; touch /tmp/a /workspace/b && echo wrote; ulimit -n; pwd;"
	    "mkfifo /tmp/f 2>&1 | grep -c supported",
	    &seen);
	assert_string_equal(seen.output, "0\n         0 1879048192      65536\n"
					 "CapEff:\t00000000000004cb\nNoNewPrivs:\t1\nSeccomp:\t2\nlo\n"
					 "read-only\nwrote\n1024\n/workspace\n1\n");
}

/* The links of this process's own namespace, which a container with a network must not change. */
static char *links(void)
{
	_cleanup_free_ char *text = NULL;
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/net/dev", 65536, &text, NULL), 0);
	char *names = calloc(1, strlen(text) + 1), *rest = NULL;
	assert_non_null(names);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, ":|")] = '\0';
		(void)strcat(names, line);
	}
	return names;
}

static void test_bridge_is_elsewhere(void **state)
{
	const char *runtime = *state;
	struct launched seen;
	_cleanup_free_ char *before = links();
	run(runtime, NETWORK_FULL, "ls /sys/class/net; cut -f 2 /proc/net/route | grep -c 00000000", &seen);
	assert_string_equal(seen.output, "eth0\nlo\n1\n");
	_cleanup_free_ char *after = links();
	assert_string_equal(before, after);
	assert_int_not_equal(access(PEER_ROOT, F_OK), 0);
	glob_t found = {0};
	char pattern[64];
	(void)snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/*/agentcore-conformance-%d", (int)getpid());
	assert_int_equal(glob(pattern, 0, NULL, &found), GLOB_NOMATCH);
	globfree(&found);
}

static char podman[] = "podman", docker[] = "docker";

#define WITH(test, runtime)                                                                                            \
	{                                                                                                              \
#test " " #runtime, test, set_up_policy, tear_down_policy, runtime                                     \
	}
#define WITH_POLICY(test) cmocka_unit_test_setup_teardown(test, set_up_policy, tear_down_policy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_POLICY(test_order),
		WITH_POLICY(test_every_command_has_places_of_its_own),
		WITH_POLICY(test_networks),
		WITH_POLICY(test_policy),
		WITH_POLICY(test_docker_says_it_otherwise),
		WITH_POLICY(test_what_it_cannot_say),
		WITH(test_none, podman),
		WITH(test_bridge_is_elsewhere, podman),
		WITH(test_none, docker),
		WITH(test_bridge_is_elsewhere, docker),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
