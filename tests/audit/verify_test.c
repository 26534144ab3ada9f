/* SPDX-License-Identifier: Apache-2.0 */
/* Verification: each kind of tampering is seen, what a killed writer leaves is told apart, and a writer that meets either goes on. */
#include <sys/resource.h>

#include "fixture.h"

/* Six lines over three days. */
static int write_six(void **state)
{
	static const char *const reasons[] = {"one", "two", "three", "four", "five", "six"};

	if (make_directory(state) < 0)
		return -1;
	for (int i = 0; i < 6; i++)
		write_at(DAY(i / 2), reasons[i]);
	return 0;
}

#define SIX_TEST(name) cmocka_unit_test_setup_teardown(name, write_six, remove_directory)

/* Put a text of the same file where [from, to) was. */
static void replace_part(const char *name, const char *from, const char *to, const char *with, size_t length,
			 struct bytes *whole)
{
	size_t before = (size_t)(from - whole->data), after = (size_t)(whole->data + whole->length - to);
	_cleanup_free_ char *text = malloc(before + length + after + 1);

	assert_non_null(text);
	memcpy(text, whole->data, before);
	memcpy(text + before, with, length);
	memcpy(text + before + length, to, after);
	write_bytes(name, text, before + length + after);
	free(whole->data);
}

/* --- Tampering ----------------------------------------------------------------------------------------------- */
static void test_an_untouched_log(void **state)
{
	(void)state;
	expect_intact(6);
}

static void test_changed_line(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_1);

	memcpy(strstr(bytes.data, "three"), "THREE", 5);
	put_back(DAY_1, &bytes);
	expect_problem(DAY_1 ":2: it does not carry the digest of the line before it");
	assert_int_equal(verify().problems, 1);
}

static void test_changed_last_line_of_a_day(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_0);

	memcpy(strstr(bytes.data, "two"), "TWO", 3);
	put_back(DAY_0, &bytes);
	expect_problem(DAY_1 ":1: it does not carry the digest of the line before it");
}

static void test_changed_last_line(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);

	memcpy(strstr(bytes.data, "six"), "SIX", 3);
	put_back(DAY_2, &bytes);
	expect_problem("head: it does not hold the digest of line 6");
}

static void test_removed_line(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_1);

	replace_part(DAY_1, bytes.data, line_start(&bytes, 1), "", 0, &bytes);
	expect_problem(DAY_1 ":1: line 4 follows line 2: what was between is gone");
	assert_int_equal(verify().problems, 1);
}

static void test_removed_first_line(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_0);

	replace_part(DAY_0, bytes.data, line_start(&bytes, 1), "", 0, &bytes);
	expect_problem(DAY_0 ":1: the log begins with line 2, and retention has left it from line 1 on");
}

static void test_cut_off_tail(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);

	replace_part(DAY_2, line_start(&bytes, 1), bytes.data + bytes.length, "", 0, &bytes);
	expect_problem("head: line 6 was the last, and the log ends with 5: its end was cut off");
}

static void test_cut_off_in_a_line(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);

	bytes.length -= 10;
	put_back(DAY_2, &bytes);
	expect_problem(DAY_2 ":2: the line is cut off");
}

static void test_swapped_lines(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_1);
	char *second = line_start(&bytes, 1);
	size_t first_length = (size_t)(second - bytes.data);
	_cleanup_free_ char *first = strndup(bytes.data, first_length);

	memmove(bytes.data, second, bytes.length - first_length);
	memcpy(bytes.data + bytes.length - first_length, first, first_length);
	put_back(DAY_1, &bytes);
	expect_problem(DAY_1 ":2: line 3 follows line 4: lines were moved or added");
}

static void test_inserted_line(void **state)
{
	(void)state;
	char line[AUDIT_LINE_MAX];
	struct bytes bytes = read_bytes(DAY_1);
	struct audit_event event = {.event_type = "sandbox_exit", .result = "exited"};
	struct timespec now = {.tv_sec = DAY(1)};
	struct audit_link last = audit_chain_start();
	const char *at = line_start(&bytes, 1);

	/* With the right digest of the line before it. */
	last.sequence = 3;
	audit_digest(bytes.data, (size_t)(at - bytes.data) - 1, last.digest);
	size_t length = audit_line(line, &event, &last, &now);
	replace_part(DAY_1, at, at, line, length, &bytes);
	expect_problem(DAY_1 ":3: line 4 follows line 4");
}

