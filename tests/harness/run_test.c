/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs over a runtime that isolates nothing, with a suite of this test's own. */
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/io.h"
#include "fake_adapter.h"
#include "harness/judges.h"
#include "harness/run.h"
#include "harness/session.h"

ADAPTER(fake_class);

/* Ends the process that serves: the parent of the probe's child. */
#define KILLER "exec 5000 sh -c read%20a%20b%20c%20p%20rest%20</proc/$PPID/stat;kill%20-9%20$p"

static json_t *host_facts(const struct host_context *context, const struct requirement *row, struct error *err)
{
	(void)row;
	if (context->probe_pid == 0) {
		(void)error_say(err, ESRCH, "no probe");
		return NULL;
	}
	return json_pack("{s:i, s:i}", "ret", 0, "errno", 0);
}

static json_t *blind_host(const struct host_context *context, const struct requirement *row, struct error *err)
{
	(void)context;
	(void)row;
	(void)error_say(err, EIO, "nothing to see");
	return NULL;
}

struct sample {
	const char *name, *probe;
	enum session_kind session, control;
	enum level level;
	unsigned needs;
	judge_function *judge;
	host_probe_function *host;
	enum status status; /* in which it must end */
	bool required;
};

static const struct sample samples[] = {
	{"works", "noop", SESSION_FULL, SESSION_COUNT, LEVEL_MUST, 0, judge_works, NULL, STATUS_PASS, true},
	{"fails", "noop", SESSION_FULL, SESSION_BARE, LEVEL_MUST, 0, judge_refused, NULL, STATUS_FAIL, true},
	{"fails-softly", "noop", SESSION_FULL, SESSION_BARE, LEVEL_SHOULD, 0, judge_refused, NULL, STATUS_FAIL, false},
	{"kills", KILLER, SESSION_FULL, SESSION_COUNT, LEVEL_MUST, 0, judge_works, NULL, STATUS_ERROR, true},
	{"works-after", "exec 2000 true", SESSION_FULL, SESSION_COUNT, LEVEL_MUST, 0, judge_command, NULL, STATUS_PASS,
	 true},
	{"unknown", "nonesuch", SESSION_FULL, SESSION_COUNT, LEVEL_MUST, 0, judge_works, NULL, STATUS_ERROR, true},
	{"no-layer", "noop", SESSION_MAC_ALONE, SESSION_COUNT, LEVEL_MUST, 0, judge_works, NULL, STATUS_UNSUPPORTED,
	 false},
	{"no-user", "noop", SESSION_USER, SESSION_COUNT, LEVEL_MUST, 0, judge_works, NULL, STATUS_UNSUPPORTED, true},
	{"needs", "noop", SESSION_FULL, SESSION_COUNT, LEVEL_MUST, 1U << 30, judge_works, NULL, STATUS_UNSUPPORTED,
	 false},
	{"host", "", SESSION_FULL, SESSION_BARE, LEVEL_MUST, 0, judge_works, host_facts, STATUS_PASS, true},
	/* The control is not the runtime under test: it has namespaces of its own. */
	{"elsewhere", "exec 2000 readlink /proc/self/ns/pid", SESSION_FULL, SESSION_BARE, LEVEL_MUST, 0,
	 judge_fact_differs_from_control, NULL, STATUS_PASS, true},
	{"blind", "", SESSION_FULL, SESSION_COUNT, LEVEL_MUST, 0, judge_works, blind_host, STATUS_ERROR, true},
};

static int plan_samples(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	(void)fixtures_dir;
	(void)err;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct requirement *row = plan_add(plan, "samples", "%s", samples[i].name);
		(void)snprintf(row->probe, sizeof(row->probe), "%s", samples[i].probe);
		row->session = samples[i].session;
		row->control = samples[i].control;
		row->level = samples[i].level;
		row->needs = samples[i].needs;
		row->judge = samples[i].judge;
		row->host = samples[i].host;
		row->fact = "stdout";
		row->rationale = "why";
		row->remediation = "how";
	}
	return 0;
}

static const struct suite sample_suite = {"samples", "one of each", plan_samples};
SUITE(sample_suite);

/* --- Trials ------------------------------------------------------------------------------------------ */

/* Proves nothing the first time. */
static void judge_second_time(const struct requirement *row, const struct observation *observed,
			      const struct observation *control, struct verdict *verdict)
{
	static int times;
	(void)row;
	(void)observed;
	(void)control;
	verdict->status = ++times == 1 ? STATUS_INCONCLUSIVE : STATUS_PASS;
}

