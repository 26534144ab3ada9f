/* SPDX-License-Identifier: Apache-2.0 */
/* A log in a fresh directory, times to write at, and ways to look at its files and to change them. */
#ifndef TESTS_AUDIT_FIXTURE_H
#define TESTS_AUDIT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/audit_internal.h"
#include "base/cleanup.h"
#include "base/io.h"

/* 2020-03-01T12:00:00Z and the days after it. */
#define DAY(n) (1583064000 + (time_t)(n)*AUDIT_SECONDS_A_DAY)
#define DAY_0  "audit_2020-03-01.jsonl"
#define DAY_1  "audit_2020-03-02.jsonl"
#define DAY_2  "audit_2020-03-03.jsonl"

static char directory[64]; /* of the test */

static inline int make_directory(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/agentcore-audit-test-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
	(void)status, (void)flag, (void)ftw;
	return remove(path);
}

static inline int remove_directory(void **state)
{
	(void)state;
	return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

static inline const char *path_of(const char *name)
{
	static char path[4][160];
	static int next;

	next = (next + 1) % 4;
	(void)snprintf(path[next], sizeof(path[next]), "%s/%s", directory, name);
	return path[next];
}

/* --- Writing ---------------------------------------------------------------------------------------------- */
static inline int try_write(time_t when, const char *reason, struct error *err)
{
	struct audit_log *log;
	struct timespec now = {.tv_sec = when, .tv_nsec = 123456789};
	struct audit_event event = {.event_type = "sandbox_start",
				    .sandbox_id = "box",
				    .agent_id = "demo",
				    .operation = "run",
				    .result = "allowed",
				    .reason = reason};
	int r = audit_log_open(&log, directory, err);

	if (r == 0) {
		r = audit_log_append(log, &event, &now, err);
		audit_log_close(log);
	}
	return r;
}

static inline void write_at(time_t when, const char *reason)
{
	struct error err = {0};

	if (try_write(when, reason, &err) < 0)
		fail_msg("%s", err.text);
}

/* --- Files ------------------------------------------------------------------------------------------------- */
struct bytes {
	char *data;
	size_t length;
};

static inline struct bytes read_bytes(const char *name)
{
	struct bytes bytes = {0};

	assert_int_equal(io_read_file(AT_FDCWD, path_of(name), 1 << 24, &bytes.data, &bytes.length), 0);
	return bytes;
}

static inline void write_bytes(const char *name, const void *data, size_t length)
{
	_cleanup_fd_ int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, data, length), 0);
}

/* Put back what read_bytes took. */
static inline void put_back(const char *name, struct bytes *bytes)
{
	write_bytes(name, bytes->data, bytes->length);
	free(bytes->data);
	bytes->data = NULL;
}

/* The start of line n (from 0) of a text. */
static inline char *line_start(const struct bytes *text, int n)
{
	char *at = text->data;

	for (; n > 0; n--) {
		at = memchr(at, '\n', (size_t)(text->data + text->length - at));
		assert_non_null(at);
		at++;
	}
	return at;
}

/* --- Looking ----------------------------------------------------------------------------------------------- */
static char messages[1 << 16]; /* of the last verification */
static time_t verified_at = DAY(5);

static inline struct audit_verification verify(void)
{
	struct audit_verification found = {0};
	struct error err = {0};

	memset(messages, 0, sizeof(messages));
	FILE *out = fmemopen(messages, sizeof(messages) - 1, "w");
	assert_non_null(out);
	int r = audit_verify_at(directory, verified_at, out, &found, &err);
	(void)fclose(out);
	if (r < 0)
		fail_msg("%s", err.text);
	return found;
}

static inline void expect_intact(uint64_t lines)
{
	struct audit_verification found = verify();

	if (found.problems || messages[0])
		fail_msg("%s", messages);
	assert_int_equal(found.lines, lines);
}

/* At least one problem, and a message that has the pattern. */
static inline void expect_problem(const char *pattern)
{
	struct audit_verification found = verify();

	if (found.problems == 0 || !strstr(messages, pattern))
		fail_msg("%d problems, no \"%s\" in: %s", (int)found.problems, pattern, messages);
}

/* No problem, and a note that has the pattern. */
static inline void expect_note(const char *pattern)
{
	struct audit_verification found = verify();

	if (found.problems || !strstr(messages, "note: ") || !strstr(messages, pattern))
		fail_msg("%d problems, no note \"%s\" in: %s", (int)found.problems, pattern, messages);
}

/* Run a function in a child.  What it returned (0..255), or -1 where the child did not end by itself. */
static inline int in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#endif
