/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "policy/suggest.h"

/* The nearer of two candidates, or NULL. */
static const char *nearest(const char *word, const char *one, const char *other)
{
	struct suggestion suggestion = suggest_for(word);

	suggest_offer(&suggestion, one);
	suggest_offer(&suggestion, other);
	return suggestion.best;
}

static void test_edits(void **state)
{
	(void)state;
	assert_string_equal(nearest("standart", "minimal", "standard"), "standard"); /* replaced */
	assert_string_equal(nearest("standrd", "minimal", "standard"), "standard"); /* left out */
	assert_string_equal(nearest("standaard", "minimal", "standard"), "standard"); /* too many */
	assert_string_equal(nearest("tsandard", "minimal", "standard"), "standard"); /* swapped */
	assert_string_equal(nearest("STANDARD", "minimal", "standard"), "standard"); /* case */
	assert_string_equal(nearest("sockets", "socket", "socketpair"), "socket"); /* the nearer one */
	assert_string_equal(nearest("sockets", "socketpair", "socket"), "socket"); /* whatever the order */
}

static void test_a_common_beginning(void **state)
{
	(void)state;
	assert_string_equal(nearest("max_file_desc", "max_cpu_cores", "max_file_descriptors"), "max_file_descriptors");
	assert_string_equal(nearest("no_new_privs", "user_namespace", "no_new_privileges"), "no_new_privileges");
}

static void test_nothing_near(void **state)
{
	(void)state;
	char long_word[100];

	memset(long_word, 'a', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	assert_null(nearest("paranoid", "minimal", "standard"));
	assert_null(nearest("", "minimal", "a"));
	assert_null(nearest("x", "y", "z"));
	assert_null(nearest("ab", "cd", "xy"));
	assert_null(nearest(long_word, long_word, "a"));
	assert_null(nearest("a", long_word, long_word));
}

static void test_hints(void **state)
{
	(void)state;
	struct suggestion suggestion = suggest_for("ful");
	struct error err = {.code = 22};

	suggest_hint(&suggestion, &err, NULL);
	assert_string_equal(err.hint, "");
	suggest_hint(&suggestion, &err, "use none, restricted or full");
	assert_string_equal(err.hint, "use none, restricted or full");

	err.hint[0] = '\0';
	suggest_offer(&suggestion, "full");
	suggest_hint(&suggestion, &err, "use none, restricted or full");
	assert_string_equal(err.hint, "did you mean \"full\"?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_a_common_beginning),
		cmocka_unit_test(test_nothing_near),
		cmocka_unit_test(test_hints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
