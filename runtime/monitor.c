/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: one epoll loop over the start's report, PID 1, signals, the wall clock, the limits' events and the terminal.
 * When it dies, the sandbox dies: PID 1 has a parent-death signal, and sees the control socket end.
 */
#include "recipe/monitor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
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
#include "recipe/faults.h"
#include "recipe/monitor_private.h"
#include "recipe/network_events.h"

void monitor_kill(const struct monitor *monitor)
{
	/* PID 1 takes everyone with it: double-forked, stopped or deaf to SIGTERM. */
	(void)kill(monitor->sandbox->init, SIGKILL);
	if (monitor->sandbox->cgroup)
		cgroup_lift_cpu(monitor->sandbox->cgroup);
}

/* The monitor cannot do its part: the sandbox must not go on without it. */
static void give_up(struct monitor *monitor, int code, const char *what)
{
	(void)error_set(monitor->err, code, "%s", what);
	error_stage(monitor->err, "monitor");
	monitor_kill(monitor);
}

int monitor_watch(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.ptr = source}};

	return epoll_ctl(monitor->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

int monitor_forget(struct monitor *monitor, struct source *source)
{
	if (source->fd >= 0)
		(void)epoll_ctl(monitor->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	return TAKE_FD(source->fd);
}

const struct sandbox *monitor_sandbox(const struct monitor *monitor)
{
	return monitor->sandbox;
}

static int set_wall(struct monitor *monitor, double seconds)
{
	struct itimerspec when = {.it_value = monitor->since};

	if (fault_wished("break", FAULT_WALL_DOUBLED))
		seconds *= 2;
	when.it_value.tv_sec += (time_t)seconds;
	when.it_value.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
	if (when.it_value.tv_nsec >= 1000000000L) {
		when.it_value.tv_sec++;
		when.it_value.tv_nsec -= 1000000000L;
	}
	return timerfd_settime(monitor->wall.fd, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

int monitor_set_limit(struct monitor *monitor, enum limit limit, double value)
{
	int r = limit == LIMIT_WALL_SECONDS ? set_wall(monitor, value) : 0;

	if (r == 0) {
		monitor->sandbox->limits.set[limit] = true;
		monitor->sandbox->limits.value[limit] = value;
	}
	return r;
}

/* From here on others may signal, update, execute; PID 1 and CMD, which are older, do not inherit the socket. */
static int take_requests(struct monitor *monitor)
{
	struct sandbox *sandbox = monitor->sandbox;
	bool executions = sandbox->cgroup && sandbox->options->detach;
	int r = control_open(sandbox->state.directory, &sandbox->layout, executions ? sandbox->cgroup_name : NULL,
			     &monitor->requests, monitor->err);

	if (r == 0)
		r = control_watch(monitor->requests, monitor);
	return r < 0 ? error_set(monitor->err, -r, "control socket of the sandbox") : 0;
}

/* CMD is executed: its time runs from here. */
static void started(struct monitor *monitor)
{
	const struct limits *limits = &monitor->sandbox->limits;

	(void)clock_gettime(CLOCK_MONOTONIC, &monitor->since);
	monitor->running = true;
	int r = limits->set[LIMIT_WALL_SECONDS] ? set_wall(monitor, limits->value[LIMIT_WALL_SECONDS]) : 0;
	if (r < 0) {
		give_up(monitor, -r, "wall clock");
		return;
	}
	r = take_requests(monitor);
	if (r == 0)
		r = sandbox_announce(monitor->sandbox, monitor->err);
	if (r < 0)
		monitor_kill(monitor);
}

/* The report pipe ends when CMD is executed, or carries the error of the stage that failed. */
static void on_report(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct error failure;

	(void)events;
	int fd = monitor_forget(monitor, source);
	ssize_t n = io_read_all(fd, &failure, sizeof(failure));
	if (n == (ssize_t)sizeof(failure))
		*monitor->err = failure;
	else if (n == 0)
		started(monitor);
	else
		give_up(monitor, n < 0 ? (int)-n : EPROTO, "report of the start");
	cleanup_fd(&fd);
	monitor->sandbox->report = -1;
}

static void on_signal(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH && monitor->sandbox->terminal >= 0)
		terminal_resize(&monitor->terminal);
	unsigned char number = (unsigned char)info.ssi_signo;
	(void)io_write_all(monitor->sandbox->control, &number, 1);
}

static void on_wall(struct monitor *monitor, struct source *source, uint32_t events)
{
	uint64_t expirations;

	(void)events;
	/* EAGAIN: the clock was set anew between its end and this turn. */
	if (read(source->fd, &expirations, sizeof(expirations)) != (ssize_t)sizeof(expirations))
		return;
	monitor->timed_out = true;
	if (fault_wished("break", FAULT_WALL_FIRST_PROCESS)) {
		/* PID 1 hands the signal on to CMD. */
		(void)io_write_all(monitor->sandbox->control, &(unsigned char){SIGKILL}, 1);
		return;
	}
	if (fault_wished("break", FAULT_WALL_TERMINATE)) {
		(void)io_write_all(monitor->sandbox->control, &(unsigned char){SIGTERM}, 1);
		return;
	}
	monitor_kill(monitor);
}

static void on_init_end(struct monitor *monitor, struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	monitor->ended = true;
}

/* --- The terminal ---------------------------------------------------------------------------------- */

static void on_input(struct monitor *monitor, struct source *source, uint32_t events)
{
	(void)events;
	terminal_from_user(&monitor->terminal);
	if (terminal_input(&monitor->terminal) >= 0)
		return;
	int fd = monitor_forget(monitor, source);
	if (fd != STDIN_FILENO)
		(void)close(fd);
}

static void on_output(struct monitor *monitor, struct source *source, uint32_t events)
{
	(void)events;
	terminal_to_user(&monitor->terminal);
	if (terminal_output(&monitor->terminal) < 0)
		(void)monitor_forget(monitor, source);
}

/* A file as standard input cannot be waited for: it is read when the terminal has room for it. */
static int watch_input(struct monitor *monitor)
{
	monitor->input.fd = STDIN_FILENO;
	int r = monitor_watch(monitor, &monitor->input, EPOLLIN);
	if (r != -EPERM)
		return r;
	monitor->input.fd = dup(monitor->terminal.master);
	return monitor->input.fd < 0 ? -errno : monitor_watch(monitor, &monitor->input, EPOLLOUT);
}

static void on_control(struct monitor *monitor, struct source *source, uint32_t events)
{
	(void)events;
	int master;
	int r = io_receive_descriptors(source->fd, &master, 1);
	/* Nothing else comes over it; its end is PID 1's end, which its pidfd tells. */
	(void)monitor_forget(monitor, source);
	if (r < 0)
		return;
	monitor->sandbox->terminal = master;
	terminal_start(&monitor->terminal, master);
	monitor->output.fd = master;
	r = watch_input(monitor);
	if (r == 0)
		r = monitor_watch(monitor, &monitor->output, EPOLLIN);
	if (r < 0)
		give_up(monitor, -r, "terminal");
}

/* --- The loop -------------------------------------------------------------------------------------- */

static int open_sources(struct monitor *monitor)
{
	struct sandbox *sandbox = monitor->sandbox;
	sigset_t blocked;

	/* cmd_run blocked them before clone: none is lost in between. */
	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	(void)sigdelset(&blocked, SIGCHLD);
	monitor->epoll = epoll_create1(EPOLL_CLOEXEC);
	monitor->signals = (struct source){signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK), on_signal, NULL};
	monitor->wall = (struct source){timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), on_wall, NULL};
	monitor->init = (struct source){sandbox->init_fd, on_init_end, NULL};
	monitor->report = (struct source){sandbox->report, on_report, NULL};
	monitor->control = (struct source){sandbox->options->terminal ? sandbox->control : -1, on_control, NULL};
	monitor->input = (struct source){-1, on_input, NULL};
	monitor->output = (struct source){-1, on_output, NULL};
	if (monitor->epoll < 0 || monitor->signals.fd < 0 || monitor->wall.fd < 0)
		return -errno;

	struct source *sources[] = {&monitor->signals, &monitor->wall, &monitor->init, &monitor->report,
				    &monitor->control};
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sources); i++)
		if (sources[i]->fd >= 0)
			r = monitor_watch(monitor, sources[i], EPOLLIN);
	if (r == 0)
		r = network_events_watch(monitor);
	return r < 0 ? r : limit_events_watch(monitor);
}

