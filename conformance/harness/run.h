/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the suite over one runtime: from options to a results file. */
#ifndef HARNESS_RUN_H
#define HARNESS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "policy/policy.h"
#include "report/result.h"

/* Exit statuses of agentcore-conformance. */
enum conformance_exit {
	CONFORMANCE_OK = 0, /* every required case executed and none failed */
	CONFORMANCE_FAILED = 1, /* a required case failed */
	CONFORMANCE_USAGE = 2,
	CONFORMANCE_INCOMPLETE = 3, /* none failed, but a required case was not executed; or the run was interrupted */
	CONFORMANCE_ERROR = 4, /* the harness could not do its work */
};

#define RUN_POLICIES_MAX 16
#define RUN_LIST_MAX     256

/*
 * Everything may be left zero but runtime (or command_prefix).  Strings are borrowed.
 */
struct run_options {
	const char *runtime; /* name or path; NULL with adapter "none" or command_prefix */
	const char *adapter; /* kind; NULL: chosen by the runtime's name */
	const char *command_prefix; /* --runtime-cmd */

	const char *policy_files[RUN_POLICIES_MAX]; /* policies under test: documents ... */
	size_t policy_file_count;
	enum profile
		profiles[PROFILE_COUNT]; /* ... and profiles with network none; nothing of both: all three profiles */
	size_t profile_count;

	const char *suites[RUN_LIST_MAX]; /* none: all */
	size_t suite_count;
	const char *filters[RUN_LIST_MAX]; /* globs on ids; none: all */
	size_t filter_count;

	unsigned jobs; /* sessions at the same time; 0: as many as there are CPUs */
	const char *expect_file; /* expectations; NULL: none */
	const char *jsonl; /* results file; NULL: none is kept */
	FILE *progress; /* where progress goes; NULL: quiet */
	FILE *report; /* where the summary text goes; NULL: none */

	const char *state_root; /* adapter.h; NULL: the runtime's own */

	/* Where things are; NULL: found beside the program, else under the installation prefix. */
	const char *probe; /* the probe program */
	const char *fixtures; /* the fixtures directory */
	const char *agentcore; /* the agentcore program */
};

/*
 * Run.  0 with *summary filled in when the run took place (conformant or not); -EINTR when it was interrupted by
 * SIGINT or SIGTERM (summary filled in, results written as far as they came); -EINVAL for bad options; another
 * negative errno with err set when the harness failed.  Leaves no process and no file but the results.
 */
int conformance_run(const struct run_options *options, struct summary *summary, struct error *err);

/* The exit status that goes with a result of conformance_run. */
int conformance_exit_status(int result, const struct summary *summary);

/* The paths that conformance_run would use, resolved into path (size bytes); 0 or -ENOENT with err set. */
int run_find_probe(const struct run_options *options, char *path, size_t size, struct error *err);
int run_find_fixtures(const struct run_options *options, char *path, size_t size, struct error *err);
int run_find_testnet(char *path, size_t size);
int run_find_agentcore(const struct run_options *options, char *path, size_t size, struct error *err);

#endif
