/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/identity_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/tools_dir.h"

/* Status words go through a pipe: the errno of a step, 0 for success. */
static void tell(int fd, int code)
{
	(void)!write(fd, &code, sizeof(code));
}

static int hear(int fd, int *code)
{
	ssize_t n;
	do
		n = read(fd, code, sizeof(*code));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*code) ? 0 : -EPROTO;
}

static void wait_for_end(int hold)
{
	char byte;
	while (read(hold, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* Changing ids clears the parent-death signal, so it is set again once prepare is through. */
static void child_main(int (*prepare)(void), int hold, int status)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	int code = prepare();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	tell(status, code);
	wait_for_end(hold);
}

int identity_child_start(struct identity_child *child, int (*prepare)(void))
{
	int hold[2], status[2], code = 0;
	if (pipe2(hold, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)close(hold[1]);
		(void)close(status[0]);
		child_main(prepare, hold[0], status[1]);
	}
	(void)close(hold[0]);
	(void)close(status[1]);
	*child = (struct identity_child){pid, hold[1]};
	int r = hear(status[0], &code);
	(void)close(status[0]);
	if (r == 0 && code == 0)
		return 0;
	identity_child_end(child);
	return r < 0 ? r : -code;
}

void identity_child_end(struct identity_child *child)
{
	(void)close(child->hold);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

struct job {
	char path[PATH_MAX];
	char *argv[3];
	int status;
};

/* Returns only when the program could not be executed. */
static void *execute(void *data)
{
	struct job *job = data;
	(void)execv(job->path, job->argv);
	tell(job->status, errno);
	_exit(127);
}

static void exec_child(struct job *job, enum identity_how how, int (*before)(void), int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(out, STDOUT_FILENO);
	int code = before ? before() : 0;
	if (code == 0 && how == IDENTITY_EXEC)
		(void)execute(job);
	pthread_t thread;
	if (code == 0)
		code = pthread_create(&thread, NULL, execute, job);
	if (code == 0)
		(void)pthread_join(thread, NULL);
	tell(job->status, code);
	_exit(127);
}

static size_t read_answer(int fd, char *answer, size_t size)
{
	size_t used = 0;
	while (used < size - 1) {
		ssize_t n = read(fd, answer + used, size - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	answer[used] = '\0';
	return used;
}

static int job_prepare(struct job *job, const char *program, const char *probe)
{
	char dir[PATH_MAX - NAME_MAX];
	int r = tools_dir(dir, sizeof(dir));
	if (r < 0)
		return r;
	(void)snprintf(job->path, sizeof(job->path), "%s/%.64s", dir, program);
	job->argv[0] = job->path;
	job->argv[1] = strdup(probe);
	job->argv[2] = NULL;
	return job->argv[1] ? 0 : -ENOMEM;
}

int identity_exec(const char *program, const char *probe, enum identity_how how, int (*before)(void), char *answer,
		  size_t size)
{
	static struct job job;
	int out[2], status[2], code = 0;
	int r = job_prepare(&job, program, probe);
	if (r < 0)
		return r;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	job.status = status[1];
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		exec_child(&job, how, before, out[1]);
	(void)close(out[1]);
	(void)close(status[1]);
	/* The status pipe is close-on-exec: its end without a word means that the program runs. */
	bool failed = hear(status[0], &code) == 0;
	size_t length = read_answer(out[0], answer, size);
	(void)close(out[0]);
	(void)close(status[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (failed)
		return -code;
	return length > 0 ? 0 : -EPROTO;
}

bool identity_answer_number(const char *answer, const char *key, int64_t *value)
{
	char quoted[64];
	(void)snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	const char *at = strstr(answer, quoted);
	if (!at)
		return false;
	char *end;
	at += strlen(quoted);
	*value = strtoll(at, &end, 10);
	return end != at;
}