static const struct trial_sample {
	const char *name, *limits, *load, *control;
	int timeout_ms;
	judge_function *judge;
	enum status status;
	bool required;
} trial_samples[] = {
	{"ends", "", "exit 7", "exit 3", 0, judge_fact_equals, STATUS_PASS, true},
	{"same", "", "exit 7", NULL, 0, judge_fact_equals, STATUS_PASS, true},
	{"other-way", "", "exit 7", "exit 7", 0, judge_fact_equals, STATUS_INCONCLUSIVE, true},
	{"second-time", "", "exit 7", NULL, 0, judge_second_time, STATUS_PASS, true},
	{"no-word", "max_memory_mb=64", "exit 7", NULL, 0, judge_fact_equals, STATUS_UNSUPPORTED, false},
	{"too-long", "", "sleep 10000", NULL, 300, judge_fact_equals, STATUS_TIMEOUT, true},
	{"bad", "nonsense=1", "exit 7", NULL, 0, judge_fact_equals, STATUS_ERROR, true},
};

static int plan_trials(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	(void)fixtures_dir;
	(void)err;
	for (size_t i = 0; i < ARRAY_SIZE(trial_samples); i++) {
		const struct trial_sample *sample = &trial_samples[i];
		struct requirement *row = plan_add(plan, "trials", "%s", sample->name);
		row->trial = (struct trial){.limits = sample->limits,
					    .load = plan_text(plan, "%s", sample->load),
					    .timeout_ms = sample->timeout_ms};
		row->control_trial = (struct trial){.limits = "", .load = sample->control};
		row->judge = sample->judge;
		row->fact = "exit";
		(void)snprintf(row->expected, sizeof(row->expected), "7");
		row->rationale = "why";
		row->remediation = "how";
	}
	return 0;
}

static const struct suite trial_suite = {"trials", "sandboxes of their own", plan_trials};
SUITE(trial_suite);

/* The test's own, so that other runs on this machine are not counted. */
static char scratch[] = "/tmp/run.XXXXXX";

static void assert_nothing_left(void)
{
	glob_t found;
	char pattern[64];
	(void)snprintf(pattern, sizeof(pattern), "%s/*", scratch);
	assert_int_equal(glob(pattern, 0, NULL, &found), GLOB_NOMATCH);
	globfree(&found);
}

struct outcome {
	int result;
	struct summary summary;
	struct error err;
	struct results results;
};

static void run(struct run_options options, struct outcome *outcome)
{
	char path[] = "/tmp/run-test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	*outcome = (struct outcome){0};
	options.runtime = "fake";
	options.probe = BUILD_DIR "/probe";
	options.fixtures = FIXTURES_DIR;
	options.jsonl = path;
	outcome->result = conformance_run(&options, &outcome->summary, &outcome->err);
	if (outcome->result == 0 || outcome->result == -EINTR)
		assert_int_equal(results_load(&outcome->results, path, &outcome->err), 0);
	(void)unlink(path);
	/* No child is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static const json_t *result_in(const struct outcome *outcome, const char *area, const char *name)
{
	char id[96];
	size_t index;
	json_t *result;
	(void)snprintf(id, sizeof(id), "%s.standard.%s", area, name);
	json_array_foreach(outcome->results.results, index, result)
	{
		if (strcmp(json_string_value(json_object_get(result, "id")), id) == 0)
			return result;
	}
	fail_msg("no result %s", id);
	return NULL;
}

static const json_t *result_of(const struct outcome *outcome, const char *name)
{
	return result_in(outcome, "samples", name);
}

static const struct run_options standard = {
	.profiles = {PROFILE_STANDARD}, .profile_count = 1, .suites = {"samples"}, .suite_count = 1};
static const struct run_options of_trials = {
	.profiles = {PROFILE_STANDARD}, .profile_count = 1, .suites = {"trials"}, .suite_count = 1};

static void test_every_status(void **state)
{
	struct outcome outcome;
	(void)state;
	run(standard, &outcome);
	assert_int_equal(outcome.result, 0);
	assert_int_equal(json_array_size(outcome.results.results), ARRAY_SIZE(samples));
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const json_t *result = result_of(&outcome, samples[i].name);
		const char *status = json_string_value(json_object_get(result, "status"));
		if (strcmp(status, status_name(samples[i].status)) != 0)
			fail_msg("%s: %s (%s)", samples[i].name, status,
				 json_string_value(json_object_get(result, "reason")));
		assert_int_equal(json_is_true(json_object_get(result, "required")), samples[i].required);
	}
	/* Full, full again after the kill, and the control. */
	assert_int_equal(outcome.summary.sandbox_starts, 3);
	assert_int_equal(outcome.summary.required, 9);
	assert_int_equal(outcome.summary.executed, 5);
	assert_false(outcome.summary.conformant);
	assert_int_equal(conformance_exit_status(outcome.result, &outcome.summary), CONFORMANCE_FAILED);
	assert_non_null(strstr(json_string_value(json_object_get(result_of(&outcome, "kills"), "reason")), "SIGKILL"));
	assert_string_equal(json_string_value(json_object_get(result_of(&outcome, "blind"), "reason")),
			    "nothing to see");
	assert_nothing_left();
	results_clear(&outcome.results);
}

