/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the probe from the host by the token in its command line. */
#ifndef HARNESS_HOSTPID_H
#define HARNESS_HOSTPID_H

#include <sys/types.h>

/* The oldest process whose command line is ".../probe serve TOKEN", or 0. */
pid_t hostpid_find(const char *token);

/* The same for ".../probe load NAME ... TOKEN": the first process of a trial's load. */
pid_t hostpid_find_load(const char *token);

/* SIGKILL every process that serves with the token; how many there were. */
unsigned hostpid_kill(const char *token);

#endif
