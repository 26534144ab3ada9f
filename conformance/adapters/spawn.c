/* SPDX-License-Identifier: Apache-2.0 */
#include "adapters/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/signals.h"

char *const spawn_inside_environment[] = {
	(char[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	(char[]){"HOME=/workspace"},
	(char[]){"LANG=C.UTF-8"},
	(char[]){"TERM=dumb"},
	NULL,
};

static long clone3_fork(uint64_t namespaces)
{
	struct clone_args args = {.flags = namespaces, .exit_signal = SIGCHLD};
	return syscall(SYS_clone3, &args, sizeof(args));
}

/* Move the four descriptors to 0..3.  They are lifted out of the way first: any of them may sit on another's number. */
static int place_descriptors(const struct spawn *spawn, int error_fd)
{
	int source[] = {spawn->stdin_fd, spawn->stdout_fd, spawn->stderr_fd, error_fd};
	for (int i = 0; i < 4; i++) {
		source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, 16);
		if (source[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 4; i++) {
		if (dup3(source[i], i, i == SPAWN_ERROR_FD ? O_CLOEXEC : 0) < 0)
			return -errno;
	}
	return close_range(SPAWN_ERROR_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* A parent that died before the prctl would never be noticed: hence the look at its pidfd afterwards. */
static int die_with_parent(int parent_pidfd)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	struct pollfd poll_fd = {.fd = parent_pidfd, .events = POLLIN};
	return poll(&poll_fd, 1, 0) == 0 ? 0 : -ESRCH;
}

static int enter_network(pid_t pid, struct error *err)
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || setns(fd, CLONE_NEWNET) < 0 ? error_set(err, errno, "enter %s", path) : 0;
}

static int child_steps(const struct spawn *spawn, int parent_pidfd, int error_fd, struct error *err)
{
	int r = die_with_parent(parent_pidfd);
	if (r < 0)
		return error_set(err, -r, "parent-death signal");
	r = signals_reset();
	if (r < 0)
		return error_set(err, -r, "signals");
	if (setsid() < 0)
		return error_set(err, errno, "setsid");
	r = spawn->network_of ? enter_network(spawn->network_of, err) : 0;
	if (r < 0)
		return r;
	r = place_descriptors(spawn, error_fd);
	if (r < 0)
		return error_set(err, -r, "descriptors of %s", spawn->argv[0]);
	if (spawn->prepare) {
		r = spawn->prepare(spawn->data, err);
		if (r < 0)
			return r;
	}
	(void)execve(spawn->argv[0], spawn->argv, spawn->envp ? spawn->envp : environ);
	return error_set(err, errno, "execute %s", spawn->argv[0]);
}

static _Noreturn void child_main(const struct spawn *spawn, int parent_pidfd, int error_fd)
{
	struct error err = {0};
	(void)child_steps(spawn, parent_pidfd, error_fd, &err);
	/* The pipe is at its own number until place_descriptors has run; after that number is closed, at SPAWN_ERROR_FD. */
	if (io_write_all(error_fd, &err, sizeof(err)) < 0)
		(void)io_write_all(SPAWN_ERROR_FD, &err, sizeof(err));
	_exit(127);
}

int spawn_start(const struct spawn *spawn, pid_t *pid, struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	_cleanup_fd_ int read_end = ends[0];
	_cleanup_fd_ int write_end = ends[1];
	_cleanup_fd_ int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (self < 0)
		return error_set(err, errno, "pidfd_open");

	pid_t child = (pid_t)clone3_fork(spawn->namespaces);
	if (child < 0)
		return error_set(err, errno, "clone3");
	if (child == 0)
		child_main(spawn, self, write_end);

	cleanup_fd(&write_end);
	write_end = -1;
	struct error failure = {0};
	ssize_t got = io_read_all(read_end, &failure, sizeof(failure));
	if (got == 0) { /* closed by exec */
		*pid = child;
		return 0;
	}
	(void)waitpid(child, NULL, 0);
	if (got != (ssize_t)sizeof(failure) || failure.code <= 0)
		return error_say(err, EPROTO, "%s: the child died before exec", spawn->argv[0]);
	if (err && !err->code)
		*err = failure;
	return -failure.code;
}

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Read until every writer is gone or the deadline has passed: 0 or -ETIMEDOUT. */
static int drain(int fd, int64_t deadline, char *output, size_t size)
{
	size_t used = 0;
	char spill[4096];
	for (;;) {
		int64_t left = deadline - now_ms();
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		int ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return -ETIMEDOUT;
		bool room = used + 1 < size;
		ssize_t got = read(fd, room ? output + used : spill, room ? size - 1 - used : sizeof(spill));
		if (got <= 0)
			return 0;
		if (room) {
			used += (size_t)got;
			output[used] = '\0';
		}
	}
}

static int wait_until(pid_t pid, int64_t deadline, int *status)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int64_t left = deadline - now_ms();
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	bool over = poll(&poll_fd, 1, left > 0 ? (int)left : 0) > 0;
	if (!over)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return over ? 0 : -ETIMEDOUT;
}

int spawn_wait(const struct spawn *spawn, int timeout_ms, int *status, struct error *err)
{
	pid_t pid = 0;
	int r = spawn_start(spawn, &pid, err);
	if (r < 0)
		return r;
	r = wait_until(pid, now_ms() + timeout_ms, status);
	return r < 0 ? error_set(err, -r, "%s", spawn->argv[0]) : 0;
}

int spawn_capture_of(const struct spawn *spawn, int timeout_ms, char *output, size_t size, int *status,
		     struct error *err)
{
	output[0] = '\0';
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	_cleanup_fd_ int read_end = ends[0];
	_cleanup_fd_ int write_end = ends[1];
	_cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0)
		return error_set(err, errno, "open /dev/null");

	struct spawn caught = *spawn;
	caught.stdin_fd = null;
	caught.stdout_fd = caught.stderr_fd = write_end;
	pid_t pid = 0;
	int r = spawn_start(&caught, &pid, err);
	if (r < 0)
		return r;
	cleanup_fd(&write_end);
	write_end = -1;
	int64_t deadline = now_ms() + timeout_ms;
	/* A program may leave a descendant holding the pipe: then the drain ends by the deadline, and so does the wait. */
	(void)drain(read_end, deadline, output, size);
	r = wait_until(pid, deadline, status);
	return r < 0 ? error_set(err, -r, "%s", spawn->argv[0]) : 0;
}

int spawn_capture(char *const *argv, int timeout_ms, char *output, size_t size, int *status, struct error *err)
{
	return spawn_capture_of(&(struct spawn){.argv = argv}, timeout_ms, output, size, status, err);
}

char **spawn_build_argv(const char *const *prefix, size_t count, const char *tools, char *const *command)
{
	size_t words = 0;
	while (command[words])
		words++;
	char **argv = calloc(count + words + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	for (size_t i = 0; i < count + words; i++) {
		int r = 0;
		if (i == count)
			r = asprintf(&argv[i], "%s/%s", tools, command[0]);
		else if (!(argv[i] = strdup(i < count ? prefix[i] : command[i - count])))
			r = -1;
		if (r < 0) {
			argv[i] = NULL;
			spawn_free_argv(argv);
			return NULL;
		}
	}
	return argv;
}

void spawn_free_argv(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}
