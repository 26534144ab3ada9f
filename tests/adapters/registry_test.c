/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "harness/adapter.h"

static char directory[] = "/tmp/agentcore-registry-test-XXXXXX";

static void make_program(const char *name, const char *text)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

/* A PATH of our own, so that nothing depends on which runtimes are installed. */
static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	static const char *const programs[] = {"crun", "runc", "runsc", "mine", "agentcore", "wrapper", "docker"};
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char text[128];
		(void)snprintf(text, sizeof(text), "#!/bin/sh\necho '%s version 9.8'\necho more\n", programs[i]);
		make_program(programs[i], text);
	}
	return setenv("PATH", directory, 1);
}

static int tear_down(void **state)
{
	(void)state;
	char command[256];
	(void)snprintf(command, sizeof(command), "/bin/rm -r %s", directory);
	return system(command);
}

static void test_all_are_sorted_and_complete(void **state)
{
	(void)state;
	const struct adapter_class **classes;
	size_t count = adapters_all(&classes);
	assert_int_equal(count, 7);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(classes[i]->summary);
		assert_non_null(classes[i]->start);
		assert_non_null(classes[i]->can_express);
		assert_true(i == 0 || strcmp(classes[i - 1]->name, classes[i]->name) < 0);
	}
}

struct row {
	const char *kind, *runtime, *prefix;
	const char *expected; /* class name; NULL: refused */
	const char *version;
};

static void test_choice(void **state)
{
	(void)state;
	char mine[128], absent[128];
	(void)snprintf(mine, sizeof(mine), "%s/mine", directory);
	(void)snprintf(absent, sizeof(absent), "%s/absent", directory);
	const struct row rows[] = {
		{NULL, "crun", NULL, "oci", "crun version 9.8"},
		{NULL, "runc", NULL, "oci", "runc version 9.8"},
		{NULL, "runsc", NULL, "oci-own-kernel", "runsc version 9.8"},
		{NULL, mine, NULL, "oci", "mine version 9.8"},
		{"oci", mine, NULL, "oci", "mine version 9.8"},
		{NULL, "agentcore", NULL, "agentcore", "agentcore version 9.8"},
		{"agentcore", mine, NULL, "agentcore", "mine version 9.8"},
		{NULL, "none", NULL, "none", ""},
		{"none", NULL, NULL, "none", ""},
		{NULL, NULL, "wrapper --", "command", "wrapper version 9.8"},
		{NULL, NULL, "  ", NULL, NULL},
		{NULL, NULL, "absent --", NULL, NULL},
		{NULL, absent, NULL, NULL, NULL},
		{NULL, "mine", NULL, NULL, NULL}, /* a name that no adapter claims */
		{NULL, "run", NULL, NULL, NULL}, /* part of a name is not the name */
		{"lxc", "crun", NULL, NULL, NULL},
		{NULL, "docker", NULL, NULL, NULL}, /* without a dockerd */
		{NULL, NULL, NULL, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct adapter_options options = {.runtime = rows[i].runtime, .command_prefix = rows[i].prefix};
		struct adapter adapter = {0};
		struct error err = {0};
		int r = adapter_open(&adapter, rows[i].kind, &options, &err);
		assert_int_equal(r == 0, rows[i].expected != NULL);
		if (r == 0) {
			assert_string_equal(adapter.class->name, rows[i].expected);
			assert_string_equal(adapter.version, rows[i].version);
		} else {
			assert_true(err.code > 0 && err.text[0]);
			assert_null(adapter.class); /* untouched */
		}
		adapter_close(&adapter);
	}
}

static void test_refusal_names_what_is_known(void **state)
{
	(void)state;
	struct adapter_options options = {.runtime = "mine"};
	struct adapter adapter = {0};
	struct error err = {0};
	assert_int_equal(adapter_open(&adapter, NULL, &options, &err), -ENOENT);
	assert_string_equal(
		err.text, "no adapter for mine; known: agentcore, command, docker, none, oci, oci-own-kernel, podman");
}

/* Which kinds of session each adapter can express. */
static void test_kinds(void **state)
{
	(void)state;
	static const struct {
		const char *runtime;
		unsigned kinds; /* bit per enum session_kind */
	} rows[] = {
		{"agentcore", 0xff},
		{"crun", 0xff & ~(1U << SESSION_MAC_ALONE) & ~(1U << SESSION_LANDLOCK_ALONE)},
		{"none", 1U << SESSION_FULL | 1U << SESSION_USER | 1U << SESSION_BARE | 1U << SESSION_BARE_USER},
	};
	struct policy policy = {.network = NETWORK_NONE};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct adapter_options options = {.runtime = rows[i].runtime};
		struct adapter adapter = {0};
		assert_int_equal(adapter_open(&adapter, NULL, &options, NULL), 0);
		for (unsigned kind = 0; kind < SESSION_COUNT; kind++) {
			struct adapter_launch launch = {.kind = kind, .policy = &policy};
			char reason[256] = "";
			bool can = adapter.class->can_express(&adapter, &launch, reason, sizeof(reason));
			assert_int_equal(can, rows[i].kinds >> kind & 1);
			assert_int_equal(can, reason[0] == '\0');
		}
		adapter_close(&adapter);
	}
}

static void test_oci_leaves_networks_to_its_caller(void **state)
{
	(void)state;
	struct adapter_options options = {.runtime = "crun"};
	struct adapter adapter = {0};
	assert_int_equal(adapter_open(&adapter, NULL, &options, NULL), 0);
	struct policy policy = {.network = NETWORK_FULL};
	struct adapter_launch launch = {.kind = SESSION_FULL, .policy = &policy};
	char reason[256] = "";
	assert_false(adapter.class->can_express(&adapter, &launch, reason, sizeof(reason)));
	policy.network = NETWORK_RESTRICTED; /* without a host: loopback only */
	assert_true(adapter.class->can_express(&adapter, &launch, reason, sizeof(reason)));
	policy.allowed_hosts.count = 1;
	assert_false(adapter.class->can_express(&adapter, &launch, reason, sizeof(reason)));
	adapter_close(&adapter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_sorted_and_complete),       cmocka_unit_test(test_choice),
		cmocka_unit_test(test_refusal_names_what_is_known),       cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_oci_leaves_networks_to_its_caller),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
