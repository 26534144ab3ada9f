/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness/attribution.h"
#include "harness/engine.h"
#include "harness/machine.h"
#include "harness/progress.h"
#include "harness/session_private.h"
#include "harness/subjects.h"
#include "harness/workdir.h"
#include "report/jsonl.h"

/* Everything that one run holds. */
struct run {
	const struct run_options *options;
	struct workdir workdir;
	struct adapter runtime, control;
	bool runtime_open, control_open;
	char agentcore[PATH_MAX], testnet[PATH_MAX];
	struct subject *subjects;
	size_t subject_count;
	struct expectations expectations;
	struct engine engine;
	FILE *jsonl;
	struct progress progress;
	struct summary summary;
	int write_error;
};

/* --- SIGINT and SIGTERM --------------------------------------------------------------------------- */

static int stop_pipe[2] = {-1, -1};

static void on_stop(int number)
{
	(void)number;
	int saved = errno;
	ssize_t ignored = write(stop_pipe[1], "", 1);
	(void)ignored;
	errno = saved;
}

struct handlers {
	struct sigaction interrupt, terminate;
};

/* Handlers, since a blocked or ignored signal would be inherited by the runtimes under test. */
static int catch_signals(struct handlers *before, struct error *err)
{
	struct sigaction action = {.sa_handler = on_stop};
	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "pipe");
	(void)sigaction(SIGINT, &action, &before->interrupt);
	(void)sigaction(SIGTERM, &action, &before->terminate);
	return 0;
}

static void release_signals(const struct handlers *before)
{
	(void)sigaction(SIGINT, &before->interrupt, NULL);
	(void)sigaction(SIGTERM, &before->terminate, NULL);
	close_fd(&stop_pipe[0]);
	close_fd(&stop_pipe[1]);
}

/* --- Results --------------------------------------------------------------------------------------- */

static const char *runtime_name(const struct run_options *options)
{
	if (options->runtime)
		return options->runtime;
	return options->command_prefix ? options->command_prefix : "none";
}

static int write_run_line(struct run *run)
{
	struct machine machine;
	struct run_policy policies[SUBJECTS_MAX];
	char started[32] = "";
	time_t now = time(NULL);
	struct tm day;

	if (!run->jsonl)
		return 0;
	machine_describe(&machine);
	if (gmtime_r(&now, &day))
		(void)strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &day);
	for (size_t i = 0; i < run->subject_count; i++)
		policies[i] =
			(struct run_policy){run->subjects[i].name, run->subjects[i].file, run->subjects[i].sha256};
	const struct run_info info = {
		.kernel = machine.kernel,
		.arch = machine.arch,
		.lsms = machine.lsms,
		.cgroup = machine.cgroup,
		.runtime = runtime_name(run->options),
		.runtime_version = run->runtime.version,
		.adapter = run->runtime.class->name,
		.started = started,
		.policies = policies,
		.policy_count = run->subject_count,
	};
	return jsonl_write_run(run->jsonl, &info);
}

static void count_case(struct summary *summary, const struct test_case *test_case)
{
	summary->total++;
	summary->counts[test_case->verdict.status]++;
	summary->required += test_case->required;
	summary->executed += test_case->required && status_executed(test_case->verdict.status);
}

static void take_case(void *data, const struct test_case *test_case)
{
	struct run *run = data;
	const struct requirement *row = test_case->row;
	count_case(&run->summary, test_case);
	progress_case(&run->progress, test_case);
	const struct result result = {
		.id = row->id,
		.area = row->area,
		.session = requirement_place(row),
		.expected = row->expected,
		.rationale = row->rationale,
		.remediation = row->remediation,
		.tags = row->tags,
		.profile = test_case->subject->name,
		.level = row->level,
		.verdict = test_case->verdict,
		.duration_us = test_case->duration_us,
		.required = test_case->required,
		.facts = test_case->facts,
		.control_facts = test_case->control_facts,
	};
	int r = run->jsonl ? jsonl_write_result(run->jsonl, &result) : 0;
	if (r < 0 && !run->write_error)
		run->write_error = r;
}

