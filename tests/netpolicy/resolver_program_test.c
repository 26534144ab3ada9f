/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver as a process: what it has, how it ends, and what one in an attacker's hands gets of the monitor. */
#include "resolver_place.h"

static pid_t program_pid(void)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	assert_int_equal(io_read_file(AT_FDCWD, path, 4096, &text, NULL), 0);
	return (pid_t)strtol(text, NULL, 10);
}

static void the_program_has_nothing(void **state)
{
	static const char *const lines[] = {"Uid:\t65534\t65534\t65534\t65534\n",
					    "Gid:\t65534\t65534\t65534\t65534\n",
					    "Groups:\t \n",
					    "CapPrm:\t0000000000000000\n",
					    "CapEff:\t0000000000000000\n",
					    "CapBnd:\t0000000000000000\n",
					    "NoNewPrivs:\t1\n",
					    "Seccomp:\t2\n"};
	_cleanup_free_ char *status = NULL;
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", program_pid());
	assert_int_equal(io_read_file(AT_FDCWD, path, 65536, &status, NULL), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!strstr(status, lines[i]))
			fail_msg("no \"%s\" in\n%s", lines[i], status);
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", program_pid());
	_cleanup_free_ char *environment = NULL;
	size_t length = 1;
	assert_int_equal(io_read_file(AT_FDCWD, path, 65536, &environment, &length), 0);
	assert_int_equal(length, 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/root", program_pid());
	_cleanup_dir_ DIR *root = opendir(path);
	assert_non_null(root);
	for (const struct dirent *entry; (entry = readdir(root));)
		assert_int_equal(entry->d_name[0], '.');
}

static void a_killed_program_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(kill(program_pid(), SIGKILL), 0);
	assert_true(readable(resolver_fd(resolver), PATIENCE));
	assert_int_equal(resolver_serve(resolver, &calls), -EPIPE);
}

static void it_dies_with_the_monitor(void **state)
{
	int ends[2];

	(void)state;
	/* The write end is held by the monitor alone; orphans come to us, so that the program's end is seen. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t monitor = fork();
	if (monitor == 0) {
		(void)start(NETWORK_RESTRICTED, 1);
		const pid_t pid = program_pid();
		(void)io_write_all(ends[1], &pid, sizeof(pid));
		(void)kill(getpid(), SIGKILL);
	}
	pid_t program = -1;
	(void)close(ends[1]);
	assert_int_equal(io_read_all(ends[0], &program, sizeof(program)), sizeof(program));
	(void)close(ends[0]);
	assert_int_equal(waitpid(monitor, NULL, 0), monitor);
	int status = 0;
	assert_int_equal(waitpid(program, &status, 0), program);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void a_missing_program_says_where_it_belongs(void **state)
{
	const struct resolver_server server = {.address = INADDR_LOOPBACK, .port = PORT};
	const struct resolver_options options = {.program = "/nowhere/agentcore-resolver",
						 .udp = udp,
						 .tcp = tcp,
						 .far_end = -1,
						 .servers = &server,
						 .server_count = 1,
						 .mode = NETWORK_FULL};
	struct resolver *none = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(resolver_start(&none, &options, &err), -ENOENT);
	assert_null(none);
	assert_non_null(strstr(err.text, "/nowhere/agentcore-resolver"));
	assert_non_null(strstr(err.hint, "libexec"));
}

/* --- A program in an attacker's hands: this one, started in its place ---------------------------------------------- */

static int hostile_program(void)
{
	static const struct resolver_request requests[] = {
		{.kind = RESOLVER_PIN, .count = 1, .name = "other.example.test", .addresses = {{GOOD, 60}}},
		{.kind = RESOLVER_PIN, .count = 1, .name = "API.example.test", .addresses = {{GOOD, 60}}},
		{.kind = RESOLVER_PIN, .count = 1, .name = "api.example.test", .addresses = {{0xa9fea9fe, 60}}},
		{.kind = RESOLVER_PIN, .count = 1, .name = "api.example.test", .addresses = {{0x0a000001, 60}}},
		{.kind = RESOLVER_PIN,
		 .count = 2,
		 .name = "api.example.test",
		 .addresses = {{GOOD, 60}, {0x7f000001, 60}}},
		{.kind = RESOLVER_PIN, .count = 0, .name = "api.example.test"},
		{.kind = RESOLVER_PIN, .count = RESOLVER_ADDRESSES_MAX + 1, .name = "api.example.test"},
		{.kind = RESOLVER_PIN, .count = UINT32_MAX, .name = "api.example.test"},
		{.kind = RESOLVER_DIAL, .server = 1},
		{.kind = RESOLVER_DIAL, .server = UINT16_MAX},
	};
	struct resolver_request request = {.kind = RESOLVER_READY};
	struct resolver_reply reply;
	unsigned granted = 0;

	(void)fcntl(RESOLVER_FD_CONTROL, F_SETFL, 0);
	(void)send(RESOLVER_FD_CONTROL, &request, sizeof(request), 0);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		(void)send(RESOLVER_FD_CONTROL, &requests[i], sizeof(requests[i]), 0);
		if (recv(RESOLVER_FD_CONTROL, &reply, sizeof(reply), 0) != sizeof(reply) || reply.result >= 0)
			granted++;
	}
	/* A name without an end. */
	request = (struct resolver_request){.kind = RESOLVER_PIN, .count = 1};
	memset(request.name, 'a', sizeof(request.name));
	(void)send(RESOLVER_FD_CONTROL, &request, sizeof(request), 0);
	if (recv(RESOLVER_FD_CONTROL, &reply, sizeof(reply), 0) != sizeof(reply) || reply.result >= 0)
		granted++;
	for (int i = 0; i < 3 * RESOLVER_REFUSED_PER_SECOND; i++) {
		request = (struct resolver_request){.kind = RESOLVER_REFUSED};
		(void)snprintf(request.name, sizeof(request.name), "granted %u\n\033", granted);
		(void)send(RESOLVER_FD_CONTROL, &request, sizeof(request), 0);
	}
	(void)send(RESOLVER_FD_CONTROL, &request, 1, 0);
	(void)recv(RESOLVER_FD_CONTROL, &reply, sizeof(reply), 0);
	return 0;
}

static void a_hostile_program_gets_nothing(void **state)
{
	int r = 0;

	(void)state;
	client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memset(&seen, 0, sizeof(seen));
	resolver = start_program("/proc/self/exe", NETWORK_RESTRICTED, 1);
	while (r == 0) {
		assert_true(readable(resolver_fd(resolver), PATIENCE));
		r = resolver_serve(resolver, &calls);
	}
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(seen.pin_count, 0);
	assert_string_equal(seen.refused_name, "granted 0??");
	/* A second may turn meanwhile. */
	assert_in_range(seen.refused, RESOLVER_REFUSED_PER_SECOND, 2 * RESOLVER_REFUSED_PER_SECOND);
}

int main(int argc, char **argv)
{
	/* Started by resolver_start. */
	if (argc == 1 && !strcmp(argv[0], "agentcore-resolver"))
		return hostile_program();

	const struct CMUnitTest tests[] = {
		RESTRICTED(the_program_has_nothing),
		RESTRICTED(a_killed_program_is_noticed),
		cmocka_unit_test_teardown(a_hostile_program_gets_nothing, tear_down),
		cmocka_unit_test(it_dies_with_the_monitor),
		cmocka_unit_test(a_missing_program_says_where_it_belongs),
	};

	return cmocka_run_group_tests_name("resolver_program", tests, group_set_up, NULL);
}
