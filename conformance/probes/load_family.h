/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are hard to find and to end: shared by the loads that outlast a deadline and those that leave a mess. */
#ifndef PROBES_LOAD_FAMILY_H
#define PROBES_LOAD_FAMILY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/load.h"

struct family {
	int64_t until_ms; /* CLOCK_MONOTONIC: when its members end by themselves */
	int expected; /* how many members will say that they are there */
	int ends[2]; /* a pipe in which each writes a byte */
	pid_t stopped[LOAD_PROCESSES_MAX];
	int stopped_count;
};

bool family_open(struct family *family);

/* Add members; false when a fork was refused. */
bool family_add_daemons(struct family *family,
			int count); /* forked twice, in sessions of their own, without descriptors */
bool family_add_orphans(struct family *family, int count); /* their parent has ended */
bool family_add_stopped(struct family *family,
			int count); /* in sessions of their own, so that no orphaned group wakes them */
bool family_add_chain(struct family *family, int64_t every_ms); /* each lives for every_ms and leaves a child */

/* Wait until all have said that they are there. */
bool family_gathered(struct family *family);

void family_kill_stopped(struct family *family);

/* Ignore and block every signal that can be. */
void go_deaf(void);

#endif
