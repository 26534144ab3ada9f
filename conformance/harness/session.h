/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A live sandbox in which the probe waits for requests.
 *
 * Sessions do not block: questions are queued, and sessions_wait() moves all sessions on at once from one
 * thread.  session_ask() is the simple way for a single question.
 */
#ifndef HARNESS_SESSION_H
#define HARNESS_SESSION_H

#include <jansson.h>
#include <stdint.h>
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

/* One request and, once answered, what came back. */
struct question {
	const char *request; /* PROTOCOL.md, without limit and id */
	int timeout_ms; /* of the probe; 0: 2000 */
	struct observation
		observation; /* facts: a reference of the question's own (json_decref); NULL without an answer */
	uint64_t duration_us; /* from the answer before to this one */
};

/*
 * Start one sandbox of the given kind; stdin_fd, stdout_fd, stderr_fd and command of *launch are the session's own
 * and need not be set.  0 with *session set (end it with session_close); -EOPNOTSUPP with the reason in err where
 * the adapter cannot express the kind; another negative errno when the start failed.  That the probe really
 * came up shows with the first answer.
 */
int session_open(struct session **session, struct adapter *adapter, const struct adapter_launch *launch,
		 struct error *err);

/* Queue questions, which are borrowed until they are answered.  Only one batch at a time. */
void session_queue(struct session *session, struct question *questions, size_t count);

/* How many questions of the batch have been answered; and whether some still wait (false also when it is dead). */
size_t session_answered(const struct session *session);
bool session_busy(const struct session *session);
bool session_dead(const struct session *session);

/*
 * Wait until one of the sessions has something to say, at most max_ms, and take it in.  wake_fd (-1: none)
 * ends the wait when it becomes readable.  0 or a negative errno (poll(2)).
 */
int sessions_wait(struct session *const *sessions, size_t count, int wake_fd, int max_ms);

/*
 * Ask one request and wait; the answer comes back as *observation with a new reference to its facts (json_decref).
 * timeout_ms bounds the probe.  0, or a negative errno with err set when the session is dead.
 */
int session_ask(struct session *session, const char *request, int timeout_ms, struct observation *observation,
		struct error *err);

/* Finds the probe's host pid on first use: ask while no question waits. */
const struct host_context *session_host_context(struct session *session);

/*
 * Why the session died: the runtime's exit status and the start of its error output.  Waits up to two seconds for
 * its end.
 */
void session_describe_death(struct session *session, char *text, size_t size);

/* Treat the session as dead: session_close will not wait for what it still has to do.  reason is borrowed. */
void session_give_up(struct session *session, const char *reason);

/*
 * Close the probe's input, wait at most 5 s, end what is left by pid, and reap.  *exit_status (may be NULL) gets the
 * runtime's wait status.  Accepts NULL.
 */
void session_close(struct session *session, int *exit_status);

#endif
