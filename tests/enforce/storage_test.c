/* SPDX-License-Identifier: Apache-2.0 */
/* The storage quota on real loop devices: what fits, what is refused, and that nothing stays. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/storage.h"

#define MIB      (UINT64_C(1) << 20)
#define BYTES    (8 * MIB)
#define INODES   2048u
#define TEMPLATE "template-8-2048.img"
#define HOLD_MAX 64u
#define GOOD     '+'
#define BAD      '-'
#define SLACK    (64 * 1024u) /* directories and extent trees */

static char directory[64];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/var/tmp/agentcore-storage-test.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

/* Names in the test's directory that start with prefix. */
static size_t count(const char *prefix, bool remove)
{
	size_t found = 0;
	_cleanup_dir_ DIR *dir = opendir(directory);

	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		found++;
		if (remove)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	return found;
}

static int tear_down(void **state)
{
	(void)state;
	(void)count("", true);
	return rmdir(directory);
}

/* Loop devices whose image lies in the test's directory. */
static size_t bound_devices(void)
{
	size_t found = 0;
	_cleanup_dir_ DIR *dir = opendir("/sys/block");

	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		char path[300];
		_cleanup_free_ char *backing = NULL;
		(void)snprintf(path, sizeof(path), "%s/loop/backing_file", entry->d_name);
		if (!strncmp(entry->d_name, "loop", 4) && io_read_file(dirfd(dir), path, 4096, &backing, NULL) == 0 &&
		    strstr(backing, directory))
			found++;
	}
	return found;
}

/* The kernel may finish the end of a device a moment later. */
static void assert_nothing_bound(void)
{
	for (int i = 0; i < 200 && bound_devices() > 0; i++)
		(void)poll(NULL, 0, 50);
	assert_int_equal(bound_devices(), 0);
}

static struct storage create(uint64_t bytes, uint64_t inodes)
{
	struct storage storage = STORAGE_NONE;
	struct error err = {0};

	if (storage_create(directory, bytes, inodes, &storage, &err) < 0)
		fail_msg("%s; %s", err.text, err.hint);
	return storage;
}

static struct storage_usage usage_of(const struct storage *storage)
{
	struct storage_usage usage;

	assert_int_equal(storage_usage(storage, &usage), 0);
	return usage;
}

static void assert_refused(const char *path, int code, const char *part)
{
	struct storage storage = STORAGE_NONE;
	struct error err = {0};

	assert_int_equal(storage_create(path, BYTES, INODES, &storage, &err), -code);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" does not hold \"%s\"", err.text, part);
	assert_int_equal(storage.tree, -1);
	assert_nothing_bound();
}

