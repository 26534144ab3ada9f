/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/engine.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/needs.h"
#include "harness/testnet.h"

#define WAIT_MS  1000
#define ATTEMPTS 3

static bool is_bare(enum session_kind kind)
{
	return kind == SESSION_BARE || kind == SESSION_BARE_USER;
}

/* The controls do not depend on the policy: they are asked once for the whole run. */
static struct job *find_job(const struct engine *engine, const struct subject *subject, enum session_kind kind)
{
	for (size_t i = 0; i < engine->job_count; i++) {
		struct job *job = engine->jobs[i];
		if (job->kind == kind && (is_bare(kind) || job->launch.policy == &subject->policy))
			return job;
	}
	return NULL;
}

static struct job *job_for(struct engine *engine, const struct subject *subject, enum session_kind kind)
{
	struct job *job = find_job(engine, subject, kind);
	if (job)
		return job;
	struct adapter *adapter = is_bare(kind) ? engine->options.control : engine->options.runtime;
	struct adapter_launch launch = {
		.policy = &subject->policy,
		.policy_file = subject->file,
		.tools_dir = engine->options.tools_dir,
	};
	struct job **grown = reallocarray(engine->jobs, engine->job_count + 1, sizeof(struct job *));
	if (!grown)
		return NULL;
	engine->jobs = grown;
	job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	engine->jobs[engine->job_count++] = job;
	return job_init(job, kind, adapter, &launch, is_bare(kind) ? "control" : subject->name) < 0 ? NULL : job;
}

/* A command brings its own limit along; the answer comes a second after that at the latest. */
static int time_limit(const struct requirement *row, const char *request)
{
	int limit = row->timeout_ms;
	if (strncmp(request, "exec ", 5) == 0) {
		int own = atoi(request + 5) + 1000;
		limit = own > limit ? own : limit;
	}
	return limit;
}

static int ask_in(struct engine *engine, const struct subject *subject, const struct requirement *row,
		  enum session_kind kind, const char *request, struct ask *ask)
{
	struct job *job = job_for(engine, subject, kind);
	if (!job)
		return -ENOMEM;
	return *request ? job_ask_request(job, request, time_limit(row, request), ask) : job_ask_host(job, row, ask);
}

static struct trial_job *find_trial(const struct engine *engine, const struct subject *subject,
				    const struct trial *trial)
{
	for (size_t i = 0; i < engine->trial_count; i++) {
		struct trial_job *job = engine->trials[i];
		if (job->launch.policy == &subject->policy && trial_equal(job->trial, trial))
			return job;
	}
	return NULL;
}

static int add_trial(struct engine *engine, const struct subject *subject, const struct trial *trial, struct ask *ask)
{
	struct trial_job **grown = reallocarray(engine->trials, engine->trial_count + 1, sizeof(struct trial_job *));
	if (!grown)
		return -ENOMEM;
	engine->trials = grown;
	struct trial_job *job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	bool bare = trial->network.ground == GROUND_BARE;
	*job = (struct trial_job){
		.trial = trial,
		.adapter = bare ? engine->options.control : engine->options.runtime,
		.launch = {.kind = bare ? SESSION_BARE : SESSION_FULL,
			   .policy = &subject->policy,
			   .policy_file = subject->file,
			   .tools_dir = engine->options.tools_dir},
		.subject = subject->name,
	};
	engine->trials[engine->trial_count++] = job;
	ask->trial = job;
	return 0;
}

static int try_in(struct engine *engine, const struct subject *subject, const struct trial *trial, struct ask *ask)
{
	ask->trial = find_trial(engine, subject, trial);
	return ask->trial ? 0 : add_trial(engine, subject, trial, ask);
}

static int lay_trials(struct engine *engine, struct test_case *test_case)
{
	const struct requirement *row = test_case->row;
	int r = try_in(engine, test_case->subject, &row->trial, &test_case->observed);
	if (r < 0 || !row->control_trial.load)
		return r;
	return try_in(engine, test_case->subject, &row->control_trial, &test_case->control);
}

