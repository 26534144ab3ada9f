/* SPDX-License-Identifier: Apache-2.0 */
/* The harness's side of the test internet, against shell scripts that answer well and badly, and against the real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/testnet.h"

#define TESTNET BUILD_DIR "/testnet"

static char directory[] = "/tmp/agentcore-testnet-test-XXXXXX";
static char program[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(program, sizeof(program), "%s/testnet", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(program);
	return rmdir(directory);
}

/* A program that is this script. */
static void script(const char *text)
{
	FILE *file = fopen(program, "we");
	assert_non_null(file);
	assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(program, 0755), 0);
}

#define READY "echo '{\"ready\":1,\"pids\":{\"host\":'$$',\"world\":'$$'}}'\n"

static void assert_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_places_and_answers(void **state)
{
	(void)state;
	struct testnet *testnet;
	struct error err = {0};
	json_t *answer = NULL;
	script(READY "while read -r word rest; do echo \"{\\\"ok\\\":1,\\\"word\\\":\\\"$word\\\"}\"; done");
	assert_int_equal(testnet_open(&testnet, program, &err), 0);
	assert_true(testnet_pid(testnet, "host") > 0);
	assert_int_equal(testnet_pid(testnet, "nowhere"), 0);
	assert_true(testnet_ns(testnet, "world") >= 0);
	assert_int_equal(testnet_ns(testnet, "nowhere"), -1);
	assert_int_equal(testnet_ask(testnet, "window x", 5000, &answer, &err), 0);
	assert_string_equal(json_string_value(json_object_get(answer, "word")), "window");
	json_decref(answer);
	assert_int_equal(testnet_ask(testnet, "two\nlines", 5000, &answer, &err), -EINVAL);
	assert_int_equal(testnet_ask(testnet, "seen", 5000, &answer, &err), 0);
	json_decref(answer);
	testnet_close(testnet);
	assert_no_child();
	testnet_close(NULL);
}

static void test_does_not_start(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		int result;
	} rows[] = {
		{"exit 1", -EPIPE},
		{"echo no json", -EBADMSG},
		{"echo '{\"error\":\"not root\"}'", -EREMOTEIO},
		{"echo '{\"ready\":1}'", -EBADMSG},
		{"echo '{\"ready\":1,\"pids\":{\"host\":0}}'", -EBADMSG},
		{"echo '{\"ready\":1,\"pids\":{\"host\":999999999}}'", -ENOENT},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct testnet *testnet = NULL;
		struct error err = {0};
		script(rows[i].script);
		assert_int_equal(testnet_open(&testnet, program, &err), rows[i].result);
		assert_null(testnet);
		assert_int_not_equal(strlen(err.text), 0);
		assert_no_child();
	}
	struct testnet *testnet = NULL;
	assert_int_equal(testnet_open(&testnet, "/nonexistent/testnet", NULL), -ENOENT);
}

static void test_errors_and_silence(void **state)
{
	(void)state;
	struct testnet *testnet;
	struct error err = {0};
	json_t *answer = NULL;
	script(READY "read -r word; echo '{\"error\":\"no such request\"}'; read -r word; read -r word; exec sleep 60");
	assert_int_equal(testnet_open(&testnet, program, &err), 0);
	assert_int_equal(testnet_ask(testnet, "nonsense", 5000, &answer, &err), -EREMOTEIO);
	assert_string_equal(err.text, "the test internet: no such request");
	err = (struct error){0};
	assert_int_equal(testnet_ask(testnet, "seen", 100, &answer, &err), -ETIMEDOUT);
	/* What would come now is the answer to another question. */
	err = (struct error){0};
	assert_int_equal(testnet_ask(testnet, "seen", 5000, &answer, &err), -EPIPE);
	assert_null(answer);
	testnet_close(testnet);
	assert_no_child();
}

static void test_dies_meanwhile(void **state)
{
	(void)state;
	struct testnet *testnet;
	struct error err = {0};
	json_t *answer = NULL;
	script(READY "read -r word; exit 3");
	assert_int_equal(testnet_open(&testnet, program, &err), 0);
	assert_int_equal(testnet_ask(testnet, "seen", 5000, &answer, &err), -EPIPE);
	testnet_close(testnet);
	assert_no_child();
}

static void test_the_real_one(void **state)
{
	(void)state;
	struct testnet *testnet;
	struct error err = {0};
	struct stat ours, theirs;
	json_t *answer = NULL;
	static const char *const places[] = {"host", "world", "lan", "bare", "bare2"};
	if (access(TESTNET, X_OK) < 0 || geteuid() != 0)
		skip();
	if (testnet_open(&testnet, TESTNET, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(stat("/proc/self/ns/net", &ours), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_true(testnet_pid(testnet, places[i]) > 0);
		assert_int_equal(fstat(testnet_ns(testnet, places[i]), &theirs), 0);
		assert_true(ours.st_ino != theirs.st_ino);
	}
	assert_int_equal(testnet_ask(testnet, "window token", 5000, &answer, &err), 0);
	json_decref(answer);
	assert_int_equal(testnet_ask(testnet, "seen", 5000, &answer, &err), 0);
	assert_true(json_is_array(json_object_get(answer, "frames")));
	assert_true(json_is_array(json_object_get(answer, "questions")));
	json_decref(answer);
	assert_int_equal(testnet_ask(testnet, "nonsense", 5000, &answer, &err), -EREMOTEIO);
	testnet_close(testnet);
	assert_no_child();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_and_answers), cmocka_unit_test(test_does_not_start),
		cmocka_unit_test(test_errors_and_silence), cmocka_unit_test(test_dies_meanwhile),
		cmocka_unit_test(test_the_real_one),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
