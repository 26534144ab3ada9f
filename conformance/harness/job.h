/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job is one sandbox with everything that is asked in it: each request once, however many rows look at the answer.
 */
#ifndef HARNESS_JOB_H
#define HARNESS_JOB_H

#include "harness/adapter.h"
#include "harness/requirement.h"
#include "harness/session.h"

struct trial_job; /* harness/trial_job.h */

/* A policy under test and its rows. */
struct subject {
	struct policy policy;
	char name[POLICY_AGENT_ID_MAX + 1]; /* in the ids */
	char file[4096]; /* the document */
	char sha256[65];
	struct plan plan;
};

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE };

/* A sandbox that a probe brought down is started anew for the probes behind it, but not for ever. */
#define JOB_DEATHS_MAX 5

/* Which question ended a sandbox, and what is known of its end. */
struct death {
	size_t question;
	char why[VERDICT_TEXT_MAX];
};

/* What is asked from the host. */
struct host_ask {
	const struct requirement *row;
	struct observation observation;
	char why[VERDICT_TEXT_MAX];
	uint64_t duration_us;
};

struct job {
	enum session_kind kind;
	struct adapter *adapter;
	struct adapter_launch launch;
	const char *subject; /* for messages */

	struct question *questions; /* the first one asks whether the sandbox came up */
	size_t count, allocated;
	json_t *index; /* request -> place in questions */
	struct host_ask *hosts;
	size_t host_count, host_allocated;

	enum job_state state;
	bool unsupported; /* the adapter cannot express it: reason */
	char reason[VERDICT_TEXT_MAX]; /* why what is not answered is not; "" */
	struct death deaths[JOB_DEATHS_MAX];
	size_t death_count;
	unsigned starts;
	struct session *session;
	size_t first; /* place of the batch in questions */
};

/* Where an answer will be found. */
struct ask {
	struct job *job; /* both NULL: nowhere */
	struct trial_job *trial;
	bool from_host;
	size_t place;
};

/* Prepare a job without questions.  0 or -ENOMEM. */
int job_init(struct job *job, enum session_kind kind, struct adapter *adapter, const struct adapter_launch *launch,
	     const char *subject);
void job_clear(struct job *job);

/* Ask a request (borrowed) in the sandbox, or the row's host probe from outside.  0 with *ask, or -ENOMEM. */
int job_ask_request(struct job *job, const char *request, int timeout_ms, struct ask *ask);
int job_ask_host(struct job *job, const struct requirement *row, struct ask *ask);

/* Start a waiting job; it is then running, or done when the start failed. */
void job_start(struct job *job);

/* Look at a running job's session: go on to the host probes, start it anew, or end it when there is no more to do. */
void job_advance(struct job *job);

/* End a running job at once, with what it has.  reason is borrowed. */
void job_stop(struct job *job, const char *reason);

/* Was it asked at all?  Has whatever is to answer it ended?  Can the adapter not express it (*why gets the reason)? */
bool ask_is_asked(const struct ask *ask);
bool ask_is_over(const struct ask *ask);
bool ask_is_unsupported(const struct ask *ask, const char **why);

/* What came back; *why gets the reason when nothing did, *duration_us the time it took. */
const struct observation *ask_result(const struct ask *ask, const char **why, uint64_t *duration_us);

#endif
