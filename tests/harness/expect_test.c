/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/io.h"
#include "harness/expect.h"

#define TODAY "2030-06-15"

static int load(struct expectations *expectations, const char *text, struct error *err)
{
	char path[] = "/tmp/expect-test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
	int r = expectations_load(expectations, path, TODAY, err);
	(void)unlink(path);
	return r;
}

static const char entries[] =
	"[{\"id\":\"a.*\",\"status\":\"FAIL\",\"reason\":\"no such layer\",\"reference\":\"bug "
	"1\",\"expires\":\"2030-06-15\"},"
	" {\"id\":\"old.*\",\"status\":\"FAIL\",\"reason\":\"r\",\"reference\":\"bug 2\",\"expires\":\"2030-06-14\"},"
	" {\"id\":\"slow\",\"status\":\"TIMEOUT\",\"reason\":\"r\",\"reference\":\"bug "
	"3\",\"expires\":\"2031-01-01\"}]";

struct apply_row {
	const char *id;
	enum status before, after;
	const char *reason; /* part of it */
};

static void test_apply(void **state)
{
	static const struct apply_row rows[] = {
		{"a.1", STATUS_FAIL, STATUS_XFAIL, "no such layer (bug 1, until 2030-06-15)"},
		{"a.1", STATUS_PASS, STATUS_XPASS, "bug 1"},
		{"a.1", STATUS_CRASH, STATUS_CRASH, "before"},
		{"a.1", STATUS_INCONCLUSIVE, STATUS_INCONCLUSIVE, "before"},
		{"b.1", STATUS_FAIL, STATUS_FAIL, "before"},
		{"b.1", STATUS_PASS, STATUS_PASS, "before"},
		{"old.1", STATUS_FAIL, STATUS_FAIL, "expired on 2030-06-14"},
		{"old.1", STATUS_PASS, STATUS_XPASS, "bug 2"},
		{"slow", STATUS_TIMEOUT, STATUS_XFAIL, "bug 3"},
		{"slow", STATUS_FAIL, STATUS_FAIL, "before"},
	};
	struct expectations expectations = {0};
	struct error err = {0};
	(void)state;
	assert_int_equal(load(&expectations, entries, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verdict verdict = {.status = rows[i].before, .reason = "before"};
		expectations_apply(&expectations, rows[i].id, &verdict);
		if (verdict.status != rows[i].after || !strstr(verdict.reason, rows[i].reason))
			fail_msg("row %zu: %s (%s)", i, status_name(verdict.status), verdict.reason);
	}
	expectations_clear(&expectations);
}

static void test_refused(void **state)
{
	static const char good[] =
		"{\"id\":\"a\",\"status\":\"FAIL\",\"reason\":\"r\",\"reference\":\"b\",\"expires\":\"2030-01-01\"}";
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"{}", "an array is needed"},
		{"[1]", "$[0]: an object"},
		{"[{\"id\":\"a\"}]", "$[0].status: a text is needed"},
		{"[{\"id\":\"a\",\"status\":\"FAIL\",\"reference\":\"b\",\"expires\":\"2030-01-01\"}]", "$[0].reason"},
		{"[{\"id\":\"a\",\"status\":\"FAIL\",\"reason\":\"\",\"reference\":\"b\",\"expires\":\"2030-01-01\"}]",
		 "$[0].reason"},
		{"[{\"id\":\"a\",\"status\":\"FAIL\",\"reason\":\"r\",\"expires\":\"2030-01-01\"}]", "$[0].reference"},
		{"[{\"id\":\"a\",\"status\":\"FAIL\",\"reason\":\"r\",\"reference\":\"b\"}]", "$[0].expires"},
		{"[{\"id\":\"a\",\"status\":\"FAIL\",\"reason\":\"r\",\"reference\":\"b\",\"expires\":\"2030-13-01\"}]",
		 "a date"},
		{"[{\"id\":\"a\",\"status\":\"FAIL\",\"reason\":\"r\",\"reference\":\"b\",\"expires\":\"1 Jan 2030\"}]",
		 "a date"},
		{"[{\"id\":\"a\",\"status\":\"PASS\",\"reason\":\"r\",\"reference\":\"b\",\"expires\":\"2030-01-01\"}]",
		 "only FAIL"},
		{"[{\"id\":\"a\",\"status\":\"INCONCLUSIVE\",\"reason\":\"r\",\"reference\":\"b\",\"expires\":"
		 "\"2030-01-01\"}]",
		 "only FAIL"},
		{"[{\"id\":\"a\",\"why\":\"FAIL\"}]", "$[0].why: unknown key"},
		{"[", ":1: "},
	};
	struct expectations expectations = {0};
	struct error none = {0};
	char text[256];
	(void)state;
	(void)snprintf(text, sizeof(text), "[%s]", good);
	assert_int_equal(load(&expectations, text, &none), 0);
	expectations_clear(&expectations);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = {0};
		assert_int_equal(load(&expectations, rows[i].text, &err), -EINVAL);
		assert_null(expectations.entries);
		if (!strstr(err.text, rows[i].message))
			fail_msg("row %zu: \"%s\" lacks \"%s\"", i, err.text, rows[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests_name("expectations", tests, NULL, NULL);
}
