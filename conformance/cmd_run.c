/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "conformance/commands.h"
#include "conformance/options.h"
#include "report/result.h"

struct arguments {
	struct run_options options; /* first: the shared takers see only this */
	const char *tap, *junit, *html;
	bool quiet;
};

#define TAKE_STRING(function, member)                                                                                  \
	static int function(void *data, const char *value, struct error *err)                                          \
	{                                                                                                              \
		struct arguments *arguments = data;                                                                    \
		(void)err;                                                                                             \
		arguments->member = value;                                                                             \
		return 0;                                                                                              \
	}

TAKE_STRING(take_runtime, options.runtime)
TAKE_STRING(take_command, options.command_prefix)
TAKE_STRING(take_adapter, options.adapter)
TAKE_STRING(take_expect, options.expect_file)
TAKE_STRING(take_jsonl, options.jsonl)
TAKE_STRING(take_probe, options.probe)
TAKE_STRING(take_agentcore, options.agentcore)
TAKE_STRING(take_tap, tap)
TAKE_STRING(take_junit, junit)
TAKE_STRING(take_html, html)

static int take_jobs(void *data, const char *value, struct error *err)
{
	struct arguments *arguments = data;
	char *end;
	errno = 0;
	long jobs = strtol(value, &end, 10);
	if (errno || end == value || *end || jobs < 1 || jobs > 256)
		return error_say(err, EINVAL, "--jobs %s: a number from 1 to 256 is needed", value);
	arguments->options.jobs = (unsigned)jobs;
	return 0;
}

static int take_quiet(void *data, const char *value, struct error *err)
{
	struct arguments *arguments = data;
	(void)value;
	(void)err;
	arguments->quiet = true;
	return 0;
}

static const struct option_row rows[] = {
	{"runtime", "NAME|PATH", "the runtime to judge ('runtimes' lists them)", take_runtime},
	{"runtime-cmd", "WORDS", "a command prefix instead, such as 'bwrap ... --'; {tools} is the probe's directory",
	 take_command},
	{"adapter", "KIND", "how to start it, where its name does not tell", take_adapter},
	SELECTION_OPTIONS,
	{"jobs", "N", "sandboxes at the same time (default: one for each CPU)", take_jobs},
	{"expect", "FILE", "expected failures, each with reason, reference and expiry", take_expect},
	{"jsonl", "FILE", "write the results as JSON Lines", take_jsonl},
	{"tap", "FILE", "write them as TAP", take_tap},
	{"junit", "FILE", "write them as JUnit XML", take_junit},
	{"html", "FILE", "write them as one HTML page", take_html},
	{"quiet", NULL, "no progress and no summary", take_quiet},
	{"probe", "FILE", "the probe program", take_probe},
	{"agentcore", "FILE", "the agentcore program, which writes seccomp profiles for other runtimes",
	 take_agentcore},
	{0},
};

static const struct command_line line = {
	.name = "run",
	.summary = "Start a runtime with a policy, try what the policy forbids and what it allows, and judge what "
		   "happened",
	.operands = "",
	.rows = rows,
	.epilogue = "Without --policy and --profile all three profiles are judged.\n"
		    "Exit status: 0 conformant, 1 not conformant, 2 usage, 3 incomplete, 4 harness error.\n",
};

typedef int report_function(const struct results *results, FILE *out);

static int write_report(const struct results *results, report_function *write, const char *path, struct error *err)
{
	if (!path)
		return 0;
	_cleanup_file_ FILE *out = fopen(path, "we");
	if (!out)
		return error_set(err, errno, "%s", path);
	int r = write(results, out);
	return r < 0 ? error_set(err, -r, "%s", path) : 0;
}

/* Every other report is made from the JSON Lines alone. */
static int derive_reports(const struct arguments *arguments, struct error *err)
{
	struct results results = {0};
	int r = results_load(&results, arguments->options.jsonl, err);
	r = r < 0 ? r : write_report(&results, report_write_tap, arguments->tap, err);
	r = r < 0 ? r : write_report(&results, report_write_junit, arguments->junit, err);
	r = r < 0 ? r : write_report(&results, report_write_html, arguments->html, err);
	results_clear(&results);
	return r;
}

static int check(const struct arguments *arguments, int operands, const char *operand, struct error *err)
{
	const struct run_options *options = &arguments->options;
	if (operands > 0)
		return error_say(err, EINVAL, "run: unexpected %s", operand);
	if (options->runtime && options->command_prefix)
		return error_say(err, EINVAL, "run: --runtime and --runtime-cmd exclude each other");
	if (!options->runtime && !options->command_prefix && !options->adapter) {
		(void)error_say(err, EINVAL, "run: which runtime?");
		return error_hint(err, "name it with --runtime, for example --runtime agentcore");
	}
	return 0;
}

/* scratch: template of a file for results that nobody wants to keep; outlives the call. */
static int run(struct arguments *arguments, char *scratch)
{
	bool derived = arguments->tap || arguments->junit || arguments->html;
	bool temporary = derived && !arguments->options.jsonl;
	struct error err = {0};
	struct summary summary = {0};

	if (temporary) {
		_cleanup_fd_ int fd = mkstemp(scratch);
		if (fd < 0)
			(void)error_set(&err, errno, "%s", scratch);
		arguments->options.jsonl = scratch;
	}
	int r = err.code ? -err.code : conformance_run(&arguments->options, &summary, &err);
	int status = conformance_exit_status(r, &summary);
	if (derived && (r == 0 || r == -EINTR)) {
		struct error report_err = {0};
		if (derive_reports(arguments, &report_err) < 0) {
			error_print(&report_err, "agentcore-conformance", STDERR_FILENO);
			status = CONFORMANCE_ERROR;
		}
	}
	if (temporary)
		(void)unlink(scratch);
	if (err.code)
		error_print(&err, "agentcore-conformance", STDERR_FILENO);
	return status;
}

int command_run(int argc, char **argv)
{
	struct arguments arguments = {0};
	char scratch[] = "/tmp/conformance-results.XXXXXX";
	struct error err = {0};
	int first = argc;
	int r = options_parse(&line, argc, argv, &arguments, &first);
	if (r != 0)
		return r > 0 ? CONFORMANCE_OK : CONFORMANCE_USAGE;
	if (check(&arguments, argc - first, argv[first], &err) < 0)
		return options_usage_error(&line, &err);
	if (!arguments.quiet) {
		arguments.options.progress = stderr;
		arguments.options.report = stdout;
	}
	return run(&arguments, scratch);
}
