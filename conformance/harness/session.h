/* SPDX-License-Identifier: Apache-2.0 */
/* A live sandbox in which the probe waits for requests. */
#ifndef HARNESS_SESSION_H
#define HARNESS_SESSION_H

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "harness/adapter.h"
#include "harness/requirement.h"

/* What a host probe may look at. */
struct host_context {
	pid_t probe_pid; /* the probe inside, as the host numbers it; 0 when it could not be found */
	const char *token; /* unique word in the probe's command line */
	const struct policy *policy;
};

struct session;

/*
 * Start one sandbox of the given kind.  0 with *session set (end it with session_close); -EOPNOTSUPP with the
 * reason in err where the adapter cannot express the kind; another negative errno when the start failed.
 */
int session_open(struct session **session, struct adapter *adapter, const struct adapter_launch *launch,
		 struct error *err);

/*
 * Ask a request; the answer comes back as *observation with a new reference to its facts (json_decref).
 * timeout_ms bounds the wait.  0, or a negative errno when the session is dead.
 */
int session_ask(struct session *session, const char *request, int timeout_ms, struct observation *observation,
		struct error *err);

const struct host_context *session_host_context(struct session *session);

/*
 * Close the probe's input, wait at most 5 s, end what is left by pid, and reap.  *exit_status gets the
 * runtime's wait status.  Accepts NULL.
 */
void session_close(struct session *session, int *exit_status);

#endif
