/* SPDX-License-Identifier: Apache-2.0 */
/* Trials of shell scripts and of the probe's loads, by an adapter that isolates nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_place.h"
#include "harness/adapter.h"
#include "harness/members.h"
#include "harness/trial.h"

static char work_dir[] = "/tmp/agentcore-trial-test-XXXXXX";
static char document[64], cgroup[96];

/* What is run: `sh -c SCRIPT TOKEN LOAD...`, so that $0 is the token and $1 the load's name; NULL: the probe of this build. */
static const char *script;

static struct {
	char name[64], policy_file[128];
	double memory, processes;
	unsigned starts, finishes, removals;
	bool file_there;
} seen;

/* The sandbox around an execution. */
static pid_t waiting;

static void start_waiting(const struct adapter_launch *launch)
{
	waiting = fork();
	if (waiting != 0)
		return;
	execl("/bin/sh", "sh", "-c", "while :; do sleep 1; done", launch->name, NULL);
	_exit(127);
}

static void end_waiting(void)
{
	if (waiting <= 0)
		return;
	(void)kill(waiting, SIGKILL);
	(void)waitpid(waiting, NULL, 0);
	waiting = 0;
}

static void become_script(const struct adapter_launch *launch)
{
	char *argv[32] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script)};
	size_t last = 0, count = 3;
	while (launch->command[last + 1])
		last++;
	argv[count++] = launch->command[last];
	for (size_t i = 2; i < last; i++)
		argv[count++] = launch->command[i];
	execv("/bin/sh", argv);
}

static int start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	(void)adapter;
	seen.starts++;
	(void)snprintf(seen.name, sizeof(seen.name), "%s", launch->name);
	(void)snprintf(seen.policy_file, sizeof(seen.policy_file), "%s", launch->policy_file);
	seen.file_there = access(launch->policy_file, R_OK) == 0;
	(void)policy_limit(launch->policy, LIMIT_MEMORY_MB, &seen.memory);
	(void)policy_limit(launch->policy, LIMIT_PROCESSES, &seen.processes);
	if (launch->tier == TRIAL_EXEC)
		start_waiting(launch);
	*pid = fork();
	if (*pid < 0)
		return error_set(err, errno, "fork");
	if (*pid > 0)
		return 0;
	(void)dup2(launch->stdin_fd, 0);
	(void)dup2(launch->stdout_fd, 1);
	(void)dup2(launch->stderr_fd, 2);
	if (script)
		become_script(launch);
	else
		execv(BUILD_DIR "/probe", launch->command);
	_exit(127);
}

static void finish(struct adapter *adapter, const struct adapter_launch *launch, pid_t pid)
{
	(void)adapter;
	(void)launch;
	(void)pid;
	seen.finishes++;
}

/* As a runtime's delete does: it clears up what bears the name. */
static void remove_sandbox(struct adapter *adapter, const struct adapter_launch *launch)
{
	char path[256];
	(void)adapter;
	seen.removals++;
	end_waiting();
	(void)snprintf(path, sizeof(path), "%s/%s", cgroup, launch->name);
	(void)rmdir(path);
}

static const struct adapter_class class = {
	.name = "test",
	.limits = 1U << LIMIT_MEMORY_MB | 1U << LIMIT_PROCESSES,
	.start = start,
	.finish = finish,
	.remove = remove_sandbox,
};
static struct adapter adapter = {.class = &class, .options = {.work_dir = work_dir}};

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(work_dir))
		return -1;
	(void)snprintf(document, sizeof(document), "%s/policy.json", work_dir);
	(void)snprintf(cgroup, sizeof(cgroup), "%s/agentcore-test-%d", cgroup_place(), (int)getpid());
	FILE *file = fopen(document, "we");
	bool written = file && fputs("{\"agent_id\":\"trial\",\"resource_limits\":{\"max_memory_mb\":100}}", file) >= 0;
	return file && fclose(file) == 0 && written ? setenv("CGROUP", cgroup, 1) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	(void)rmdir(cgroup);
	return unlink(document) == 0 && rmdir(work_dir) == 0 ? 0 : -1; /* fails where a trial has left something */
}

static struct policy policy;