static void test_appended_line(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);
	const char *end = bytes.data + bytes.length;

	replace_part(DAY_2, end, end, "{}\n", 3, &bytes);
	expect_problem(DAY_2 ":3: head does not know this line");
}

static void test_removed_files(void **state)
{
	(void)state;
	struct bytes bytes[3] = {read_bytes(DAY_0), read_bytes(DAY_1), read_bytes(DAY_2)};

	assert_int_equal(unlink(path_of(DAY_1)), 0);
	expect_problem(DAY_2 ":1: line 5 follows line 2");
	put_back(DAY_1, &bytes[1]);
	assert_int_equal(unlink(path_of(DAY_0)), 0);
	expect_problem(DAY_1 ":1: the log begins with line 3, and retention has left it from line 1 on");
	put_back(DAY_0, &bytes[0]);
	assert_int_equal(unlink(path_of(DAY_2)), 0);
	expect_problem("head: line 6 was the last, and the log ends with 4");
	put_back(DAY_2, &bytes[2]);
	expect_intact(6);
	assert_int_equal(unlink(path_of(DAY_0)) | unlink(path_of(DAY_1)) | unlink(path_of(DAY_2)), 0);
	expect_problem("head: line 6 was the last, and there is none");
}

static void test_file_of_a_later_day(void **state)
{
	(void)state;
	write_bytes("audit_2020-03-09.jsonl", "{}\n", 3);
	expect_problem("audit_2020-03-09.jsonl:1: head does not know this line");
	write_bytes("audit_2020-03-09.jsonl", "half", 4);
	expect_problem("audit_2020-03-09.jsonl:1: the line is cut off");
}

static void test_link_in_place_of_a_file(void **state)
{
	(void)state;
	assert_int_equal(rename(path_of(DAY_1), path_of("elsewhere")), 0);
	assert_int_equal(symlink("elsewhere", path_of(DAY_1)), 0);
	expect_problem(DAY_1 ": it is no regular file");
}

static void test_removed_or_spoilt_head(void **state)
{
	(void)state;
	struct bytes head = read_bytes("head");

	assert_int_equal(unlink(path_of("head")), 0);
	expect_problem("head: it is missing");
	write_bytes("head", "", 0);
	expect_problem("head: no writer wrote it so");
	write_bytes("head", head.data, head.length - 1);
	expect_problem("head: no writer wrote it so");
	put_back("head", &head);
	expect_intact(6);
}

static void test_old_head(void **state)
{
	(void)state;
	struct bytes head = read_bytes("head");

	/* Two lines more than it knows: no crash leaves that. */
	write_at(DAY(2), "seven");
	write_at(DAY(2), "eight");
	put_back("head", &head);
	expect_problem(DAY_2 ":4: head does not know this line");
}

static void test_line_that_is_too_long(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_1);
	const char *at = line_start(&bytes, 1);
	_cleanup_free_ char *text = malloc(100000);

	assert_non_null(text);
	memset(text, 'x', 100000);
	text[99999] = '\n';
	replace_part(DAY_1, at, at, text, 100000, &bytes);
	expect_problem(DAY_1 ":2: no line of the audit log: it is too long");
}

static void test_nothing_there(void **state)
{
	(void)state;
	struct audit_verification found = {.lines = 99};
	struct error err = {0};

	expect_problem("head: it is missing");
	assert_int_equal(audit_log_verify("/nonexistent/audit", stderr, &found, &err), -ENOENT);
	assert_int_equal(found.lines, 99);
	write_bytes("head", "", 0); /* the very first writer was killed before it wrote */
	expect_intact(0);
	write_at(DAY(0), "one");
	expect_intact(1);
}

/* --- Crashes ---------------------------------------------------------------------------------------------------- */
static void test_crash_between_line_and_head(void **state)
{
	(void)state;
	struct bytes head = read_bytes("head");

	write_at(DAY(2), "seven");
	put_back("head", &head);
	expect_note(DAY_2 ":3: note: written, and not yet in head");
	write_at(DAY(2), "eight");
	expect_intact(8);
}

