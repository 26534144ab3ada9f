/* SPDX-License-Identifier: Apache-2.0 */
/* The run loop: from the plans of all subjects to judged cases, with as few sandboxes as possible. */
#ifndef HARNESS_ENGINE_H
#define HARNESS_ENGINE_H

#include "harness/expect.h"
#include "harness/job.h"
#include "harness/trial_job.h"

/* One row with its answers and its verdict. */
struct test_case {
	const struct requirement *row;
	const struct subject *subject;
	struct ask observed, control; /* maybe not asked */
	unsigned missing; /* needs that are not met: not asked at all */
	unsigned attempts; /* how often its trials were tried */
	bool judged, required;
	struct verdict verdict;
	uint64_t duration_us;
	json_t *facts, *control_facts; /* of a row with a trial, borrowed: the figures; else NULL */
};

struct engine;

/* Called for each case as soon as it is judged. */
typedef void case_sink(void *data, const struct test_case *test_case);
/* Called when a job has ended. */
typedef void job_sink(void *data, const struct job *job);
typedef void trial_sink(void *data, const struct trial_job *trial);

struct engine_options {
	struct adapter *runtime, *control;
	const char *tools_dir;
	const char *testnet; /* the program; NULL: there is none */
	const struct expectations *expectations; /* NULL: none */
	unsigned jobs; /* sandboxes at the same time, at least 1 */
	int stop_fd; /* becomes readable when the run shall stop; -1: never */
	case_sink *on_case;
	job_sink *on_job;
	trial_sink *on_trial;
	void *data;
};

struct engine {
	struct engine_options options;
	struct job **jobs;
	size_t job_count;
	struct trial_job **trials;
	size_t trial_count;
	struct test_case *cases;
	size_t case_count;
	bool stopped;
	struct testnet *testnet; /* opened when the first trial needs it */
	struct error testnet_error; /* why it could not be */
};

/*
 * Lay out jobs and cases for the subjects, which are borrowed and must stay where they are.  0 or a negative errno.
 * Release with engine_clear also after a failure.
 */
int engine_init(struct engine *engine, const struct engine_options *options, struct subject *subjects,
		size_t subject_count, struct error *err);

/* Run all jobs.  0, or -EINTR when it was stopped: what was not measured is then SKIP. */
int engine_run(struct engine *engine);

/* How many sandboxes were started. */
unsigned engine_starts(const struct engine *engine);

void engine_clear(struct engine *engine);

/* judging.c: judge a case whose jobs have ended; pure but for *test_case. */
void case_judge(struct test_case *test_case, const struct expectations *expectations);

/* Does the case count towards executed = required?  And was it executed? */
bool case_required(const struct test_case *test_case);
bool status_executed(enum status status);

#endif