static int try_one(struct trial trial, int stop_fd, json_t **facts, struct error *err)
{
	const struct adapter_launch launch = {.kind = SESSION_FULL, .policy = &policy, .policy_file = document};
	memset(&seen, 0, sizeof(seen));
	*facts = NULL;
	if (!trial.limits)
		trial.limits = "";
	if (!trial.load)
		trial.load = "main";
	int r = trial_run(&adapter, &launch, &trial, NULL, stop_fd, facts, err);
	/* No child and nobody with the name is left, and every start was finished. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	const char *words[] = {seen.name};
	assert_int_equal(members_count(&(struct members){words, seen.starts ? 1 : 0, NULL}), 0);
	assert_int_equal(seen.starts, seen.finishes);
	return r;
}

static json_t *tried(const char *text, struct trial trial)
{
	json_t *facts;
	struct error err = {0};
	script = text;
	int r = try_one(trial, -1, &facts, &err);
	if (r != 0)
		fail_msg("%d: %s", r, err.text);
	return facts;
}

static json_int_t number(const json_t *facts, const char *key)
{
	const json_t *value = json_object_get(facts, key);
	if (!json_is_integer(value))
		fail_msg("no %s", key);
	return json_integer_value(value);
}

static void assert_text(const json_t *facts, const char *key, const char *expected)
{
	const char *value = json_string_value(json_object_get(facts, key));
	assert_non_null(value);
	assert_string_equal(value, expected);
}

static void test_lines_merge_and_status(void **state)
{
	(void)state;
	json_t *facts = tried("echo '{\"ready\":1,\"a\":1}'; echo no json; echo '[7]'; echo '{\"a\":2,\"exit\":99}';"
			      "printf '{\"b\":\"x\"}\\n{\"cut'; printf 'oh\\nno\\377' >&2; exit 3",
			      (struct trial){0});
	assert_int_equal(number(facts, "a"), 2);
	assert_text(facts, "b", "x");
	assert_int_equal(number(facts, "exit"), 3); /* what the harness saw, not what the load claims */
	assert_null(json_object_get(facts, "signal"));
	assert_text(facts, "stderr", "oh no?");
	assert_int_equal(number(facts, "survivors"), 0);
	assert_int_equal(number(facts, "survivors_gone_ms"), 0);
	assert_true(number(facts, "ready_ms") >= 0 && number(facts, "after_ready_ms") >= 0);
	assert_int_equal(number(facts, "end_ms"), number(facts, "ready_ms") + number(facts, "after_ready_ms"));
	assert_text(facts, "residue", "");
	assert_text(facts, "residue_removed", "");
	assert_null(json_object_get(facts, "sandbox_alive"));
	assert_int_equal(seen.removals, 0); /* where nothing is left, nothing is removed */
	json_decref(facts);
}

static void test_signal(void **state)
{
	(void)state;
	json_t *facts = tried("kill -SEGV $$", (struct trial){0});
	assert_int_equal(number(facts, "signal"), SIGSEGV);
	assert_null(json_object_get(facts, "exit"));
	assert_null(json_object_get(facts, "ready_ms"));
	json_decref(facts);
}

static void test_load_of_the_probe(void **state)
{
	(void)state;
	json_t *facts = tried(NULL, (struct trial){.load = "exit 7"});
	assert_int_equal(number(facts, "exit"), 7);
	assert_int_equal(number(facts, "ready"), 1);
	json_decref(facts);
}

static void test_the_ends(void **state)
{
	(void)state;
	static const char waits[] = "trap 'echo {\\\"told\\\":1}; exit 5' TERM; echo '{\"ready\":1}';"
				    "while :; do sleep 0.05; done";
	json_t *facts = tried(waits, (struct trial){.end = TRIAL_END_TERM});
	assert_int_equal(number(facts, "exit"), 5);
	assert_int_equal(number(facts, "told"), 1);
	json_decref(facts);
	facts = tried(waits, (struct trial){.end = TRIAL_END_KILL});
	assert_int_equal(number(facts, "signal"), SIGKILL);
	json_decref(facts);
}

static void test_survivor_that_goes(void **state)
{
	(void)state;
	json_t *facts = tried("echo '{\"ready\":1}'; (sleep 0.3; :) & exit 0", (struct trial){0});
	/* Between fork and exec its sleep is a second one. */
	assert_in_range(number(facts, "survivors"), 1, 2);
	assert_in_range(number(facts, "survivors_gone_ms"), 50, 2000);
	assert_text(facts, "residue", "");
	json_decref(facts);
}

static void test_survivor_that_stays(void **state)
{
	(void)state;
	json_t *facts = tried("(while :; do sleep 0.1; done) & exit 0", (struct trial){0});
	assert_in_range(number(facts, "survivors"), 1, 2);
	assert_int_equal(number(facts, "survivors_gone_ms"), -1);
	const char *residue = json_string_value(json_object_get(facts, "residue"));
	assert_int_equal(strncmp(residue, "process ", 8), 0);
	assert_int_equal(seen.removals, 1);
	assert_int_not_equal(strlen(json_string_value(json_object_get(facts, "residue_removed"))), 0);
	json_decref(facts);
}

static void test_timeout(void **state)
{
	(void)state;
	json_t *facts;
	struct error err = {0};
	script = "echo '{\"ready\":1,\"far\":12}'; (sleep 60; :) & sleep 60";
	assert_int_equal(try_one((struct trial){.timeout_ms = 400}, -1, &facts, &err), -ETIMEDOUT);
	assert_int_equal(number(facts, "far"), 12);
	assert_null(json_object_get(facts, "end_ms"));
	assert_null(json_object_get(facts, "residue"));
	assert_string_equal(err.text, "not over after 400 ms");
	json_decref(facts);
}

