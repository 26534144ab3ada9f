/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor of an execution: one poll loop over its command, the start's report, signals, limits and the terminal. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "recipe/command_options.h"
#include "recipe/commands.h"
#include "recipe/exec.h"
#include "recipe/faults.h"
#include "recipe/terminal.h"

#define KILL_MS 5000

enum source_number {
	COMMAND,
	REPORT,
	SIGNALS,
	WALL,
	MEMORY,
	CONTROL,
	INPUT,
	OUTPUT,
	SOURCES,
};

struct loop {
	struct execution *execution;
	struct execution_end *end;
	struct error *err;
	int signals, wall, memory;
	short memory_events;
	struct terminal terminal;
	struct timespec since;
};

static void end_execution(const struct loop *loop)
{
	struct error err = {0};

	if (fault_wished("break", FAULT_EXEC_FATAL))
		(void)pidfd_signal(loop->execution->target->record.init_fd, SIGKILL, NULL);
	/* Everybody in it, double-forked, stopped or deaf to SIGTERM; the sandbox goes on. */
	if (!fault_wished("break", FAULT_EXEC_FIRST_PROCESS) &&
	    cgroup_kill(loop->execution->cgroup, KILL_MS, &err) == 0)
		return;
	/* The end of the connection makes the sandbox's monitor try it, too. */
	error_print(&err, "agentcore", STDERR_FILENO);
	(void)kill(loop->execution->command, SIGKILL);
}

static void give_up(struct loop *loop, int code, const char *what)
{
	(void)error_set(loop->err, code, "%s", what);
	error_stage(loop->err, "monitor");
	end_execution(loop);
}

static void start_clock(struct loop *loop)
{
	const struct limits *limits = &loop->execution->limits;

	(void)clock_gettime(CLOCK_MONOTONIC, &loop->since);
	loop->end->executed = true;
	if (!limits->set[LIMIT_WALL_SECONDS])
		return;
	double seconds = limits->value[LIMIT_WALL_SECONDS] * (fault_wished("break", FAULT_EXEC_WALL_DOUBLED) ? 2 : 1);
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)}};
	if (timerfd_settime(loop->wall, 0, &when, NULL) < 0)
		give_up(loop, errno, "wall clock");
}

/* The report pipe ends when the command is executed, or carries the error of the step that failed. */
static void read_report(struct loop *loop)
{
	struct sandbox *sandbox = &loop->execution->sandbox;
	struct error failure;
	ssize_t n = io_read_all(sandbox->report, &failure, sizeof(failure));

	if (n == (ssize_t)sizeof(failure) && failure.code)
		*loop->err = failure;
	else if (n == 0)
		start_clock(loop);
	else
		give_up(loop, n < 0 ? (int)-n : EPROTO, "report of the start");
	(void)close(TAKE_FD(sandbox->report));
}

