/* SPDX-License-Identifier: Apache-2.0 */
/* One sandbox of a trial: its start, what it says, its end. */
#ifndef HARNESS_TRIAL_SIDE_H
#define HARNESS_TRIAL_SIDE_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "harness/adapter.h"
#include "harness/members.h"
#include "harness/trial.h"

#define TRIAL_WORDS_MAX   32
#define TRIAL_LINE_MAX    4096
#define TRIAL_ERRORS_MAX  512
#define TRIAL_OUTPUT_MAX  (1 << 20)
#define TRIAL_DEPARTED_MS 2000

struct trial_side {
	struct adapter *adapter;
	struct adapter_launch launch;
	char name[48]; /* the sandbox's */
	char token[56]; /* last word of the command: the name; of an execution another word */
	char *load; /* the words of the command, cut apart */
	char *command[TRIAL_WORDS_MAX + 1];

	pid_t pid; /* of the runtime; 0: not started, or reaped */
	int pidfd, in_fd, out_fd, err_fd; /* in_fd: open until the load shall go on, where takes_input */
	bool takes_input;
	bool started, ready, ended, departed; /* departed: ended, and nobody of it lives, or its time is over */
	int wait_status;
	uint64_t start_us, ready_us, end_us;
	unsigned survivors;
	int64_t survivors_gone_ms;

	json_t *facts; /* what the load said */
	char line[TRIAL_LINE_MAX];
	size_t line_length, read;
	char errors[TRIAL_ERRORS_MAX];
	size_t errors_length;
};

/* Lay it out; starts nothing.  0 or a negative errno with err set; trial_side_clear also after a failure. */
int trial_side_init(struct trial_side *side, struct adapter *adapter, const struct adapter_launch *launch,
		    const char *load, enum trial_tier tier, struct error *err);

int trial_side_start(struct trial_side *side, struct error *err);

/* What poll(2) shall look at: fills in up to 3 entries; how many. */
size_t trial_side_polls(const struct trial_side *side, struct pollfd *fds);

/*
 * Take in what there is, never blocking: output, then the runtime's end, then who has outlived it.  namespaces: as in struct members.
 */
void trial_side_advance(struct trial_side *side, const json_t *namespaces);

/* The facts of trial.h but the residue, each key with the prefix before it, into facts. */
void trial_side_tell(const struct trial_side *side, const char *prefix, json_t *facts);

/* Kill everybody of it, reap the runtime, and let the adapter finish.  What has been started must be ended before the clear. */
void trial_side_end(struct trial_side *side, const json_t *namespaces);

void trial_side_clear(struct trial_side *side);

#endif