static int lay_case(struct engine *engine, const struct subject *subject, const struct requirement *row, unsigned met)
{
	struct test_case *test_case = &engine->cases[engine->case_count++];
	*test_case = (struct test_case){.row = row, .subject = subject, .missing = row->needs & ~met};
	if (test_case->missing)
		return 0;
	if (row->trial.load)
		return lay_trials(engine, test_case);
	const char *request = row->host ? "" : row->probe;
	int r = ask_in(engine, subject, row, row->session, request, &test_case->observed);
	if (r < 0 || row->control == SESSION_COUNT)
		return r;
	return ask_in(engine, subject, row, row->control, row->control_probe[0] ? row->control_probe : request,
		      &test_case->control);
}

int engine_init(struct engine *engine, const struct engine_options *options, struct subject *subjects,
		size_t subject_count, struct error *err)
{
	size_t total = 0;
	unsigned met = needs_met(options->runtime->class->shared_kernel);
	for (size_t i = 0; i < subject_count; i++)
		total += subjects[i].plan.count;
	*engine = (struct engine){.options = *options, .cases = calloc(total + 1, sizeof(struct test_case))};
	int r = engine->cases ? 0 : -ENOMEM;
	for (size_t i = 0; i < subject_count; i++)
		for (size_t j = 0; j < subjects[i].plan.count && r == 0; j++)
			r = lay_case(engine, &subjects[i], &subjects[i].plan.rows[j], met);
	return r < 0 ? error_set(err, -r, "lay out the run") : 0;
}

void engine_clear(struct engine *engine)
{
	for (size_t i = 0; i < engine->job_count; i++) {
		job_clear(engine->jobs[i]);
		free(engine->jobs[i]);
	}
	for (size_t i = 0; i < engine->trial_count; i++) {
		trial_job_clear(engine->trials[i]);
		free(engine->trials[i]);
	}
	testnet_close(engine->testnet);
	free(engine->jobs);
	free(engine->trials);
	free(engine->cases);
	*engine = (struct engine){0};
}

unsigned engine_starts(const struct engine *engine)
{
	unsigned starts = 0;
	for (size_t i = 0; i < engine->job_count; i++)
		starts += engine->jobs[i]->starts;
	for (size_t i = 0; i < engine->trial_count; i++)
		starts += engine->trials[i]->starts;
	return starts;
}

/* --- Running ------------------------------------------------------------------------------------- */

/*
 * A trial that proved nothing, on a machine that was busy with something else say, is tried again behind all others, anew with its
 * control; a failure never is.
 */
static bool try_again(struct engine *engine, struct test_case *test_case)
{
	const struct requirement *row = test_case->row;
	if (!row->trial.load || test_case->verdict.status != STATUS_INCONCLUSIVE || ++test_case->attempts >= ATTEMPTS)
		return false;
	if (add_trial(engine, test_case->subject, &row->trial, &test_case->observed) < 0)
		return false;
	if (row->control_trial.load &&
	    add_trial(engine, test_case->subject, &row->control_trial, &test_case->control) < 0)
		return false;
	test_case->judged = false;
	return true;
}

static void judge_ready(struct engine *engine)
{
	for (size_t i = 0; i < engine->case_count; i++) {
		struct test_case *test_case = &engine->cases[i];
		if (test_case->judged || !ask_is_over(&test_case->observed) || !ask_is_over(&test_case->control))
			continue;
		case_judge(test_case, engine->options.expectations);
		if (!try_again(engine, test_case) && engine->options.on_case)
			engine->options.on_case(engine->options.data, test_case);
	}
}

/* Controls first, since every other job's verdicts wait for them. */
static struct job *next_job(const struct engine *engine)
{
	struct job *next = NULL;
	for (size_t i = 0; i < engine->job_count; i++) {
		struct job *job = engine->jobs[i];
		if (job->state == JOB_WAITING && (!next || (is_bare(job->kind) && !is_bare(next->kind))))
			next = job;
	}
	return next;
}

static size_t running(const struct engine *engine, struct session **sessions)
{
	size_t count = 0;
	for (size_t i = 0; i < engine->job_count; i++) {
		if (engine->jobs[i]->state != JOB_RUNNING)
			continue;
		if (sessions)
			sessions[count] = engine->jobs[i]->session;
		count++;
	}
	return count;
}

