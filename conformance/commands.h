/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of agentcore-conformance.  Each parses its own argv (argv[0] is its name) and returns the exit status. */
#ifndef CONFORMANCE_COMMANDS_H
#define CONFORMANCE_COMMANDS_H

#include "harness/run.h" /* the exit statuses */
#include "saboteurs/mutate.h" /* command_mutate */

int command_run(int argc, char **argv); /* cmd_run.c */
int command_list(int argc, char **argv); /* cmd_list.c */
int command_show(int argc, char **argv); /* cmd_show.c */
int command_runtimes(int argc, char **argv); /* cmd_runtimes.c */

#endif
