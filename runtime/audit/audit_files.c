/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "base/cleanup.h"

int audit_check_owner(int fd, const char *shown, struct error *err)
{
	struct stat status;

	/* Asked of the descriptor: what the name says may change, what is open does not. */
	if (fstat(fd, &status) < 0)
		return error_set(err, errno, "audit log: %s", shown);
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
		(void)error_say(err, EPERM, "audit log: %s is neither a file nor a directory", shown);
		(void)error_hint(err, "remove it, or choose another directory");
		return -EPERM;
	}
	if (status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH)) {
		(void)error_say(err, EPERM, "audit log: %s: owner %u, mode %04o: others could change what is on record",
				shown, (unsigned)status.st_uid, (unsigned)status.st_mode & 07777);
		(void)error_hint(err, "choose a directory that is yours, and that nobody else can write to");
		return -EPERM;
	}
	return 0;
}

int audit_file_open(int directory, const char *name, struct error *err)
{
	_cleanup_fd_ int fd = openat(
		directory, name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "audit log: %s", name);
	int r = audit_check_owner(fd, name, err);
	return r < 0 ? r : TAKE_FD(fd);
}

static bool is_day_file(const char *name)
{
	static const char pattern[] = "audit_dddd-dd-dd.jsonl";

	if (strlen(name) != strlen(pattern))
		return false;
	for (size_t i = 0; pattern[i]; i++) {
		bool digit = name[i] >= '0' && name[i] <= '9';
		/* The "d" of "audit" is a letter. */
		if (pattern[i] == 'd' && i > strlen("audit_") - 1 ? !digit : name[i] != pattern[i])
			return false;
	}
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int audit_files_list(int directory, struct audit_files *files)
{
	struct audit_files found = {0};
	/* A descriptor of its own: readdir moves the position that duplicates share. */
	_cleanup_fd_ int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);
	errno = 0;
	for (struct dirent *entry; (entry = readdir(dir)); errno = 0) {
		if (!is_day_file(entry->d_name))
			continue;
		char(*grown)[AUDIT_NAME_SIZE] = realloc(found.names, (found.count + 1) * sizeof(*grown));
		if (!grown) {
			audit_files_clear(&found);
			return -ENOMEM;
		}
		found.names = grown;
		memcpy(found.names[found.count++], entry->d_name, AUDIT_NAME_SIZE);
	}
	if (errno) {
		int r = -errno;
		audit_files_clear(&found);
		return r;
	}
	if (found.count > 1)
		qsort(found.names, found.count, sizeof(*found.names), compare_names);
	*files = found;
	return 0;
}

void audit_files_clear(struct audit_files *files)
{
	free(files->names);
	*files = (struct audit_files){0};
}

int audit_file_last(int fd, uint64_t size, struct audit_link *last)
{
	char tail[AUDIT_LINE_MAX];
	size_t wanted = size < sizeof(tail) ? (size_t)size : sizeof(tail);
	ssize_t n = pread(fd, tail, wanted, (off_t)(size - wanted));

	if (n < 0)
		return -errno;
	size_t length = (size_t)n;
	if (length > 0 && tail[length - 1] == '\n')
		length--;
	const char *newline = length ? memrchr(tail, '\n', length) : NULL;
	const char *line = newline ? newline + 1 : tail;
	length -= (size_t)(line - tail);
	*last = audit_chain_start();
	if (n > 0)
		audit_digest(line, length, last->digest);
	if (audit_line_read(line, length, &last->sequence, NULL, NULL))
		last->sequence = 0;
	return 0;
}

uint64_t audit_file_first(int directory, const char *name)
{
	char start[AUDIT_LINE_MAX];
	uint64_t sequence;
	_cleanup_fd_ int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, start, sizeof(start), 0);
	const char *end = n > 0 ? memchr(start, '\n', (size_t)n) : NULL;

	if (!end || audit_line_read(start, (size_t)(end - start), &sequence, NULL, NULL))
		return 0;
	return sequence;
}
