/* SPDX-License-Identifier: Apache-2.0 */
/* The test internet as its users see it: ready in time, every server answers, nothing is left. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/pidfd.h>

#include "base/array.h"
#include "drive.h"

#define READY_MS 10000 /* it takes a quarter of a second; a busy machine is no fault of its */
#define CROWD    1100 /* more than SERVICE_CLIENTS_MAX */

static const char *const names[] = {"host", "world", "lan", "bare", "bare2"};
static struct drive drive;

/* Every namespace that the program could take for the machine's own is this test's. */
static int start(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	drive_start(&drive);
	return 0;
}

static int end(void **state)
{
	(void)state;
	return drive_end(&drive);
}

/* --- Life ------------------------------------------------------------------------------------------ */

static void test_ready_in_time(void **state)
{
	struct drive other;
	(void)state;
	int64_t before = drive_now_ms();
	drive_start(&other);
	assert_true(drive_now_ms() - before < READY_MS);
	assert_int_equal(json_integer_value(json_object_get(other.ready, "ready")), 1);
	_cleanup_fd_ int home = netns_open(0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_fd_ int ns = netns_open(drive_pid(&other, names[i]), NULL);
		assert_true(ns >= 0);
		assert_false(netns_same(ns, home));
	}
	assert_int_equal(drive_end(&other), 0);
}

static void wait_for_end(int pidfd)
{
	struct pollfd fd = {pidfd, POLLIN, 0};
	assert_int_equal(poll(&fd, 1, 10000), 1);
	(void)close(pidfd);
}

static void test_nothing_is_left(int signal)
{
	struct drive other;
	int pidfds[ARRAY_SIZE(names)], status;
	drive_start(&other);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		pidfds[i] = pidfd_open(drive_pid(&other, names[i]), 0);
		assert_true(pidfds[i] >= 0);
	}
	if (signal)
		assert_int_equal(kill(other.pid, signal), 0);
	(void)close(other.in);
	assert_int_equal(waitpid(other.pid, &status, 0), other.pid);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		wait_for_end(pidfds[i]);
	(void)fclose(other.out);
	json_decref(other.ready);
}

static void test_nothing_is_left_at_the_end(void **state)
{
	(void)state;
	test_nothing_is_left(0);
}

static void test_nothing_is_left_after_sigkill(void **state)
{
	(void)state;
	test_nothing_is_left(SIGKILL);
}

/* --- Servers --------------------------------------------------------------------------------------- */

static const struct server_row {
	const char *address;
	int port;
	const char *answer; /* of TCP; NULL: by UDP */
} servers[] = {
	{"198.51.100.10", 443, "testnet world 198.51.100.10 443\n"},
	{"198.51.100.11", 80, "testnet world 198.51.100.11 80\n"},
	{"198.51.100.80", 80, "testnet world 198.51.100.80 80\n"},
	{"198.51.100.81", 443, "testnet world 198.51.100.81 443\n"},
	{"198.51.100.99", 7000, "testnet world 198.51.100.99 7000\n"},
	{"203.0.113.1", 1, "testnet world 203.0.113.1 1\n"},
	{"8.8.8.8", 853, "testnet world 8.8.8.8 853\n"},
	{"1.1.1.1", 443, "testnet world 1.1.1.1 443\n"},
	{"10.9.0.5", 7000, "testnet world 10.9.0.5 7000\n"},
	{"10.0.0.5", 443, "testnet world 10.0.0.5 443\n"},
	{"172.16.0.5", 443, "testnet world 172.16.0.5 443\n"},
	{"192.168.1.5", 443, "testnet world 192.168.1.5 443\n"},
	{"100.64.0.5", 65535, "testnet world 100.64.0.5 65535\n"},
	{"169.254.169.254", 80, "testnet metadata canary\n"},
	{"203.0.113.2", 7000, "testnet host 203.0.113.2 7000\n"},
	{"192.168.77.2", 7000, "testnet host 192.168.77.2 7000\n"},
	{"10.66.0.1", 22, "testnet host 10.66.0.1 22\n"},
	{"10.66.0.1", 53, "testnet host 10.66.0.1 53\n"},
	{"192.168.77.10", 7000, "testnet lan 192.168.77.10 7000\n"},
	{"203.0.113.2", 8088, "testnet lan 192.168.77.10 7000\n"},
	{"198.51.100.80", 8089, "testnet lan 192.168.77.10 7000\n"},
	{"10.66.0.3", 7000, "testnet bare2 10.66.0.3 7000\n"},
	{"198.51.100.10", 7000, NULL},
	{"169.254.169.254", 53, NULL},
	{"198.51.100.53", 54, NULL},
	{"203.0.113.2", 7000, NULL},
	{"10.66.0.1", 7000, NULL},
	{"192.168.77.10", 9, NULL},
	{"10.66.0.3", 7000, NULL},
};

