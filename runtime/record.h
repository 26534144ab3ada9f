/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is put on record of one sandbox: each event goes to the audit log, and to the descriptor of --json-status as a JSON line.
 *
 * A record that cannot be written is reported once on standard error and never stops enforcement; whether it stops a start is
 * the policy's audit_failure, which stage_audit_log looks at.
 */
#ifndef RECIPE_RECORD_H
#define RECIPE_RECORD_H

#include <stdint.h>

#include "base/error.h"
#include "enforce/cgroup.h"
#include "enforce/storage.h"
#include "recipe/sandbox.h"

/* How a limit was breached. */
enum breach {
	BREACH_MEMORY,
	BREACH_PROCESSES,
	BREACH_WALL_TIME,
	BREACH_STORAGE,
	BREACH_REQUESTS,
	BREACH_CPU, /* a summary at the end: for how long it was throttled */
	BREACH_COUNT,
};

/* The words of a sandbox's events.  What is not known is zero. */
struct record_usage {
	uint64_t duration_us;
	struct cgroup_usage cgroup;
	struct cgroup_events events;
	struct storage_usage storage;
	bool cgroup_known, storage_known;
};

/* A start is going to be tried: the first line, where the policy wants no start without a record.  0 or a negative errno. */
int record_intent(struct sandbox *sandbox, struct error *err);

/* Say once for a sandbox, on standard error, that something could not be put on record. */
void record_complain(struct sandbox *sandbox, const struct error *err);

/* The command was executed. */
void record_start(struct sandbox *sandbox);

/* Which layers hold it, and by what. */
void record_layers(struct sandbox *sandbox);

/* A limit was reached: its value, and what is known of the use at that moment. */
void record_breach(struct sandbox *sandbox, enum breach breach, const struct record_usage *usage);

/* A flow or frame that the network's rules refused: as much of them as the kernel logs. */
void record_denied_flow(struct sandbox *sandbox, const struct denied_flow *flow);

/* A name that the resolver refused; type as DNS numbers them. */
void record_denied_name(struct sandbox *sandbox, const char *name, uint16_t type);

/* The resolver has died: names fail from here on. */
void record_resolver_lost(struct sandbox *sandbox);

/* The end; status as agentcore will exit with. */
void record_exit(struct sandbox *sandbox, int status, const struct record_usage *usage);

/* A start that did not take place, and why. */
void record_refusal(struct sandbox *sandbox, const struct error *why);

#endif
