/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/session_private.h"
#include "harness/trial_job.h"

/* A slow runtime on a busy machine may take its time to come up. */
#define START_MS 15000

int job_init(struct job *job, enum session_kind kind, struct adapter *adapter, const struct adapter_launch *launch,
	     const char *subject)
{
	struct ask alive;
	*job = (struct job){.kind = kind, .adapter = adapter, .launch = *launch, .subject = subject};
	job->launch.kind = kind;
	job->index = json_object();
	return job->index ? job_ask_request(job, "noop", START_MS, &alive) : -ENOMEM;
}

void job_clear(struct job *job)
{
	session_close(job->session, NULL);
	for (size_t i = 0; i < job->count; i++)
		json_decref(job->questions[i].observation.facts);
	for (size_t i = 0; i < job->host_count; i++)
		json_decref(job->hosts[i].observation.facts);
	free(job->questions);
	free(job->hosts);
	json_decref(job->index);
	*job = (struct job){0};
}

static int grow(void **array, size_t *allocated, size_t count, size_t size)
{
	if (count < *allocated)
		return 0;
	size_t more = *allocated ? *allocated * 2 : 64;
	void *grown = reallocarray(*array, more, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*allocated = more;
	return 0;
}

int job_ask_request(struct job *job, const char *request, int timeout_ms, struct ask *ask)
{
	json_t *known = json_object_get(job->index, request);
	if (known) {
		*ask = (struct ask){.job = job, .place = (size_t)json_integer_value(known)};
		/* The longest time that any of the rows grants. */
		if (timeout_ms > job->questions[ask->place].timeout_ms)
			job->questions[ask->place].timeout_ms = timeout_ms;
		return 0;
	}
	int r = grow((void **)&job->questions, &job->allocated, job->count, sizeof(*job->questions));
	if (r < 0)
		return r;
	*ask = (struct ask){.job = job, .place = job->count};
	job->questions[job->count++] = (struct question){.request = request, .timeout_ms = timeout_ms};
	/* A request that is no key (not UTF-8) is merely asked again. */
	(void)json_object_set_new(job->index, request, json_integer((json_int_t)ask->place));
	return 0;
}

int job_ask_host(struct job *job, const struct requirement *row, struct ask *ask)
{
	int r = grow((void **)&job->hosts, &job->host_allocated, job->host_count, sizeof(*job->hosts));
	if (r < 0)
		return r;
	*ask = (struct ask){.job = job, .from_host = true, .place = job->host_count};
	job->hosts[job->host_count++] = (struct host_ask){.row = row};
	return 0;
}

/* The first reason is the cause. */
static void give_reason(struct job *job, const char *reason)
{
	if (!job->reason[0])
		(void)snprintf(job->reason, sizeof(job->reason), "%.*s", (int)sizeof(job->reason) - 1, reason);
}

static void finish(struct job *job)
{
	session_close(job->session, NULL);
	job->session = NULL;
	job->state = JOB_DONE;
}

static void open_session(struct job *job)
{
	struct error err = {0};
	int r = session_open(&job->session, job->adapter, &job->launch, &err);
	if (r < 0) {
		job->unsupported = r == -EOPNOTSUPP;
		give_reason(job, err.text);
		job->state = JOB_DONE;
		return;
	}
	job->starts++;
	job->state = JOB_RUNNING;
	session_queue(job->session, job->questions + job->first, job->count - job->first);
}

void job_start(struct job *job)
{
	job->first = 0;
	open_session(job);
}

static void ask_from_host(struct job *job)
{
	const struct host_context *context = job->host_count ? session_host_context(job->session) : NULL;
	for (size_t i = 0; i < job->host_count; i++) {
		struct host_ask *ask = &job->hosts[i];
		struct error err = {0};
		uint64_t since = clock_us();
		json_t *facts = ask->row->host(context, ask->row, &err);
		ask->observation = (struct observation){facts ? OBSERVED_DONE : OBSERVED_NOTHING, facts};
		ask->duration_us = clock_us() - since;
		if (!facts)
			(void)snprintf(ask->why, sizeof(ask->why), "%.*s", (int)sizeof(ask->why) - 1, err.text);
	}
}

/*
 * The session died at question job->first + answered.  When that was the first of all, the sandbox never
 * came up; else this question is to blame, and those behind it get a new sandbox.
 */
static void recover(struct job *job)
{
	char why[VERDICT_TEXT_MAX];
	session_describe_death(job->session, why, sizeof(why));
	size_t culprit = job->first + session_answered(job->session);
	session_close(job->session, NULL);
	job->session = NULL;

	if (culprit == 0 || job->death_count == JOB_DEATHS_MAX) {
		give_reason(job, why);
		job->state = JOB_DONE;
		return;
	}
	struct death *death = &job->deaths[job->death_count++];
	death->question = culprit;
	memcpy(death->why, why, sizeof(why));
	/* Even when it was the last one: what is asked from the host still needs a sandbox. */
	job->first = culprit + 1;
	if (job->first < job->count || job->host_count > 0)
		open_session(job);
	else
		job->state = JOB_DONE;
}

void job_advance(struct job *job)
{
	if (job->state != JOB_RUNNING || session_busy(job->session))
		return;
	if (session_answered(job->session) < job->count - job->first) {
		recover(job);
		return;
	}
	ask_from_host(job);
	finish(job);
}

void job_stop(struct job *job, const char *reason)
{
	give_reason(job, reason);
	session_give_up(job->session, reason);
	finish(job);
}

static const char *reason_for(const struct job *job, size_t question)
{
	for (size_t i = 0; i < job->death_count; i++)
		if (job->deaths[i].question == question)
			return job->deaths[i].why;
	return job->reason;
}

bool ask_is_asked(const struct ask *ask)
{
	return ask->job || ask->trial;
}

bool ask_is_over(const struct ask *ask)
{
	return (!ask->job || ask->job->state == JOB_DONE) && (!ask->trial || ask->trial->state == JOB_DONE);
}

bool ask_is_unsupported(const struct ask *ask, const char **why)
{
	*why = ask->trial ? ask->trial->reason : ask->job->reason;
	return ask->trial ? ask->trial->unsupported : ask->job->unsupported;
}

const struct observation *ask_result(const struct ask *ask, const char **why, uint64_t *duration_us)
{
	const struct job *job = ask->job;
	if (ask->trial) {
		*why = ask->trial->reason;
		*duration_us = ask->trial->duration_us;
		return &ask->trial->observation;
	}
	if (ask->from_host) {
		const struct host_ask *host = &job->hosts[ask->place];
		*why = host->why[0] ? host->why : job->reason;
		*duration_us = host->duration_us;
		return &host->observation;
	}
	const struct question *question = &job->questions[ask->place];
	*why = reason_for(job, ask->place);
	*duration_us = question->duration_us;
	return &question->observation;
}
