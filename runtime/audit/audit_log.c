/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing.  Each line costs two writes under the lock: the line, then the head.  A writer that is killed between the two leaves a
 * log whose head is exactly one line behind, and half a line if it is killed in the first; the next writer puts either right before
 * it writes.  Whatever else head and file disagree about was not done by a writer: the next one says so in a line of its own
 * and goes on from the head, so that the place stays visible to a verification.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "base/cleanup.h"

struct audit_log {
	int directory;
};

/* One call of audit_log_append. */
struct writer {
	int directory, head_fd, file;
	const struct timespec *now;
	struct audit_head head; /* as on disk, but for what is being written */
	char damage[160]; /* what was found changed, or "" */
};

/* --- The directory ------------------------------------------------------------------------------------------ */
static int make_directories(const char *path)
{
	char parent[PATH_MAX];

	(void)snprintf(parent, sizeof(parent), "%s", path);
	for (char *slash = parent + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdir(parent, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int audit_log_open(struct audit_log **log, const char *directory, struct error *err)
{
	char path[PATH_MAX];
	size_t length = strlen(directory);

	if (length == 0 || length >= sizeof(path))
		return error_set(err, length ? ENAMETOOLONG : ENOENT, "audit log: directory \"%.80s\"", directory);
	/* A slash at the end would follow a link in spite of O_NOFOLLOW. */
	memcpy(path, directory, length + 1);
	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';

	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_fd_ int fd = open(path, flags);
	if (fd < 0 && errno == ENOENT) {
		int r = make_directories(path);
		if (r < 0)
			return error_set(err, -r, "audit log: cannot make %s", path);
		fd = open(path, flags);
	}
	if (fd < 0) {
		int r = error_set(err, errno, "audit log: %s", path);
		(void)error_hint(err, "it must be a directory, not a link");
		return r;
	}
	int r = audit_check_owner(fd, path, err);
	if (r < 0)
		return r;
	struct audit_log *opened = malloc(sizeof(*opened));
	if (!opened)
		return error_set(err, ENOMEM, "audit log");
	opened->directory = TAKE_FD(fd);
	*log = opened;
	return 0;
}

void audit_log_close(struct audit_log *log)
{
	if (!log)
		return;
	(void)close(log->directory);
	free(log);
}

/* --- One line ------------------------------------------------------------------------------------------------- */
/* A write beyond RLIMIT_FSIZE does not only fail, it kills: the caller's limit is looked at before. */
static int write_whole(int fd, uint64_t start, const char *data, size_t length)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && start + length > limit.rlim_cur)
		return -EFBIG;
	ssize_t n;
	do
		n = write(fd, data, length);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)length)
		return 0;
	return n < 0 ? -errno : -ENOSPC;
}

static int write_head(struct writer *writer, const struct audit_head *head)
{
	int r = audit_head_write(writer->head_fd, head);

	if (r == 0)
		writer->head = *head;
	return r;
}

static int append_line(struct writer *writer, const struct audit_event *event, struct error *err)
{
	char line[AUDIT_LINE_MAX];
	struct audit_head next = writer->head;
	size_t length = audit_line(line, event, &writer->head.last, writer->now);

	next.last.sequence++;
	next.size += length;
	audit_digest(line, length - 1, next.last.digest);
	int r = write_whole(writer->file, writer->head.size, line, length);
	if (r == 0)
		r = write_head(writer, &next);
	if (r == 0)
		return 0;
	/* Whole or not there; if this fails too, the next writer does it. */
	(void)!ftruncate(writer->file, (off_t)writer->head.size);
	(void)error_set(err, -r, "audit log: a line of %s", writer->head.file);
	(void)error_hint(err, r == -ENOSPC || r == -EDQUOT ? "make room on the file system of the audit log"
							   : "see that the audit log can be written");
	return r;
}

