/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of use to every suite: noop, and exec for running a command. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probes/facts.h"
#include "probes/probe.h"
#include "probes/tools_dir.h"

#define CAPTURE_MAX 200

static int run_noop(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	fact_number(facts, "ret", 0);
	fact_number(facts, "errno", 0);
	return 0;
}

static const struct probe noop = {"noop", "", "does nothing: shows that the probe is alive", run_noop};
PROBE(noop);

struct capture {
	int fd;
	char text[CAPTURE_MAX + 1];
	size_t used;
};

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Read on past what is kept: a command must not be stopped by a full pipe. */
static void drain(struct capture *capture)
{
	char buffer[4096];
	ssize_t n = read(capture->fd, buffer, sizeof(buffer));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		(void)close(capture->fd);
		capture->fd = -1;
		return;
	}
	size_t room = CAPTURE_MAX - capture->used, keep = (size_t)n < room ? (size_t)n : room;
	memcpy(capture->text + capture->used, buffer, keep);
	capture->used += keep;
}

/* A word that cannot be expanded stays as it is, and the command fails on it. */
static void expand_tools(char **argv)
{
	char word[PATH_MAX];
	for (; *argv; argv++)
		if (tools_dir_expand(*argv, word, sizeof(word)) == 0)
			*argv = strdup(word);
}

static void run_command(char **argv, int out, int error, struct facts *facts)
{
	(void)setpgid(0, 0);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(error, STDERR_FILENO);
	expand_tools(argv);
	execvp(argv[0], argv);
	fact_number(facts, "exec_errno", errno);
	_exit(127);
}

/*
 * Collect output until the command is gone or the time is up; its wait status in *status.
 * The end of both pipes normally wakes the poll; the short timeout is for commands that close or pass on theirs.
 */
static bool collect(pid_t child, struct capture captures[2], int limit_ms, int *status)
{
	int64_t end = now_ms() + limit_ms;
	while (waitpid(child, status, WNOHANG) == 0) {
		if (now_ms() >= end)
			return false;
		struct pollfd fds[2] = {{captures[0].fd, POLLIN, 0}, {captures[1].fd, POLLIN, 0}};
		(void)poll(fds, 2, captures[0].fd < 0 && captures[1].fd < 0 ? 2 : 20);
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				drain(&captures[i]);
	}
	return true;
}

static void drain_rest(struct capture *capture)
{
	struct pollfd fd = {capture->fd, POLLIN, 0};
	while (capture->fd >= 0 && capture->used < CAPTURE_MAX && poll(&fd, 1, 0) > 0)
		drain(capture);
}

static void report(struct facts *facts, struct capture captures[2], bool ended, int status)
{
	fact_text(facts, "stdout", captures[0].text);
	fact_text(facts, "stderr", captures[1].text);
	if (!ended)
		fact_flag(facts, "timed_out", true);
	else if (WIFSIGNALED(status))
		fact_number(facts, "signal", WTERMSIG(status));
	else
		fact_number(facts, "exit", WEXITSTATUS(status));
}

static int run_exec(int argc, char **argv, struct facts *facts)
{
	int limit_ms = argc > 2 ? atoi(argv[1]) : 0;
	if (limit_ms <= 0)
		return 1;
	facts_allow_time(facts, limit_ms + 1000);

	int out[2], error[2];
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(error, O_CLOEXEC) < 0) {
		fact_result(facts, -1);
		return 0;
	}
	pid_t child = fork();
	if (child < 0) {
		fact_result(facts, -1);
		return 0;
	}
	if (child == 0) {
		(void)close(out[0]);
		(void)close(error[0]);
		run_command(argv + 2, out[1], error[1], facts);
	}
	/* On both sides, so that the group exists before anyone signals it. */
	(void)setpgid(child, child);
	(void)close(out[1]);
	(void)close(error[1]);

	struct capture captures[2] = {{.fd = out[0]}, {.fd = error[0]}};
	int status = 0;
	bool ended = collect(child, captures, limit_ms, &status);
	(void)kill(-child, SIGKILL);
	if (!ended)
		(void)waitpid(child, NULL, 0);
	drain_rest(&captures[0]);
	drain_rest(&captures[1]);
	report(facts, captures, ended, status);
	return 0;
}

static const struct probe exec_probe = {
	"exec", "MS ARGV...", "runs a command with no input ({tools} is expanded): exit or signal, stdout, stderr",
	run_exec};
PROBE(exec_probe);