static void name_kinds(unsigned kinds, const char *names[SESSION_COUNT + 1])
{
	size_t count = 0;
	for (int kind = 0; kind < SESSION_COUNT; kind++)
		if (kinds >> kind & 1)
			names[count++] = session_kind_name((enum session_kind)kind);
	names[count] = NULL;
}

/* Which layers deny on their own what was denied: behind all results, since only then the layers alone are judged. */
static int write_layers(const struct run *run)
{
	const struct engine *engine = &run->engine;
	int r = 0;
	for (size_t i = 0; run->jsonl && r == 0 && i < engine->case_count; i++) {
		const char *asked[SESSION_COUNT + 1], *denied[SESSION_COUNT + 1];
		struct attribution attribution;
		if (!attribution_find(engine->cases, engine->case_count, &engine->cases[i], &attribution))
			continue;
		name_kinds(attribution.asked, asked);
		name_kinds(attribution.denied, denied);
		r = jsonl_write_layers(run->jsonl, engine->cases[i].row->id, asked, denied);
	}
	return r;
}

static void take_job(void *data, const struct job *job)
{
	struct run *run = data;
	progress_job(&run->progress, job);
}

static void take_trial(void *data, const struct trial_job *trial)
{
	struct run *run = data;
	progress_trial(&run->progress, trial);
}

/* A SHOULD that fails is worth knowing and no breach. */
static bool has_breach(const struct engine *engine)
{
	for (size_t i = 0; i < engine->case_count; i++) {
		const struct test_case *test_case = &engine->cases[i];
		if (test_case->verdict.status == STATUS_XPASS ||
		    (test_case->verdict.status == STATUS_FAIL && test_case->row->level == LEVEL_MUST))
			return true;
	}
	return false;
}

int conformance_exit_status(int result, const struct summary *summary)
{
	if (result == -EINTR)
		return CONFORMANCE_INCOMPLETE;
	if (result == -EINVAL)
		return CONFORMANCE_USAGE;
	if (result < 0)
		return CONFORMANCE_ERROR;
	if (summary->conformant)
		return CONFORMANCE_OK;
	return summary->breached ? CONFORMANCE_FAILED : CONFORMANCE_INCOMPLETE;
}

/* --- Setting up ------------------------------------------------------------------------------------ */

static int open_adapter(struct adapter *adapter, const char *kind, const struct adapter_options *options, bool *open,
			struct error *err)
{
	int r = adapter_open(adapter, kind, options, err);
	*open = r == 0;
	return r;
}

static int open_adapters(struct run *run, struct error *err)
{
	const struct run_options *options = run->options;
	/* Only some adapters need it, and they say so. */
	struct error ignored = {0};
	bool found = run_find_agentcore(options, run->agentcore, sizeof(run->agentcore), &ignored) == 0;
	struct adapter_options runtime = {
		.runtime = options->runtime,
		.command_prefix = options->command_prefix,
		.work_dir = run->workdir.runtime,
		.agentcore = found ? run->agentcore : NULL,
		.state_root = options->state_root,
	};
	struct adapter_options control = {.work_dir = run->workdir.control};
	const char *kind = options->adapter;
	if (!kind && !options->runtime)
		kind = options->command_prefix ? "command" : "none";
	int r = open_adapter(&run->runtime, kind, &runtime, &run->runtime_open, err);
	return r < 0 ? r : open_adapter(&run->control, "none", &control, &run->control_open, err);
}

static int open_results(struct run *run, struct error *err)
{
	if (!run->options->jsonl)
		return 0;
	run->jsonl = fopen(run->options->jsonl, "we");
	return run->jsonl ? 0 : error_set(err, errno, "%s", run->options->jsonl);
}

