/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "recipe/run_options.h"

#define WORDS_MAX 20

/* Parse a line of words separated by single spaces. */
static int parse(const char *line, struct run_options *options, enum run_request *request, struct error *err)
{
	char *copy = strdup(line), *words[WORDS_MAX + 1] = {NULL}, *state;
	int count = 0;

	for (char *word = strtok_r(copy, " ", &state); word && count < WORDS_MAX; word = strtok_r(NULL, " ", &state))
		words[count++] = word;
	*options = (struct run_options){0};
	*err = (struct error){0};
	int r = run_options_parse(count, words, options, request, err);
	free(copy);
	return r;
}

static void bad_lines_are_refused(void **state)
{
	static const char *const rows[][2] = {
		{"run", "no command"},
		{"run --nonsense true", "unknown option --nonsense"},
		{"run --policy", "needs a value"},
		{"run --policy a --profile minimal true", "the document names its profile itself"},
		{"run --profile minimum true", "minimum"},
		{"run --network open true", "open"},
		{"run --limit max_memroy_mb=1 true", "max_memroy_mb"},
		{"run --limit max_file_descriptors=0 true", "max_file_descriptors"},
		{"run --bind /a true", "not SRC:DST"},
		{"run --bind /a:relative true", "not an absolute path"},
		{"run --bind /a:/ true", "not an absolute path"},
		{"run --bind /a:/b/../c true", "holds \"..\""},
		{"run --bind /a:/b/.. true", "holds \"..\""},
		{"run --bind /a:/proc/x true", "are the runtime's"},
		{"run --bind /a:/dev true", "are the runtime's"},
		{"run --bind /a:/b:rx true", "known are ro, rw, root-owned"},
		{"run --env NOEQUALS true", "not NAME=VALUE"},
		{"run --env =x true", "not NAME=VALUE"},
		{"run --user root true", "not UID"},
		{"run --user -1 true", "not UID"},
		{"run --user 70000 true", "not UID"},
		{"run --user 1:2:3 true", "not UID"},
		{"run --user 1000 true", "only uid 0"},
		{"run --cwd relative true", "not an absolute path"},
		{"run --only-layer hope true", "no layer \"hope\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run_options options;
		enum run_request request;
		struct error err;
		assert_true(parse(rows[i][0], &options, &request, &err) < 0);
		if (!strstr(err.text, rows[i][1]))
			fail_msg("\"%s\": \"%s\" lacks \"%s\"", rows[i][0], err.text, rows[i][1]);
		run_options_clear(&options);
	}
}

static void a_full_line_is_understood(void **state)
{
	struct run_options options;
	enum run_request request;
	struct error err;

	(void)state;
	assert_int_equal(
		parse("run --profile minimal --bind /a:/b/c:rw,root-owned --user 7:8 --cwd /x -- cmd --help arg",
		      &options, &request, &err),
		0);
	assert_int_equal(request, RUN_START);
	assert_int_equal(options.policy.profile, PROFILE_MINIMAL);
	assert_int_equal(options.bind_count, 1);
	assert_string_equal(options.binds[0].source, "/a");
	assert_string_equal(options.binds[0].destination, "/b/c");
	assert_true(options.binds[0].writable && options.binds[0].root_owned);
	assert_int_equal(options.uid, 7);
	assert_int_equal(options.gid, 8);
	assert_string_equal(options.cwd, "/x");
	assert_string_equal(options.command[0], "cmd");
	assert_string_equal(options.command[1], "--help");
	assert_string_equal(options.command[2], "arg");
	assert_null(options.command[3]);
	run_options_clear(&options);
}

static void the_environment_is_fixed_but_for_env(void **state)
{
	struct run_options options;
	enum run_request request;
	struct error err;

	(void)state;
	assert_int_equal(setenv("SECRET", "of the host", 1), 0);
	assert_int_equal(parse("run --env A=1 --env HOME=/x --env A=2 true", &options, &request, &err), 0);
	size_t count = 0, a = 0, home = 0;
	for (char **at = options.environment; *at; at++, count++) {
		assert_null(strstr(*at, "SECRET"));
		a += !strcmp(*at, "A=2");
		home += !strcmp(*at, "HOME=/x");
	}
	assert_int_equal(count, 5);
	assert_int_equal(a, 1);
	assert_int_equal(home, 1);
	run_options_clear(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_lines_are_refused),
		cmocka_unit_test(a_full_line_is_understood),
		cmocka_unit_test(the_environment_is_fixed_but_for_env),
	};
	return cmocka_run_group_tests_name("run options", tests, NULL, NULL);
}
