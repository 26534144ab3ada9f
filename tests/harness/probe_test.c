/* SPDX-License-Identifier: Apache-2.0 */
/* The probe program's core, spoken to as PROTOCOL.md says. */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/io.h"

#define PROBE BUILD_DIR "/probe"

/* Run the probe with argv, feed it input, and return its output (to be freed) and its wait status. */
static char *run(const char *const *argv, const char *input, int *status)
{
	enum { OUTPUT_MAX = 1 << 20 };
	int in[2], out[2];
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		for (int fd = 3; fd < 16; fd++)
			(void)close(fd);
		/* execv takes pointers to what it does not change. */
		execv(PROBE, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	assert_int_equal(io_write_all(in[1], input, strlen(input)), 0);
	(void)close(in[1]);
	char *output = calloc(1, OUTPUT_MAX);
	assert_non_null(output);
	assert_true(io_read_all(out[0], output, OUTPUT_MAX - 1) >= 0);
	(void)close(out[0]);
	assert_int_equal(waitpid(child, status, 0), child);
	return output;
}

static char *serve(const char *input)
{
	static const char *const argv[] = {"probe", "serve", "token-test", NULL};
	int status;
	char *output = run(argv, input, &status);
	assert_int_equal(status, 0);
	return output;
}

struct exchange {
	const char *request;
	int id;
	const char *state;
	const char *key, *value; /* a fact that must be there, as JSON; NULL: none */
};

static const struct exchange exchanges[] = {
	{"1 noop", 1, "done", "ret", "0"},
	{"77 noop", 77, "done", "errno", "0"},
	{"@500 2 noop", 2, "done", "ret", "0"},
	{"3 nonesuch", 3, "unknown", NULL, NULL},
	{"4 exec", 4, "unknown", NULL, NULL},
	{"5 exec x true", 5, "unknown", NULL, NULL},
	{"6 exec 2000 true", 6, "done", "exit", "0"},
	{"7 exec 2000 false", 7, "done", "exit", "1"},
	{"8 exec 2000 nonesuch", 8, "done", "exec_errno", "2"},
	{"9 exec 2000 sh -c kill%20-SEGV%20$$", 9, "done", "signal", "11"},
	{"10 exec 2000 echo %20a%25%0a%41", 10, "done", "stdout", "\" a%\\nA\\n\""},
	{"11 exec 2000 echo a  b", 11, "done", "stdout", "\"a  b\\n\""},
	{"12 exec 2000 printf \\303\\251\\001\"", 12, "done", "stdout", "\"\\u00c3\\u00a9\\u0001\\\"\""},
	{"13 exec 2000 sh -c echo%20no%20>&2;exit%209", 13, "done", "stderr", "\"no\\n\""},
	/* It gets no input of ours, and cannot write an answer. */
	{"14 exec 2000 cat", 14, "done", "stdout", "\"\""},
	/* More output than a pipe holds does not block it. */
	{"15 exec 5000 head -c 300000 /dev/zero", 15, "done", "exit", "0"},
	{"@100 16 exec 100 sleep 100", 16, "done", "timed_out", "true"},
};

static void assert_fact(const json_t *answer, const struct exchange *exchange)
{
	json_t *fact = json_object_get(json_object_get(answer, "facts"), exchange->key);
	char *text = json_dumps(fact, JSON_ENCODE_ANY);
	json_t *expected = json_loads(exchange->value, JSON_DECODE_ANY, NULL);
	assert_non_null(expected);
	if (!json_equal(fact, expected))
		fail_msg("%s: %s is %s, not %s", exchange->request, exchange->key, text ? text : "missing",
			 exchange->value);
	json_decref(expected);
	free(text);
}

static void test_exchanges(void **state)
{
	char requests[4096] = "";
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++)
		(void)snprintf(requests + strlen(requests), sizeof(requests) - strlen(requests), "%s\n",
			       exchanges[i].request);
	char *output = serve(requests), *rest = output;
	for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
		const char *line = strsep(&rest, "\n");
		json_t *answer = line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
		if (!answer)
			fail_msg("no answer to %s", exchanges[i].request);
		assert_int_equal(json_integer_value(json_object_get(answer, "id")), exchanges[i].id);
		assert_string_equal(json_string_value(json_object_get(answer, "state")), exchanges[i].state);
		if (exchanges[i].key)
			assert_fact(answer, &exchanges[i]);
		json_decref(answer);
	}
	/* As many answers as requests. */
	assert_string_equal(rest, "");
	free(output);
}

/* More requests than the probe's buffer holds, cut anywhere. */
static void test_many(void **state)
{
	enum { COUNT = 2000, LENGTH = 9 };
	char *requests = calloc(COUNT, LENGTH + 1);
	size_t lines = 0;
	(void)state;
	assert_non_null(requests);
	for (int i = 0; i < COUNT; i++)
		(void)snprintf(requests + (size_t)i * LENGTH, LENGTH + 1, "%04d xyz\n", i);
	char *output = serve(requests);
	for (const char *at = output; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, COUNT);
	assert_non_null(strstr(output, "{\"id\":1999,\"state\":\"unknown\""));
	free(output);
	free(requests);
}

/* The limit of the request ends the child, and what the child had found out is kept. */
static void test_time_limit(void **state)
{
	struct timespec before, after;
	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	char *output = serve("@100 1 exec 200 sleep 100\n2 noop\n");
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_non_null(strstr(output, "\"timed_out\":true"));
	assert_non_null(strstr(output, "{\"id\":2,\"state\":\"done\""));
	assert_true(after.tv_sec - before.tv_sec < 30);
	free(output);
}

struct usage {
	const char *argv[4];
	int status;
	const char *output;
};

static void test_command_line(void **state)
{
	static const struct usage rows[] = {
		{{"probe", "noop"}, 0, "{\"id\":0,\"state\":\"done\",\"facts\":{\"ret\":0,\"errno\":0}}\n"},
		{{"probe", "nonesuch"}, 0, "{\"id\":0,\"state\":\"unknown\",\"facts\":{}}\n"},
		{{"probe", "serve"}, 2, ""},
		{{"probe", "--help"}, 2, ""},
		{{"probe"}, 2, ""},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int status;
		char *output = run(rows[i].argv, "", &status);
		assert_int_equal(status, rows[i].status << 8);
		assert_string_equal(output, rows[i].output);
		free(output);
	}
}

/* Names are unique, and each probe says what it does. */
static void test_list(void **state)
{
	static const char *const argv[] = {"probe", "list", NULL};
	int status;
	char *output = run(argv, "", &status), *rest = output, *line;
	json_t *seen = json_object();
	(void)state;
	assert_int_equal(status, 0);
	while ((line = strsep(&rest, "\n")) && *line) {
		char name[64];
		/* Loads have names of their own. */
		bool load = strncmp(line, "load ", 5) == 0;
		assert_int_equal(sscanf(load ? line + 5 : line, "%56s", load ? stpcpy(name, "load ") : name), 1);
		if (json_object_get(seen, name))
			fail_msg("two probes are named %s", name);
		(void)json_object_set_new(seen, name, json_true());
	}
	assert_non_null(json_object_get(seen, "noop"));
	assert_non_null(json_object_get(seen, "exec"));
	json_decref(seen);
	free(output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchanges),    cmocka_unit_test(test_many), cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_command_line), cmocka_unit_test(test_list),
	};
	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