static unsigned parallel(const struct run_options *options)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (options->jobs)
		return options->jobs;
	return cpus > 0 ? (unsigned)cpus : 1;
}

static int set_up(struct run *run, struct error *err)
{
	char probe[PATH_MAX], fixtures[PATH_MAX];
	const struct run_options *options = run->options;
	run->subjects = calloc(SUBJECTS_MAX, sizeof(struct subject));
	if (!run->subjects)
		return error_set(err, ENOMEM, "policies");

	int r = options->expect_file ? expectations_load(&run->expectations, options->expect_file, NULL, err) : 0;
	r = r < 0 ? r : run_find_probe(options, probe, sizeof(probe), err);
	r = r < 0 ? r : run_find_fixtures(options, fixtures, sizeof(fixtures), err);
	r = r < 0 ? r : workdir_make(&run->workdir, probe, fixtures, err);
	r = r < 0 ? r : subjects_load(run->subjects, &run->subject_count, options, run->workdir.policies, err);
	r = r < 0 ? r : subjects_plan(run->subjects, run->subject_count, options, err);
	r = r < 0 ? r : open_adapters(run, err);
	r = r < 0 ? r : open_results(run, err);
	if (r < 0)
		return r;

	const struct engine_options engine = {
		.runtime = &run->runtime,
		.control = &run->control,
		.tools_dir = run->workdir.tools,
		.testnet = run_find_testnet(run->testnet, sizeof(run->testnet)) == 0 ? run->testnet : NULL,
		.expectations = options->expect_file ? &run->expectations : NULL,
		.jobs = parallel(options),
		.stop_fd = stop_pipe[0],
		.on_case = take_case,
		.on_job = take_job,
		.on_trial = take_trial,
		.data = run,
	};
	return engine_init(&run->engine, &engine, run->subjects, run->subject_count, err);
}

static void tear_down(struct run *run)
{
	engine_clear(&run->engine);
	if (run->runtime_open)
		adapter_close(&run->runtime);
	if (run->control_open)
		adapter_close(&run->control);
	if (run->subjects)
		subjects_clear(run->subjects, run->subject_count);
	free(run->subjects);
	expectations_clear(&run->expectations);
	cleanup_file(&run->jsonl);
	workdir_remove(&run->workdir);
}

static int execute(struct run *run, struct error *err)
{
	uint64_t since = clock_us();
	int r = write_run_line(run);
	if (r < 0)
		return error_set(err, -r, "%s", run->options->jsonl);
	progress_begin(&run->progress, run->options->progress, run->engine.case_count);
	int result = engine_run(&run->engine);
	progress_end(&run->progress);
	if (result < 0 && result != -EINTR)
		return error_set(err, -result, "run");

	struct summary *summary = &run->summary;
	summary->sandbox_starts = engine_starts(&run->engine);
	summary->duration_us = clock_us() - since;
	summary->breached = has_breach(&run->engine);
	summary->conformant = !summary->breached && result == 0 && summary->executed == summary->required;
	r = write_layers(run);
	if (r == 0 && run->jsonl)
		r = jsonl_write_summary(run->jsonl, summary);
	if (r == 0)
		r = run->write_error;
	if (r < 0)
		return error_set(err, -r, "%s", run->options->jsonl);
	if (run->options->report)
		report_text(run->options->report, runtime_name(run->options), run->engine.cases, run->engine.case_count,
			    summary);
	return result < 0 ? error_say(err, EINTR, "interrupted") : 0;
}

int conformance_run(const struct run_options *options, struct summary *summary, struct error *err)
{
	struct run run = {.options = options};
	struct handlers before;
	int r = catch_signals(&before, err);
	if (r < 0)
		return r;
	r = set_up(&run, err);
	/* What the options name is not there: that is for whoever gave them to mend. */
	if (r == -ENOENT)
		r = -EINVAL;
	if (r == 0)
		r = execute(&run, err);
	*summary = run.summary;
	tear_down(&run);
	release_signals(&before);
	return r;
}
