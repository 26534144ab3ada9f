/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "recipe/commands.h"
#include "recipe/run_options.h"
#include "recipe/sandbox.h"

/* Blocked before clone, so that none falls between the start and the monitor's signalfd. */
static void block_forwarded_signals(void)
{
	static const int forwarded[] = {SIGHUP,  SIGINT,   SIGQUIT, SIGTERM, SIGUSR1,
					SIGUSR2, SIGWINCH, SIGALRM, SIGCONT, SIGCHLD};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		(void)sigaddset(&set, forwarded[i]);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	/* A write to a pipe whose reader is gone is an error to handle, not an end. */
	(void)signal(SIGPIPE, SIG_IGN);
}

static int run(const struct run_options *options, struct error *err)
{
	struct sandbox sandbox;
	int status = EXIT_RUNTIME_FAILED;

	block_forwarded_signals();
	sandbox_init(&sandbox, options);
	if (sandbox_start(&sandbox, err) == 0)
		status = sandbox_monitor(&sandbox, err);
	sandbox_clear(&sandbox);
	return status;
}

int command_run(int argc, char **argv)
{
	struct run_options options = {0};
	struct error err = {0};
	enum run_request request;
	int status = EXIT_RUNTIME_FAILED;

	int r = run_options_parse(argc, argv, &options, &request, &err);
	if (r == 0 && request == RUN_HELP) {
		(void)fputs(run_help, stdout);
		status = 0;
	} else if (r == 0) {
		status = run(&options, &err);
	}
	if (err.code)
		error_print(&err, "agentcore", STDERR_FILENO);
	run_options_clear(&options);
	return status;
}
