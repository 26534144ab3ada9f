/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "saboteurs/edit.h"

static const char before[] =
	"{\"a\":{\"list\":[1,{\"k\":\"v\",\"n\":1},{\"k\":\"w\"}]},\"linux\":{\"seccomp\":{\"defaultErrnoRet\":38,"
	"\"syscalls\":[{\"names\":[\"read\",\"bpf\"],\"action\":\"A\"},{\"names\":[\"bpf\"],\"errnoRet\":1}]}}}";

struct row {
	struct edit edit;
	const char *pointer[3]; /* keys to what is looked at */
	const char *expected; /* its JSON; NULL: the edit is refused */
};

static const struct row rows[] = {
	{{EDIT_SET, "/a/new", NULL, "true"}, {"a", "new"}, "true"},
	{{EDIT_SET, "/a/list", NULL, "[]"}, {"a", "list"}, "[]"},
	{{EDIT_SET, "/missing/new", NULL, "true"}, {0}, NULL},
	{{EDIT_SET, "/linux/seccomp/defaultErrnoRet", NULL, "38"}, {0}, NULL},
	{{EDIT_SET, "not-a-path", NULL, "38"}, {0}, NULL},
	{{EDIT_SET, "/a/new", NULL, "{bad"}, {0}, NULL},
	{{EDIT_REMOVE, "/linux/seccomp", NULL, NULL}, {"linux"}, "{}"},
	{{EDIT_REMOVE, "/linux/nothing", NULL, NULL}, {0}, NULL},
	{{EDIT_APPEND, "/a/fresh", NULL, "\"x\""}, {"a", "fresh"}, "[\"x\"]"},
	{{EDIT_APPEND, "/a/list", NULL, "2"}, {"a", "list"}, "[1,{\"k\":\"v\",\"n\":1},{\"k\":\"w\"},2]"},
	{{EDIT_DROP, "/a/list", "1", NULL}, {"a", "list"}, "[{\"k\":\"v\",\"n\":1},{\"k\":\"w\"}]"},
	{{EDIT_DROP, "/a/list", "{\"k\":\"v\"}", NULL}, {"a", "list"}, "[1,{\"k\":\"w\"}]"},
	{{EDIT_DROP, "/a/list", "{\"k\":\"v\",\"n\":2}", NULL}, {0}, NULL},
	{{EDIT_DROP, "/a/none", "1", NULL}, {0}, NULL},
	{{EDIT_PATCH, "/a/list", "{\"k\":\"v\"}", "{\"n\":7}"},
	 {"a", "list"},
	 "[1,{\"k\":\"v\",\"n\":7},{\"k\":\"w\"}]"},
	{{EDIT_PATCH, "/a/list", "{\"k\":\"v\"}", "{\"n\":null,\"m\":2}"},
	 {"a", "list"},
	 "[1,{\"k\":\"v\",\"m\":2},{\"k\":\"w\"}]"},
	{{EDIT_PATCH, "/a/list", "{\"k\":\"v\"}", "{\"n\":1}"}, {0}, NULL},
	{{EDIT_TIMES, "/linux/seccomp/defaultErrnoRet", NULL, "2"}, {"linux", "seccomp", "defaultErrnoRet"}, "76"},
	{{EDIT_TIMES, "/linux/seccomp/defaultErrnoRet", NULL, "1"}, {0}, NULL},
	{{EDIT_TIMES, "/linux/seccomp/none", NULL, "2"}, {0}, NULL},
	{{EDIT_TIMES, "/missing/none", NULL, "2"}, {0}, NULL},
	{{EDIT_TIMES, "/a/list", NULL, "2"}, {0}, NULL},
	{{EDIT_PLUS, "/linux/seccomp/defaultErrnoRet", NULL, "1"}, {"linux", "seccomp", "defaultErrnoRet"}, "39"},
	{{EDIT_PLUS, "/linux/seccomp/defaultErrnoRet", NULL, "0"}, {0}, NULL},
	{{EDIT_SECCOMP_ALLOW, NULL, NULL, "\"bpf\""},
	 {"linux", "seccomp", "syscalls"},
	 "[{\"names\":[\"read\"],\"action\":\"A\"},{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ALLOW\"}]"},
	{{EDIT_SECCOMP_ERRNO, NULL, NULL, "{\"from\":38,\"to\":1}"}, {"linux", "seccomp", "defaultErrnoRet"}, "1"},
	{{EDIT_SECCOMP_ERRNO, NULL, NULL, "{\"from\":99,\"to\":1}"}, {0}, NULL},
};

static void check_row(const struct row *row)
{
	json_t *document = json_loads(before, 0, NULL);
	assert_non_null(document);
	struct error err = {0};
	int r = edit_apply(document, &row->edit, 1, &err);
	if (!row->expected) {
		assert_int_equal(r, -EINVAL);
		assert_string_not_equal(err.text, "");
	} else {
		assert_int_equal(r, 0);
		json_t *at = document;
		for (size_t i = 0; i < ARRAY_SIZE(row->pointer) && row->pointer[i]; i++)
			at = json_object_get(at, row->pointer[i]);
		_cleanup_free_ char *text = json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY);
		assert_string_equal(text, row->expected);
	}
	json_decref(document);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void test_stops_at_the_first_failure(void **state)
{
	(void)state;
	json_t *document = json_loads(before, 0, NULL);
	const struct edit edits[] = {
		{EDIT_REMOVE, "/nothing", NULL, NULL},
		{EDIT_REMOVE, "/a", NULL, NULL},
	};
	assert_int_equal(edit_apply(document, edits, ARRAY_SIZE(edits), NULL), -EINVAL);
	assert_non_null(json_object_get(document, "a"));
	json_decref(document);
}

static void test_list_ends_at_none(void **state)
{
	(void)state;
	json_t *document = json_loads(before, 0, NULL);
	const struct edit edits[] = {{EDIT_REMOVE, "/a", NULL, NULL}, {0}, {EDIT_REMOVE, "/linux", NULL, NULL}};
	assert_int_equal(edit_apply(document, edits, ARRAY_SIZE(edits), NULL), 0);
	assert_null(json_object_get(document, "a"));
	assert_non_null(json_object_get(document, "linux"));
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_stops_at_the_first_failure),
		cmocka_unit_test(test_list_ends_at_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
