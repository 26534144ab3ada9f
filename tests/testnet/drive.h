/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the built program, as the suite's harness does, and goes into its places. */
#ifndef TEST_TESTNET_DRIVE_H
#define TEST_TESTNET_DRIVE_H

#include <arpa/inet.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "testnet/netns.h"

#define PROGRAM   BUILD_DIR "/testnet"
#define ANSWER_MS 20000
#define TOKEN     "tok-7f3a9c"

struct drive {
	pid_t pid;
	int in;
	FILE *out;
	json_t *ready;
};

static inline int64_t drive_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The next answer: the caller's. */
static inline json_t *drive_answer(struct drive *drive)
{
	char *line = NULL;
	size_t size = 0;
	struct pollfd fd = {fileno(drive->out), POLLIN, 0};
	assert_int_equal(poll(&fd, 1, ANSWER_MS), 1);
	assert_true(getline(&line, &size, drive->out) > 0);
	json_t *answer = json_loads(line, 0, NULL);
	free(line);
	assert_true(json_is_object(answer));
	return answer;
}

static inline json_t *drive_ask(struct drive *drive, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline json_t *drive_ask(struct drive *drive, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	assert_true(vdprintf(drive->in, format, args) >= 0);
	va_end(args);
	assert_int_equal(write(drive->in, "\n", 1), 1);
	return drive_answer(drive);
}

/* A request that is done; the number of that name in its answer. */
static inline json_int_t drive_done(struct drive *drive, const char *request, const char *number)
{
	json_t *answer = drive_ask(drive, "%s", request);
	const char *error = json_string_value(json_object_get(answer, "error"));
	if (error)
		print_error("%s: %s\n", request, error);
	assert_null(error);
	assert_int_equal(json_integer_value(json_object_get(answer, "ok")), 1);
	json_int_t value = json_integer_value(json_object_get(answer, number));
	json_decref(answer);
	return value;
}

static inline void drive_start(struct drive *drive)
{
	int in[2], out[2];
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	drive->pid = fork();
	assert_true(drive->pid >= 0);
	if (drive->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)close_range(STDERR_FILENO + 1, ~0U, 0);
		(void)execl(PROGRAM, PROGRAM, "serve", NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	drive->in = in[1];
	drive->out = fdopen(out[0], "r");
	assert_non_null(drive->out);
	/* Nothing is read ahead, so that poll() tells the truth. */
	(void)setvbuf(drive->out, NULL, _IONBF, 0);
	drive->ready = drive_answer(drive);
}

/* Its exit status. */
static inline int drive_end(struct drive *drive)
{
	int status = -1;
	(void)close(drive->in);
	assert_int_equal(waitpid(drive->pid, &status, 0), drive->pid);
	(void)fclose(drive->out);
	json_decref(drive->ready);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline pid_t drive_pid(const struct drive *drive, const char *place)
{
	return (pid_t)json_integer_value(json_object_get(json_object_get(drive->ready, "pids"), place));
}

/* A socket in a place. */
static inline int drive_socket(const struct drive *drive, const char *place, int domain, int type)
{
	struct error err = {0};
	_cleanup_fd_ int ns = netns_open(drive_pid(drive, place), &err);
	assert_true(ns >= 0);
	int fd = netns_socket(ns, domain, type, 0);
	assert_true(fd >= 0);
	struct timeval patience = {10, 0};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

/* Connected from a place; -1 with errno. */
static inline int drive_connect(const struct drive *drive, const char *place, int type, const char *address, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
	assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
	_cleanup_fd_ int fd = drive_socket(drive, place, AF_INET, type);
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	return TAKE_FD(fd);
}

/* What comes until it holds the end; 0-terminated. */
static inline void drive_read(int fd, const char *end, char *text, size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	while (!strstr(text, end) && used + 1 < size) {
		ssize_t n = recv(fd, text + used, size - 1 - used, 0);
		if (n <= 0)
			break;
		used += (size_t)n;
		text[used] = '\0';
	}
}

#endif