struct exit_row {
	const char *filters[4];
	int status;
};

static void test_exit_statuses(void **state)
{
	static const struct exit_row rows[] = {
		{{"*.works", "*.works-after", "*.host"}, CONFORMANCE_OK},
		{{"*.works", "*.no-layer", "*.needs"}, CONFORMANCE_OK},
		{{"*.works", "*.fails-softly"}, CONFORMANCE_OK},
		{{"*.works", "*.fails"}, CONFORMANCE_FAILED},
		{{"*.works", "*.unknown"}, CONFORMANCE_INCOMPLETE},
		{{"*.works", "*.no-user"}, CONFORMANCE_INCOMPLETE},
		{{"*.nothing"}, CONFORMANCE_USAGE},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run_options options = standard;
		struct outcome outcome;
		while (rows[i].filters[options.filter_count]) {
			options.filters[options.filter_count] = rows[i].filters[options.filter_count];
			options.filter_count++;
		}
		run(options, &outcome);
		assert_int_equal(conformance_exit_status(outcome.result, &outcome.summary), rows[i].status);
		results_clear(&outcome.results);
	}
	assert_int_equal(conformance_exit_status(-EINTR, &(struct summary){0}), CONFORMANCE_INCOMPLETE);
	assert_int_equal(conformance_exit_status(-EIO, &(struct summary){0}), CONFORMANCE_ERROR);
}

static void test_expectations(void **state)
{
	static const char text[] = "[{\"id\":\"*.fails\",\"status\":\"FAIL\",\"reason\":\"r\",\"reference\":\"b\","
				   "\"expires\":\"2999-01-01\"},"
				   "{\"id\":\"*.works\",\"status\":\"FAIL\",\"reason\":\"r\",\"reference\":\"b\","
				   "\"expires\":\"2999-01-01\"}]";
	static const char *const filters[] = {"*.fails", "*.works"};
	char path[] = "/tmp/run-test-expect.XXXXXX";
	int fd = mkstemp(path);
	(void)state;
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
	for (size_t count = 1; count <= 2; count++) {
		struct run_options options = standard;
		struct outcome outcome;
		options.expect_file = path;
		memcpy(options.filters, filters, sizeof(filters));
		options.filter_count = count;
		run(options, &outcome);
		/* Excused alone it conforms; with an expectation that is out of date it does not. */
		assert_int_equal(outcome.summary.counts[STATUS_XFAIL], 1);
		assert_int_equal(outcome.summary.counts[STATUS_XPASS], count - 1);
		assert_int_equal(outcome.summary.conformant, count == 1);
		results_clear(&outcome.results);
	}
	(void)unlink(path);
}

static void test_run_line(void **state)
{
	struct run_options options = {0};
	struct outcome outcome;
	size_t index;
	json_t *policy;
	(void)state;
	options.filters[0] = "*.works";
	options.filter_count = 1;
	run(options, &outcome);
	static const char *const keys[] = {"suite_version", "kernel",  "arch",    "lsms",
					   "cgroup",        "runtime", "adapter", "started"};
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_true(json_is_string(json_object_get(outcome.results.run, keys[i])));
	json_t *policies = json_object_get(outcome.results.run, "policies");
	assert_int_equal(json_array_size(policies), 3);
	json_array_foreach(policies, index, policy)
		assert_int_equal(strlen(json_string_value(json_object_get(policy, "sha256"))), 64);
	assert_int_equal(outcome.summary.sandbox_starts, 3);
	results_clear(&outcome.results);
}

/* SIGTERM in the middle: the session ends, nothing stays, and what was not measured is SKIP. */
static void test_interrupted(void **state)
{
	static char script[] = "kill -TERM $PPID; exec sleep 100";
	static char sh[] = "/bin/sh", dash_c[] = "-c";
	char *const command[] = {sh, dash_c, script, NULL};
	struct run_options options = standard;
	struct outcome outcome;
	(void)state;
	options.filters[0] = "*.works";
	options.filter_count = 1;
	fake_command = command;
	run(options, &outcome);
	fake_command = NULL;
	assert_int_equal(outcome.result, -EINTR);
	assert_int_equal(outcome.summary.counts[STATUS_SKIP] + outcome.summary.counts[STATUS_ERROR], 1);
	assert_int_equal(outcome.summary.executed, 0);
	assert_false(outcome.summary.conformant);
	assert_nothing_left();
	results_clear(&outcome.results);
}

