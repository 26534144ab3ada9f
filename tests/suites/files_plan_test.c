/* SPDX-License-Identifier: Apache-2.0 */
/* The suites about files, descriptors, limits, the mandatory layer and workloads, as they lay themselves out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "harness/plan.h"
#include "suites/rows.h"

static const char *const suites[] = {"descriptors", "filesystem", "mac", "rlimits", "workloads"};

#include "laid.h"

static const struct requirement *find(const struct plan *plan, const char *end)
{
	for (size_t i = 0; i < plan->count; i++) {
		size_t length = strlen(plan->rows[i].id), tail = strlen(end);
		if (length >= tail && strcmp(plan->rows[i].id + length - tail, end) == 0)
			return &plan->rows[i];
	}
	return NULL;
}

/* plan_build has checked ids, judges and texts; a request must also be complete, with nothing left to fill in. */
static void every_request_is_filled_in(void **state)
{
	(void)state;
	for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
		struct laid laid;
		lay(&laid, profile);
		for (size_t i = 0; i < laid.plan.count; i++) {
			const struct requirement *row = &laid.plan.rows[i];
			const char *brace = strchr(row->probe, '{');
			if ((brace && strncmp(brace, "{tools}", 7) != 0) || strchr(row->expected, '{') ||
			    !row->rationale[0] || !row->remediation[0])
				fail_msg("%s: %s", row->id, row->probe);
		}
		clear(&laid);
	}
}

/* A denial without a control proves nothing. */
static void every_denial_has_a_control(void **state)
{
	(void)state;
	for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
		struct laid laid;
		lay(&laid, profile);
		for (size_t i = 0; i < laid.plan.count; i++) {
			const struct requirement *row = &laid.plan.rows[i];
			if (strstr(row->expected, "EPERM") || strstr(row->expected, "EACCES"))
				assert_int_not_equal(row->control, SESSION_COUNT);
		}
		clear(&laid);
	}
}

static void the_root_follows_the_policy(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	assert_non_null(find(&laid.plan, "read-only.etc.create"));
	assert_null(find(&laid.plan, "left.etc.on-host"));
	clear(&laid);
	lay(&laid, PROFILE_PRIVILEGED);
	assert_null(find(&laid.plan, "read-only.etc.create"));
	assert_non_null(find(&laid.plan, "writable.etc.create"));
	const struct requirement *seen = find(&laid.plan, "left.etc.on-host");
	assert_non_null(seen);
	assert_non_null(seen->host);
	/* The tools are the host's under every policy. */
	assert_non_null(find(&laid.plan, "read-only.tools.create"));
	clear(&laid);
}

/* A line with several sessions makes a row for each; what another layer refuses may look different. */
static void a_line_is_asked_in_each_session(void **state)
{
	static const struct {
		const char *end;
		enum session_kind session;
		unsigned needs;
		const char *expected;
	} rows[] = {
		{"standard.chmod.etc", SESSION_MAC_ALONE, NEED_APPARMOR, "EACCES|EPERM"},
		{"standard.full.chmod.etc", SESSION_FULL, 0, "EACCES|EPERM|EROFS"},
		{"standard.landlock.mount.bind", SESSION_LANDLOCK_ALONE, NEED_LANDLOCK, "EACCES|EPERM"},
		{"standard.seccomp.mount.bind", SESSION_SECCOMP_ALONE, 0, "EACCES|EPERM|ENOSYS"},
		{"standard.signal.init", SESSION_MAC_ALONE, NEED_SIGNAL_RULES, "EACCES|EPERM"},
		{"standard.landlock.signal.init", SESSION_LANDLOCK_ALONE, NEED_LANDLOCK | NEED_LANDLOCK_SIGNALS,
		 "EACCES|EPERM"},
		{"standard.full.truncate.etc-passwd", SESSION_FULL, 0, "EACCES|EPERM|EROFS"},
		{"standard.full.label.in-effect", SESSION_FULL, NEED_APPARMOR, "agentcore-default-standard (enforce)"},
	};
	struct laid laid;
	(void)state;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct requirement *row = find(&laid.plan, rows[i].end);
		assert_non_null(row);
		assert_int_equal(row->session, rows[i].session);
		assert_int_equal(row->needs, rows[i].needs);
		assert_string_equal(row->expected, rows[i].expected);
	}
	assert_null(find(&laid.plan, "standard.landlock.chmod.etc"));
	clear(&laid);
}

static void the_number_of_descriptors_is_the_policys(void **state)
{
	(void)state;
	struct error err = {0};
	struct laid laid;
	const struct plan_selection selection = {.suites = suites, .suite_count = ARRAY_SIZE(suites)};
	policy_defaults(&laid.policy, PROFILE_MINIMAL);
	assert_int_equal(policy_set_limit(&laid.policy, "max_file_descriptors=77", &err), 0);
	laid.plan = (struct plan){.policy = &laid.policy, .profile = "minimal"};
	assert_int_equal(plan_build(&laid.plan, &selection, FIXTURES_DIR, &err), 0);
	const struct requirement *row = find(&laid.plan, "minimal.nofile.reached");
	assert_non_null(row);
	assert_string_equal(row->expected, "77");
	clear(&laid);
}

static void a_workloads_script_is_there(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	size_t scripts = 0;
	for (size_t i = 0; i < laid.plan.count; i++) {
		char path[512];
		const char *name = strstr(laid.plan.rows[i].probe, "/workloads/");
		if (!name)
			continue;
		scripts++;
		(void)snprintf(path, sizeof(path), "%s%s", FIXTURES_DIR, name);
		if (access(path, X_OK) < 0)
			fail_msg("%s: %s", path, strerror(errno));
	}
	assert_true(scripts >= 15);
	clear(&laid);
}

/* The canary is a file of root's that nobody else can reach. */
static void the_canary_is_there_and_private(void **state)
{
	(void)state;
	struct laid laid;
	struct stat st;
	lay(&laid, PROFILE_MINIMAL);
	const struct requirement *row = find(&laid.plan, "canary.plain");
	assert_non_null(row);
	const char *path = row ? strchr(row->probe, '/') : NULL;
	if (!path) {
		fail_msg("the row names no path");
		return;
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	clear(&laid);
}

static void paths_become_ids(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"/", "slash"},
					       {"/proc/sys/kernel/Core_pattern", "proc-sys-kernel-core_pattern"},
					       {"{tools}", "tools"},
					       {"/lost+found", "lost-found"},
					       {"a//b/", "a-b"}};
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char id[64];
		rows_path_id(pairs[i][0], id, sizeof(id));
		assert_string_equal(id, pairs[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_is_filled_in),
		cmocka_unit_test(every_denial_has_a_control),
		cmocka_unit_test(the_root_follows_the_policy),
		cmocka_unit_test(a_line_is_asked_in_each_session),
		cmocka_unit_test(the_number_of_descriptors_is_the_policys),
		cmocka_unit_test(a_workloads_script_is_there),
		cmocka_unit_test(the_canary_is_there_and_private),
		cmocka_unit_test(paths_become_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
