/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/io.h"

/* A fresh directory as *state; each test works on files in it. */
static int make_directory(void **state)
{
	char template[] = "/tmp/agentcore-io-test.XXXXXX";

	*state = strdup(mkdtemp(template));
	return *state ? 0 : -1;
}

static int remove_directory(void **state)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/file", (char *)*state);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/link", (char *)*state);
	(void)unlink(path);
	int result = rmdir(*state);
	free(*state);
	return result;
}

static int open_directory(void **state)
{
	int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void make_file(int dirfd, size_t length)
{
	_cleanup_free_ char *data = malloc(length + 1);
	_cleanup_fd_ int fd = openat(dirfd, "file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_non_null(data);
	assert_true(fd >= 0);
	for (size_t i = 0; i < length; i++)
		data[i] = (char)('a' + i % 26);
	assert_int_equal(io_write_all(fd, data, length), 0);
}

static void files_of_every_size_come_back_whole(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 100000};
	_cleanup_fd_ int dirfd = open_directory(state);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		_cleanup_free_ char *data = NULL;
		size_t length = 99;

		make_file(dirfd, sizes[i]);
		assert_int_equal(io_read_file(dirfd, "file", 1 << 20, &data, &length), 0);
		assert_int_equal(length, sizes[i]);
		assert_int_equal(data[length], '\0');
		for (size_t at = 0; at < length; at++)
			assert_int_equal(data[at], 'a' + at % 26);
	}
}

static void the_limit_is_inclusive(void **state)
{
	_cleanup_fd_ int dirfd = open_directory(state);
	_cleanup_free_ char *data = NULL;

	make_file(dirfd, 5000);
	assert_int_equal(io_read_file(dirfd, "file", 4999, &data, NULL), -EFBIG);
	assert_null(data);
	assert_int_equal(io_read_file(dirfd, "file", 5000, &data, NULL), 0);
	assert_non_null(data);
}

static void a_missing_file_leaves_the_outputs(void **state)
{
	_cleanup_fd_ int dirfd = open_directory(state);
	char *data = NULL;
	size_t length = 7;

	assert_int_equal(io_read_file(dirfd, "absent", 10, &data, &length), -ENOENT);
	assert_null(data);
	assert_int_equal(length, 7);
	assert_int_equal(io_read_file(dirfd, ".", 10, &data, &length), -EISDIR);
}

static void write_file_writes_and_never_creates(void **state)
{
	_cleanup_fd_ int dirfd = open_directory(state);
	_cleanup_free_ char *data = NULL;
	struct stat st;

	assert_int_equal(io_write_file(dirfd, "file", "x"), -ENOENT);
	assert_int_equal(fstatat(dirfd, "file", &st, 0), -1);
	make_file(dirfd, 0);
	assert_int_equal(io_write_file(dirfd, "file", "deny"), 0);
	assert_int_equal(io_read_file(dirfd, "file", 10, &data, NULL), 0);
	assert_string_equal(data, "deny");
}

static void write_file_follows_no_link(void **state)
{
	_cleanup_fd_ int dirfd = open_directory(state);

	make_file(dirfd, 0);
	assert_int_equal(symlinkat("file", dirfd, "link"), 0);
	assert_int_equal(io_write_file(dirfd, "link", "x"), -ELOOP);
}

struct pipe_end {
	int fd;
	size_t count;
};

static void *drain(void *argument)
{
	struct pipe_end *end = argument;
	char buffer[777];
	ssize_t n;

	while ((n = read(end->fd, buffer, sizeof(buffer))) > 0)
		end->count += (size_t)n;
	return NULL;
}

/* A pipe takes 64 KiB at a time: only a loop gets more through. */
static void write_all_writes_more_than_a_pipe_holds(void **state)
{
	(void)state;
	static const char data[300000];
	int ends[2];
	pthread_t reader;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct pipe_end end = {.fd = ends[0]};
	assert_int_equal(pthread_create(&reader, NULL, drain, &end), 0);
	assert_int_equal(io_write_all(ends[1], data, sizeof(data)), 0);
	close(ends[1]);
	pthread_join(reader, NULL);
	close(ends[0]);
	assert_int_equal(end.count, sizeof(data));
}

static void *write_in_pieces(void *argument)
{
	int fd = *(int *)argument;

	for (int i = 0; i < 10; i++)
		(void)!write(fd, "0123456789", 10);
	close(fd);
	return NULL;
}

static void read_all_reads_to_the_end_or_the_length(void **state)
{
	(void)state;
	char buffer[64];
	int ends[2];
	pthread_t writer;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_in_pieces, &ends[1]), 0);
	assert_int_equal(io_read_all(ends[0], buffer, sizeof(buffer)), 64);
	assert_int_equal(io_read_all(ends[0], buffer, sizeof(buffer)), 36);
	assert_int_equal(io_read_all(ends[0], buffer, sizeof(buffer)), 0);
	pthread_join(writer, NULL);
	close(ends[0]);
}

static void errors_are_returned(void **state)
{
	(void)state;
	char byte = 0;
	int ends[2];

	assert_int_equal(io_read_all(-1, &byte, 1), -EBADF);
	assert_int_equal(io_write_all(-1, &byte, 1), -EBADF);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	assert_int_equal(io_write_all(ends[1], &byte, 1), -EPIPE);
	close(ends[1]);
}

/* A directory of its own for each test. */
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_of_every_size_come_back_whole),
		TEST(the_limit_is_inclusive),
		TEST(a_missing_file_leaves_the_outputs),
		TEST(write_file_writes_and_never_creates),
		TEST(write_file_follows_no_link),
		TEST(write_all_writes_more_than_a_pipe_holds),
		TEST(read_all_reads_to_the_end_or_the_length),
		TEST(errors_are_returned),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