static int open_new(const struct storage *storage, const char *name)
{
	int fd = openat(storage->tree, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* Write blocks until nothing fits any more: how many bytes did. */
static uint64_t fill(int fd)
{
	static const char block[4096] = {1};
	uint64_t written = 0;

	for (ssize_t n; (n = write(fd, block, sizeof(block))) > 0;)
		written += (uint64_t)n;
	assert_int_equal(errno, ENOSPC);
	return written;
}

static void bytes_are_exact(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {1, 8, 129};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct storage storage = create(sizes[i] * MIB, INODES);
		assert_int_equal(usage_of(&storage).bytes_limit, sizes[i] * MIB);
		assert_int_equal(usage_of(&storage).bytes, 0);
		_cleanup_fd_ int fd = open_new(&storage, "file");
		uint64_t written = fill(fd);
		assert_true(written <= sizes[i] * MIB);
		assert_true(written >= sizes[i] * MIB - SLACK);
		assert_int_equal(fsync(fd), 0); /* it did not only promise */
		struct storage_usage usage = usage_of(&storage);
		assert_true(usage.bytes <= usage.bytes_limit && usage.bytes >= usage.bytes_limit - SLACK);
		(void)close(TAKE_FD(fd));
		storage_release(&storage);
	}
	assert_nothing_bound();
}

static void inodes_are_exact(void **state)
{
	(void)state;
	struct storage storage = create(BYTES, INODES);
	uint64_t limit = usage_of(&storage).inodes_limit, made = 0;
	char name[32];

	assert_true(limit <= INODES && limit >= INODES - 32);
	for (;; made++) {
		(void)snprintf(name, sizeof(name), "%u", (unsigned)made);
		_cleanup_fd_ int fd = openat(storage.tree, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			break;
	}
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(made, limit);
	assert_int_equal(usage_of(&storage).inodes, limit);
	assert_int_equal(unlinkat(storage.tree, "0", 0), 0);
	assert_int_equal(usage_of(&storage).inodes, limit - 1);
	storage_release(&storage);
	assert_nothing_bound();
}

static void holes_and_reserved_space_count_what_they_take(void **state)
{
	(void)state;
	struct storage storage = create(BYTES, INODES);
	_cleanup_fd_ int hole = open_new(&storage, "hole");
	_cleanup_fd_ int reserved = open_new(&storage, "reserved");
	uint64_t before = usage_of(&storage).bytes;

	assert_int_equal(ftruncate(hole, (off_t)(1024 * MIB)), 0);
	assert_int_equal(usage_of(&storage).bytes, before);
	assert_int_equal(fallocate(reserved, 0, 0, (off_t)(4 * MIB)), 0);
	assert_true(usage_of(&storage).bytes >= before + 4 * MIB);
	assert_int_equal(fallocate(reserved, FALLOC_FL_KEEP_SIZE, 0, (off_t)(64 * MIB)), -1);
	assert_int_equal(errno, ENOSPC);
	(void)close(TAKE_FD(reserved));
	assert_int_equal(unlinkat(storage.tree, "reserved", 0), 0);

	/* A hole that is filled far apart, so that it needs many extents. */
	static const char block[4096] = {1};
	uint64_t filled = 0;
	for (off_t at = 0; pwrite(hole, block, sizeof(block), at) == (ssize_t)sizeof(block); at += 64 * 1024)
		filled += sizeof(block);
	assert_int_equal(errno, ENOSPC);
	assert_true(filled <= BYTES && filled > BYTES / 2);
	(void)close(TAKE_FD(hole));
	storage_release(&storage);
	assert_nothing_bound();
}

static void deleted_files_count_until_they_are_closed(void **state)
{
	(void)state;
	struct storage storage = create(BYTES, INODES);
	_cleanup_fd_ int deleted = open_new(&storage, "deleted");
	static const char block[4096] = {1};

	assert_true(fill(deleted) > 0);
	assert_int_equal(unlinkat(storage.tree, "deleted", 0), 0);
	_cleanup_fd_ int other = open_new(&storage, "other");
	assert_int_equal(write(other, block, sizeof(block)), -1);
	assert_int_equal(errno, ENOSPC);
	(void)close(TAKE_FD(deleted));
	assert_int_equal(write(other, block, sizeof(block)), sizeof(block));
	(void)close(TAKE_FD(other));
	storage_release(&storage);
	assert_nothing_bound();
}

static void devices_are_bound_as_long_as_they_are_used(void **state)
{
	(void)state;
	struct storage one = create(BYTES, INODES), two = create(BYTES, INODES);

	assert_int_equal(bound_devices(), 2);
	assert_int_not_equal(one.loop_number, two.loop_number);
	_cleanup_fd_ int fd = open_new(&one, "file");
	assert_true(fill(fd) > 0);
	assert_int_equal(usage_of(&two).bytes, 0); /* they do not share it */
	(void)close(TAKE_FD(fd));
	storage_release(&one);
	storage_release(&two);
	assert_int_equal(one.tree, -1);
	storage_release(&one); /* accepts that there is none */
	assert_nothing_bound();
	assert_int_equal(count("image", false), 0);
}

static void the_next_one_finds_nothing_of_the_last(void **state)
{
	(void)state;
	struct storage storage = create(BYTES, INODES);

	assert_int_equal(mkdirat(storage.tree, "secret", 0700), 0);
	storage_release(&storage);
	storage = create(BYTES, INODES);
	assert_int_equal(faccessat(storage.tree, "secret", F_OK, 0), -1);
	storage_release(&storage);
	assert_nothing_bound();
}

static void a_directory_that_is_missing_is_made(void **state)
{
	(void)state;
	char path[128], parent[128];
	struct storage storage = STORAGE_NONE;
	struct stat st;

	(void)snprintf(parent, sizeof(parent), "%s/a", directory);
	(void)snprintf(path, sizeof(path), "%s/a/b", directory);
	assert_int_equal(storage_create(path, BYTES, INODES, &storage, NULL), 0);
	storage_release(&storage);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	(void)snprintf(path, sizeof(path), "%s/a/b/%s", directory, TEMPLATE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", directory);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(parent), 0);
}

static void a_directory_in_memory_is_refused(void **state)
{
	(void)state;
	char path[] = "/dev/shm/agentcore-storage-test.XXXXXX";
	struct statfs found;

	if (statfs("/dev/shm", &found) < 0 || found.f_type != 0x01021994)
		skip();
	assert_non_null(mkdtemp(path));
	assert_refused(path, EINVAL, "memory");
	assert_int_equal(rmdir(path), 0);
}

static void a_directory_of_others_is_refused(void **state)
{
	(void)state;
	char link[80];

	assert_int_equal(chmod(directory, 0770), 0);
	assert_refused(directory, EPERM, "others can write");
	assert_int_equal(chmod(directory, 0700), 0);
	assert_int_equal(chown(directory, 1234, 1234), 0);
	assert_refused(directory, EPERM, "someone else");
	assert_int_equal(chown(directory, 0, 0), 0);
	(void)snprintf(link, sizeof(link), "%s.link", directory);
	assert_int_equal(symlink(directory, link), 0);
	assert_refused(link, ENOTDIR, link);
	assert_int_equal(unlink(link), 0);
}

static void more_than_the_disk_holds_is_refused(void **state)
{
	(void)state;
	struct storage storage = STORAGE_NONE;
	struct error err = {0};

	assert_int_equal(storage_create(directory, UINT64_C(1) << 50, 65536, &storage, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "disk"));
}

static int open_template(int flags)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, TEMPLATE);
	return open(path, flags | O_CLOEXEC);
}

static void a_damaged_template_is_made_anew(void **state)
{
	(void)state;
	static const char zeros[4096] = {0};
	struct storage storage = create(BYTES, INODES);
	storage_release(&storage);

	_cleanup_fd_ int fd = open_template(O_RDWR);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 0), sizeof(zeros));
	storage = create(BYTES, INODES);
	storage_release(&storage);
	(void)close(TAKE_FD(fd));

	fd = open_template(O_RDWR);
	assert_int_equal(ftruncate(fd, (off_t)MIB), 0); /* shorter than what its superblock says */
	storage = create(BYTES, INODES);
	assert_int_equal(usage_of(&storage).bytes_limit, BYTES);
	storage_release(&storage);
	assert_int_equal(count("", false), 1);
	assert_nothing_bound();
}

