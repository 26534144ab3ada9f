/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the monitor share: monitor.c (the loop), limit_events.c (the limits' events). */
#ifndef RECIPE_MONITOR_PRIVATE_H
#define RECIPE_MONITOR_PRIVATE_H

#include <time.h>

#include "recipe/control.h"
#include "recipe/monitor.h"
#include "recipe/record.h"
#include "recipe/terminal.h"

struct monitor {
	struct sandbox *sandbox;
	struct error *err;
	int epoll;
	struct source init, report, signals, wall;
	struct source control, input, output; /* the terminal's */
	struct source memory, processes, look; /* the limits' */
	struct source denied, resolver; /* the network's */
	struct control *requests; /* of the other subcommands; NULL before CMD runs */
	struct terminal terminal;
	struct timespec since; /* when CMD was executed, CLOCK_MONOTONIC */
	bool running, ended, timed_out;
	bool breached[BREACH_COUNT]; /* on record already */
};

/* End the sandbox at once. */
void monitor_kill(const struct monitor *monitor);

/* Watch for the events of memory, processes and storage.  0 or a negative errno. */
int limit_events_watch(struct monitor *monitor);

/* The sandbox has ended with this status: put on record what was not noticed while it ran, the throttling, and the end. */
void limit_events_conclude(struct monitor *monitor, int status);

void limit_events_close(struct monitor *monitor);

#endif
