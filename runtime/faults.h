/* SPDX-License-Identifier: Apache-2.0 */
/* The points of the recipe that a test build can break (base/fault.h), each beside the code that does it right. */
#ifndef RECIPE_FAULTS_H
#define RECIPE_FAULTS_H

#include <stddef.h>

#include "base/fault.h"
#include "policy/policy.h"

#define FAULT_WALL_FIRST_PROCESS                                                                                       \
	"wall-first-process" /* the end of time reaches CMD alone, and PID 1 waits for the others */
#define FAULT_MEMORY_NO_KILL     "memory-no-kill" /* monitor: only what the kernel chose dies */
#define FAULT_CGROUP_LEFT        "cgroup-left" /* end: the cgroup stays */
#define FAULT_ENTRY_LEFT         "entry-left" /* end: the state directory's entry stays */
#define FAULT_LIMITS_DOUBLED     "limits-doubled" /* start: every limit is twice what was asked for */
#define FAULT_WALL_DOUBLED       "wall-doubled"
#define FAULT_PROCESSES_MORE     "processes-more" /* start: eight processes more */
#define FAULT_NO_QUOTA           "no-quota" /* start: the writable places lie in memory, and are no smaller for it */
#define FAULT_ONE_TIER           "one-tier" /* start: the container's limits alone */
#define FAULT_TMP_APART          "tmp-apart" /* start: /tmp is a file system of its own beside the quota */
#define FAULT_STORAGE_DOUBLED    "storage-doubled"
#define FAULT_INODES_MORE        "inodes-more" /* start: more inodes than any quota has */
#define FAULT_STORAGE_HELD       "storage-held" /* end: somebody keeps the quota's file system for some seconds more */
#define FAULT_CGROUP_SHARED      "cgroup-shared" /* start: all sandboxes in one cgroup */
#define FAULT_WALL_TERMINATE     "wall-terminate" /* the end of time is SIGTERM to everybody, and PID 1 waits for them */
#define FAULT_WALL_UNSAID        "wall-unsaid" /* the exit status does not tell that time was over */
#define FAULT_OUTLIVES           "outlives-monitor" /* PID 1 does not mind the end of the monitor; with skip:die-with-monitor */
#define FAULT_INIT_LINGERS       "init-lingers" /* start: a PID 1 that fails before its lock ends behind CMD */
#define FAULT_NOT_RECLAIMED      "not-reclaimed" /* delete: what a killed monitor left stays */
#define FAULT_EXEC_UNGROUPED     "exec-ungrouped" /* exec: no cgroup of its own is joined, only the sandbox's */
#define FAULT_EXEC_FIRST_PROCESS "exec-first-process" /* exec: an end reaches the command alone */
#define FAULT_EXEC_LEFTOVERS     "exec-leftovers" /* exec: what the command leaves goes on */
#define FAULT_EXEC_ORPHANED      "exec-orphaned" /* exec: the sandbox's monitor does not mind the end of an execution's */
#define FAULT_EXEC_FATAL         "exec-fatal" /* exec: the end of an execution is its sandbox's */
#define FAULT_EXEC_WALL_DOUBLED  "exec-wall-doubled"

#define FAULT_NAMES_ALL        "names-all" /* resolver: every name is forwarded and answered */
#define FAULT_ANSWERS_ALL      "answers-all" /* resolver: private addresses in answers are kept */
#define FAULT_PIN_NEVER        "pin-never" /* the answer leaves, and the kernel was not told */
#define FAULT_PIN_LATE         "pin-late" /* the answer leaves before the kernel is told */
#define FAULT_NONE_FULL        "network-none" /* start: none, and restricted with no host, are full */
#define FAULT_FULL             "network-full" /* start: restricted is full */
#define FAULT_REQUESTS_DOUBLED "requests-doubled"

/* What stage_link is made to ask for. */
struct rules_sandbox;
void fault_network(struct rules_sandbox *rules);

/* What the resolver is told to be allowed under answers-all: a network that holds every address. */
struct host_list;
const struct host_list *fault_hosts(const struct host_list *hosts);

/* Under pin-late: true in a child of its own, some time later; in the caller at once false, and it must say that all is well. */
bool fault_later(void);

/* What stage_cgroup is made to ask for under limits-doubled: twice of everything. */
void fault_double(struct limits *limits);

/* What sandbox_clear does under storage-held: a child that has all descriptors open, and whose command line tells nothing. */
void fault_hold(char *arguments, size_t size);

#endif
