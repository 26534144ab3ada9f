/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` and `exec` have in common: the options of the command itself, and how its failure becomes an exit status. */
#ifndef RECIPE_COMMAND_OPTIONS_H
#define RECIPE_COMMAND_OPTIONS_H

#include "recipe/sandbox.h"

#define ENVIRONMENT_MAX 256

/*
 * Copy argv into options->words, and note where it lies in memory: whoever becomes visible inside wipes it.  What parses the
 * copies may keep pointers into them.  0, or -ENOMEM with err set.
 */
int command_words(int argc, char **argv, struct run_options *options, struct error *err);

/* A plain decimal number up to 65535 at the beginning of text; *end is what follows.  0 or -EINVAL. */
int command_number(const char *text, char **end, unsigned *number);

/* "UID" or "UID:GID".  0, or -EINVAL with err set. */
int command_user(const char *text, struct run_options *options, struct error *err);

/* Only uid 0 of a sandbox can hold capabilities.  0, or -EINVAL with err set. */
int command_check_user(const struct run_options *options, struct error *err);

/* "NAME=VALUE".  0, or -EINVAL with err set. */
int command_check_variable(const char *assignment, struct error *err);

/*
 * Fixed variables first; one of `added` (at most ENVIRONMENT_MAX) replaces another of the same name, the last one wins.
 * 0 with options->environment, or -ENOMEM with err set.
 */
int command_environment(const char *const *added, size_t count, struct run_options *options, struct error *err);

void command_options_clear(struct run_options *options);

/* Block what is forwarded to the command, so that none falls between its start and the signalfd; ignore SIGPIPE. */
void command_block_signals(void);

/* 126 or 127 when it is the execution that failed, else 125. */
int command_failed_status(const struct error *err);

#endif
