/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a session, for session.c (life) and session_talk.c (questions and answers). */
#ifndef HARNESS_SESSION_PRIVATE_H
#define HARNESS_SESSION_PRIVATE_H

#include "harness/session.h"

#define SESSION_ERRORS_MAX  1024
#define SESSION_REQUEST_MAX 1024
#define SESSION_ANSWER_MAX  (1024 * 1024)
#define PROBE_DEFAULT_MS    2000
/* Beyond the probe's own limit: the way there and back, and a machine that is busy. */
#define ANSWER_GRACE_MS 5000

struct session {
	struct adapter *adapter;
	struct adapter_launch launch;
	char token[48];
	char *command[4];
	pid_t pid; /* 0 once reaped */
	int wait_status;
	int in_fd, out_fd, err_fd; /* the probe's input, output and errors: our ends; -1 when closed */

	struct question *questions;
	size_t count, sent, answered;
	char request[SESSION_REQUEST_MAX]; /* the line being written */
	size_t request_length, request_written;
	char *answer; /* what has come of the next answers */
	size_t answer_length, answer_allocated;
	uint64_t head_since_us; /* since when the first unanswered question is being waited for */
	bool dead;
	const char *dead_reason; /* where it is known without the runtime's exit */

	char errors[SESSION_ERRORS_MAX];
	size_t errors_length;
	struct host_context host;
};

uint64_t clock_us(void);

/* session_talk.c: write what can be written, read what can be read; never blocks. */
void talk_write(struct session *session);
void talk_read(struct session *session);
void talk_read_errors(struct session *session);
void talk_check_deadline(struct session *session, uint64_t now_us);

/* Milliseconds until the first unanswered question is overdue; -1: nothing waits. */
int talk_remaining_ms(const struct session *session, uint64_t now_us);

/* Close *fd and make it -1. */
void close_fd(int *fd);

#endif
