/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "recipe/command_options.h"
#include "recipe/commands.h"
#include "recipe/record.h"
#include "recipe/run_options.h"
#include "recipe/sandbox.h"

static int run(const struct run_options *options, int *started, struct error *err)
{
	struct sandbox sandbox;
	int status = EXIT_RUNTIME_FAILED;

	command_block_signals();
	sandbox_init(&sandbox, options);
	sandbox.started = started;
	if (sandbox_start(&sandbox, err) == 0)
		status = sandbox_monitor(&sandbox, err);
	if (err->code)
		record_refusal(&sandbox, err);
	sandbox_remove(&sandbox);
	sandbox_clear(&sandbox);
	return status;
}

/* The way the background's outcome comes to the caller: an outcome, or the end of the pipe once CMD runs. */
struct outcome {
	int status;
	struct error err;
};

static _Noreturn void background(const struct run_options *options, int started)
{
	struct outcome outcome = {0};

	(void)setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0)
		outcome.status = run(options, &started, &outcome.err);
	else
		outcome.status = error_set(&outcome.err, errno, "/dev/null") < 0 ? EXIT_RUNTIME_FAILED : 0;
	if (started >= 0)
		(void)io_write_all(started, &outcome, sizeof(outcome));
	_exit(outcome.status);
}

static int detach(const struct run_options *options, struct error *err)
{
	int pair[2];
	struct outcome outcome;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe") < 0 ? EXIT_RUNTIME_FAILED : 0;
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		background(options, pair[1]);
	}
	(void)close(pair[1]);
	_cleanup_fd_ int started = pair[0];
	if (pid < 0)
		return error_set(err, errno, "fork of the monitor") < 0 ? EXIT_RUNTIME_FAILED : 0;
	ssize_t n = io_read_all(started, &outcome, sizeof(outcome));
	if (n == (ssize_t)sizeof(outcome)) {
		*err = outcome.err;
		return outcome.status;
	}
	(void)puts(options->id);
	return 0;
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
		status = options.detach ? detach(&options, &err) : run(&options, NULL, &err);
	}
	if (err.code)
		error_print(&err, "agentcore", STDERR_FILENO);
	run_options_clear(&options);
	return status;
}
