/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/trial_job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/session_private.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool trial_equal(const struct trial *a, const struct trial *b)
{
	return same_text(a->limits, b->limits) && same_text(a->load, b->load) &&
	       same_text(a->companion, b->companion) && a->tier == b->tier && a->end == b->end &&
	       a->timeout_ms == b->timeout_ms && a->network.ground == b->network.ground &&
	       same_text(a->network.policy, b->network.policy) && same_text(a->network.outside, b->network.outside) &&
	       same_text(a->network.victims, b->network.victims);
}

int trial_job_run(struct trial_job *job, struct testnet *testnet, int stop_fd)
{
	struct error err = {0};
	uint64_t since = clock_us();
	int r = trial_run(job->adapter, &job->launch, job->trial, testnet, stop_fd, &job->observation.facts, &err);
	job->duration_us = clock_us() - since;
	job->unsupported = r == -EOPNOTSUPP;
	job->observation.state = r == -ETIMEDOUT ? OBSERVED_TIMEOUT : r < 0 ? OBSERVED_NOTHING : OBSERVED_DONE;
	if (r == 0 || r == -ETIMEDOUT || r == -EINTR)
		job->starts = job->trial->companion ? 2 : 1;
	if (r < 0)
		(void)snprintf(job->reason, sizeof(job->reason), "%.*s", (int)sizeof(job->reason) - 1, err.text);
	job->state = JOB_DONE;
	return r == -EINTR ? r : 0;
}

void trial_job_clear(struct trial_job *job)
{
	json_decref(job->observation.facts);
	*job = (struct trial_job){0};
}
