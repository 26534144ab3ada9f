/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases of a conformance run as cmocka tests: one for each result of the file that AGENTCORE_RESULTS names.
 *
 * A case fails where it keeps the run from being conformant: a required one that did not pass, and every
 * expectation that is out of date.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/access.h"
#include "report/result.h"

static void test_case(void **state)
{
	const json_t *result = *state;
	enum status status = status_of(result);
	bool required = json_is_true(json_object_get(result, "required"));

	if (status == STATUS_PASS || status == STATUS_XFAIL)
		return;
	if (!required && status != STATUS_XPASS)
		skip();
	fail_msg("%s: %s; expected %s, observed %s, without sandbox %s", status_name(status), text_of(result, "reason"),
		 text_of(result, "expected"), text_of(result, "observed"), text_of(result, "control"));
}

/* An aborted run, whose results are few and all good, must not look like a good one. */
static void test_complete(void **state)
{
	const struct results *results = *state;
	assert_non_null(results->run);
	assert_non_null(results->summary);
	assert_int_equal(number_of(results->summary, "total"), json_array_size(results->results));
	assert_int_equal(number_of(results->summary, "executed"), number_of(results->summary, "required"));
	assert_true(json_is_true(json_object_get(results->summary, "conformant")));
}

/*
 * cmocka runs groups through a macro that wants an array; the function behind it takes any count.
 */
static int run_cases(struct results *results)
{
	size_t count = json_array_size(results->results);
	struct CMUnitTest *tests = calloc(count + 1, sizeof(*tests));
	if (!tests)
		return 1;
	for (size_t i = 0; i < count; i++) {
		json_t *result = json_array_get(results->results, i);
		tests[i] = (struct CMUnitTest){text_of(result, "id"), test_case, NULL, NULL, result};
	}
	tests[count] = (struct CMUnitTest){"the run is complete", test_complete, NULL, NULL, results};
	int failed = _cmocka_run_group_tests("cases", tests, count + 1, NULL, NULL);
	free(tests);
	return failed;
}

int main(void)
{
	const char *path = getenv("AGENTCORE_RESULTS");
	struct results results = {0};
	struct error err = {0};
	if (!path) {
		(void)fputs("cases_test: AGENTCORE_RESULTS names no results file\n", stderr);
		return 1;
	}
	if (results_load(&results, path, &err) < 0) {
		error_print(&err, "cases_test", 2);
		return 1;
	}
	int failed = run_cases(&results);
	results_clear(&results);
	/* An exit status holds 8 bits: 256 failures must not look like none. */
	return failed != 0;
}
