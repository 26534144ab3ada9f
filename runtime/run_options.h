/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `agentcore run`. */
#ifndef RECIPE_RUN_OPTIONS_H
#define RECIPE_RUN_OPTIONS_H

#include "recipe/sandbox.h"

enum run_request { RUN_START, RUN_HELP };

/*
 * Parse argv into *options (zeroed; release with run_options_clear, also after a failure): the policy is loaded and completed,
 * binds and the user are checked.  0 with *request set, or a negative errno with err set.
 */
int run_options_parse(int argc, char **argv, struct run_options *options, enum run_request *request, struct error *err);

void run_options_clear(struct run_options *options);

/* The text of --help. */
extern const char run_help[];

#endif