/* A runtime that never starts costs one start for each session, and says why in each case. */
static void test_never_starts(void **state)
{
	static char script[] = "echo mount: not permitted >&2; exit 125";
	static char sh[] = "/bin/sh", dash_c[] = "-c";
	char *const command[] = {sh, dash_c, script, NULL};
	struct run_options options = standard;
	struct outcome outcome;
	(void)state;
	options.filters[0] = "*.works*";
	options.filter_count = 1;
	fake_command = command;
	run(options, &outcome);
	fake_command = NULL;
	assert_int_equal(outcome.summary.counts[STATUS_ERROR], 2);
	assert_int_equal(outcome.summary.sandbox_starts, 1);
	assert_string_equal(json_string_value(json_object_get(result_of(&outcome, "works"), "reason")),
			    "the runtime ended with status 125: mount: not permitted");
	results_clear(&outcome.results);
}

static void test_trials(void **state)
{
	struct outcome outcome;
	(void)state;
	run(of_trials, &outcome);
	assert_int_equal(outcome.result, 0);
	for (size_t i = 0; i < ARRAY_SIZE(trial_samples); i++) {
		const struct trial_sample *sample = &trial_samples[i];
		const json_t *result = result_in(&outcome, "trials", sample->name);
		if (strcmp(json_string_value(json_object_get(result, "status")), status_name(sample->status)) != 0)
			fail_msg("%s: %s", sample->name, json_dumps(result, 0));
		assert_int_equal(json_is_true(json_object_get(result, "required")), sample->required);
		assert_string_equal(json_string_value(json_object_get(result, "session")), "trial");
	}
	/* The figures are in the results. */
	const json_t *facts = json_object_get(result_in(&outcome, "trials", "ends"), "facts");
	assert_int_equal(json_integer_value(json_object_get(facts, "exit")), 7);
	facts = json_object_get(result_in(&outcome, "trials", "ends"), "control_facts");
	assert_int_equal(json_integer_value(json_object_get(facts, "exit")), 3);
	assert_null(json_object_get(result_in(&outcome, "trials", "same"), "control_facts"));
	const char *reason = json_string_value(json_object_get(result_in(&outcome, "trials", "no-word"), "reason"));
	assert_string_equal(reason, "fake: no way to limit memory");
	facts = json_object_get(result_in(&outcome, "trials", "second-time"), "facts");
	assert_int_equal(json_integer_value(json_object_get(facts, "attempts")), 2);
	facts = json_object_get(result_in(&outcome, "trials", "other-way"), "facts");
	assert_int_equal(json_integer_value(json_object_get(facts, "attempts")), 3);
	/* "exit 7" once, "exit 3", and the one that was too long; two more attempts with their controls, and one without. */
	assert_int_equal(outcome.summary.sandbox_starts, 3 + 4 + 1);
	assert_nothing_left();
	results_clear(&outcome.results);
}

/* SIGTERM in the middle of a trial: nothing stays, and the rest is not tried. */
static void test_interrupted_trial(void **state)
{
	static char script[] = "kill -TERM $PPID; exec sleep 100";
	static char sh[] = "/bin/sh", dash_c[] = "-c";
	char *const command[] = {sh, dash_c, script, NULL};
	struct outcome outcome;
	(void)state;
	fake_command = command;
	run(of_trials, &outcome);
	fake_command = NULL;
	assert_int_equal(outcome.result, -EINTR);
	assert_int_equal(outcome.summary.counts[STATUS_SKIP], ARRAY_SIZE(trial_samples));
	assert_int_equal(outcome.summary.sandbox_starts, 1);
	assert_nothing_left();
	results_clear(&outcome.results);
}

static void test_bad_options(void **state)
{
	struct run_options options = standard;
	struct outcome outcome;
	(void)state;
	options.suites[0] = "nonesuch";
	options.suite_count = 1;
	run(options, &outcome);
	assert_int_equal(outcome.result, -EINVAL);
	options.suite_count = 0;
	options.policy_files[0] = "/nonexistent.json";
	options.policy_file_count = 1;
	run(options, &outcome);
	assert_true(outcome.result < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status),      cmocka_unit_test(test_exit_statuses),
		cmocka_unit_test(test_expectations),      cmocka_unit_test(test_run_line),
		cmocka_unit_test(test_interrupted),       cmocka_unit_test(test_never_starts),
		cmocka_unit_test(test_bad_options),       cmocka_unit_test(test_trials),
		cmocka_unit_test(test_interrupted_trial),
	};
	if (!mkdtemp(scratch) || setenv("TMPDIR", scratch, 1) < 0)
		return 1;
	int failed = cmocka_run_group_tests_name("run", tests, NULL, NULL);
	(void)rmdir(scratch);
	return failed;
}
