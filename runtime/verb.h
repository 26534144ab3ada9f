/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands on live sandboxes have in common: options, the state directory, the audit log. */
#ifndef RECIPE_VERB_H
#define RECIPE_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "audit/audit_log.h"
#include "base/error.h"
#include "recipe/state.h"

#define VERB_VALUES_MAX 64

struct verb {
	const char *name;
	const char *options; /* the rows of verb.c that it takes, by letter, besides --root and --help */
	bool runs_command; /* ID [OPTION]... CMD...: what follows the second word is not ours to look at */
	const char *help;
};

/* The command line, parsed.  Pointers are into argv. */
struct verb_options {
	const char *state_dir, *audit_dir;
	bool json, force, all, stale, terminal, help;
	const char *limits[VERB_VALUES_MAX];
	size_t limit_count;
	const char *environment[VERB_VALUES_MAX];
	size_t environment_count;
	const char *user, *cwd;
	const char *id; /* runs_command: the first word, or NULL */
	char **words; /* the others, NULL-terminated */
	size_t word_count;
};

/* 0, or -EINVAL with err set. */
int verb_parse(const struct verb *verb, int argc, char **argv, struct verb_options *options, struct error *err);

/* -EINVAL with the message and where to look. */
int verb_usage(const struct verb *verb, struct error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * The frame of each: parse, print --help, or run `act` and print its error.  Returns the exit status: act's own, or
 * EXIT_RUNTIME_FAILED when err was set.
 */
int verb_main(const struct verb *verb, int argc, char **argv,
	      int (*act)(const struct verb *verb, const struct verb_options *options, struct error *err));

/* A live or dead sandbox that the first word names. */
struct target {
	int state_dir, directory;
	struct state_record record;
	const char *audit_dir;
};

/* Open it.  0 with *target (release with target_close), or a negative errno with err set. */
int target_open(const struct verb_options *options, const char *id, struct target *target, struct error *err);
void target_close(struct target *target);

/* Is its PID 1 known and alive?  0, or -ESRCH with err set. */
int target_must_run(const struct target *target, struct error *err);

/*
 * The limit of the whole sandbox: the smaller of both tiers, or the container's alone where executions have limits of their own.
 * Returns false where there is none, as policy_limit.
 */
bool target_limit(const struct state_record *record, const struct policy *policy, enum limit limit, double *value);

/* Wait until the process of a pidfd has ended: 0, or -ETIMEDOUT after timeout_ms.  A pidfd of -1 has ended. */
int pidfd_await(int pidfd, int timeout_ms);
int pidfd_signal(int pidfd, int number, struct error *err);

/*
 * Record what was done to a sandbox.  A log that cannot be written is reported on standard error and stops nothing: what was
 * asked for has happened already.  failure: the error it ended with (code 0: none).
 */
void target_audit(const struct target *target, const char *event_type, const char *operation, const char *resource,
		  const char *result, const struct error *failure, json_t *metadata);

#endif
