/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's loop: one epoll instance, one event a turn, so that a source that is forgotten in one callback is never
 * called by another.
 */
#ifndef RECIPE_MONITOR_H
#define RECIPE_MONITOR_H

#include <stdint.h>

#include "base/error.h"
#include "recipe/sandbox.h"

struct monitor;

/* Something that the loop waits for.  The struct is the caller's, and stays where it is while it is watched. */
struct source {
	int fd; /* -1: not watched */
	void (*ready)(struct monitor *monitor, struct source *source, uint32_t events);
	void *data;
};

/* Watch source->fd for EPOLLIN, EPOLLPRI, ...; epoll_ctl(2).  0 or a negative errno. */
int monitor_watch(struct monitor *monitor, struct source *source, uint32_t events);

/* Stop watching; closes nothing.  source->fd is -1 afterwards; returns what it was. */
int monitor_forget(struct monitor *monitor, struct source *source);

const struct sandbox *monitor_sandbox(const struct monitor *monitor);

/*
 * A limit has changed: the wall clock is set anew, to so many seconds from the start of CMD; of the others, which are the
 * cgroup's, the new value is what goes on record.  0 or a negative errno.
 */
int monitor_set_limit(struct monitor *monitor, enum limit limit, double value);

#endif
