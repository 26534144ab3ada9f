/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: directories that are refused, the change of days, retention, full disks, many writers at once. */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "fixture.h"

static mode_t mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode;
}

static bool exists(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

/* --- The directory ------------------------------------------------------------------------------------------ */
static int try_open(const char *path, struct error *err)
{
	struct audit_log *log = NULL;
	int r = audit_log_open(&log, path, err);

	audit_log_close(log);
	return r;
}

static void refused(const char *path, int code)
{
	struct error err = {0};
	int r = try_open(path, &err);

	if (r != -code)
		fail_msg("%s: %d, expected %d", path, r, -code);
	assert_int_equal(err.code, code);
	assert_int_not_equal(strlen(err.text), 0);
}

static void test_directory_is_made(void **state)
{
	(void)state;
	struct error err = {0};

	assert_int_equal(try_open(path_of("a/b/c"), &err), 0);
	assert_int_equal(mode_of(path_of("a/b/c")), S_IFDIR | 0700);
	assert_int_equal(try_open(path_of("a/b/c"), &err), 0);
	assert_int_equal(try_open(path_of("a/b/c//"), &err), 0);
}

static void test_files_are_private(void **state)
{
	(void)state;
	mode_t saved = umask(0);

	write_at(DAY(0), NULL);
	(void)umask(saved);
	assert_int_equal(mode_of(path_of("head")), S_IFREG | 0600);
	assert_int_equal(mode_of(path_of(DAY_0)), S_IFREG | 0600);
}

static void test_bad_directories_are_refused(void **state)
{
	(void)state;
	write_bytes("file", "x", 1);
	refused(path_of("file"), ENOTDIR);
	refused(path_of("file/below"), ENOTDIR);
	refused("", ENOENT);

	assert_int_equal(mkdir(path_of("real"), 0700), 0);
	assert_int_equal(symlink(path_of("real"), path_of("link")), 0);
	refused(path_of("link"), ENOTDIR);
	refused(path_of("link/"), ENOTDIR);
	assert_int_equal(symlink("/nonexistent/x", path_of("dangling")), 0);
	refused(path_of("dangling"), ENOTDIR);

	assert_int_equal(chmod(path_of("real"), 0777), 0);
	refused(path_of("real"), EPERM);
	assert_int_equal(chmod(path_of("real"), 01777), 0);
	refused(path_of("real"), EPERM);
	assert_int_equal(chmod(path_of("real"), 0770), 0);
	refused(path_of("real"), EPERM);
	assert_int_equal(chmod(path_of("real"), 0755), 0);
	assert_int_equal(try_open(path_of("real"), NULL), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(path_of("real"), 65534, 65534), 0);
	refused(path_of("real"), EPERM);
}

static void not_written(int code)
{
	struct error err = {0};
	int r = try_write(DAY(0), "no", &err);

	if (r != -code)
		fail_msg("%d, expected %d: %s", r, -code, err.text);
	assert_int_equal(err.code, code);
}

static void test_bad_files_are_refused(void **state)
{
	(void)state;
	static const char *const names[] = {"head", DAY_0};

	for (size_t i = 0; i < 2; i++) {
		const char *name = names[i];
		write_bytes("elsewhere", "mine\n", 5);
		assert_int_equal(symlink("elsewhere", path_of(name)), 0);
		not_written(ELOOP);
		assert_int_equal(unlink(path_of(name)), 0);

		assert_int_equal(mkfifo(path_of(name), 0600), 0);
		not_written(EPERM);
		assert_int_equal(unlink(path_of(name)), 0);

		write_bytes(name, "", 0);
		assert_int_equal(chmod(path_of(name), 0622), 0);
		not_written(EPERM);
		assert_int_equal(unlink(path_of(name)), 0);

		assert_int_equal(mkdir(path_of(name), 0700), 0);
		not_written(EISDIR);
		assert_int_equal(rmdir(path_of(name)), 0);

		struct bytes bytes = read_bytes("elsewhere");
		assert_int_equal(bytes.length, 5);
		free(bytes.data);
	}
}

static void test_directory_that_vanishes(void **state)
{
	(void)state;
	struct audit_log *log;
	struct audit_event event = {.event_type = "x"};
	struct error err = {0};

	assert_int_equal(audit_log_open(&log, path_of("gone"), &err), 0);
	assert_int_equal(rmdir(path_of("gone")), 0);
	assert_int_equal(audit_log_write(log, &event, &err), -ENOENT);
	audit_log_close(log);
	audit_log_close(NULL);
}

/* --- Days ------------------------------------------------------------------------------------------------------- */
static void test_one_chain_over_days(void **state)
{
	(void)state;
	write_at(DAY(0), "one");
	write_at(DAY(0) + 100, "two");
	write_at(DAY(1), "three");
	write_at(DAY(2), "four");
	expect_intact(4);
	assert_int_equal(verify().files, 3);
	assert_true(exists(DAY_0) && exists(DAY_1) && exists(DAY_2));
}

static void test_the_clock_of_now(void **state)
{
	(void)state;
	struct audit_log *log;
	struct audit_event event = {.event_type = "x"};
	struct error err = {0};
	char before[AUDIT_NAME_SIZE], after[AUDIT_NAME_SIZE];

	audit_file_name(time(NULL), before);
	assert_int_equal(audit_log_open(&log, directory, &err), 0);
	assert_int_equal(audit_log_write(log, &event, &err), 0);
	assert_int_equal(audit_log_write(log, &event, &err), 0);
	audit_log_close(log);
	audit_file_name(time(NULL), after);
	assert_true(exists(before) || exists(after));
	expect_intact(2);
}

static void test_clock_that_goes_back(void **state)
{
	(void)state;
	write_at(DAY(1), "one");
	write_at(DAY(0), "two");
	write_at(DAY(-400), "three");
	write_at(DAY(1), "four");
	write_at(DAY(2), "five");
	assert_false(exists(DAY_0));
	expect_intact(5);
}

static void test_retention(void **state)
{
	(void)state;
	write_at(DAY(0), "goes");
	write_at(DAY(1), "goes");
	write_at(DAY(1), "goes");
	write_at(DAY(2), "stays");
	write_bytes("notes.txt", "not ours", 8);
	write_bytes("audit_2020-03-01.jsonl.bak", "not ours", 8);
	write_at(DAY(2 + AUDIT_RETENTION_DAYS), "today");
	assert_false(exists(DAY_0) || exists(DAY_1));
	assert_true(exists(DAY_2) && exists("notes.txt") && exists("audit_2020-03-01.jsonl.bak"));
	expect_intact(2);
	/* Nothing but the new file is left. */
	write_at(DAY(500), "later");
	assert_false(exists(DAY_2));
	expect_intact(1);
	write_at(DAY(500), "again");
	expect_intact(2);
}

/* --- No room ------------------------------------------------------------------------------------------------------ */
static void expect_whole_lines(const char *name)
{
	struct bytes bytes = read_bytes(name);

	assert_true(bytes.length == 0 || bytes.data[bytes.length - 1] == '\n');
	free(bytes.data);
}

#define NEED(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return __LINE__ % 250 + 1;                                                                     \
	} while (0)

