/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "base/cleanup.h"

/* --- The snapshot -------------------------------------------------------------------------------------------- */
/* Open a regular file; *fd is -1 for a link or anything else.  0, or a negative errno. */
static int open_regular(int directory, const char *name, int *fd, uint64_t *size)
{
	struct stat status;
	_cleanup_fd_ int opened = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*fd = -1;
	if (opened < 0)
		return errno == ELOOP || errno == ENXIO ? 0 : -errno;
	if (fstat(opened, &status) < 0)
		return -errno;
	if (S_ISREG(status.st_mode)) {
		*fd = TAKE_FD(opened);
		*size = (uint64_t)status.st_size;
	}
	return 0;
}

static int open_days(int directory, struct audit_snapshot *snapshot, struct error *err)
{
	struct audit_files files;
	int r = audit_files_list(directory, &files);

	if (r < 0)
		return error_set(err, -r, "audit log: its directory");
	if (files.count == 0)
		return 0;
	snapshot->days = calloc(files.count, sizeof(*snapshot->days));
	if (!snapshot->days) {
		audit_files_clear(&files);
		return error_set(err, ENOMEM, "audit log");
	}
	for (size_t i = 0; r == 0 && i < files.count; i++) {
		struct audit_day *day = &snapshot->days[i];
		memcpy(day->name, files.names[i], AUDIT_NAME_SIZE);
		r = open_regular(directory, day->name, &day->fd, &day->size);
		if (r < 0)
			(void)error_set(err, -r, "audit log: %s", day->name);
		else
			snapshot->count++;
	}
	audit_files_clear(&files);
	return r;
}

int audit_snapshot_take(const char *path, struct audit_snapshot *snapshot, struct error *err)
{
	struct audit_snapshot taken = {.head_state = HEAD_MISSING};
	_cleanup_fd_ int head_fd = -1;
	uint64_t size;
	_cleanup_fd_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0) {
		int r = error_set(err, errno, "audit log: %s", path);
		(void)error_hint(err, "name the directory with --audit-dir");
		return r;
	}
	int r = open_regular(directory, AUDIT_HEAD, &head_fd, &size);
	if (r == 0 && head_fd < 0)
		taken.head_state = HEAD_BAD;
	if (head_fd >= 0)
		r = audit_lock(head_fd, F_RDLCK, AUDIT_LOCK_WAIT_MS);
	if (r == 0 && head_fd >= 0)
		r = audit_head_read(head_fd, &taken.head, &taken.head_state);
	if (r < 0 && r != -ENOENT)
		return error_set(err, -r, "audit log: %s/%s", path, AUDIT_HEAD);
	r = open_days(directory, &taken, err);
	if (r < 0)
		audit_snapshot_clear(&taken);
	else
		*snapshot = taken;
	return r;
}

void audit_snapshot_clear(struct audit_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->count; i++)
		cleanup_fd(&snapshot->days[i].fd);
	free(snapshot->days);
	*snapshot = (struct audit_snapshot){.days = NULL};
}

/* --- Lines --------------------------------------------------------------------------------------------------- */
int audit_reader_open(struct audit_reader *reader, struct audit_day *day)
{
	*reader = (struct audit_reader){.size = day->size};
	reader->file = fdopen(day->fd, "r");
	if (!reader->file)
		return -errno;
	(void)TAKE_FD(day->fd);
	return 0;
}

void audit_reader_close(struct audit_reader *reader)
{
	cleanup_file(&reader->file);
	reader->file = NULL;
}

enum audit_reading audit_reader_next(struct audit_reader *reader)
{
	uint64_t start = reader->offset;

	reader->length = 0;
	while (reader->offset < reader->size) {
		int c = getc_unlocked(reader->file);
		if (c == EOF && ferror(reader->file))
			return READ_FAILED;
		if (c == EOF) {
			reader->size = reader->offset; /* cut off since it was opened */
			break;
		}
		reader->offset++;
		if (c == '\n')
			return reader->offset - start <= AUDIT_LINE_MAX ? READ_LINE : READ_TOO_LONG;
		if (reader->length < AUDIT_LINE_MAX)
			reader->line[reader->length++] = (char)c;
	}
	return reader->offset == start ? READ_END : READ_HALF;
}

/* --- For those who only want the events ------------------------------------------------------------------------ */
static int read_day(struct audit_day *day, int (*each)(void *context, const json_t *event), void *context,
		    uint64_t *unreadable)
{
	struct audit_reader reader;
	enum audit_reading reading;
	int r = audit_reader_open(&reader, day), stop = 0;

	if (r < 0)
		return r;
	while (!stop && (reading = audit_reader_next(&reader)) != READ_END && reading != READ_FAILED) {
		json_t *event = NULL;
		uint64_t sequence;
		if (reading == READ_LINE && !audit_line_read(reader.line, reader.length, &sequence, NULL, &event))
			stop = each(context, event);
		else
			++*unreadable;
		json_decref(event);
	}
	if (!stop && reading == READ_FAILED)
		r = -EIO;
	audit_reader_close(&reader);
	return r < 0 ? r : stop;
}

int audit_log_read(const char *directory, int (*each)(void *context, const json_t *event), void *context,
		   uint64_t *unreadable, struct error *err)
{
	struct audit_snapshot snapshot = {.count = 0};
	int r = audit_snapshot_take(directory, &snapshot, err);

	if (r < 0)
		return r;
	*unreadable = 0;
	for (size_t i = 0; r == 0 && i < snapshot.count; i++) {
		if (snapshot.days[i].fd < 0) {
			++*unreadable;
			continue;
		}
		r = read_day(&snapshot.days[i], each, context, unreadable);
		if (r < 0)
			(void)error_set(err, -r, "audit log: %s", snapshot.days[i].name);
	}
	audit_snapshot_clear(&snapshot);
	return r < 0 ? r : 0;
}
