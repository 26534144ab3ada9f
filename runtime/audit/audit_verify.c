/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification: one walk over all lines, in the order of the files' names.  Where the walk comes to the place that head names, what it has
 * seen last must be what head says; behind that place there may be what a killed writer leaves, and nothing else.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "audit/audit_internal.h"

struct walk {
	FILE *out;
	struct audit_verification *result;
	const struct audit_head *head; /* NULL: there is none to compare with */
	const char *file;
	uint64_t line; /* number in the file; 0 for the file itself */
	bool any; /* a line was seen */
	struct audit_link last; /* the line that was seen last */
	uint64_t reached; /* how far the walk is in the file that head names */
	bool beyond; /* past the place that head names */
	uint64_t lines_beyond;
	time_t now;
	bool leftovers; /* of retention, so far */
};

static void print_place(const struct walk *walk)
{
	if (walk->line)
		(void)fprintf(walk->out, "%s:%" PRIu64 ": ", walk->file, walk->line);
	else
		(void)fprintf(walk->out, "%s: ", walk->file);
}

static void problem(struct walk *walk, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void problem(struct walk *walk, const char *fmt, ...)
{
	va_list args;

	walk->result->problems++;
	print_place(walk);
	va_start(args, fmt);
	(void)vfprintf(walk->out, fmt, args);
	va_end(args);
	(void)fputc('\n', walk->out);
}

static void note(const struct walk *walk, const char *text)
{
	print_place(walk);
	(void)fprintf(walk->out, "note: %s\n", text);
}

/* --- Against the head ------------------------------------------------------------------------------------------ */
static bool in_head_file(const struct walk *walk)
{
	return walk->head && strcmp(walk->file, walk->head->file) == 0;
}

static bool is_beyond(const struct walk *walk, uint64_t offset)
{
	int order = strcmp(walk->file, walk->head->file);

	return order > 0 || (order == 0 && offset >= walk->head->size);
}

/* The walk is where head says that the log ends, or past it, or there is no more. */
static void compare_with_head(struct walk *walk)
{
	const struct audit_head *head = walk->head;
	struct walk at_head = *walk;

	walk->beyond = true;
	at_head.file = AUDIT_HEAD;
	at_head.line = 0;
	if (!walk->any && head->first != head->last.sequence + 1)
		problem(&at_head, "line %" PRIu64 " was the last, and there is none", head->last.sequence);
	else if (walk->any && walk->last.sequence < head->last.sequence)
		problem(&at_head,
			"line %" PRIu64 " was the last, and the log ends with %" PRIu64 ": its end was cut off",
			head->last.sequence, walk->last.sequence);
	else if (walk->any &&
		 (walk->last.sequence != head->last.sequence || strcmp(walk->last.digest, head->last.digest) != 0))
		problem(&at_head, "it does not hold the digest of line %" PRIu64 ": that line or head was changed",
			walk->last.sequence);
	else if (walk->leftovers && head->first != head->last.sequence + 1)
		problem(&at_head, "retention has left line %" PRIu64 " and what follows, and no file begins with it",
			head->first);
	else if (walk->reached != head->size)
		problem(&at_head, "%s should hold %" PRIu64 " bytes of lines and holds %" PRIu64, head->file,
			head->size, walk->reached);
}

/* A log begins with line 1, or with the one that retention has left. */
static void check_first(struct walk *walk, uint64_t sequence, const char *previous)
{
	const struct audit_head *head = walk->head;

	if (sequence == 1 && strcmp(previous, audit_chain_start().digest) != 0)
		problem(walk, "it is the first line, and names one before it");
	if (!head || sequence == head->first)
		return;
	if (sequence < head->first)
		walk->leftovers = true;
	else
		problem(walk,
			"the log begins with line %" PRIu64 ", and retention has left it from line %" PRIu64 " on",
			sequence, head->first);
}

/* Retention moves head first, then removes whole files: what it was about to remove may still be there, and is too old. */
static void check_leftover(struct walk *walk, uint64_t sequence)
{
	if (sequence == walk->head->first)
		walk->leftovers = false;
	else if (!audit_name_expired(walk->file, walk->now))
		problem(walk,
			"it lies before line %" PRIu64 ", the first that retention has left, and is not old enough",
			walk->head->first);
}

/* --- One line ------------------------------------------------------------------------------------------------------ */
static void check_link(struct walk *walk, uint64_t sequence, const char *previous)
{
	if (!walk->any)
		check_first(walk, sequence, previous);
	else if (sequence != walk->last.sequence + 1)
		problem(walk, "line %" PRIu64 " follows line %" PRIu64 ": %s", sequence, walk->last.sequence,
			sequence > walk->last.sequence ? "what was between is gone" : "lines were moved or added");
	else if (strcmp(previous, walk->last.digest) != 0)
		problem(walk, "it does not carry the digest of the line before it: one of both was changed");
	if (walk->head && walk->leftovers && walk->line == 1)
		check_leftover(walk, sequence);
}

static void check_damage(struct walk *walk, const json_t *event)
{
	const char *type = json_string_value(json_object_get(event, "event_type"));
	const char *reason = json_string_value(json_object_get(event, "reason"));

	if (!type || strcmp(type, AUDIT_DAMAGE_TYPE) != 0)
		return;
	walk->result->problems++;
	print_place(walk);
	(void)fputs("a writer found the log damaged: ", walk->out);
	audit_print_escaped(walk->out, reason ? reason : "");
	(void)fputc('\n', walk->out);
}

static void check_line(struct walk *walk, const struct audit_reader *reader, enum audit_reading reading)
{
	char previous[AUDIT_DIGEST_SIZE];
	uint64_t sequence = walk->last.sequence + 1;
	json_t *event = NULL;
	const char *wrong = reading == READ_TOO_LONG
				    ? "it is too long"
				    : audit_line_read(reader->line, reader->length, &sequence, previous, &event);

	walk->result->lines++;
	if (wrong) {
		problem(walk, "no line of the audit log: %s", wrong);
	} else {
		check_link(walk, sequence, previous);
		check_damage(walk, event);
	}
	json_decref(event);
	walk->any = true;
	walk->last.sequence = sequence;
	audit_digest(reader->line, reader->length, walk->last.digest);
}

/* --- The walk -------------------------------------------------------------------------------------------------------- */
static void check_half_line(struct walk *walk)
{
	if (walk->beyond && walk->lines_beyond == 0 && in_head_file(walk))
		note(walk, "half a line, whose writer was killed; the next writer removes it");
	else
		problem(walk, "the line is cut off");
}

/* Exactly one, and a good one, may be there: its writer was killed before it came to head. */
static void check_line_beyond(struct walk *walk, bool wrong)
{
	if (++walk->lines_beyond == 1 && !wrong && in_head_file(walk))
		note(walk, "written, and not yet in head, as its writer was killed; the next writer puts that right");
	else
		problem(walk, "head does not know this line");
}

static int walk_day(struct walk *walk, struct audit_day *day)
{
	struct audit_reader reader;
	int r = audit_reader_open(&reader, day);

	if (r < 0)
		return r;
	for (;;) {
		uint64_t start = reader.offset, problems = walk->result->problems;
		enum audit_reading reading = audit_reader_next(&reader);
		if (reading == READ_END || reading == READ_FAILED) {
			r = reading == READ_FAILED ? -EIO : 0;
			break;
		}
		if (walk->head && !walk->beyond && is_beyond(walk, start))
			compare_with_head(walk);
		walk->line++;
		if (reading == READ_HALF) {
			check_half_line(walk);
			continue;
		}
		check_line(walk, &reader, reading);
		if (!walk->beyond) {
			if (in_head_file(walk))
				walk->reached = reader.offset;
			continue;
		}
		check_line_beyond(walk, walk->result->problems > problems);
	}
	audit_reader_close(&reader);
	return r;
}

static void check_head(struct walk *walk, const struct audit_snapshot *snapshot)
{
	walk->file = AUDIT_HEAD;
	if (snapshot->head_state == HEAD_GOOD)
		walk->head = &snapshot->head;
	else if (snapshot->head_state == HEAD_MISSING)
		problem(walk, "it is missing; a log that was ever written to has one");
	else if (snapshot->head_state == HEAD_BAD || snapshot->count > 0) /* empty: the first writer was killed */
		problem(walk, "no writer wrote it so");
}

int audit_verify_at(const char *directory, time_t now, FILE *out, struct audit_verification *verification,
		    struct error *err)
{
	struct audit_verification result = {0};
	struct audit_snapshot snapshot = {.count = 0};
	struct walk walk = {.out = out, .result = &result, .now = now};
	int r = audit_snapshot_take(directory, &snapshot, err);

	if (r < 0)
		return r;
	check_head(&walk, &snapshot);
	for (size_t i = 0; r == 0 && i < snapshot.count; i++) {
		walk.file = snapshot.days[i].name;
		walk.line = 0;
		result.files++;
		if (snapshot.days[i].fd < 0) {
			problem(&walk, "it is no regular file");
			continue;
		}
		r = walk_day(&walk, &snapshot.days[i]);
		if (r < 0)
			(void)error_set(err, -r, "audit log: %s", walk.file);
	}
	if (r == 0 && walk.head && !walk.beyond)
		compare_with_head(&walk);
	audit_snapshot_clear(&snapshot);
	if (r == 0)
		*verification = result;
	return r;
}

int audit_log_verify(const char *directory, FILE *out, struct audit_verification *verification, struct error *err)
{
	return audit_verify_at(directory, time(NULL), out, verification, err);
}
