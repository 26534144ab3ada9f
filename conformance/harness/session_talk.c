/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers of a session: see probes/PROTOCOL.md. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "harness/session_private.h"

uint64_t clock_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void session_give_up(struct session *session, const char *reason)
{
	session->dead = true;
	if (!session->dead_reason)
		session->dead_reason = reason;
}

static int limit_of(const struct question *question)
{
	return question->timeout_ms > 0 ? question->timeout_ms : PROBE_DEFAULT_MS;
}

void session_queue(struct session *session, struct question *questions, size_t count)
{
	session->questions = questions;
	session->count = count;
	session->sent = session->answered = 0;
	session->request_length = session->request_written = 0;
	session->head_since_us = clock_us();
	for (size_t i = 0; i < count; i++)
		questions[i].observation = (struct observation){OBSERVED_NOTHING, NULL};
	talk_write(session);
}

size_t session_answered(const struct session *session)
{
	return session->answered;
}

bool session_dead(const struct session *session)
{
	return session->dead;
}

bool session_busy(const struct session *session)
{
	return !session->dead && session->answered < session->count;
}

/* --- Writing ------------------------------------------------------------------------------------- */

/* Put the next question into the line buffer; the id is its place in the batch.  False when all were sent. */
static bool next_request(struct session *session)
{
	if (session->sent == session->count)
		return false;
	const struct question *question = &session->questions[session->sent];
	int length = snprintf(session->request, sizeof(session->request), "@%d %zu %s\n", limit_of(question),
			      session->sent, question->request);
	if (length < 0 || (size_t)length >= sizeof(session->request)) {
		session_give_up(session, "a request is too long");
		return false;
	}
	session->request_length = (size_t)length;
	session->request_written = 0;
	session->sent++;
	return true;
}

void talk_write(struct session *session)
{
	while (!session->dead && session->in_fd >= 0) {
		if (session->request_written == session->request_length && !next_request(session))
			return;
		ssize_t n = write(session->in_fd, session->request + session->request_written,
				  session->request_length - session->request_written);
		if (n < 0 && errno == EINTR)
			continue;
		/* A closed input is no news yet: answers that were sent before it closed are still to be read. */
		if (n < 0 && errno != EAGAIN)
			close_fd(&session->in_fd);
		if (n < 0)
			return;
		session->request_written += (size_t)n;
	}
}

/* --- Reading ------------------------------------------------------------------------------------- */

struct state_row {
	const char *name;
	enum observed_state state;
};

static const struct state_row states[] = {
	{"done", OBSERVED_DONE},          {"signal", OBSERVED_SIGNAL},
	{"timeout", OBSERVED_TIMEOUT},    {"unknown", OBSERVED_UNKNOWN_PROBE},
	{"unforkable", OBSERVED_NOTHING},
};

static bool read_state(json_t *answer, enum observed_state *state)
{
	const char *name = json_string_value(json_object_get(answer, "state"));
	for (size_t i = 0; name && i < ARRAY_SIZE(states); i++) {
		if (strcmp(states[i].name, name) != 0)
			continue;
		*state = states[i].state;
		return true;
	}
	return false;
}

/* One answer line.  Answers come in the order of the questions; anything else is not our probe speaking. */
static void take_answer(struct session *session, const char *line, size_t length)
{
	json_t *answer = json_loadb(line, length, 0, NULL);
	json_t *facts = json_object_get(answer, "facts"), *id = json_object_get(answer, "id");
	enum observed_state state;

	if (session->answered >= session->sent || !json_is_integer(id) ||
	    json_integer_value(id) != (json_int_t)session->answered || !read_state(answer, &state) ||
	    !json_is_object(facts)) {
		session_give_up(session, "what came on the probe's output was not its answer");
		json_decref(answer);
		return;
	}
	uint64_t now = clock_us();
	struct question *question = &session->questions[session->answered++];
	question->observation = (struct observation){state, json_incref(facts)};
	question->duration_us = now - session->head_since_us;
	session->head_since_us = now;
	json_decref(answer);
}

