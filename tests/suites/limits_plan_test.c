/* SPDX-License-Identifier: Apache-2.0 */
/* The suite "limits" as it lays itself out: nothing of the guide is left out, and every load and limit that it names exists. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/io.h"
#include "harness/plan.h"
#include "harness/session.h"
#include "harness/trial_policy.h"
#include "suites/limits.h"

static const char *const suites[] = {"limits"};

#include "laid.h"

static bool has_row(const struct plan *plan, const char *begin)
{
	char id[96];
	(void)snprintf(id, sizeof(id), "limits.%s.%s", plan->profile, begin);
	for (size_t i = 0; i < plan->count; i++)
		if (strncmp(plan->rows[i].id, id, strlen(id)) == 0)
			return true;
	return false;
}

static bool is_limited(const struct plan *plan, const char *key, enum trial_tier tier)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct trial *trial = &plan->rows[i].trial;
		const char *at = trial->load && trial->tier == tier ? strstr(trial->limits, key) : NULL;
		if (at && (at == trial->limits || at[-1] == ' ') && at[strlen(key)] == '=')
			return true;
	}
	return false;
}

/* The guide's two tables, key by key. */
static const char *const keys[] = {
	"max_memory_mb",
	"max_cpu_cores",
	"max_execution_time_seconds",
	"max_file_descriptors",
	"storage_quota_mb",
	"network_access",
	"execution.max_execution_time_seconds",
	"execution.max_memory_mb",
	"execution.max_cpu_percent",
	"execution.max_processes",
	"execution.max_file_descriptors",
	"execution.max_network_requests",
};

static void every_key_of_the_guide_has_a_row(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!is_limited(&laid.plan, keys[i], TRIAL_RUN))
			fail_msg("no row limits %s", keys[i]);
	clear(&laid);
}

/* And those that an execution can have of its own, in the tier that they are for, each way round. */
static void both_tiers_meet(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"exec.memory",      "exec.memory-container",      "exec.cpu",       "exec.cpu-container",
		"exec.wall",        "exec.wall-container",        "exec.processes", "exec.storage",
		"exec.descriptors", "exec.descriptors-container",
	};
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!has_row(&laid.plan, rows[i]))
			fail_msg("no row %s", rows[i]);
	assert_true(is_limited(&laid.plan, "max_memory_mb", TRIAL_EXEC));
	assert_true(is_limited(&laid.plan, "execution.max_memory_mb", TRIAL_EXEC));
	clear(&laid);
}

/* One of each under every profile, all of them under standard. */
static void every_profile_has_the_core(void **state)
{
	(void)state;
	static const char *const core[] = {"memory.heap",      "memory.tree",      "memory.readback.",
					   "processes.fork",   "cpu.half",         "wall.daemons",
					   "descriptors.open", "storage.together", "residue.normal"};
	for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
		struct laid laid;
		lay(&laid, profile);
		for (size_t i = 0; i < ARRAY_SIZE(core); i++)
			if (!has_row(&laid.plan, core[i]))
				fail_msg("%s: no row %s", laid.plan.profile, core[i]);
		if (profile == PROFILE_STANDARD)
			assert_true(laid.plan.count >= 70);
		else
			assert_true(laid.plan.count <= 15);
		clear(&laid);
	}
}

/* What the kernel refuses or kills must get through with a larger limit. */
static void every_limit_has_a_control(void **state)
{
	(void)state;
	static const struct {
		judge_function *judge;
		bool control;
	} judges[] = {
		{judge_limit_killed, true}, {judge_limit_survives, true}, {judge_limit_share, true},
		{judge_limit_ended, true},  {judge_limit_quota, true},    {judge_limit_share_at_most, true},
		{judge_limit_exits, false}, {judge_limit_clean, false},
	};
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		for (size_t j = 0; j < ARRAY_SIZE(judges); j++)
			if (row->judge == judges[j].judge && (row->control_trial.load != NULL) != judges[j].control)
				fail_msg("%s: %s control", row->id, judges[j].control ? "no" : "a");
		const struct trial *trial = &row->trial, *control = &row->control_trial;
		if (control->load && strcmp(trial->limits, control->limits) == 0 &&
		    strcmp(trial->load, control->load) == 0)
			fail_msg("%s: the control is the trial itself", row->id);
	}
	clear(&laid);
}

static void every_text_is_filled_in(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		if (!row->expected[0] || strchr(row->expected, '{') || strstr(row->expected, "  ") ||
		    !row->rationale[0] || !row->remediation[0])
			fail_msg("%s: \"%s\"", row->id, row->expected);
	}
	clear(&laid);
}

