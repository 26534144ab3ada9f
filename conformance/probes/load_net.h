/* SPDX-License-Identifier: Apache-2.0 */
/* The load `net`: steps on the network, each of a kind (PROTOCOL.md). */
#ifndef PROBES_LOAD_NET_H
#define PROBES_LOAD_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/load.h"

#define NET_STEPS_MAX   24
#define NET_WORDS_MAX   6
#define NET_ANSWERS_MAX 64
#define NET_STEP_MS     2000
#define NET_ECHO_MS     300
#define NET_MANY_MAX    1000
#define NET_SKIPPED     (-1)

struct net_kind;

struct net_step {
	unsigned number; /* from 1 */
	const struct net_kind *kind;
	const char *words[NET_WORDS_MAX]; /* behind the kind's name; NULL: not given */
	unsigned count;
	int fd; /* what it keeps; -1: nothing */
};

struct net_run {
	struct net_step steps[NET_STEPS_MAX];
	size_t count;
	struct in_addr answers[NET_ANSWERS_MAX]; /* of the last question */
	unsigned answer_count;
	bool ready;
};

struct net_kind {
	const char *name;
	unsigned least, most; /* words */
	/* 0, the errno that came of it, or NET_SKIPPED. */
	int (*run)(struct net_run *run, struct net_step *step);
	int type; /* SOCK_STREAM, SOCK_DGRAM: where one function serves both */
	bool keeps; /* the descriptor, for `again` */
};

/* Announces kinds of steps: an array, and how many. */
struct net_kinds {
	const struct net_kind *rows;
	size_t count;
};
#define NET_KINDS(array)                                                                                               \
	static const struct net_kinds kinds_of_##array = {array, sizeof(array) / sizeof((array)[0])};                  \
	static const struct net_kinds *const net_kinds_##array __attribute__((used, section("net_kinds"))) =           \
		&kinds_of_##array

/* --- Telling --------------------------------------------------------------------------------------- */

/* A fact of the step; text is plain: no quotes. */
void net_number(const struct net_step *step, const char *key, int64_t value);
void net_text(const struct net_step *step, const char *key, const char *text);

/* --- Addresses and waiting ------------------------------------------------------------------------- */

/* An address as text or `@N`, and a port.  0 or NET_SKIPPED. */
int net_address(const struct net_run *run, const char *address, const char *port, struct sockaddr_in *to);

int net_port(const char *text);

/* Wait for events (poll(2)) until the deadline (load_now_ms): 0, ETIMEDOUT. */
int net_wait(int fd, short events, int64_t deadline);

/* --- Exchanges ------------------------------------------------------------------------------------- */

/* A socket of the type, connected until the deadline; -1 with errno. */
int net_connect(int type, const struct sockaddr *to, socklen_t length, int64_t deadline);

/* Send the token, and wait until it comes back: tells bytes, and the banner before them.  0 or an errno. */
int net_echo_stream(const struct net_step *step, int fd, bool sent, int64_t deadline);
int net_echo_datagram(const struct net_step *step, int fd, int64_t deadline);

#endif
