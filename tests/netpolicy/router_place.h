/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place for tests of the router: network and mount namespaces that play the machine, one that plays the world, with echo servers, and
 * sandboxes' ones.  Nothing leads out of them.
 */
#ifndef TESTS_ROUTER_PLACE_H
#define TESTS_ROUTER_PLACE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netpolicy/router.h"

#define TEST_POOL   0x0ad50000u /* 10.213.0.0 */
#define TEST_TARGET 0xc633640au /* 198.51.100.10, in the world */
#define TEST_HOST   0xcb007102u /* 203.0.113.2: the host towards the world */
#define TEST_PORT   7000
#define PATIENCE_MS 10000

struct place {
	pid_t holder; /* of its network namespace */
	int ns;
};

static struct place host = {0, -1}, world = {0, -1};
static int udp_echo = -1, tcp_echo = -1;
static int state_dir = -1;
static char state_path[64];

static void __attribute__((format(printf, 1, 2), unused)) run(const char *format, ...)
{
	char command[1000];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0) // NOLINT(cert-env33-c): ip(8) and nft(8) of the test
		fail_msg("%s", command);
}

/* What a command prints, without blanks at the end. */
static void __attribute__((unused)) ask(char *answer, size_t size, const char *command)
{
	FILE *pipe = popen(command, "re"); // NOLINT(cert-env33-c)

	assert_non_null(pipe);
	size_t n = fread(answer, 1, size - 1, pipe);
	answer[n] = '\0';
	(void)pclose(pipe);
	while (n > 0 && (answer[n - 1] == '\n' || answer[n - 1] == ' '))
		answer[--n] = '\0';
}

static void go(const struct place *place)
{
	assert_int_equal(setns(place->ns, CLONE_NEWNET), 0);
}

static struct place make_place(void)
{
	struct place place;
	char path[64], byte = 0;
	int ready[2];

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	place.holder = fork();
	if (place.holder == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		(void)close_range(0, ~0U, 0);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)place.holder);
	place.ns = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(place.ns >= 0);
	return place;
}

static void end_place(struct place *place)
{
	(void)close(place->ns);
	(void)kill(place->holder, SIGKILL);
	(void)waitpid(place->holder, NULL, 0);
	*place = (struct place){0, -1};
}

static int listen_at(const struct place *place, int type, uint32_t address, uint16_t port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};

	go(place);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	go(&host);
	return fd;
}

/* Behind this, the caller's network and mounts are the test's own; for each test anew, so that one that failed does not spoil the next. */
static int make_world(void)
{
	if (host.ns >= 0)
		(void)close(host.ns);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	host.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	world = make_place();
	run("ip link set lo up && ip link add out0 type veth peer name in0 netns %d && ip link set out0 up && ip addr "
	    "add 203.0.113.2/24 dev out0 && nsenter -t %d -n sh -c 'ip link set lo up; ip link set in0 up; ip addr add "
	    "203.0.113.1/24 dev in0; ip addr add 198.51.100.10/32 dev lo' && ip route add default via 203.0.113.1",
	    (int)world.holder, (int)world.holder);
	udp_echo = listen_at(&world, SOCK_DGRAM, TEST_TARGET, TEST_PORT);
	tcp_echo = listen_at(&world, SOCK_STREAM, TEST_TARGET, TEST_PORT);
	return 0;
}

/* A state directory; the mounts in it are in the test's own mount namespace. */
static int make_state(char path[64])
{
	(void)snprintf(path, 64, "/tmp/agentcore-router-test-XXXXXX");
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void end_state(int fd, const char *path)
{
	(void)close(fd);
	run("umount -q -l %s/network/namespace %s/network/far-end 2>/dev/null; rm -r %s", path, path, path);
}

static void end_world(void)
{
	(void)close(udp_echo);
	(void)close(tcp_echo);
	end_place(&world);
}

static struct router_options options_of(unsigned prefix)
{
	return (struct router_options){.state_dir = state_dir,
				       .state_path = state_path,
				       .far_end = -1,
				       .pool = TEST_POOL,
				       .pool_prefix = prefix};
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

#endif