static void every_limit_is_one_of_the_policys(void **state)
{
	(void)state;
	struct error err = {0};
	struct laid laid;
	unsigned asked;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct trial *trials[] = {&laid.plan.rows[i].trial, &laid.plan.rows[i].control_trial};
		for (size_t j = 0; j < ARRAY_SIZE(trials); j++)
			if (trials[j]->load && trial_policy_asked(trials[j]->limits, &asked, &err) < 0)
				fail_msg("%s: %s", laid.plan.rows[i].id, err.text);
	}
	clear(&laid);
}

/* --- Read back ---------------------------------------------------------------------------------------- */

/* Of this very process something can be read, and a process that is not there is no answer. */
static void a_cgroup_is_read_back(void **state)
{
	(void)state;
	struct laid laid;
	struct error err = {0};
	lay(&laid, PROFILE_STANDARD);
	const struct requirement *row = &laid.plan.rows[0];
	assert_non_null(row->host);
	struct host_context context = {.probe_pid = getpid(), .policy = &laid.policy};
	json_t *facts = row->host(&context, row, &err);
	if (facts) {
		assert_true(json_is_integer(json_object_get(facts, "memory_mb")));
		assert_true(json_is_string(json_object_get(facts, "swap")));
	} else {
		assert_string_not_equal(err.text, "");
	}
	json_decref(facts);
	context.probe_pid = 0;
	assert_null(row->host(&context, row, &err));
	clear(&laid);
}

/* --- The probe's own list ---------------------------------------------------------------------------- */

static bool is_listed(const char *list, const char *load)
{
	char line[64];
	(void)snprintf(line, sizeof(line), "\nload %.*s ", (int)strcspn(load, " "), load);
	return strstr(list, line) != NULL;
}

static void every_load_is_one_of_the_probes(void **state)
{
	(void)state;
	static char list[65536];
	struct laid laid;
	FILE *probe = popen(BUILD_DIR "/probe list", "re"); /* NOLINT(cert-env33-c): a path of the build's own */
	assert_non_null(probe);
	size_t length = fread(list, 1, sizeof(list) - 1, probe);
	list[length] = '\0';
	assert_int_equal(pclose(probe), 0);
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		const char *loads[] = {row->trial.load, row->trial.companion, row->control_trial.load};
		for (size_t j = 0; j < ARRAY_SIZE(loads); j++)
			if (loads[j] && !is_listed(list, loads[j]))
				fail_msg("%s: no load %s", row->id, loads[j]);
	}
	clear(&laid);
}

/* --- A table that is wrong --------------------------------------------------------------------------- */

static char fixtures[64];

static int read_table(const char *row, struct error *err)
{
	char path[128], text[512];
	struct policy policy;
	policy_defaults(&policy, PROFILE_STANDARD);
	struct plan plan = {.policy = &policy, .profile = "standard"};
	/* A table is read once and kept: each has a place of its own. */
	static int serial;
	(void)snprintf(fixtures, sizeof(fixtures), "/tmp/agentcore-limits-test-%d-%d", (int)getpid(), serial++);
	(void)snprintf(path, sizeof(path), "%s/golden", fixtures);
	assert_int_equal(mkdir(fixtures, 0700), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/golden/limits.tsv", fixtures);
	(void)snprintf(text, sizeof(text), "id\tprofiles\tlimits\tload\ttier\tend\tjudge\toperands\twhy\tfix\n%s\n",
		       row);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
	int r = limits_add_rows(&plan, fixtures, err);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/golden", fixtures);
	(void)rmdir(path);
	(void)rmdir(fixtures);
	plan_clear(&plan);
	policy_clear(&policy);
	return r;
}

static void a_wrong_row_is_named(void **state)
{
	(void)state;
	static const struct table_row rows[] = {
		{"a\t*\t-\texit 0\t-\t-\texits\t0\twhy\tfix", NULL},
		{"a\t*\t-\texit 0\t-\t-\tnonesuch\t0\twhy\tfix", "limits.tsv:2: no such judge"},
		{"a\t*\t-\texit 0\tbare\t-\texits\t0\twhy\tfix", "limits.tsv:2: no such tier"},
		{"a\t*\t-\texit 0\t-\tnever\texits\t0\twhy\tfix", "limits.tsv:2: no such end"},
		{"a\t*\t-\texit 0\t-\t-\texits\t0 1 2\twhy\tfix", "limits.tsv:2: operands"},
		{"a\t*\t-\texit 0\t-\t-\trefused\ttasks many\twhy\tfix", "limits.tsv:2: operands"},
	};
	check_table_rows(rows, ARRAY_SIZE(rows), read_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_of_the_guide_has_a_row),
		cmocka_unit_test(both_tiers_meet),
		cmocka_unit_test(every_profile_has_the_core),
		cmocka_unit_test(every_limit_has_a_control),
		cmocka_unit_test(every_text_is_filled_in),
		cmocka_unit_test(every_limit_is_one_of_the_policys),
		cmocka_unit_test(a_cgroup_is_read_back),
		cmocka_unit_test(every_load_is_one_of_the_probes),
		cmocka_unit_test(a_wrong_row_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
