/* SPDX-License-Identifier: Apache-2.0 */
/* A trial's dealings with the test internet: what is watched, what is done from outside, and what arrived. */
#ifndef HARNESS_TRIAL_NETWORK_H
#define HARNESS_TRIAL_NETWORK_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "harness/testnet.h"
#include "harness/trial.h"

#define TRIAL_NETWORK_DNS "198.51.100.53" /* the name server of the test internet */

#define TRIAL_NETWORK_WORDS_MAX 32

/* Whose process and which address stands for a placeholder of network.outside. */
struct trial_network_side {
	const char *token; /* of its load; NULL: there is no such side */
	pid_t pid;
	char address[16]; /* its first address that is not the loopback's; "": it has none */
};

struct trial_network_run {
	struct testnet *testnet;
	const struct trial_network *network; /* ground GROUND_NONE: every function here does nothing */
	struct trial_network_side sides[2]; /* the trial's own, the companion's */
	json_t *facts; /* what is to be told; owned */
	char *filled[TRIAL_NETWORK_WORDS_MAX]; /* words with placeholders, owned */
	size_t filled_count;
	bool peer_watched, outside_done;
};

/* 0, or a negative errno with err set (no test internet).  trial_network_clear also after a failure. */
int trial_network_init(struct trial_network_run *run, struct testnet *testnet, const struct trial_network *network,
		       const char *token, const char *companion_token, struct error *err);

/* A process whose network namespace side 0 or 1 is started in; 0: not on the test internet. */
pid_t trial_network_of(const struct trial_network_run *run, size_t side);

/* Forget what was seen, and look for the token of side 0 from now on.  Before anything is started. */
int trial_network_begin(struct trial_network_run *run, struct error *err);

/* The companion is ready: watch its network as place "peer".  Before the other one is started. */
int trial_network_peer(struct trial_network_run *run, struct error *err);

/* Fill in the placeholders of a load's words, which is about to start: what of the companion is known by then. */
int trial_network_words(struct trial_network_run *run, char **words, struct error *err);

/* The load is ready: do what network.outside says. */
int trial_network_outside(struct trial_network_run *run, struct error *err);

/* It is over: what arrived at the victims, into facts. */
int trial_network_seen(struct trial_network_run *run, struct error *err);

void trial_network_clear(struct trial_network_run *run);

#endif