static void assert_serves(const struct server_row *row)
{
	char text[1024];
	_cleanup_fd_ int fd =
		drive_connect(&drive, "bare", row->answer ? SOCK_STREAM : SOCK_DGRAM, row->address, row->port);
	assert_true(fd >= 0);
	assert_int_equal(send(fd, TOKEN "\n", strlen(TOKEN "\n"), MSG_NOSIGNAL), strlen(TOKEN "\n"));
	drive_read(fd, TOKEN "\n", text, sizeof(text));
	if (!strstr(text, TOKEN "\n") || (row->answer && !strstr(text, row->answer)))
		fail_msg("%s port %d by %s: \"%s\"", row->address, row->port, row->answer ? "TCP" : "UDP", text);
}

static void test_servers_answer_the_control(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		assert_serves(&servers[i]);
}

static void test_the_host_can_use_what_it_offers(void **state)
{
	char text[256];
	(void)state;
	_cleanup_fd_ int fd = drive_connect(&drive, "host", SOCK_STREAM, "198.51.100.10", 443);
	assert_true(fd >= 0);
	drive_read(fd, "\n", text, sizeof(text));
	assert_string_equal(text, "testnet world 198.51.100.10 443\n");
}

static void test_a_long_text_comes_back(void **state)
{
	static char sent[300000], got[sizeof(sent) + 100];
	size_t used = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)('a' + i % 23);
	_cleanup_fd_ int fd = drive_connect(&drive, "bare", SOCK_STREAM, "198.51.100.10", 7000);
	assert_true(fd >= 0);
	pid_t writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		_exit(send(fd, sent, sizeof(sent), MSG_NOSIGNAL) == (ssize_t)sizeof(sent) ? 0 : 1);
	size_t banner = strlen("testnet world 198.51.100.10 7000\n");
	while (used < sizeof(sent) + banner) {
		ssize_t n = recv(fd, got + used, sizeof(got) - used, 0);
		assert_true(n > 0);
		used += (size_t)n;
	}
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_memory_equal(got + banner, sent, sizeof(sent));
}

static void test_silence(void **state)
{
	char text[16];
	struct timeval short_time = {0, 200000};
	(void)state;
	_cleanup_fd_ int fd = drive_connect(&drive, "bare", SOCK_DGRAM, "198.51.100.9", 7000);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof(short_time)), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(fd, TOKEN, strlen(TOKEN), 0), strlen(TOKEN));
		assert_int_equal(recv(fd, text, sizeof(text), 0), -1);
		assert_int_equal(errno, EAGAIN);
	}
}

/* --- Clients that are no help ---------------------------------------------------------------------- */

static void test_a_stuck_client_is_in_nobodys_way(void **state)
{
	static const char much[65536];
	(void)state;
	_cleanup_fd_ int stuck = drive_connect(&drive, "bare", SOCK_STREAM, "198.51.100.10", 7000);
	_cleanup_fd_ int quiet = drive_connect(&drive, "bare", SOCK_STREAM, "169.254.169.254", 80);
	assert_true(stuck >= 0 && quiet >= 0);
	/* It sends and never reads, until its own queue is full. */
	while (send(stuck, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		assert_serves(&servers[i]);
	assert_int_equal(drive_done(&drive, "window " TOKEN, "ok"), 1);
}

static void test_a_crowd_makes_room(void **state)
{
	static int crowd[CROWD];
	struct rlimit files = {CROWD + 200, CROWD + 200};
	(void)state;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (size_t i = 0; i < CROWD; i++) {
		crowd[i] = drive_connect(&drive, "bare", SOCK_STREAM, "198.51.100.10", 7000);
		assert_true(crowd[i] >= 0);
	}
	assert_serves(&servers[0]);
	for (size_t i = 0; i < CROWD; i++)
		(void)close(crowd[i]);
	assert_serves(&servers[0]);
}

/* Two servers that echo each other's datagrams would never end. */
static void test_echoes_end(void **state)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET, .sin_port = htons(41000), .sin_addr.s_addr = inet_addr("10.66.0.3")};
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(7000), .sin_addr.s_addr = inet_addr("198.51.100.10")};
	int on = 1;
	(void)state;
	assert_int_equal(drive_done(&drive, "window " TOKEN, "ok"), 1);
	_cleanup_fd_ int fd = drive_socket(&drive, "bare", AF_INET, SOCK_DGRAM);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(sendto(fd, TOKEN, strlen(TOKEN), 0, (const struct sockaddr *)&to, sizeof(to)), strlen(TOKEN));
	json_t *answer = drive_ask(&drive, "seen"), *frame;
	size_t i;
	json_int_t total = 0;
	json_array_foreach(json_object_get(answer, "frames"), i, frame) total +=
		json_is_true(json_object_get(frame, "token")) ? json_integer_value(json_object_get(frame, "count")) : 0;
	json_decref(answer);
	assert_in_range(total, 2, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_in_time),
		cmocka_unit_test(test_nothing_is_left_at_the_end),
		cmocka_unit_test(test_nothing_is_left_after_sigkill),
		cmocka_unit_test(test_servers_answer_the_control),
		cmocka_unit_test(test_the_host_can_use_what_it_offers),
		cmocka_unit_test(test_a_long_text_comes_back),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_a_stuck_client_is_in_nobodys_way),
		cmocka_unit_test(test_a_crowd_makes_room),
		cmocka_unit_test(test_echoes_end),
	};
	return cmocka_run_group_tests(tests, start, end);
}
