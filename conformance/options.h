/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several subcommands share. */
#ifndef CONFORMANCE_OPTIONS_H
#define CONFORMANCE_OPTIONS_H

#include <stddef.h>

#include "harness/run.h"

/* One option of a subcommand. */
struct option_row {
	const char *name; /* without the dashes */
	const char *argument; /* its word in the help; NULL: takes none */
	const char *help;
	/* Take the value (NULL without argument).  0, or -EINVAL with err set. */
	int (*take)(void *data, const char *value, struct error *err);
};

/* A subcommand's command line. */
struct command_line {
	const char *name; /* "run" */
	const char *summary; /* one line */
	const char *operands; /* "ID", or "" */
	const struct option_row *rows; /* ended by a NULL name */
	const char *epilogue; /* more help, or NULL */
};

/*
 * Parse the options; operands begin at argv[*first].  0 to go on; 1 when --help was printed; -EINVAL when the
 * usage was wrong, which has been printed.
 */
int options_parse(const struct command_line *line, int argc, char **argv, void *data, int *first);

/* Print "agentcore-conformance NAME: message", the hint and where help is; returns CONFORMANCE_USAGE. */
int options_usage_error(const struct command_line *line, const struct error *err);

/* Shared takers; data is a struct run_options (the first member of the subcommand's own struct). */
int take_policy(void *data, const char *value, struct error *err);
int take_profile(void *data, const char *value, struct error *err);
int take_suite(void *data, const char *value, struct error *err);
int take_filter(void *data, const char *value, struct error *err);
int take_fixtures(void *data, const char *value, struct error *err);

#define SELECTION_OPTIONS                                                                                              \
	{"policy", "FILE", "a policy under test; may be repeated", take_policy},                                       \
		{"profile", "NAME", "minimal, standard or privileged, with network none; may be repeated",             \
		 take_profile},                                                                                        \
		{"suite", "NAME", "only this suite; may be repeated", take_suite},                                     \
		{"filter", "GLOB", "only requirements whose id matches; may be repeated", take_filter},                \
	{                                                                                                              \
		"fixtures", "DIR", "where the golden tables are", take_fixtures                                        \
	}

#endif