static void take_answers(struct session *session)
{
	char *line = session->answer, *end = session->answer + session->answer_length, *newline;
	while (!session->dead && (newline = memchr(line, '\n', (size_t)(end - line)))) {
		take_answer(session, line, (size_t)(newline - line));
		line = newline + 1;
	}
	session->answer_length = (size_t)(end - line);
	memmove(session->answer, line, session->answer_length);
}

static bool make_room(struct session *session)
{
	if (session->answer_length < session->answer_allocated)
		return true;
	size_t size = session->answer_allocated ? session->answer_allocated * 2 : 65536;
	char *grown = size > SESSION_ANSWER_MAX ? NULL : realloc(session->answer, size);
	if (!grown)
		return false;
	session->answer = grown;
	session->answer_allocated = size;
	return true;
}

void talk_read(struct session *session)
{
	if (!make_room(session)) {
		session_give_up(session, "an answer is too long");
		return;
	}
	ssize_t n = read(session->out_fd, session->answer + session->answer_length,
			 session->answer_allocated - session->answer_length);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close_fd(&session->out_fd);
		session_give_up(session, NULL);
		return;
	}
	session->answer_length += (size_t)n;
	take_answers(session);
}

/* The start is kept, since the cause comes first; the rest is read so that nobody blocks on a full pipe. */
void talk_read_errors(struct session *session)
{
	char buffer[4096];
	ssize_t n = read(session->err_fd, buffer, sizeof(buffer));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close_fd(&session->err_fd);
		return;
	}
	size_t room = sizeof(session->errors) - 1 - session->errors_length;
	size_t keep = (size_t)n < room ? (size_t)n : room;
	memcpy(session->errors + session->errors_length, buffer, keep);
	session->errors_length += keep;
}

/* --- Waiting ------------------------------------------------------------------------------------- */

int talk_remaining_ms(const struct session *session, uint64_t now_us)
{
	if (!session_busy(session))
		return -1;
	int64_t limit_us = (int64_t)(limit_of(&session->questions[session->answered]) + ANSWER_GRACE_MS) * 1000;
	int64_t left = limit_us - (int64_t)(now_us - session->head_since_us);
	return left <= 0 ? 0 : (int)(left / 1000) + 1;
}

void talk_check_deadline(struct session *session, uint64_t now_us)
{
	if (talk_remaining_ms(session, now_us) == 0)
		session_give_up(session, "the sandbox did not answer in time");
}

static short input_events(const struct session *session)
{
	bool waiting = session->request_written < session->request_length || session->sent < session->count;
	return waiting && !session->dead ? POLLOUT : 0;
}

int sessions_wait(struct session *const *sessions, size_t count, int wake_fd, int max_ms)
{
	struct pollfd *fds = calloc(count * 3 + 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	uint64_t now = clock_us();
	for (size_t i = 0; i < count; i++) {
		const struct session *session = sessions[i];
		short events = input_events(session);
		int left = talk_remaining_ms(session, now);
		fds[3 * i] = (struct pollfd){events ? session->in_fd : -1, events, 0};
		fds[3 * i + 1] = (struct pollfd){session->dead ? -1 : session->out_fd, POLLIN, 0};
		fds[3 * i + 2] = (struct pollfd){session->err_fd, POLLIN, 0};
		if (left >= 0 && left < max_ms)
			max_ms = left;
		/* It has nothing to say any more, and its owner should hear of it. */
		if (!session_busy(session))
			max_ms = 0;
	}
	fds[3 * count] = (struct pollfd){wake_fd, POLLIN, 0};

	int r = poll(fds, count * 3 + 1, max_ms);
	now = clock_us();
	for (size_t i = 0; i < count && r >= 0; i++) {
		if (fds[3 * i].revents)
			talk_write(sessions[i]);
		if (fds[3 * i + 2].revents)
			talk_read_errors(sessions[i]);
		if (fds[3 * i + 1].revents)
			talk_read(sessions[i]);
		talk_check_deadline(sessions[i], now);
	}
	free(fds);
	return r < 0 && errno != EINTR ? -errno : 0;
}
