/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on purpose, in test builds alone (build/agentcore-faults, -DAGENTCORE_FAULTS): AGENTCORE_FAULT is a list, with commas, of
 *   fail:STAGE    the stage fails: every stage must fail closed
 *   skip:STAGE    the stage is left out: the suite must notice
 *   break:POINT   one of the points below does its work badly: the suite must notice
 * In any other build fault_wished is false and costs nothing.
 */
#ifndef RECIPE_FAULTS_H
#define RECIPE_FAULTS_H

#include <stdbool.h>

#include "policy/policy.h"

#ifdef AGENTCORE_FAULTS
bool fault_wished(const char *kind, const char *name);
#else
static inline bool fault_wished(const char *kind, const char *name)
{
	(void)kind;
	(void)name;
	return false;
}
#endif

/* The points that can be broken, each beside the code that does it right. */
#define FAULT_WALL_FIRST_PROCESS                                                                                       \
	"wall-first-process" /* the end of time reaches CMD alone, and PID 1 waits for the others */
#define FAULT_MEMORY_NO_KILL "memory-no-kill" /* monitor: only what the kernel chose dies */
#define FAULT_CGROUP_LEFT    "cgroup-left" /* end: the cgroup stays */
#define FAULT_ENTRY_LEFT     "entry-left" /* end: the state directory's entry stays */
#define FAULT_LIMITS_DOUBLED "limits-doubled" /* start: every limit is twice what was asked for */
#define FAULT_WALL_DOUBLED   "wall-doubled"
#define FAULT_PROCESSES_MORE "processes-more" /* start: eight processes more */
#define FAULT_NO_QUOTA       "no-quota" /* start: the writable places lie in memory, and are no smaller for it */

/* What stage_cgroup is made to ask for under limits-doubled: twice of everything. */
void fault_double(struct limits *limits);

#endif
