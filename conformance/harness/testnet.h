/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness's side of the test internet (fixtures/network/README.md): one `testnet serve` for a run, started when the first
 * trial needs it.  When the harness dies, it dies.
 */
#ifndef HARNESS_TESTNET_H
#define HARNESS_TESTNET_H

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"

struct testnet; /* opaque */

/* Start program ("testnet", beside the suite's own) and wait, bounded, until it is ready.  0, or a negative errno with err set. */
int testnet_open(struct testnet **testnet, const char *program, struct error *err);

/* The pid that holds a place's namespaces ("host", "world", "lan", "bare", "bare2"); 0: no such place. */
pid_t testnet_pid(const struct testnet *testnet, const char *place);

/* A descriptor of a place's network namespace, borrowed; -1: no such place. */
int testnet_ns(const struct testnet *testnet, const char *place);

/* One request; *answer is a new reference, never with "error" (that becomes err).  Waits at most timeout_ms.  0 or a negative errno with err set. */
int testnet_ask(struct testnet *testnet, const char *request, int timeout_ms, json_t **answer, struct error *err);

/* End it and reap it.  Accepts NULL. */
void testnet_close(struct testnet *testnet);

#endif