static void a_template_of_someone_else_is_refused(void **state)
{
	(void)state;
	char path[128], other[128];
	struct storage storage = create(BYTES, INODES);
	storage_release(&storage);

	_cleanup_fd_ int fd = open_template(O_RDWR);
	assert_int_equal(fchown(fd, 1234, 1234), 0);
	assert_refused(directory, EPERM, TEMPLATE);
	assert_int_equal(fchown(fd, 0, 0), 0);
	assert_int_equal(fchmod(fd, 0620), 0);
	assert_refused(directory, EPERM, TEMPLATE);
	assert_int_equal(fchmod(fd, 0600), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", directory, TEMPLATE);
	(void)snprintf(other, sizeof(other), "%s/other", directory);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink("other", path), 0);
	assert_refused(directory, ELOOP, TEMPLATE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(directory, EPERM, TEMPLATE);
}

/* One of 16 MiB whose superblock claims to be of 8: the kernel's own count shows it. */
static void a_template_that_lies_is_refused(void **state)
{
	(void)state;
	char path[128], small[128];
	struct storage storage = create(2 * BYTES, INODES);
	storage_release(&storage);

	(void)snprintf(path, sizeof(path), "%s/template-16-2048.img", directory);
	(void)snprintf(small, sizeof(small), "%s/%s", directory, TEMPLATE);
	assert_int_equal(rename(path, small), 0);
	_cleanup_fd_ int fd = open_template(O_RDWR);
	uint32_t blocks, available;
	assert_int_equal(pread(fd, &blocks, sizeof(blocks), 1024 + 4), sizeof(blocks));
	available = (uint32_t)(BYTES / 4096) + blocks / 50;
	assert_int_equal(pwrite(fd, &available, sizeof(available), 1024 + 12), sizeof(available));
	assert_refused(directory, EUCLEAN, "instead of 8388608");
}

/* Marked nodes that are free.  Others on the machine may be between their end and their look at the marks. */
static size_t free_nodes(void)
{
	size_t found = 0;
	_cleanup_dir_ DIR *dir = opendir("/run/agentcore-loop");

	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		char path[300];
		(void)snprintf(path, sizeof(path), "/sys/block/loop%s/loop", entry->d_name);
		found += entry->d_name[0] != '.' && access(path, F_OK) < 0;
	}
	return found;
}

