/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the audit log share.  Tests include it to choose the time, and to crash between two steps. */
#ifndef AUDIT_AUDIT_INTERNAL_H
#define AUDIT_AUDIT_INTERNAL_H

#include <stdbool.h>
#include <time.h>

#include "audit/audit_log.h"

#define AUDIT_HEAD          "head"
#define AUDIT_LINE_MAX      16384 /* bytes, with the newline */
#define AUDIT_DIGEST_SIZE   65 /* SHA-256 in hexadecimal, with a NUL */
#define AUDIT_NAME_SIZE     23 /* "audit_YYYY-MM-DD.jsonl", with a NUL */
#define AUDIT_STAMP_SIZE    28 /* "YYYY-MM-DDThh:mm:ss.uuuuuuZ", with a NUL */
#define AUDIT_LOCK_WAIT_MS  5000
#define AUDIT_DAMAGE_TYPE   "audit_log_damaged" /* event that a writer adds when it finds the log changed */
#define AUDIT_SECONDS_A_DAY 86400

/* --- audit_chain.c: what ties a line to the one before ------------------------------------------------------ */
struct audit_link {
	uint64_t sequence; /* of the line; 0 before the first */
	char digest[AUDIT_DIGEST_SIZE]; /* of its bytes without the newline; zeros before the first */
};

/* The link that the first line of a log follows. */
struct audit_link audit_chain_start(void);

/* SHA-256 of length bytes, in hexadecimal. */
void audit_digest(const void *data, size_t length, char digest[AUDIT_DIGEST_SIZE]);

/* --- audit_time.c: names and stamps, in UTC ------------------------------------------------------------------- */
void audit_file_name(time_t seconds, char name[AUDIT_NAME_SIZE]);
void audit_stamp(const struct timespec *now, char stamp[AUDIT_STAMP_SIZE]);

/* Has retention let go of the file of this name? */
bool audit_name_expired(const char *name, time_t now);

/* --- audit_line.c ------------------------------------------------------------------------------------------- */
/*
 * Write the line of an event that follows `last`, with its newline, to line.  Strings are escaped to ASCII, bytes that are not
 * UTF-8 become U+FFFD, and what would be too long is cut and marked "[cut]".  The length; it always fits.
 */
size_t audit_line(char line[AUDIT_LINE_MAX], const struct audit_event *event, const struct audit_link *last,
		  const struct timespec *now);

/*
 * Is it a line (without its newline) as audit_line writes them: the keys, their order, their types?  Gives the number of the line
 * and, when previous is not NULL, the digest that it carries.  NULL, or what is wrong in a few words.
 */
const char *audit_line_read(const char *line, size_t length, uint64_t *sequence, char previous[AUDIT_DIGEST_SIZE],
			    json_t **document);

/* --- audit_head.c: the file "head", which is also the lock ---------------------------------------------------- */
struct audit_head {
	struct audit_link last; /* the line that was written last */
	uint64_t first; /* number of the first line that retention has left */
	uint64_t size; /* of `file` behind the last line */
	char file[AUDIT_NAME_SIZE]; /* where the next line goes, unless the day is over */
};

enum audit_head_state {
	HEAD_GOOD,
	HEAD_EMPTY, /* just made, or its maker was killed before it wrote */
	HEAD_BAD,
	HEAD_MISSING, /* only for readers: writers make one */
};

/* Open "head" and lock it for writing, waiting for at most timeout_ms.  The descriptor holds the lock; or a negative errno. */
int audit_head_lock(int directory, int timeout_ms, struct error *err);

/* Lock an open head for reading (F_RDLCK) or writing (F_WRLCK).  0, -ETIMEDOUT or another negative errno. */
int audit_lock(int fd, short type, int timeout_ms);

/* 0 with *state, and *head where it is good; or a negative errno. */
int audit_head_read(int fd, struct audit_head *head, enum audit_head_state *state);

/* In place, in one write: needs no space, and is whole or not there for whoever looks.  0, or a negative errno. */
int audit_head_write(int fd, const struct audit_head *head);

/* --- audit_files.c --------------------------------------------------------------------------------------------- */
struct audit_files {
	char (*names)[AUDIT_NAME_SIZE]; /* owned; sorted, which is the order of their lines */
	size_t count;
};

/* The day files of a directory.  0 (release with audit_files_clear), or a negative errno. */
int audit_files_list(int directory, struct audit_files *files);
void audit_files_clear(struct audit_files *files);

/* Open a day's file for appending, made 0600 where missing.  The descriptor, or a negative errno with err set. */
int audit_file_open(int directory, const char *name, struct error *err);

/* Refuse (-EPERM) what belongs to somebody else, or what others can write to. */
int audit_check_owner(int fd, const char *shown, struct error *err);

/* The link that the last line of a file makes; sequence 0 where there is none that can be read. */
int audit_file_last(int fd, uint64_t size, struct audit_link *last);

/* The number of a file's first line, or 0 where it cannot be read. */
uint64_t audit_file_first(int directory, const char *name);

/* --- audit_read.c: all files as they were at one moment -------------------------------------------------------- */
struct audit_day {
	char name[AUDIT_NAME_SIZE];
	int fd; /* -1: no regular file */
	uint64_t size;
};

struct audit_snapshot {
	struct audit_head head;
	enum audit_head_state head_state;
	struct audit_day *days; /* owned */
	size_t count;
};

/* Under the lock, which is released again.  0 (release with audit_snapshot_clear), or a negative errno with err set. */
int audit_snapshot_take(const char *directory, struct audit_snapshot *snapshot, struct error *err);
void audit_snapshot_clear(struct audit_snapshot *snapshot);

enum audit_reading {
	READ_LINE,
	READ_TOO_LONG, /* more than AUDIT_LINE_MAX; the rest was skipped */
	READ_HALF, /* no newline at the end of the file */
	READ_END,
	READ_FAILED,
};

struct audit_reader {
	FILE *file;
	uint64_t size, offset; /* how much of the file there is, and where the next line begins */
	char line[AUDIT_LINE_MAX]; /* the line without its newline */
	size_t length;
};

/* Read a day from its start; takes its descriptor.  0, or a negative errno.  audit_reader_close accepts one that did not open. */
int audit_reader_open(struct audit_reader *reader, struct audit_day *day);
enum audit_reading audit_reader_next(struct audit_reader *reader);
void audit_reader_close(struct audit_reader *reader);

/* --- audit_verify.c ---------------------------------------------------------------------------------------------- */
/* audit_log_verify at a given time: what retention may have been about to remove depends on it. */
int audit_verify_at(const char *directory, time_t now, FILE *out, struct audit_verification *verification,
		    struct error *err);

/* --- audit_log.c ------------------------------------------------------------------------------------------------- */
/* audit_log_write at a given time. */
int audit_log_append(struct audit_log *log, const struct audit_event *event, const struct timespec *now,
		     struct error *err);

#endif