static int write_beyond_the_limit(void)
{
	/* Room for a head, and for no line behind those that are there. */
	struct rlimit limit = {.rlim_cur = 300, .rlim_max = 300};

	return setrlimit(RLIMIT_FSIZE, &limit) < 0 || try_write(DAY(2), "eight", NULL) != -EFBIG;
}

/* What was put right stays so, whatever becomes of the line: two lines behind would be no crash any more. */
static void test_crash_of_two_writers(void **state)
{
	(void)state;
	struct bytes head = read_bytes("head");

	write_at(DAY(2), "seven");
	put_back("head", &head);
	assert_int_equal(in_child(write_beyond_the_limit), 0);
	expect_intact(7);
}

static void test_crash_before_the_first_head(void **state)
{
	(void)state;
	/* The head of an empty log is written before its first line. */
	write_at(DAY(0), "one");
	struct bytes line = read_bytes(DAY_0);
	struct audit_head head = {.last = audit_chain_start(), .first = 1, .file = DAY_0};
	_cleanup_fd_ int fd = open(path_of("head"), O_RDWR | O_CLOEXEC);
	assert_int_equal(audit_head_write(fd, &head), 0);
	expect_note(DAY_0 ":1: note: written, and not yet in head");
	assert_int_equal(unlink(path_of(DAY_0)), 0);
	expect_intact(0);
	put_back(DAY_0, &line);
	write_at(DAY(0), "two");
	expect_intact(2);
}

static void test_crash_on_the_first_line_of_a_day(void **state)
{
	(void)state;
	_cleanup_fd_ int fd = open(path_of("head"), O_RDWR | O_CLOEXEC);
	struct audit_head head;
	enum audit_head_state head_state;

	assert_int_equal(audit_head_read(fd, &head, &head_state), 0);
	memcpy(head.file, "audit_2020-03-04.jsonl", AUDIT_NAME_SIZE);
	head.size = 0;
	/* Before the file was made, before its line, before the head. */
	assert_int_equal(audit_head_write(fd, &head), 0);
	expect_intact(6);
	write_bytes("audit_2020-03-04.jsonl", "", 0);
	expect_intact(6);
	write_at(DAY(3), "seven");
	assert_int_equal(audit_head_write(fd, &head), 0);
	expect_note("audit_2020-03-04.jsonl:1: note: written, and not yet in head");
	write_at(DAY(5), "eight");
	expect_intact(8);
}

static void test_half_a_line(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);
	const char *end = bytes.data + bytes.length;

	replace_part(DAY_2, end, end, "{\"timestamp\":\"2020", 18, &bytes);
	expect_note(DAY_2 ":3: note: half a line");
	write_at(DAY(4), "seven");
	expect_intact(7);
}

static void test_crash_in_retention(void **state)
{
	(void)state;
	/* The head has moved on, and the files that are too old are still there. */
	struct bytes old = read_bytes(DAY_0), kept = read_bytes(DAY_1);

	write_at(DAY(1 + AUDIT_RETENTION_DAYS), "seven");
	verified_at = DAY(1 + AUDIT_RETENTION_DAYS);
	expect_intact(5);
	put_back(DAY_0, &old);
	expect_intact(7);
	/* Not so the one that retention had no right to. */
	assert_int_equal(unlink(path_of(DAY_0)), 0);
	assert_int_equal(unlink(path_of(DAY_1)), 0);
	expect_problem(DAY_2 ":1: the log begins with line 5, and retention has left it from line 3 on");
	put_back(DAY_1, &kept);
	expect_intact(5);
	verified_at = DAY(5);
}

static void test_first_line_of_head(void **state)
{
	(void)state;
	static const struct {
		uint64_t first;
		int day;
		const char *problem; /* or NULL */
	} rows[] = {
		{3, 5, DAY_0 ":1: it lies before line 3, the first that retention has left, and is not old enough"},
		{3, 1 + AUDIT_RETENTION_DAYS, NULL},
		{7, 3 + AUDIT_RETENTION_DAYS, NULL},
		{7, 2 + AUDIT_RETENTION_DAYS, DAY_2 ":1: it lies before line 7"},
		{4, 3 + AUDIT_RETENTION_DAYS,
		 "head: retention has left line 4 and what follows, and no file begins with it"},
		{8, 3 + AUDIT_RETENTION_DAYS, "head: retention has left line 8"},
		{0, 3 + AUDIT_RETENTION_DAYS, "the log begins with line 1, and retention has left it from line 0 on"},
	};
	_cleanup_fd_ int fd = open(path_of("head"), O_RDWR | O_CLOEXEC);
	struct audit_head head;
	enum audit_head_state head_state;

	assert_int_equal(audit_head_read(fd, &head, &head_state), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		head.first = rows[i].first;
		verified_at = DAY(rows[i].day);
		assert_int_equal(audit_head_write(fd, &head), 0);
		if (rows[i].problem)
			expect_problem(rows[i].problem);
		else
			expect_intact(6);
	}
	verified_at = DAY(5);
}

