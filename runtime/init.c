/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 once everything stands: reap, forward signals, end with CMD's status.  What it may call is
 * listed in seccomp_compile_init.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recipe/commands.h"
#include "recipe/faults.h"
#include "recipe/sandbox.h"

static void reap(pid_t command)
{
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid != command)
			continue;
		if (fault_wished("break", FAULT_WALL_FIRST_PROCESS) || fault_wished("break", FAULT_WALL_TERMINATE))
			while (waitpid(-1, NULL, 0) > 0)
				;
		/* The end of PID 1 is the end of everyone here. */
		_exit(WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status));
	}
}

/* One byte is one signal; the end of the socket is the monitor's death. */
static void obey(int control, pid_t command)
{
	unsigned char signal_number;
	ssize_t n = read(control, &signal_number, 1);

	if (n == 1)
		(void)kill(fault_wished("break", FAULT_WALL_TERMINATE) ? -1 : command, signal_number);
	else if (n == 0 && fault_wished("break", FAULT_OUTLIVES))
		(void)poll(NULL, 0, -1);
	else if (n == 0 || errno != EINTR)
		_exit(EXIT_SIGNAL_BASE + SIGKILL);
}

_Noreturn void init_serve(const struct sandbox *sandbox)
{
	struct pollfd fds[] = {{.fd = sandbox->control, .events = POLLIN},
			       {.fd = sandbox->child_signals, .events = POLLIN}};

	/* PID 1 is locked: CMD may go on to its exec, and alone holds the report pipe. */
	(void)close(sandbox->report);
	(void)close(sandbox->locked_inside);
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			_exit(EXIT_RUNTIME_FAILED);
		if (fds[1].revents) {
			struct signalfd_siginfo info;
			(void)!read(sandbox->child_signals, &info, sizeof(info));
			reap(sandbox->command);
		}
		if (fds[0].revents)
			obey(sandbox->control, sandbox->command);
	}
}
