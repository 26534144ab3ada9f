/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a sandbox's directory; fcntl(2), open file description locks, which the kernel drops however the holder ends. */
#ifndef RECIPE_STATE_LOCK_H
#define RECIPE_STATE_LOCK_H

#include <stdbool.h>

enum state_hold_as {
	HOLD_NEW, /* of a directory that nobody else has seen: makes the lock file */
	HOLD_TO_LIVE, /* a monitor, for its sandbox's life */
	HOLD_TO_RECLAIM, /* for the moment that it takes to remove what a dead one has left */
};

struct state_hold {
	int directory, lock;
};

/*
 * Open and lock the directory `name` below sandboxes, sure that it still has that name afterwards.
 * 0 with *hold; -EBUSY when a monitor has it, -EAGAIN when a reclaimer has it, -ENOENT when it is gone or going; or another negative errno.
 */
int state_hold(int sandboxes, const char *name, enum state_hold_as as, struct state_hold *hold);

void state_let_go(struct state_hold *hold);

/* Wait until the reclaimer that has `name` is done with it, at most timeout_ms. */
void state_await_reclaimer(int sandboxes, const char *name, int timeout_ms);

#endif