/* Put on record what was found changed, if anything was. */
static int append_damage(struct writer *writer, struct error *err)
{
	struct audit_event event = {.event_type = AUDIT_DAMAGE_TYPE,
				    .operation = "audit",
				    .resource = writer->head.file,
				    .result = "failed",
				    .reason = writer->damage};

	if (!writer->damage[0])
		return 0;
	int r = append_line(writer, &event, err);
	if (r == 0)
		writer->damage[0] = '\0';
	return r;
}

/* --- What the last writer left ------------------------------------------------------------------------------------ */
static void note_damage(struct writer *writer, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note_damage(struct writer *writer, const char *fmt, ...)
{
	va_list args;

	if (writer->damage[0])
		return;
	va_start(args, fmt);
	(void)vsnprintf(writer->damage, sizeof(writer->damage), fmt, args);
	va_end(args);
}

/* The file is longer than head says: half a line, the one line that head may be behind, or something else. */
static int settle_longer(struct writer *writer, uint64_t size)
{
	char tail[AUDIT_LINE_MAX + 1], previous[AUDIT_DIGEST_SIZE];
	struct audit_head next = writer->head;
	ssize_t n = pread(writer->file, tail, sizeof(tail), (off_t)writer->head.size);
	uint64_t extra = size - writer->head.size;

	if (n < 0)
		return -errno;
	if ((uint64_t)n == extra && !memchr(tail, '\n', (size_t)n))
		return ftruncate(writer->file, (off_t)writer->head.size) < 0 ? -errno : 0;
	next.size = size;
	if ((uint64_t)n == extra && memchr(tail, '\n', (size_t)n) == tail + n - 1 &&
	    !audit_line_read(tail, (size_t)n - 1, &next.last.sequence, previous, NULL) &&
	    next.last.sequence == writer->head.last.sequence + 1 && !strcmp(previous, writer->head.last.digest)) {
		/* To disk at once: two lines ahead of it would be no crash any more. */
		audit_digest(tail, (size_t)n - 1, next.last.digest);
		return write_head(writer, &next);
	}
	note_damage(writer, "%s has %" PRIu64 " bytes that no writer put there", writer->head.file, extra);
	writer->head.size = size;
	return 0;
}

/* A line that was cut in two is ended, so that the next does not hang on to it. */
static int end_cut_line(struct writer *writer)
{
	char last = '\n';

	if (writer->head.size > 0 && pread(writer->file, &last, 1, (off_t)writer->head.size - 1) < 0)
		return -errno;
	if (last == '\n')
		return 0;
	int r = write_whole(writer->file, writer->head.size, "\n", 1);
	if (r == 0)
		writer->head.size++;
	return r;
}

/* Open the file that head names and bring both together. */
static int settle_file(struct writer *writer, struct error *err)
{
	struct stat status;

	cleanup_fd(&writer->file);
	writer->file = audit_file_open(writer->directory, writer->head.file, err);
	if (writer->file < 0)
		return writer->file;
	if (fstat(writer->file, &status) < 0)
		return error_set(err, errno, "audit log: %s", writer->head.file);
	uint64_t size = (uint64_t)status.st_size;
	int r = 0;
	if (size > writer->head.size) {
		r = settle_longer(writer, size);
	} else if (size < writer->head.size) {
		note_damage(writer, "%" PRIu64 " bytes at the end of %s are gone", writer->head.size - size,
			    writer->head.file);
		writer->head.size = size;
	}
	if (r == 0 && writer->damage[0])
		r = end_cut_line(writer);
	return r < 0 ? error_set(err, -r, "audit log: %s", writer->head.file) : 0;
}

/* No head that says where the chain ends: from the last line that there is. */
static int take_over(struct writer *writer, const struct audit_files *files, struct error *err)
{
	const char *newest = files->names[files->count - 1];
	struct stat status;
	_cleanup_fd_ int file = audit_file_open(writer->directory, newest, err);

	if (file < 0)
		return file;
	int r = fstat(file, &status) < 0 ? -errno : 0;
	if (r == 0)
		r = audit_file_last(file, (uint64_t)status.st_size, &writer->head.last);
	if (r < 0)
		return error_set(err, -r, "audit log: %s", newest);
	memcpy(writer->head.file, newest, AUDIT_NAME_SIZE);
	writer->head.size = (uint64_t)status.st_size;
	writer->head.first = audit_file_first(writer->directory, files->names[0]);
	return 0;
}

/* A log without a (good) head: a new one, unless there are lines or a head that once was good. */
static int begin(struct writer *writer, enum audit_head_state state, struct error *err)
{
	struct audit_files files;
	int r = audit_files_list(writer->directory, &files);

	if (r < 0)
		return error_set(err, -r, "audit log: its directory");
	if (files.count > 0 || state == HEAD_BAD)
		note_damage(writer, state == HEAD_BAD ? "head was changed" : "head was removed");
	if (files.count > 0) {
		r = take_over(writer, &files, err);
	} else {
		writer->head = (struct audit_head){.last = audit_chain_start(), .first = 1};
		audit_file_name(writer->now->tv_sec, writer->head.file);
		r = write_head(writer, &writer->head);
		if (r < 0)
			(void)error_set(err, -r, "audit log: %s", AUDIT_HEAD);
	}
	audit_files_clear(&files);
	return r;
}

/* --- The day's change ---------------------------------------------------------------------------------------------- */
/* Number of the first line that stays; nothing but expired files means the next line that is written. */
static uint64_t first_kept(const struct writer *writer, const struct audit_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (!audit_name_expired(files->names[i], writer->now->tv_sec))
			return audit_file_first(writer->directory, files->names[i]);
	return writer->head.last.sequence + 1;
}

/*
 * Go on in the file of today, if today is later than the file that head names: a clock that was set back must not put lines into a file
 * that comes before others.  The head moves before the first line is written and before an old file goes, so that a writer
 * that is killed anywhere leaves nothing that looks like tampering.
 */
static int change_day(struct writer *writer, struct error *err)
{
	struct audit_head next = writer->head;
	struct audit_files files;

	audit_file_name(writer->now->tv_sec, next.file);
	if (strcmp(next.file, writer->head.file) <= 0)
		return 0;
	int r = audit_files_list(writer->directory, &files);
	if (r == 0) {
		next.size = 0;
		next.first = first_kept(writer, &files);
		r = write_head(writer, &next);
		for (size_t i = 0; r == 0 && i < files.count; i++)
			if (audit_name_expired(files.names[i], writer->now->tv_sec))
				(void)unlinkat(writer->directory, files.names[i], 0); /* else tomorrow */
		audit_files_clear(&files);
	}
	if (r < 0)
		return error_set(err, -r, "audit log: the change to %s", next.file);
	return settle_file(writer, err);
}

int audit_log_append(struct audit_log *log, const struct audit_event *event, const struct timespec *now,
		     struct error *err)
{
	enum audit_head_state state;
	/* Opened anew for each line: a lock is shared by those who share the description, a forked child for one. */
	_cleanup_fd_ int head_fd = audit_head_lock(log->directory, AUDIT_LOCK_WAIT_MS, err);
	if (head_fd < 0)
		return head_fd;

	struct writer writer = {.directory = log->directory, .head_fd = head_fd, .file = -1, .now = now};
	int r = audit_head_read(head_fd, &writer.head, &state);
	if (r < 0)
		(void)error_set(err, -r, "audit log: %s", AUDIT_HEAD);
	if (r == 0 && state != HEAD_GOOD)
		r = begin(&writer, state, err);
	if (r == 0)
		r = settle_file(&writer, err);
	/* Before the day changes: that writes a head which knows nothing of it. */
	if (r == 0)
		r = append_damage(&writer, err);
	if (r == 0)
		r = change_day(&writer, err);
	if (r == 0)
		r = append_damage(&writer, err);
	if (r == 0)
		r = append_line(&writer, event, err);
	cleanup_fd(&writer.file);
	return r;
}

int audit_log_write(struct audit_log *log, const struct audit_event *event, struct error *err)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return audit_log_append(log, event, &now, err);
}