/* --- Writers that meet it -------------------------------------------------------------------------------------------- */
/* The next writer goes on, says what it found, and neither heals the log nor makes it worse. */
static void expect_on_record(time_t when, const char *reason)
{
	struct audit_verification before, after;

	write_at(when, "after");
	before = verify();
	if (before.problems == 0 || !strstr(messages, "a writer found the log damaged") || !strstr(messages, reason))
		fail_msg("no \"%s\" in: %s", reason, messages);
	write_at(when, "long after");
	write_at(when + AUDIT_SECONDS_A_DAY, "a day after");
	after = verify();
	assert_int_equal(after.problems, before.problems);
	assert_int_equal(after.lines, before.lines + 2);
}

static void test_writer_meets_a_cut_off_tail(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);

	replace_part(DAY_2, line_start(&bytes, 1), bytes.data + bytes.length, "", 0, &bytes);
	expect_on_record(DAY(2), "bytes at the end of " DAY_2 " are gone");
	assert_non_null(strstr(messages, DAY_2 ":2: line 7 follows line 5"));
}

static void test_writer_meets_a_line_cut_in_two(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);

	bytes.length -= 10;
	put_back(DAY_2, &bytes);
	expect_on_record(DAY(3), "10 bytes at the end of " DAY_2 " are gone");
}

static void test_writer_meets_more_lines(void **state)
{
	(void)state;
	struct bytes bytes = read_bytes(DAY_2);
	const char *end = bytes.data + bytes.length;

	replace_part(DAY_2, end, end, "{}\n{}\n", 6, &bytes);
	expect_on_record(DAY(2), "has 6 bytes that no writer put there");
}

static void test_writer_meets_a_removed_file(void **state)
{
	(void)state;
	assert_int_equal(unlink(path_of(DAY_2)), 0);
	expect_on_record(DAY(2), "bytes at the end of " DAY_2 " are gone");
}

static void test_writer_meets_no_head(void **state)
{
	(void)state;
	assert_int_equal(unlink(path_of("head")), 0);
	expect_on_record(DAY(2), "head was removed");
	assert_int_equal(verify().problems, 1);
}

static void test_writer_meets_no_head_on_a_later_day(void **state)
{
	(void)state;
	assert_int_equal(unlink(path_of("head")), 0);
	expect_on_record(DAY(7), "head was removed");
	assert_int_equal(verify().problems, 1);
}

static void test_what_was_found_outlives_a_failure(void **state)
{
	(void)state;
	struct error err = {0};

	assert_int_equal(unlink(path_of(DAY_2)), 0);
	assert_int_equal(mkdir(path_of("audit_2020-03-04.jsonl"), 0700), 0);
	assert_int_equal(try_write(DAY(3), "cannot be written", &err), -EISDIR);
	assert_int_equal(rmdir(path_of("audit_2020-03-04.jsonl")), 0);
	expect_problem(DAY_2 ":1: a writer found the log damaged: ");
	write_at(DAY(3), "goes on");
	expect_problem(DAY_2 ":1: a writer found the log damaged: ");
}

static void test_writer_meets_a_spoilt_head(void **state)
{
	(void)state;
	static char long_head[1000];

	memset(long_head, '0', sizeof(long_head));
	write_bytes("head", long_head, sizeof(long_head));
	expect_on_record(DAY(2), "head was changed");
	assert_int_equal(verify().problems, 1);
}

static void test_writer_meets_neither_head_nor_lines(void **state)
{
	(void)state;
	/* The head spoilt and every line removed: still no new beginning. */
	write_bytes("head", "spoilt", 6);
	assert_int_equal(unlink(path_of(DAY_0)) | unlink(path_of(DAY_1)) | unlink(path_of(DAY_2)), 0);
	expect_on_record(DAY(2), "head was changed");
}

