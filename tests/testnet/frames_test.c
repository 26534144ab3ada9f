/* SPDX-License-Identifier: Apache-2.0 */
/* Sniffers and crafted packets: where nobody filters, each kind arrives, and is seen for what it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "base/array.h"
#include "drive.h"
#include "testnet/kinds.h"

#define ANY (-1)

static struct drive drive;

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

/* --- Frames ---------------------------------------------------------------------------------------- */

struct look {
	const char *place, *source, *target; /* NULL: any */
	int ethertype, protocol, port; /* ANY */
	bool token;
};

static bool number_fits(const json_t *frame, const char *key, int wanted)
{
	return wanted == ANY || json_integer_value(json_object_get(frame, key)) == wanted;
}

static bool text_fits(const json_t *frame, const char *key, const char *wanted)
{
	return !wanted || strcmp(json_string_value(json_object_get(frame, key)), wanted) == 0;
}

/* How many frames of the answer are such. */
static json_int_t count(const json_t *answer, const struct look *look)
{
	json_int_t total = 0;
	size_t i;
	json_t *frame;
	json_array_foreach(json_object_get(answer, "frames"), i, frame)
	{
		if (text_fits(frame, "place", look->place) && text_fits(frame, "source", look->source) &&
		    text_fits(frame, "target", look->target) && number_fits(frame, "ethertype", look->ethertype) &&
		    number_fits(frame, "protocol", look->protocol) && number_fits(frame, "port", look->port) &&
		    (!look->token || json_is_true(json_object_get(frame, "token"))))
			total += json_integer_value(json_object_get(frame, "count"));
	}
	return total;
}

static void assert_seen(const json_t *answer, const struct look *look, json_int_t expected, const char *what)
{
	json_int_t found = count(answer, look);
	if (found == expected)
		return;
	char *text = json_dumps(json_object_get(answer, "frames"), JSON_COMPACT);
	print_error("%s\n", text);
	free(text);
	fail_msg("%s: %d frames at %s, not %d", what, (int)found, look->place, (int)expected);
}

/* --- Crafted packets ------------------------------------------------------------------------------- */

#define PEER   "10.66.0.3"
#define TARGET "198.51.100.10"

static const struct kind_row {
	const char *kind, *target;
	int sent, arrived;
	struct look look;
} rows[] = {
	{"udp", TARGET, 1, 1, {"world", "203.0.113.2", TARGET, 0x0800, 17, 7000, true}},
	{"peer-by-gateway", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x0800, 17, 7000, true}},
	{"peer-by-mac", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x0800, 17, 7000, true}},
	{"peer-broadcast", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x0800, 17, 7000, true}},
	{"loopback", "", 1, 1, {"host", "10.66.0.2", "127.0.0.1", 0x0800, 17, 7000, true}},
	{"unknown-mac", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x0800, 17, 7000, true}},
	{"spoof-mac", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x0800, 17, 7000, true}},
	{"spoof-ip", TARGET, 1, 1, {"world", "198.51.100.77", TARGET, 0x0800, 17, 7000, true}},
	{"spoof-peer", TARGET, 1, 1, {"world", "203.0.113.2", TARGET, 0x0800, 17, 7000, true}},
	{"vlan", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x8100, 17, 7000, true}},
	{"priority-tag", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x8100, 17, 7000, true}},
	{"qinq", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 0x88a8, 17, 7000, true}},
	{"snap", PEER, 1, 1, {"bare2", "10.66.0.2", PEER, 4, 17, 7000, true}},
	{"arp-gateway", PEER, 1, 1, {"bare2", "10.66.0.1", PEER, 0x0806, 2, 0, true}},
	{"arp-peer", PEER, 1, 1, {"bare2", PEER, PEER, 0x0806, 2, 0, true}},
	{"bpdu", PEER, 1, 1, {"bare2", "", "", 4, 0, 0, true}},
	{"lldp", PEER, 1, 1, {"bare2", "", "", 0x88cc, 0, 0, true}},
	{"ethertype", PEER, 1, 1, {"bare2", "", "", 0x88b5, 0, 0, true}},
	{"six-frame", PEER, 1, 1, {"bare2", "fe80::beef", "ff02::1", 0x86dd, 17, 7000, true}},
	{"ns", PEER, 1, 1, {"bare2", "fe80::beef", "ff02::1", 0x86dd, 58, 0, true}},
	{"rs", PEER, 1, 1, {"bare2", "fe80::beef", "ff02::1", 0x86dd, 58, 0, true}},
	{"ra", PEER, 1, 1, {"bare2", "fe80::beef", "ff02::1", 0x86dd, 58, 0, true}},
	{"fragment", TARGET, 2, 2, {"world", NULL, TARGET, 0x0800, 17, ANY, true}},
	/* The part with the flags; the whole is answered, and a RST comes of that. */
	{"tiny-fragment", TARGET, 2, 1, {"world", NULL, TARGET, 0x0800, 6, 0, true}},
	{"lsrr", TARGET, 2, 2, {"world", NULL, TARGET, 0x0800, 17, 7000, true}},
	{"record-route", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 17, 7000, true}},
	{"gre", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 47, 0, true}},
	{"ipip", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 4, 0, true}},
	{"sctp", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 132, 7000, true}},
	{"six-in-four", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 41, 0, true}},
	{"icmp-tunnel", TARGET, 1, 1, {"world", "203.0.113.2", TARGET, 0x0800, 1, 0, true}},
	{"icmp-unreachable", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 1, 0, true}},
	{"syn", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 6, 7000, true}},
	{"ack", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 6, 7000, true}},
	{"rst", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 6, 7000, true}},
	{"syn-ack", TARGET, 1, 1, {"world", NULL, TARGET, 0x0800, 6, 7000, true}},
	{"land", TARGET, 1, 1, {"world", TARGET, TARGET, 0x0800, 6, 7000, true}},
};