static void test_stopped(void **state)
{
	(void)state;
	json_t *facts;
	struct error err = {0};
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "", 1), 1);
	script = "sleep 60";
	assert_int_equal(try_one((struct trial){0}, ends[0], &facts, &err), -EINTR);
	assert_null(facts);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_policy_is_laid_over(void **state)
{
	(void)state;
	json_decref(tried("exit 0", (struct trial){.limits = "max_memory_mb=64 execution.max_processes=20"}));
	assert_true(seen.file_there);
	assert_int_equal(access(seen.policy_file, F_OK), -1);
	assert_int_equal((int)seen.memory, 64);
	assert_int_equal((int)seen.processes, 20);
	json_decref(tried("exit 0", (struct trial){0}));
	assert_int_equal((int)seen.memory, 100);
}

static void test_what_cannot_be_said(void **state)
{
	(void)state;
	static const struct {
		struct trial trial;
		int result;
		const char *text;
	} rows[] = {
		{{.limits = "storage_quota_mb=8"}, -EOPNOTSUPP, "test: no way to limit storage"},
		{{.limits = "execution.max_cpu_percent=20"}, -EOPNOTSUPP, "test: no way to limit processor time"},
		{{.tier = TRIAL_EXEC}, -EOPNOTSUPP, "test: no executions with limits of their own inside a sandbox"},
		{{.limits = "max_memory_mb"}, -EINVAL, "max_memory_mb: a trial's limit is KEY=VALUE"},
		{{.limits = "max_memory_mb=0"}, -EINVAL, NULL},
		{{.limits = "nonsense=1"}, -EINVAL, NULL},
	};
	script = "exit 0";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		json_t *facts;
		assert_int_equal(try_one(rows[i].trial, -1, &facts, &err), rows[i].result);
		assert_null(facts);
		if (rows[i].text)
			assert_string_equal(err.text, rows[i].text);
		assert_int_equal(seen.starts, 0);
	}
}

static void test_companion_lives_at_the_same_time(void **state)
{
	(void)state;
	/* The main one sees the mark that the companion has made, and ends first. */
	static const char both[] =
		"m=$HOME_OF_MARKS/mark; if [ $1 = beside ]; then : >$m; echo '{\"ready\":1,\"load\":\"beside\"}';"
		"sleep 0.3; rm $m; exit 4; fi; echo '{\"ready\":1}'; test -e $m";
	(void)setenv("HOME_OF_MARKS", work_dir, 1);
	json_t *facts = tried(both, (struct trial){.companion = "beside 12"});
	assert_int_equal(number(facts, "exit"), 0);
	assert_int_equal(number(facts, "companion_exit"), 4);
	assert_text(facts, "companion_load", "beside");
	assert_true(number(facts, "companion_end_ms") >= 300);
	assert_int_equal(seen.starts, 2);
	json_decref(facts);
}

static void test_an_execution_leaves_its_sandbox_alive(void **state)
{
	(void)state;
	static const struct adapter_class with_executions = {
		.name = "test", .executions = true, .start = start, .finish = finish, .remove = remove_sandbox};
	adapter.class = &with_executions;
	json_t *facts = tried("echo \"{\\\"word\\\":\\\"$0\\\"}\"; exit 3", (struct trial){.tier = TRIAL_EXEC});
	adapter.class = &class;
	assert_int_equal(number(facts, "exit"), 3);
	assert_int_equal(number(facts, "sandbox_alive"), 1);
	assert_int_equal(number(facts, "survivors"), 0); /* of the execution */
	assert_string_not_equal(json_string_value(json_object_get(facts, "word")), seen.name);
	assert_text(facts, "residue", "");
	assert_text(facts, "residue_removed", "");
	assert_int_equal(seen.removals, 1);
	json_decref(facts);
}

static void test_residue_is_told_and_removed(void **state)
{
	(void)state;
	if (!may_make_cgroups())
		skip();
	json_t *facts = tried("mkdir -p $CGROUP/$0 $CGROUP/neighbour; : >/tmp/left-$0", (struct trial){0});
	char expected[512], path[256];
	(void)snprintf(expected, sizeof(expected), "cgroup %s/%s; file /tmp/left-%s", cgroup, seen.name, seen.name);
	assert_text(facts, "residue", expected);
	/* Deleting took the cgroup; that a file is left is told again. */
	(void)snprintf(path, sizeof(path), "/tmp/left-%s", seen.name);
	(void)snprintf(expected, sizeof(expected), "file %s", path);
	assert_text(facts, "residue_removed", expected);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/neighbour", cgroup);
	assert_int_equal(rmdir(path), 0);
	json_decref(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_merge_and_status),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_load_of_the_probe),
		cmocka_unit_test(test_the_ends),
		cmocka_unit_test(test_survivor_that_goes),
		cmocka_unit_test(test_survivor_that_stays),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_policy_is_laid_over),
		cmocka_unit_test(test_what_cannot_be_said),
		cmocka_unit_test(test_companion_lives_at_the_same_time),
		cmocka_unit_test(test_an_execution_leaves_its_sandbox_alive),
		cmocka_unit_test(test_residue_is_told_and_removed),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