static void turn(struct monitor *monitor)
{
	struct epoll_event event;

	/* One event a turn: see monitor.h. */
	if (epoll_wait(monitor->epoll, &event, 1, -1) != 1)
		return; /* EINTR */
	struct source *source = event.data.ptr;
	if (source->fd >= 0)
		source->ready(monitor, source, event.events);
}

static int reap(const struct monitor *monitor)
{
	int status = 0;

	while (waitpid(monitor->sandbox->init, &status, 0) < 0 && errno == EINTR)
		;
	if (monitor->err->code)
		return command_failed_status(monitor->err);
	if (monitor->timed_out && !fault_wished("break", FAULT_WALL_UNSAID))
		return EXIT_TIMED_OUT;
	return WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

static void close_sources(struct monitor *monitor)
{
	int *fds[] = {&monitor->signals.fd, &monitor->wall.fd, &monitor->epoll};

	/* Before the sandbox's cgroup is removed: those of executions lie in it. */
	control_close(monitor->requests, monitor);
	limit_events_close(monitor);
	if (monitor->input.fd > STDERR_FILENO)
		(void)close(TAKE_FD(monitor->input.fd));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		cleanup_fd(fds[i]);
}

int sandbox_monitor(struct sandbox *sandbox, struct error *err)
{
	struct monitor monitor = {
		.sandbox = sandbox, .err = err, .look = {.fd = -1}, .denied = {.fd = -1}, .resolver = {.fd = -1}};

	int r = open_sources(&monitor);
	if (r < 0)
		give_up(&monitor, -r, "event sources");
	while (!monitor.ended && monitor.epoll >= 0 && r == 0)
		turn(&monitor);
	int status = reap(&monitor);
	if (sandbox->report >= 0) {
		on_report(&monitor, &monitor.report, 0);
		status = err->code ? command_failed_status(err) : status;
	}
	terminal_stop(&monitor.terminal);
	if (monitor.running) {
		network_events_conclude(&monitor);
		limit_events_conclude(&monitor, status);
	}
	close_sources(&monitor);
	return status;
}
