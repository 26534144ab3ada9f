/* SPDX-License-Identifier: Apache-2.0 */
/* The loads where nothing limits them but what a test sets itself: they get through, they tell what they should, they leave nothing. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/io.h"

#define PROBE      BUILD_DIR "/probe"
#define OUTPUT_MAX 65536
#define WORDS_MAX  8

static char place[64]; /* a directory of the test's own */

/* Words of a load, with "{place}" for the directory; text is owned by the caller. */
static void split(char *text, const char **argv)
{
	size_t count = 0;
	argv[count++] = "probe";
	argv[count++] = "load";
	char *rest = text;
	for (char *word; count < WORDS_MAX - 2 && (word = strsep(&rest, " "));)
		argv[count++] = strcmp(word, "{place}") == 0 ? place : word;
	argv[count++] = "token-load-test";
	argv[count] = NULL;
}

static void run_child(const char *load, int out, rlim_t descriptors)
{
	char text[128];
	const char *argv[WORDS_MAX];
	struct rlimit limit = {descriptors, descriptors};
	(void)snprintf(text, sizeof(text), "%s", load);
	split(text, argv);
	(void)dup2(out, 1);
	for (int fd = 3; fd < 32; fd++)
		(void)close(fd);
	if (descriptors)
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	execv(PROBE, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static json_t *merge(char *output)
{
	json_t *facts = json_object();
	char *rest = output;
	for (char *line; (line = strsep(&rest, "\n"));) {
		json_t *fresh = *line ? json_loads(line, 0, NULL) : json_object();
		if (!json_is_object(fresh))
			fail_msg("not an object: %s", line);
		(void)json_object_update(facts, fresh);
		json_decref(fresh);
	}
	return facts;
}

/* Run a load bare; what it told, to be released, and its exit status. */
static json_t *run(const char *load, rlim_t descriptors, int *exit_status)
{
	static char output[OUTPUT_MAX];
	int out[2], status;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_child(load, out[1], descriptors);
	(void)close(out[1]);
	ssize_t length = io_read_all(out[0], output, sizeof(output) - 1);
	assert_true(length >= 0);
	output[length] = '\0';
	(void)close(out[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	*exit_status = WEXITSTATUS(status);
	return merge(output);
}

static int64_t number(const json_t *facts, const char *key)
{
	json_t *fact = json_object_get(facts, key);
	return json_is_integer(fact) ? json_integer_value(fact) : -1;
}

static const struct row {
	const char *load;
	rlim_t descriptors; /* RLIMIT_NOFILE, or 0 */
	int exit;
	const char *fact;
	int64_t value;
} rows[] = {
	{"heap 3", 0, 0, "reached_mb", 3},
	{"heap 2 20", 0, 0, "through", 1},
	{"shared 3", 0, 0, "reached_mb", 3},
	{"memfd 3", 0, 0, "reached_mb", 3},
	{"sysv 3", 0, 0, "reached_mb", 3},
	{"shm 3", 0, 0, "reached_mb", 3},
	{"tree 3 2", 0, 0, "reached_mb", 6},
	{"cache 3 {place}", 0, 0, "bytes_read", 3 << 20},
	{"bomb 12", 0, 0, "tasks", 13},
	{"threads 12", 0, 0, "tasks", 13},
	{"mix 12", 0, 0, "tasks", 13},
	{"racing 4 12 5000", 0, 0, "tasks", 13},
	{"open 100", 40, 3, "descriptors", 40},
	{"dup 100", 40, 3, "descriptors", 40},
	{"socket 100", 40, 3, "descriptors", 40},
	{"pipe 100", 41, 3, "descriptors", 41},
	{"passed 100", 40, 3, "descriptors", 40},
	{"passed 100", 40, 3, "errno", EMFILE},
	{"open 30", 40, 0, "descriptors", 30},
	{"parked 20", 0, 0, "descriptors", 20},
	{"spin 1 350", 0, 0, "through", 1},
	{"spin-processes 2 350", 0, 0, "through", 1},
	{"burst 1 350", 0, 0, "through", 1},
	{"sleep 20", 0, 0, "ready", 1},
	{"exit 7", 0, 7, "ready", 1},
	{"daemons 2 50", 0, 0, "family", 2},
	{"orphans 2 50", 0, 0, "family", 2},
	{"deaf 2 50", 0, 0, "family", 2},
	{"stopped 2 50", 0, 0, "family", 2},
	{"chain 10 50", 0, 0, "family", 1},
	{"busy 2 50", 0, 0, "through", 1},
	{"fill {place} 2", 0, 0, "bytes", 2 << 20},
	{"deleted {place} 3", 0, 0, "bytes", 3 << 20},
	{"holes {place} 1", 0, 0, "bytes", 1 << 20},
	{"fallocate {place} 2", 0, 0, "bytes", 2 << 20},
	{"fallocate {place} 2 keep", 0, 0, "bytes", 2 << 20},
	{"mapped {place} 1", 0, 0, "bytes", 1 << 20},
	{"inodes {place} 50", 0, 0, "inodes", 50},
	{"names {place} 50", 0, 0, "names", 50},
	/* What cannot be set up, and what nobody knows. */
	{"fill /nonesuch 1", 0, 1, "broken", 1},
	{"nonesuch", 0, 2, NULL, 0},
	{"heap", 0, 2, NULL, 0},
	{"heap 1 2 3", 0, 2, NULL, 0},
};

static void each_tells_how_far_it_came(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int status;
		json_t *facts = run(rows[i].load, rows[i].descriptors, &status);
		if (status != rows[i].exit)
			fail_msg("%s: exit status %d, not %d", rows[i].load, status, rows[i].exit);
		if (rows[i].fact && number(facts, rows[i].fact) != rows[i].value)
			fail_msg("%s: %s is %lld", rows[i].load, rows[i].fact, (long long)number(facts, rows[i].fact));
		json_decref(facts);
	}
}

/* A number that is too large does not make a load dangerous. */
static void a_load_is_bounded(void **state)
{
	(void)state;
	int status;
	json_t *facts = run("bomb 100000", 0, &status);
	assert_true(number(facts, "tasks") <= 401);
	json_decref(facts);
	facts = run("open 1000000", 0, &status);
	assert_true(number(facts, "descriptors") <= 4096);
	json_decref(facts);
}

/* A thread that spins alone can take no more than one core, and takes something. */
static void a_share_is_a_share(void **state)
{
	(void)state;
	int status;
	json_t *facts = run("spin 1 400", 0, &status);
	assert_in_range(number(facts, "share_permille"), 1, 1050);
	assert_true(number(facts, "window_ms") >= 250);
	json_decref(facts);
}

static int make_place(void **state)
{
	(void)state;
	(void)snprintf(place, sizeof(place), "/tmp/agentcore-load-test-XXXXXX");
	return mkdtemp(place) ? 0 : -1;
}

/* Only an empty directory can be removed: whatever a load left shows. */
static int place_is_empty(void **state)
{
	(void)state;
	return rmdir(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_tells_how_far_it_came),
		cmocka_unit_test(a_load_is_bounded),
		cmocka_unit_test(a_share_is_a_share),
	};
	return cmocka_run_group_tests(tests, make_place, place_is_empty);
}