static void test_writer_meets_garbage_without_head(void **state)
{
	(void)state;
	static char garbage[40000];

	memset(garbage, 'g', sizeof(garbage));
	assert_int_equal(unlink(path_of("head")), 0);
	write_bytes(DAY_2, garbage, sizeof(garbage));
	expect_on_record(DAY(2), "head was removed");
}

static void test_hostile_reason_of_damage(void **state)
{
	(void)state;
	struct audit_log *log;
	struct error err = {0};
	struct audit_event event = {.event_type = AUDIT_DAMAGE_TYPE, .reason = "\x1b[2Jclear\n" DAY_0 ":1: forged"};

	assert_int_equal(audit_log_open(&log, directory, &err), 0);
	assert_int_equal(audit_log_append(log, &event, &(struct timespec){.tv_sec = DAY(2)}, &err), 0);
	audit_log_close(log);
	expect_problem(DAY_2 ":3: a writer found the log damaged: \\u001b[2Jclear\\u000a" DAY_0);
}

/* --- Reading ------------------------------------------------------------------------------------------------------------ */
static int count_until(void *context, const json_t *event)
{
	int *left = context;

	assert_true(json_is_object(event));
	return --*left == 0;
}

static void test_reading(void **state)
{
	(void)state;
	uint64_t unreadable = 9;
	struct error err = {0};
	int left = 100;

	assert_int_equal(audit_log_read(directory, count_until, &left, &unreadable, &err), 0);
	assert_int_equal(left, 94);
	assert_int_equal(unreadable, 0);
	left = 3;
	assert_int_equal(audit_log_read(directory, count_until, &left, &unreadable, &err), 0);
	assert_int_equal(left, 0);
	write_bytes(DAY_0, "{}\nhalf", 7);
	left = 100;
	assert_int_equal(audit_log_read(directory, count_until, &left, &unreadable, &err), 0);
	assert_int_equal(left, 96);
	assert_int_equal(unreadable, 2);
	assert_int_equal(audit_log_read("/nonexistent/audit", count_until, &left, &unreadable, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIX_TEST(test_an_untouched_log),
		SIX_TEST(test_changed_line),
		SIX_TEST(test_changed_last_line_of_a_day),
		SIX_TEST(test_changed_last_line),
		SIX_TEST(test_removed_line),
		SIX_TEST(test_removed_first_line),
		SIX_TEST(test_cut_off_tail),
		SIX_TEST(test_cut_off_in_a_line),
		SIX_TEST(test_swapped_lines),
		SIX_TEST(test_inserted_line),
		SIX_TEST(test_appended_line),
		SIX_TEST(test_removed_files),
		SIX_TEST(test_file_of_a_later_day),
		SIX_TEST(test_link_in_place_of_a_file),
		SIX_TEST(test_removed_or_spoilt_head),
		SIX_TEST(test_old_head),
		SIX_TEST(test_line_that_is_too_long),
		LOG_TEST(test_nothing_there),
		SIX_TEST(test_crash_between_line_and_head),
		SIX_TEST(test_crash_of_two_writers),
		LOG_TEST(test_crash_before_the_first_head),
		SIX_TEST(test_crash_on_the_first_line_of_a_day),
		SIX_TEST(test_half_a_line),
		SIX_TEST(test_crash_in_retention),
		SIX_TEST(test_first_line_of_head),
		SIX_TEST(test_writer_meets_a_cut_off_tail),
		SIX_TEST(test_writer_meets_a_line_cut_in_two),
		SIX_TEST(test_writer_meets_more_lines),
		SIX_TEST(test_writer_meets_a_removed_file),
		SIX_TEST(test_writer_meets_no_head),
		SIX_TEST(test_writer_meets_no_head_on_a_later_day),
		SIX_TEST(test_what_was_found_outlives_a_failure),
		SIX_TEST(test_writer_meets_a_spoilt_head),
		SIX_TEST(test_writer_meets_neither_head_nor_lines),
		SIX_TEST(test_writer_meets_garbage_without_head),
		SIX_TEST(test_hostile_reason_of_damage),
		SIX_TEST(test_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
