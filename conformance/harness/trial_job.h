/* SPDX-License-Identifier: Apache-2.0 */
/* A trial as the engine runs it: once for a subject, however many rows look at what came of it. */
#ifndef HARNESS_TRIAL_JOB_H
#define HARNESS_TRIAL_JOB_H

#include "harness/job.h"
#include "harness/trial.h"

struct trial_job {
	const struct trial *trial; /* of the first row that asked for it */
	struct adapter *adapter;
	struct adapter_launch launch;
	const char *subject; /* for messages */

	enum job_state state;
	bool unsupported; /* the adapter cannot express it: reason */
	char reason[VERDICT_TEXT_MAX]; /* why it was not observed; "" */
	struct observation observation; /* owns its facts */
	uint64_t duration_us;
	unsigned starts;
};

/* Is it the same sandbox with the same load, end and time? */
bool trial_equal(const struct trial *a, const struct trial *b);

/* Run it; it is then done.  0, or -EINTR when stop_fd ended it. */
int trial_job_run(struct trial_job *job, struct testnet *testnet, int stop_fd);

void trial_job_clear(struct trial_job *job);

#endif
