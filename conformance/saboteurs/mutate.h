/* SPDX-License-Identifier: Apache-2.0 */
/* `agentcore-conformance mutate`: does the suite notice broken runtimes? */
#ifndef SABOTEURS_MUTATE_H
#define SABOTEURS_MUTATE_H

/*
 * mutate [--runtime crun] [--saboteur NAME]... [--filter GLOB]... [--profile standard] [--shim PATH] [--thorough] [--list]
 * Exit status: 0 every saboteur killed and nothing stray, 1 not so, 2 usage, 3 some could not be tried here, 4 the harness failed.
 */
int command_mutate(int argc, char **argv);

#endif
