/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"

static void set_appends_the_errno_text(void **state)
{
	(void)state;
	struct error err = {0};

	assert_int_equal(error_set(&err, ENOENT, "open %s", "/a"), -ENOENT);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.text, "open /a: No such file or directory");
	assert_string_equal(err.hint, "");
	assert_string_equal(err.stage, "");
}

static void say_keeps_the_sentence(void **state)
{
	(void)state;
	struct error err = {0};

	assert_int_equal(error_say(&err, EINVAL, "%d is too much", 9), -EINVAL);
	assert_string_equal(err.text, "9 is too much");
}

static void the_first_failure_is_the_cause(void **state)
{
	(void)state;
	struct error err = {0};

	error_set(&err, ENOENT, "first");
	assert_int_equal(error_set(&err, EPERM, "second"), -EPERM);
	assert_int_equal(error_say(&err, EPERM, "third"), -EPERM);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.text, "first: No such file or directory");
}

static void no_error_to_fill_in_is_accepted(void **state)
{
	(void)state;

	assert_int_equal(error_set(NULL, EIO, "x"), -EIO);
	assert_int_equal(error_say(NULL, EIO, "x"), -EIO);
	assert_true(error_hint(NULL, "x") < 0);
	error_stage(NULL, "x");
}

static void hint_and_stage_are_set_once(void **state)
{
	(void)state;
	struct error err = {0};

	error_set(&err, EACCES, "x");
	assert_int_equal(error_hint(&err, "try %s", "this"), -EACCES);
	assert_int_equal(error_hint(&err, "or that"), -EACCES);
	error_stage(&err, "inner");
	error_stage(&err, "outer");
	assert_string_equal(err.hint, "try this");
	assert_string_equal(err.stage, "inner");
}

static void long_texts_are_cut_and_terminated(void **state)
{
	(void)state;
	struct error err = {0};
	char word[2048];

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	error_set(&err, ENOENT, "%s", word);
	error_hint(&err, "%s", word);
	error_stage(&err, word);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
	assert_int_equal(strlen(err.stage), sizeof(err.stage) - 1);
}

/* What error_print writes, in buffer. */
static void printed(const struct error *err, char *buffer, size_t size)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	error_print(err, "prog", ends[1]);
	close(ends[1]);
	ssize_t n = io_read_all(ends[0], buffer, size - 1);
	close(ends[0]);
	assert_true(n >= 0);
	buffer[n] = '\0';
}

static void print_gives_one_line_with_what_is_known(void **state)
{
	(void)state;
	static const struct {
		struct error err;
		const char *line;
	} rows[] = {
		{{EINVAL, "", "text", ""}, "prog: text\n"},
		{{EINVAL, "mounts", "text", ""}, "prog: stage mounts: text\n"},
		{{EINVAL, "", "text", "hint"}, "prog: text; hint\n"},
		{{EINVAL, "mounts", "text", "hint"}, "prog: stage mounts: text; hint\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[256];
		printed(&rows[i].err, line, sizeof(line));
		assert_string_equal(line, rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_appends_the_errno_text),
		cmocka_unit_test(say_keeps_the_sentence),
		cmocka_unit_test(the_first_failure_is_the_cause),
		cmocka_unit_test(no_error_to_fill_in_is_accepted),
		cmocka_unit_test(hint_and_stage_are_set_once),
		cmocka_unit_test(long_texts_are_cut_and_terminated),
		cmocka_unit_test(print_gives_one_line_with_what_is_known),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
