/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommand that turns broken runtimes against the suite. */
#ifndef SABOTEURS_MUTATE_H
#define SABOTEURS_MUTATE_H

/* agentcore-conformance mutate: the exit status, as enum conformance_exit in harness/run.h. */
int command_mutate(int argc, char **argv);

#endif