static void settle_job(struct engine *engine, const struct job *job)
{
	if (job->state != JOB_DONE)
		return;
	if (engine->options.on_job)
		engine->options.on_job(engine->options.data, job);
	judge_ready(engine);
}

static void start_jobs(struct engine *engine)
{
	struct job *job;
	while (running(engine, NULL) < engine->options.jobs && (job = next_job(engine))) {
		job_start(job);
		settle_job(engine, job);
	}
}

static void advance_jobs(struct engine *engine)
{
	for (size_t i = 0; i < engine->job_count; i++) {
		struct job *job = engine->jobs[i];
		if (job->state != JOB_RUNNING)
			continue;
		job_advance(job);
		settle_job(engine, job);
	}
}

static bool stop_asked(const struct engine *engine)
{
	struct pollfd fd = {engine->options.stop_fd, POLLIN, 0};
	return fd.fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* Jobs that ended were judged; of the rest nobody wanted to wait for the answers. */
static void stop(struct engine *engine)
{
	for (size_t i = 0; i < engine->job_count; i++)
		if (engine->jobs[i]->state == JOB_RUNNING)
			job_stop(engine->jobs[i], "interrupted");
	for (size_t i = 0; i < engine->case_count; i++) {
		struct test_case *test_case = &engine->cases[i];
		if (test_case->judged)
			continue;
		test_case->verdict = (struct verdict){.status = STATUS_SKIP, .reason = "interrupted"};
		test_case->required = case_required(test_case);
		test_case->judged = true;
		if (engine->options.on_case)
			engine->options.on_case(engine->options.data, test_case);
	}
}

static int run_jobs(struct engine *engine)
{
	struct session **sessions = calloc(engine->job_count + 1, sizeof(struct session *));
	if (!sessions)
		return -ENOMEM;
	int r = 0;
	while (r == 0) {
		start_jobs(engine);
		size_t count = running(engine, sessions);
		if (count == 0)
			break;
		r = sessions_wait(sessions, count, engine->options.stop_fd, WAIT_MS);
		advance_jobs(engine);
		if (stop_asked(engine))
			r = -EINTR;
	}
	free(sessions);
	return r;
}

/*
 * One test internet serves a whole run.  Where this machine cannot have one, its trials are unsupported; where it should and does not
 * come up, they are errors: trial_run says that there is none.
 */
static bool has_testnet(struct engine *engine, struct trial_job *trial)
{
	struct error *why = &engine->testnet_error;
	if (trial->trial->network.ground == GROUND_NONE || engine->testnet)
		return true;
	if (!why->code && geteuid() != 0)
		(void)error_say(why, EPERM, "the test internet needs root");
	else if (!why->code && !engine->options.testnet)
		(void)error_say(why, ENOENT, "the program of the test internet was not found beside this one");
	else if (!why->code && testnet_open(&engine->testnet, engine->options.testnet, why) == 0)
		return true;
	trial->unsupported = why->code == EPERM || why->code == ENOENT;
	(void)snprintf(trial->reason, sizeof(trial->reason), "%.*s", (int)sizeof(trial->reason) - 1, why->text);
	trial->state = JOB_DONE;
	return false;
}

static int run_trials(struct engine *engine)
{
	int r = 0;
	for (size_t i = 0; i < engine->trial_count && r == 0; i++) {
		struct trial_job *trial = engine->trials[i];
		r = stop_asked(engine)            ? -EINTR
		    : !has_testnet(engine, trial) ? 0
						  : trial_job_run(trial, engine->testnet, engine->options.stop_fd);
		if (r < 0)
			break;
		if (engine->options.on_trial)
			engine->options.on_trial(engine->options.data, trial);
		judge_ready(engine);
	}
	return r;
}

int engine_run(struct engine *engine)
{
	int r = run_jobs(engine);
	r = r < 0 ? r : run_trials(engine);
	if (r < 0)
		stop(engine);
	return r;
}
