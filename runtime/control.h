/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's socket, STATEDIR/sandboxes/ID/control: what the other subcommands ask of a live sandbox.
 *
 * SOCK_SEQPACKET, one request and one answer a packet, for processes of our own user only; unix(7).  A connection that has
 * asked for an execution stands for it: when it ends, however its owner ended, the execution is killed and its cgroup removed.
 */
#ifndef RECIPE_CONTROL_H
#define RECIPE_CONTROL_H

#include <stdint.h>

#include "base/error.h"
#include "enforce/cgroup.h"
#include "recipe/monitor.h"

enum control_kind {
	CONTROL_SIGNAL, /* send signal `number` to CMD */
	CONTROL_LIMIT, /* limit `number` (enum limit) is `value` now; the wall clock counts from the start of CMD */
	CONTROL_EXECUTE, /* a number for an execution, which lives as long as this connection */
};

struct control_request {
	uint32_t kind;
	uint32_t number;
	double value;
};

struct control_answer {
	int32_t code; /* 0 or a positive errno */
	uint32_t number; /* CONTROL_EXECUTE: N of the cgroup's name "ID/exec-N" */
};

/* --- The monitor's side --- */

struct control;

/*
 * Listen in `directory` (state->directory).  layout and cgroup, the sandbox's name there, are borrowed; cgroup NULL: no
 * executions.  To be opened when the sandbox's processes are cloned: none of them may have it.  0 with *control (release with control_close), or a negative errno with err set.
 */
int control_open(int directory, const struct cgroup_layout *layout, const char *cgroup, struct control **control,
		 struct error *err);

/* Have the monitor's loop serve it.  0 or a negative errno. */
int control_watch(struct control *control, struct monitor *monitor);

/*
 * End all executions, close everything.  Before the sandbox's own cgroup is removed, and while the monitor's loop can still be told
 * (monitor NULL: it was never watched).  Accepts a NULL control.
 */
void control_close(struct control *control, struct monitor *monitor);

/* --- The side of those who ask --- */

/* Connect to the monitor of the sandbox whose directory this is.  0 with *fd, or a negative errno with err set. */
int control_connect(int directory, int *fd, struct error *err);

/* Ask, and wait at most some seconds for the answer.  0 with *answer (may be NULL), or a negative errno, the answer's too, with err set. */
int control_ask(int fd, const struct control_request *request, struct control_answer *answer, struct error *err);

#endif