/* After the next one has come and gone. */
static bool no_free_node_stays(void)
{
	for (int i = 0; i < 100; i++) {
		struct storage storage = create(4 * MIB, 1024);
		storage_release(&storage);
		if (free_nodes() == 0)
			return true;
		(void)poll(NULL, 0, 50);
	}
	return false;
}

static bool make_all(struct storage *storages, size_t n)
{
	struct error err = {0};

	for (size_t i = 0; i < n; i++) {
		storages[i] = STORAGE_NONE;
		if (storage_create(directory, 4 * MIB, 1024, &storages[i], &err) < 0)
			error_print(&err, "storage_test", STDERR_FILENO);
		if (mkdirat(storages[i].tree, "mine", 0700) < 0)
			return false;
	}
	return true;
}

/* In a child: make n, say how it went, and wait to be told (or killed).  The exit status. */
static int hold(int ready, int go, size_t n)
{
	struct storage storages[HOLD_MAX];
	char byte = make_all(storages, n) ? GOOD : BAD;

	if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) < 0 || byte != GOOD)
		return 1;
	for (size_t i = 0; i < n; i++)
		storage_release(&storages[i]);
	return 0;
}

static void twenty_at_once_get_one_each_and_leave_nothing(void **state)
{
	(void)state;
	int ready[2], go[2];
	pid_t pids[20];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	for (size_t i = 0; i < 20; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			(void)close(go[1]);
			(void)close(ready[0]);
			_exit(hold(ready[1], go[0], 1));
		}
	}
	(void)close(ready[1]);
	size_t alive = 0;
	for (size_t i = 0; i < 20 && read(ready[0], &byte, 1) == 1; i++)
		alive += byte == GOOD;
	size_t bound = bound_devices();
	(void)close(go[1]);
	for (size_t i = 0; i < 20; i++) {
		int status = -1;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	(void)close(ready[0]);
	(void)close(go[0]);
	assert_int_equal(alive, 20);
	assert_int_equal(bound, 20);
	assert_nothing_bound();
	assert_true(no_free_node_stays());
	assert_int_equal(count("", false), 1);
}

/* More than there are, so that some have to be made. */
static size_t more_than_there_are(void)
{
	size_t found = 0;
	_cleanup_dir_ DIR *dir = opendir("/sys/block");

	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		found += !strncmp(entry->d_name, "loop", 4);
	return found + 3 < HOLD_MAX ? found + 3 : HOLD_MAX;
}

static void after_a_kill_nothing_is_bound_and_the_next_reclaims(void **state)
{
	(void)state;
	int ready[2], go[2], status;
	char byte;
	size_t n = more_than_there_are();

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(hold(ready[1], go[0], n));
	(void)close(ready[1]);
	ssize_t got = read(ready[0], &byte, 1);
	size_t bound = bound_devices();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(ready[0]);
	(void)close(go[0]);
	(void)close(go[1]);
	assert_int_equal(got, 1);
	assert_int_equal(byte, GOOD);
	assert_int_equal(bound, n);
	assert_nothing_bound();
	assert_true(no_free_node_stays());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_are_exact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inodes_are_exact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(holes_and_reserved_space_count_what_they_take, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deleted_files_count_until_they_are_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(devices_are_bound_as_long_as_they_are_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_next_one_finds_nothing_of_the_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_directory_that_is_missing_is_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_directory_in_memory_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_directory_of_others_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_than_the_disk_holds_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_template_is_made_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_template_of_someone_else_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_template_that_lies_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(twenty_at_once_get_one_each_and_leave_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(after_a_kill_nothing_is_bound_and_the_next_reclaims, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
