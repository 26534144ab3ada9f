/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/testnet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/signals.h"
#include "harness/session_private.h"

#define READY_MS   20000
#define END_MS     5000
#define ANSWER_MAX (1 << 20)
#define PLACES_MAX 16

struct place {
	char name[16];
	pid_t pid;
	int ns_fd;
};

struct testnet {
	pid_t pid;
	int pidfd, in_fd, out_fd;
	struct place places[PLACES_MAX];
	size_t place_count;
	char *answer; /* what has come of the next one */
	size_t length;
};

/* --- Start ----------------------------------------------------------------------------------------- */

static _Noreturn void child_main(const char *program, pid_t parent, int in, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A parent that died before the prctl would never be noticed. */
	if (getppid() != parent || signals_reset() < 0)
		_exit(127);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(127);
	(void)execl(program, program, "serve", NULL);
	_exit(127);
}

static int start(struct testnet *testnet, const char *program, struct error *err)
{
	int in[2], out[2];
	if (access(program, X_OK) < 0)
		return error_set(err, errno, "%s", program);
	if (pipe2(in, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	testnet->in_fd = in[1];
	_cleanup_fd_ int child_in = in[0];
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	testnet->out_fd = out[0];
	_cleanup_fd_ int child_out = out[1];
	pid_t parent = getpid();
	testnet->pid = fork();
	if (testnet->pid < 0)
		return error_set(err, errno, "fork");
	if (testnet->pid == 0)
		child_main(program, parent, child_in, child_out);
	testnet->pidfd = pidfd_open(testnet->pid, 0);
	return testnet->pidfd < 0 ? error_set(err, errno, "pidfd_open") : 0;
}

/* --- Talk ------------------------------------------------------------------------------------------ */

static int answer_from(const struct testnet *testnet, size_t length, json_t **answer, struct error *err)
{
	json_t *json = json_loadb(testnet->answer, length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return error_say(err, EBADMSG, "the test internet: an answer that is no object: %.*s",
				 (int)(length < 100 ? length : 100), testnet->answer);
	}
	const char *why = json_string_value(json_object_get(json, "error"));
	if (why) {
		(void)error_say(err, EREMOTEIO, "the test internet: %s", why);
		json_decref(json);
		return -EREMOTEIO;
	}
	*answer = json;
	return 0;
}

/* 0 once a whole line is there, its length in *length. */
static int read_line(struct testnet *testnet, int timeout_ms, size_t *length, struct error *err)
{
	uint64_t until = clock_us() + (uint64_t)timeout_ms * 1000;
	for (;;) {
		const char *end = memchr(testnet->answer, '\n', testnet->length);
		if (end) {
			*length = (size_t)(end - testnet->answer);
			return 0;
		}
		if (testnet->length == ANSWER_MAX)
			return error_say(err, EMSGSIZE, "the test internet: an answer without end");
		uint64_t now = clock_us();
		struct pollfd fd = {testnet->out_fd, POLLIN, 0};
		int r = poll(&fd, 1, until > now ? (int)((until - now) / 1000) + 1 : 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return error_say(err, ETIMEDOUT, "the test internet: no answer within %d ms", timeout_ms);
		ssize_t n = read(testnet->out_fd, testnet->answer + testnet->length, ANSWER_MAX - testnet->length);
		if (n == 0)
			return error_say(err, EPIPE, "the test internet has ended (its error output says why)");
		if (n < 0)
			return error_set(err, errno, "the test internet");
		testnet->length += (size_t)n;
	}
}

static int read_answer(struct testnet *testnet, int timeout_ms, json_t **answer, struct error *err)
{
	size_t length = 0;
	int r = read_line(testnet, timeout_ms, &length, err);
	if (r < 0)
		return r;
	r = answer_from(testnet, length, answer, err);
	testnet->length -= length + 1;
	memmove(testnet->answer, testnet->answer + length + 1, testnet->length);
	return r;
}

/* A pipe that nobody reads any more: EPIPE, not the end of the harness. */
static int write_request(const struct testnet *testnet, const char *request)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	_cleanup_free_ char *line = NULL;
	if (strchr(request, '\n'))
		return -EINVAL;
	if (asprintf(&line, "%s\n", request) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	(void)sigaction(SIGPIPE, &ignore, &before);
	int r = io_write_all(testnet->in_fd, line, strlen(line));
	(void)sigaction(SIGPIPE, &before, NULL);
	return r;
}

int testnet_ask(struct testnet *testnet, const char *request, int timeout_ms, json_t **answer, struct error *err)
{
	/* After an answer that did not come, the next line would be taken for another's. */
	if (testnet->in_fd < 0)
		return error_say(err, EPIPE, "the test internet is given up: it failed before");
	int r = write_request(testnet, request);
	if (r < 0)
		(void)error_set(err, -r, "the test internet: %s", request);
	else
		r = read_answer(testnet, timeout_ms, answer, err);
	if (r < 0 && r != -EREMOTEIO && r != -EINVAL)
		close_fd(&testnet->in_fd);
	return r;
}

/* --- Places ---------------------------------------------------------------------------------------- */

static int open_place(struct testnet *testnet, const char *name, pid_t pid, struct error *err)
{
	char path[32];
	struct place *place = &testnet->places[testnet->place_count];
	if (testnet->place_count == PLACES_MAX || strlen(name) >= sizeof(place->name) || pid <= 0)
		return error_say(err, EBADMSG, "the test internet: place %s, pid %d", name, (int)pid);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	place->ns_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (place->ns_fd < 0)
		return error_set(err, errno, "%s of the test internet's %s", path, name);
	(void)snprintf(place->name, sizeof(place->name), "%s", name);
	place->pid = pid;
	testnet->place_count++;
	return 0;
}

static int open_places(struct testnet *testnet, const json_t *ready, struct error *err)
{
	const char *name;
	json_t *pid;
	int r = 0;
	json_object_foreach(json_object_get(ready, "pids"), name, pid)
	{
		r = r < 0 ? r : open_place(testnet, name, (pid_t)json_integer_value(pid), err);
	}
	if (r == 0 && testnet->place_count == 0)
		return error_say(err, EBADMSG, "the test internet: no places");
	return r;
}

static const struct place *find(const struct testnet *testnet, const char *name)
{
	for (size_t i = 0; i < testnet->place_count; i++)
		if (strcmp(testnet->places[i].name, name) == 0)
			return &testnet->places[i];
	return NULL;
}

pid_t testnet_pid(const struct testnet *testnet, const char *place)
{
	const struct place *found = find(testnet, place);
	return found ? found->pid : 0;
}

int testnet_ns(const struct testnet *testnet, const char *place)
{
	const struct place *found = find(testnet, place);
	return found ? found->ns_fd : -1;
}

/* --- Life ------------------------------------------------------------------------------------------ */

int testnet_open(struct testnet **testnet, const char *program, struct error *err)
{
	json_t *ready = NULL;
	struct testnet *opened = calloc(1, sizeof(*opened));
	if (!opened)
		return error_set(err, ENOMEM, "the test internet");
	opened->pidfd = opened->in_fd = opened->out_fd = -1;
	opened->answer = malloc(ANSWER_MAX);
	if (!opened->answer) {
		free(opened);
		return error_set(err, ENOMEM, "the test internet");
	}
	int r = start(opened, program, err);
	r = r < 0 ? r : read_answer(opened, READY_MS, &ready, err);
	r = r < 0 ? r : open_places(opened, ready, err);
	json_decref(ready);
	if (r < 0)
		testnet_close(opened);
	else
		*testnet = opened;
	return r;
}

void testnet_close(struct testnet *testnet)
{
	if (!testnet)
		return;
	/* The end of its input ends it. */
	close_fd(&testnet->in_fd);
	for (size_t i = 0; i < testnet->place_count; i++)
		close_fd(&testnet->places[i].ns_fd);
	if (testnet->pid > 0) {
		struct pollfd fd = {testnet->pidfd, POLLIN, 0};
		if (testnet->pidfd < 0 || poll(&fd, 1, END_MS) <= 0)
			(void)kill(testnet->pid, SIGKILL);
		while (waitpid(testnet->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(&testnet->out_fd);
	close_fd(&testnet->pidfd);
	free(testnet->answer);
	free(testnet);
}