static void forward_signal(struct loop *loop)
{
	struct signalfd_siginfo info;

	if (read(loop->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH && loop->execution->sandbox.terminal >= 0)
		terminal_resize(&loop->terminal);
	(void)pidfd_signal(loop->execution->command_fd, (int)info.ssi_signo, NULL);
}

static void read_memory_events(struct loop *loop)
{
	struct cgroup_events events;

	/* The file of v2 also tells of reclaim at the limit, which is no breach. */
	if (cgroup_read_events(loop->execution->cgroup, &events) == 0 && events.memory_kills == 0)
		return;
	/* The kernel kills one process (v1); the others of the execution go with it. */
	loop->end->out_of_memory = true;
	end_execution(loop);
}

static void receive_terminal(struct loop *loop)
{
	struct sandbox *sandbox = &loop->execution->sandbox;
	int master;
	int r = io_receive_descriptors(sandbox->control, &master, 1);

	(void)close(TAKE_FD(sandbox->control));
	if (r < 0)
		return;
	sandbox->terminal = master;
	terminal_start(&loop->terminal, master);
}

/* One turn; false when the command has ended. */
static bool turn(struct loop *loop)
{
	struct sandbox *sandbox = &loop->execution->sandbox;
	struct pollfd fds[SOURCES] = {
		[COMMAND] = {.fd = loop->execution->command_fd, .events = POLLIN},
		[REPORT] = {.fd = sandbox->report, .events = POLLIN},
		[SIGNALS] = {.fd = loop->signals, .events = POLLIN},
		[WALL] = {.fd = loop->wall, .events = POLLIN},
		[MEMORY] = {.fd = loop->memory, .events = loop->memory_events},
		[CONTROL] = {.fd = sandbox->options->terminal ? sandbox->control : -1, .events = POLLIN},
		[INPUT] = {.fd = terminal_input(&loop->terminal), .events = POLLIN},
		[OUTPUT] = {.fd = terminal_output(&loop->terminal), .events = POLLIN},
	};

	if (poll(fds, SOURCES, -1) < 0)
		return true; /* EINTR */
	if (fds[REPORT].revents)
		read_report(loop);
	if (fds[SIGNALS].revents)
		forward_signal(loop);
	if (fds[WALL].revents) {
		loop->end->timed_out = true;
		end_execution(loop);
		(void)close(TAKE_FD(loop->wall));
	}
	if (fds[MEMORY].revents)
		read_memory_events(loop);
	if (fds[CONTROL].revents)
		receive_terminal(loop);
	if (fds[INPUT].revents)
		terminal_from_user(&loop->terminal);
	if (fds[OUTPUT].revents)
		terminal_to_user(&loop->terminal);
	return !fds[COMMAND].revents;
}

static int open_sources(struct loop *loop)
{
	struct execution *execution = loop->execution;
	struct cgroup_watch watch = {-1, -1};
	sigset_t blocked;

	/* Blocked before the clone: none is lost in between. */
	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	(void)sigdelset(&blocked, SIGCHLD);
	loop->signals = signalfd(-1, &blocked, SFD_CLOEXEC);
	loop->wall = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (loop->signals < 0 || loop->wall < 0)
		return -errno;
	if (!execution->limits.set[LIMIT_MEMORY_MB])
		return 0;
	int r = cgroup_watch(execution->cgroup, &watch, NULL);
	loop->memory = watch.memory;
	loop->memory_events = execution->layout.places[CGROUP_MEMORY].v2 ? POLLPRI : POLLIN;
	return r;
}

static uint64_t microseconds_since(const struct timespec *start)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - start->tv_sec) * 1000000L + (now.tv_nsec - start->tv_nsec) / 1000);
}

static void conclude(struct loop *loop)
{
	struct execution *execution = loop->execution;
	int status = 0;

	while (waitpid(execution->command, &status, 0) < 0 && errno == EINTR)
		;
	loop->end->duration_us = microseconds_since(&loop->since);
	(void)cgroup_usage(execution->cgroup, &loop->end->usage);
	(void)cgroup_read_events(execution->cgroup, &loop->end->events);
	/* Where the kernel's choice fell on the command itself, its end may have come before the event. */
	loop->end->out_of_memory |= loop->execution->limits.set[LIMIT_MEMORY_MB] && loop->end->events.memory_kills > 0;
	/* The end of the command is the end of all that it has started, as in a sandbox. */
	if (!fault_wished("break", FAULT_EXEC_LEFTOVERS))
		end_execution(loop);
	if (loop->err->code)
		loop->end->status = command_failed_status(loop->err);
	else if (loop->end->timed_out)
		loop->end->status = EXIT_TIMED_OUT;
	else if (loop->end->out_of_memory)
		loop->end->status = EXIT_SIGNAL_BASE + SIGKILL;
	else
		loop->end->status = WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

void execution_monitor(struct execution *execution, struct execution_end *end, struct error *err)
{
	struct loop loop = {.execution = execution, .end = end, .err = err, .signals = -1, .wall = -1, .memory = -1};

	*end = (struct execution_end){0};
	(void)clock_gettime(CLOCK_MONOTONIC, &loop.since);
	int r = open_sources(&loop);
	if (r < 0)
		give_up(&loop, -r, "event sources");
	while (turn(&loop))
		;
	if (execution->sandbox.report >= 0)
		read_report(&loop);
	terminal_stop(&loop.terminal);
	conclude(&loop);
	cleanup_fd(&loop.signals);
	cleanup_fd(&loop.wall);
}