static void test_each_kind_arrives_where_nobody_filters(void **state)
{
	char request[128];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)drive_done(&drive, "window " TOKEN, "ok");
		/* Each from a port of its own: no flow is another's. */
		(void)snprintf(request, sizeof(request), "generate bare %s %s sport=%d", rows[i].kind, rows[i].target,
			       20000 + (int)i);
		assert_int_equal(drive_done(&drive, request, "sent"), rows[i].sent);
		json_t *answer = drive_ask(&drive, "seen");
		assert_seen(answer, &rows[i].look, rows[i].arrived, rows[i].kind);
		json_decref(answer);
	}
}

static void test_no_kind_is_left_out(void **state)
{
	(void)state;
	for (size_t i = 0; kind_at(i); i++) {
		size_t found = 0;
		for (size_t j = 0; j < ARRAY_SIZE(rows); j++)
			found += strcmp(rows[j].kind, kind_at(i)->name) == 0;
		if (found != 1)
			fail_msg("%s is tried %d times", kind_at(i)->name, (int)found);
	}
}

static void test_from_outside(void **state)
{
	struct look look = {"bare", "10.66.0.1", "10.66.0.2", 0x0800, 17, 7000, true};
	(void)state;
	(void)drive_done(&drive, "window " TOKEN, "ok");
	assert_int_equal(drive_done(&drive, "generate host inbound 10.66.0.2", "sent"), 2);
	json_t *answer = drive_ask(&drive, "seen");
	assert_seen(answer, &look, 1, "datagram");
	look.protocol = 6;
	look.token = false;
	assert_true(count(answer, &look) > 0);
	json_decref(answer);
	/* There is no way on from the world. */
	assert_int_equal(drive_done(&drive, "generate world inbound 9.9.9.9", "sent"), 0);
}

/* --- Sniffers -------------------------------------------------------------------------------------- */

static void test_counts_are_exact(void **state)
{
	struct look look = {"world", NULL, TARGET, 0x0800, 17, 7000, true};
	/* Between two interfaces the kernel keeps no more than 1000 that the only processor has no time for. */
	const int burst = get_nprocs() > 1 ? 3000 : 500;
	char generate[96];
	(void)state;
	(void)drive_done(&drive, "window " TOKEN, "ok");
	(void)snprintf(generate, sizeof(generate), "generate bare udp " TARGET " count=%d dport=7000", burst);
	for (int sent = 0; sent < 3000; sent += burst)
		assert_int_equal(drive_done(&drive, generate, "sent"), burst);
	json_t *answer = drive_ask(&drive, "seen");
	assert_seen(answer, &look, 3000, "datagrams");
	json_decref(answer);
}

/* Another token, and what was seen before, are not this window's. */
static void test_a_window_forgets(void **state)
{
	struct look look = {"world", NULL, TARGET, 0x0800, 17, 7000, true};
	(void)state;
	(void)drive_done(&drive, "window " TOKEN, "ok");
	(void)drive_done(&drive, "generate bare udp " TARGET, "sent");
	(void)drive_done(&drive, "window another-token", "ok");
	json_t *answer = drive_ask(&drive, "seen");
	assert_seen(answer, &look, 0, "token of before");
	json_decref(answer);
}