/* SIGXFSZ has its default action here: it would end the child. */
static int write_to_the_limit(void)
{
	struct error err = {0};
	struct rlimit limit = {.rlim_cur = 2000, .rlim_max = 1 << 20};
	int written = 0;

	NEED(signal(SIGXFSZ, SIG_DFL) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
	while (written < 100 && try_write(DAY(0), "fills", &err) == 0)
		written++;
	NEED(written > 2 && written < 100 && err.code == EFBIG);
	limit.rlim_cur = limit.rlim_max;
	NEED(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	NEED(try_write(DAY(0), "fits again", NULL) == 0);
	return 0;
}

static void test_file_size_limit(void **state)
{
	(void)state;
	assert_int_equal(in_child(write_to_the_limit), 0);
	expect_whole_lines(DAY_0);
	assert_int_equal(verify().problems, 0);
}

static int fill(const char *name)
{
	static const char block[4096];
	_cleanup_fd_ int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	NEED(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		continue;
	return errno == ENOSPC ? 0 : 1;
}

static int write_to_the_brim(void)
{
	static char reason[900]; /* lines that end within a page again and again */
	struct error err = {0};
	int written = 0;

	NEED(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount("none", directory, "tmpfs", 0, "size=64k,mode=0700") == 0);
	memset(reason, 'r', sizeof(reason) - 1);
	while (written < 1000 && try_write(DAY(0), reason, &err) == 0)
		written++;
	NEED(written > 10 && written < 1000 && err.code == ENOSPC && err.hint[0]);
	expect_whole_lines(DAY_0);
	NEED(verify().problems == 0 && !messages[0] && verify().lines == (uint64_t)written);
	/* A day that cannot begin; then one that can. */
	NEED(fill("filler") == 0);
	NEED(try_write(DAY(1), reason, NULL) == -ENOSPC);
	NEED(verify().problems == 0 && verify().lines == (uint64_t)written);
	NEED(unlink(path_of("filler")) == 0 && unlink(path_of(DAY_0)) == 0);
	NEED(try_write(DAY(1), reason, NULL) == 0);
	/* A log that cannot begin at all. */
	NEED(unlink(path_of("head")) == 0 && unlink(path_of(DAY_1)) == 0 && fill("filler") == 0);
	NEED(try_write(DAY(2), reason, NULL) == -ENOSPC);
	NEED(unlink(path_of("filler")) == 0 && try_write(DAY(2), reason, NULL) == 0);
	return 0;
}

static void test_full_disk(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(write_to_the_brim), 0);
}

/* --- Many writers --------------------------------------------------------------------------------------------------- */
#define WRITERS 8
#define LINES   200

static int write_many(struct audit_log *log)
{
	struct audit_log *own = NULL;
	struct error err = {0};

	if (!log && audit_log_open(&own, directory, &err) < 0)
		return 1;
	for (int i = 0; i < LINES; i++) {
		struct audit_event event = {.event_type = "x", .reason = "one of many"};
		/* The days change under way, for each at another moment. */
		struct timespec now = {.tv_sec = DAY(i / 100)};
		if (audit_log_append(log ? log : own, &event, &now, &err) < 0) {
			error_print(&err, "writer", STDERR_FILENO);
			return 1;
		}
	}
	audit_log_close(own);
	return 0;
}

/* All at once; with a log, each uses that. */
static void write_from_many(struct audit_log *log)
{
	pid_t writers[WRITERS];
	int status;

	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fork();
		assert_true(writers[i] >= 0);
		if (writers[i] == 0)
			_exit(write_many(log));
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
		assert_int_equal(status, 0);
	}
	expect_intact((uint64_t)WRITERS * LINES);
}

static void test_many_writers(void **state)
{
	(void)state;
	write_from_many(NULL);
}

static void test_writers_that_share_a_log(void **state)
{
	(void)state;
	struct audit_log *log;
	struct error err = {0};

	assert_int_equal(audit_log_open(&log, directory, &err), 0);
	write_from_many(log);
	audit_log_close(log);
}

static void test_a_stuck_writer_is_an_error(void **state)
{
	(void)state;
	struct error err = {0};

	write_at(DAY(0), "one");
	_cleanup_fd_ int log = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int held = audit_head_lock(log, 100, &err);
	assert_true(held >= 0);
	assert_int_equal(audit_head_lock(log, 100, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "another writer"));
	assert_int_equal(audit_lock(log, F_RDLCK, 100), 0); /* the directory is another file */
	assert_int_equal(close(TAKE_FD(held)), 0);
	write_at(DAY(0), "two");
}

/* Writes and tells each line, until it is killed. */
static _Noreturn void write_until_killed(int tell)
{
	struct error err = {0};

	for (long i = 0;; i++)
		if (try_write(DAY(i / 8 % 4), "again", &err) < 0 || write(tell, "", 1) != 1)
			_exit(1);
}

static void test_writers_that_are_killed(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		int tell[2];
		char told[64];
		assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_until_killed(tell[1]);
		/* Killed somewhere in its next lines. */
		assert_int_equal(io_read_all(tell[0], told, (size_t)(round % 13 + 1)), round % 13 + 1);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		(void)close(tell[0]);
		(void)close(tell[1]);
		if (verify().problems)
			fail_msg("round %d: %s", round, messages);
	}
	write_at(DAY(4), "last");
	expect_intact(verify().lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_directory_is_made),
		LOG_TEST(test_files_are_private),
		LOG_TEST(test_bad_directories_are_refused),
		LOG_TEST(test_bad_files_are_refused),
		LOG_TEST(test_directory_that_vanishes),
		LOG_TEST(test_one_chain_over_days),
		LOG_TEST(test_the_clock_of_now),
		LOG_TEST(test_clock_that_goes_back),
		LOG_TEST(test_retention),
		LOG_TEST(test_file_size_limit),
		LOG_TEST(test_full_disk),
		LOG_TEST(test_many_writers),
		LOG_TEST(test_writers_that_share_a_log),
		LOG_TEST(test_a_stuck_writer_is_an_error),
		LOG_TEST(test_writers_that_are_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
