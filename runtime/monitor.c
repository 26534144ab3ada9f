/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: one poll loop over the start's report, PID 1, signals, the wall clock and the terminal.
 * When it dies, the sandbox dies: PID 1 has a parent-death signal, and sees the control socket end.
 */
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
#include "recipe/commands.h"
#include "recipe/sandbox.h"
#include "recipe/terminal.h"

struct monitor {
	struct sandbox *sandbox;
	int signals, wall;
	struct terminal terminal;
	bool timed_out;
	struct error *err;
};

static int status_of(const struct error *err)
{
	if (strcmp(err->stage, "execute") != 0)
		return EXIT_RUNTIME_FAILED;
	return err->code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* The monitor cannot do its part: the sandbox must not go on without it. */
static void give_up(struct monitor *monitor, int code, const char *what)
{
	(void)error_set(monitor->err, code, "%s", what);
	error_stage(monitor->err, "monitor");
	(void)kill(monitor->sandbox->init, SIGKILL);
}

static void arm_wall_clock(struct monitor *monitor)
{
	double seconds;

	if (!policy_limit(monitor->sandbox->policy, LIMIT_WALL_SECONDS, &seconds))
		return;
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)}};
	if (timerfd_settime(monitor->wall, 0, &when, NULL) < 0)
		give_up(monitor, errno, "wall clock");
}

/* The report pipe ends when CMD is executed, or carries the error of the stage that failed. */
static void read_report(struct monitor *monitor)
{
	struct error failure;
	ssize_t n = io_read_all(monitor->sandbox->report, &failure, sizeof(failure));

	if (n == (ssize_t)sizeof(failure))
		*monitor->err = failure;
	else if (n == 0)
		arm_wall_clock(monitor);
	else
		give_up(monitor, n < 0 ? (int)-n : EPROTO, "report of the start");
	(void)close(TAKE_FD(monitor->sandbox->report));
}

static void read_signal(struct monitor *monitor)
{
	struct signalfd_siginfo info;

	if (read(monitor->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH && monitor->sandbox->terminal >= 0)
		terminal_resize(&monitor->terminal);
	unsigned char number = (unsigned char)info.ssi_signo;
	(void)io_write_all(monitor->sandbox->control, &number, 1);
}

static void end_of_time(struct monitor *monitor)
{
	monitor->timed_out = true;
	/* PID 1 takes everyone with it: double-forked, stopped or deaf to SIGTERM. */
	(void)kill(monitor->sandbox->init, SIGKILL);
}

static void read_control(struct monitor *monitor)
{
	int master = terminal_receive(monitor->sandbox->control);

	if (master >= 0) {
		monitor->sandbox->terminal = master;
		terminal_start(&monitor->terminal, master);
	}
}

/* One turn; false when PID 1 has ended. */
static bool turn(struct monitor *monitor)
{
	struct sandbox *sandbox = monitor->sandbox;
	bool wants_terminal = sandbox->options->terminal && sandbox->terminal < 0;
	struct pollfd fds[] = {
		{.fd = sandbox->init_fd, .events = POLLIN},
		{.fd = sandbox->report, .events = POLLIN},
		{.fd = monitor->signals, .events = POLLIN},
		{.fd = monitor->wall, .events = POLLIN},
		{.fd = wants_terminal ? sandbox->control : -1, .events = POLLIN},
		{.fd = terminal_input(&monitor->terminal), .events = POLLIN},
		{.fd = terminal_output(&monitor->terminal), .events = POLLIN},
	};

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return true; /* EINTR */
	if (fds[1].revents)
		read_report(monitor);
	if (fds[2].revents)
		read_signal(monitor);
	if (fds[3].revents)
		end_of_time(monitor);
	if (fds[4].revents & POLLIN)
		read_control(monitor);
	if (fds[5].revents)
		terminal_from_user(&monitor->terminal);
	if (fds[6].revents)
		terminal_to_user(&monitor->terminal);
	return !fds[0].revents;
}

static int open_sources(struct monitor *monitor, struct error *err)
{
	sigset_t blocked;

	/* cmd_run blocked them before clone: none is lost in between. */
	(void)sigprocmask(SIG_SETMASK, NULL, &blocked);
	(void)sigdelset(&blocked, SIGCHLD);
	monitor->signals = signalfd(-1, &blocked, SFD_CLOEXEC);
	monitor->wall = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	return monitor->signals < 0 || monitor->wall < 0 ? error_set(err, errno, "event sources of the monitor") : 0;
}

static int reap(const struct monitor *monitor)
{
	int status = 0;

	while (waitpid(monitor->sandbox->init, &status, 0) < 0 && errno == EINTR)
		;
	if (monitor->err->code)
		return status_of(monitor->err);
	if (monitor->timed_out)
		return EXIT_TIMED_OUT;
	return WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

int sandbox_monitor(struct sandbox *sandbox, struct error *err)
{
	struct monitor monitor = {.sandbox = sandbox, .signals = -1, .wall = -1, .err = err};

	if (open_sources(&monitor, err) < 0)
		give_up(&monitor, errno, "event sources");
	while (turn(&monitor))
		;
	if (sandbox->report >= 0)
		read_report(&monitor);
	terminal_stop(&monitor.terminal);
	cleanup_fd(&monitor.signals);
	cleanup_fd(&monitor.wall);
	return reap(&monitor);
}