static void test_only_what_is_for_the_host(void **state)
{
	const struct look passing = {"host", NULL, TARGET, ANY, ANY, ANY, false};
	const struct look to_peer = {"host", NULL, PEER, 0x0800, ANY, ANY, false};
	(void)state;
	(void)drive_done(&drive, "window " TOKEN, "ok");
	(void)drive_done(&drive, "generate bare udp " TARGET, "sent");
	(void)drive_done(&drive, "generate bare peer-by-mac " PEER, "sent");
	json_t *answer = drive_ask(&drive, "seen");
	assert_seen(answer, &passing, 0, "what passes");
	assert_seen(answer, &to_peer, 0, "what is for a neighbour");
	json_decref(answer);
}

/* --- Namespaces of others -------------------------------------------------------------------------- */

/* A process in a network namespace of its own: what a sandbox is. */
static pid_t start_sandbox(void)
{
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

static void test_a_watched_namespace_is_let_go(void **state)
{
	char request[64], path[64];
	struct stat sandbox, other;
	(void)state;
	(void)drive_done(&drive, "window " TOKEN, "ok");
	pid_t pid = start_sandbox();
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	assert_int_equal(stat(path, &sandbox), 0);
	(void)snprintf(request, sizeof(request), "sniff %d peer", (int)pid);
	assert_int_equal(drive_done(&drive, request, "ok"), 1);
	(void)snprintf(request, sizeof(request), "generate %d udp " TARGET, (int)pid);
	assert_int_equal(drive_done(&drive, request, "sent"), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	json_decref(drive_ask(&drive, "seen"));
	/* Nobody holds on to it: no descriptor of the program's leads there any more. */
	for (int fd = 0; fd < 256; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)drive.pid, fd);
		assert_false(stat(path, &other) == 0 && other.st_ino == sandbox.st_ino &&
			     other.st_dev == sandbox.st_dev);
	}
}

static void test_the_machine_is_left_alone(void **state)
{
	static const char *const requests[][2] = {{"sniff", "machine"}, {"generate", "udp"}};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		json_t *answer = drive_ask(&drive, "%s %d %s", requests[i][0], (int)getpid(), requests[i][1]);
		const char *error = json_string_value(json_object_get(answer, "error"));
		assert_true(error && strstr(error, "machine's own"));
		json_decref(answer);
	}
}

/* --- Requests -------------------------------------------------------------------------------------- */

static void test_flush_and_the_next_window(void **state)
{
	(void)state;
	assert_int_equal(drive_done(&drive, "flush", "ok"), 1);
	assert_int_equal(drive_connect(&drive, "bare", SOCK_STREAM, "203.0.113.2", 8088), -1);
	(void)drive_done(&drive, "window " TOKEN, "ok");
	_cleanup_fd_ int fd = drive_connect(&drive, "bare", SOCK_STREAM, "203.0.113.2", 8088);
	assert_true(fd >= 0);
}

static void test_wrong_requests(void **state)
{
	static const char *const requests[] = {
		"",
		"nonsense",
		"window",
		"window a b",
		"seen now",
		"sniff",
		"sniff 99999999 x",
		"generate",
		"generate bare",
		"generate bare no-such-kind",
		"flush it",
		"generate bare udp x",
		"sniff x y",
		"generate bare udp ttl=256",
		"generate bare udp x=1",
		"sniff 1x y",
		"generate nobody udp",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		json_t *answer = drive_ask(&drive, "%s", requests[i]);
		assert_null(json_object_get(answer, "ok"));
		assert_true(json_string_length(json_object_get(answer, "error")) > 0);
		json_decref(answer);
	}
	assert_int_equal(drive_done(&drive, "window " TOKEN, "ok"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_arrives_where_nobody_filters),
		cmocka_unit_test(test_no_kind_is_left_out),
		cmocka_unit_test(test_from_outside),
		cmocka_unit_test(test_counts_are_exact),
		cmocka_unit_test(test_a_window_forgets),
		cmocka_unit_test(test_only_what_is_for_the_host),
		cmocka_unit_test(test_a_watched_namespace_is_let_go),
		cmocka_unit_test(test_the_machine_is_left_alone),
		cmocka_unit_test(test_flush_and_the_next_window),
		cmocka_unit_test(test_wrong_requests),
	};
	return cmocka_run_group_tests(tests, start, end);
}
