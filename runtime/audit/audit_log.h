/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: one JSON line per event in audit_YYYY-MM-DD.jsonl (UTC), outside of every sandbox.
 *
 * Each line carries the SHA-256 of the line before it ("previous") and a sequence number, also over the change of days, and
 * a small file "head" holds the last digest: a line that was changed, removed or cut off at the end shows in audit_log_verify.
 * A writer that finds the log changed goes on, and puts that on record as an event "audit_log_damaged".
 *
 * The chain has no key: who can write to the directory can also write a whole new log.  Nothing is synced: after a power failure the
 * last lines may be missing, and that looks as if they had been cut off.
 */
#ifndef AUDIT_AUDIT_LOG_H
#define AUDIT_AUDIT_LOG_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#define AUDIT_DEFAULT_DIRECTORY "/var/log/agentcore/audit"
#define AUDIT_RETENTION_DAYS    90

struct audit_log; /* opaque */

/*
 * Open the directory (made 0700 where missing; refused when it is a link, not ours, or others can write to it).  Holds one
 * descriptor, close-on-exec.  0 or a negative errno with err set.
 */
int audit_log_open(struct audit_log **log, const char *directory, struct error *err);

struct audit_event {
	const char *
		event_type; /* "sandbox_start", "layers", "breach", "sandbox_exit", "start_refused", "execution_start", ... */
	const char *sandbox_id,
		*agent_id; /* these and all others: any bytes, also NULL; beyond about 1000 they are cut */
	const char *operation; /* "run", "exec", "update", "kill", ... */
	const char *resource; /* "memory", "processes", "wall_time", "storage", "cpu", the command, ... or NULL */
	const char *permission; /* the limit or rule that decided, or NULL */
	const char *result; /* "allowed", "denied", "killed", "throttled", "failed", "exited" */
	const char *reason; /* one line, or NULL */
	json_t *metadata; /* borrowed object, or NULL */
};

/*
 * Append one event: timestamp (RFC 3339, UTC, microseconds), the fields above, sequence, previous.  One write(2) per line, under a
 * lock that all writers share (bounded wait: a stuck writer is an error, not a hang).  Opens the day's file, and on the first
 * line of a day removes files beyond the retention.
 * 0, or a negative errno with err set (ENOSPC, ...): a line is whole or not there.
 */
int audit_log_write(struct audit_log *log, const struct audit_event *event, struct error *err);

void audit_log_close(struct audit_log *log); /* accepts NULL */

struct audit_verification {
	uint64_t files, lines;
	uint64_t problems; /* each printed to `out` as "FILE:LINE: what is wrong" */
};

/*
 * Check every file of a directory: valid JSON, fields, sequence without gap, digests, the head.  A first file whose predecessor was
 * removed by retention is accepted; one whose predecessor was removed otherwise is not.  What a writer that was killed may leave (half a
 * line, or one line more than head knows) is printed as a note and is no problem.  Writers are not held up: what they write
 * meanwhile is not looked at.
 * 0 also when problems were found; a negative errno with err set when it could not be read.
 */
int audit_log_verify(const char *directory, FILE *out, struct audit_verification *verification, struct error *err);

/*
 * Call each for every line, oldest first, until it returns non-zero.  *unreadable counts the lines that are none (verify says more).
 * 0, or a negative errno with err set when the directory could not be read.
 */
int audit_log_read(const char *directory, int (*each)(void *context, const json_t *event), void *context,
		   uint64_t *unreadable, struct error *err);

/* Print text of an event so that it cannot do anything to a terminal: ASCII, with escapes. */
void audit_print_escaped(FILE *out, const char *text);

#endif
