/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more command in a live sandbox: an execution, with limits of its own inside the sandbox's.
 *
 * Two processes: the execution's monitor (this program, on the host) and its command, born in the sandbox's pid namespace and
 * confined by the same stages as CMD.  Its cgroup, "NAME/exec-N", holds all that it starts: it ends with its command, its wall time or
 * its memory, and the sandbox goes on.  If the monitor dies, the sandbox's monitor ends it (recipe/control.h).
 */
#ifndef RECIPE_EXEC_H
#define RECIPE_EXEC_H

#include "recipe/sandbox.h"
#include "recipe/verb.h"

struct execution {
	struct sandbox sandbox; /* as the stages of a command want it; its limits are the smaller of both tiers */
	const struct target *target;
	struct limits limits; /* of the execution's own cgroup */
	bool joins_user_namespace;
	int connection; /* to the sandbox's monitor: the execution lives as long as it */
	unsigned number;
	char cgroup_name[CGROUP_NAME_MAX];
	struct cgroup_layout layout;
	struct cgroup *cgroup; /* its own */
	int alive, alive_inside; /* a pipe that ends with the monitor */
	pid_t command; /* as the host numbers it */
	int command_fd;
};

/* How it ended. */
struct execution_end {
	int status; /* what agentcore ends with */
	bool executed; /* the command, as far as exec */
	bool timed_out, out_of_memory; /* it was ended for that */
	uint64_t duration_us;
	struct cgroup_usage usage; /* what is not known is zero */
	struct cgroup_events events;
};

/* options: complete, with the sandbox's policy and the limits of this execution laid over policy.execution. */
void execution_init(struct execution *execution, const struct run_options *options, const struct target *target);

/* 0, with the command on its way (execution_monitor finds out), or a negative errno with err set. */
int execution_start(struct execution *execution, struct error *err);

/* Watch it until it ends, and end what it has left behind.  err is set where the start failed inside. */
void execution_monitor(struct execution *execution, struct execution_end *end, struct error *err);

/* Remove its cgroup, close everything; also after a failed start, not before execution_init. */
void execution_clear(struct execution *execution);

#endif
