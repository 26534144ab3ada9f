/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "child.h"
#include "enforce/landlock.h"

static char directory[] = "/var/tmp/landlock-test.XXXXXX";
static char file[64];

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int confined_without_grant(void)
{
	NEED(landlock_confine(MAC_STANDARD, false, NULL, 0, NULL) == 0);
	NEED(try_open("/usr/bin/env", O_RDONLY) == 0);
	NEED(try_open(file, O_RDONLY) == EACCES);
	NEED(try_open(file, O_WRONLY) == EACCES);
	NEED(try_open("/usr/bin/env", O_WRONLY) == EACCES);
	return 0;
}

static int grant_to_read(void)
{
	const struct mac_grant grant = {directory, false};

	NEED(landlock_confine(MAC_STANDARD, false, &grant, 1, NULL) == 0);
	NEED(try_open(file, O_RDONLY) == 0);
	NEED(try_open(file, O_WRONLY) == EACCES);
	return 0;
}

static int grant_to_write(void)
{
	const struct mac_grant grant = {directory, true};

	NEED(landlock_confine(MAC_STANDARD, false, &grant, 1, NULL) == 0);
	NEED(try_open(file, O_RDWR | O_TRUNC) == 0);
	return 0;
}

static int missing_paths_grant_nothing(void)
{
	const struct mac_grant grant = {"/nonexistent/place", true};

	NEED(landlock_confine(MAC_MINIMAL, false, &grant, 1, NULL) == 0);
	NEED(try_open(file, O_RDONLY) == EACCES);
	return 0;
}

static int cannot_be_left(void)
{
	const struct mac_grant grant = {directory, true};

	NEED(landlock_confine(MAC_STANDARD, false, NULL, 0, NULL) == 0);
	/* A second ruleset narrows; it never widens. */
	NEED(landlock_confine(MAC_STANDARD, true, &grant, 1, NULL) == 0);
	NEED(try_open(file, O_RDONLY) == EACCES);
	return 0;
}

/* A program of the host, once the root is another directory; its dynamic linker is not in there. */
static int execute_from_outside(int program)
{
	char *const argv[] = {(char[]){"env"}, NULL}, *const none[] = {NULL};

	(void)execveat(program, "", argv, none, AT_EMPTY_PATH);
	return errno;
}

/* The control. */
static int executing_from_outside_unconfined(void)
{
	const int program = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);

	NEED(program >= 0 && chroot(directory) == 0 && chdir("/") == 0);
	NEED(execute_from_outside(program) == ENOENT);
	return 0;
}

static int executes_only_inside(void)
{
	const int program = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);

	NEED(program >= 0 && chroot(directory) == 0 && chdir("/") == 0);
	NEED(landlock_execute_inside(NULL) == 0);
	/* Nothing but execution is refused, nor a move from one directory to another. */
	NEED(mkdir("/one", 0755) == 0 && rename("/file", "/one/file") == 0 && rename("/one/file", "/file") == 0);
	NEED(rmdir("/one") == 0 && try_open("/file", O_RDWR) == 0);
	NEED(execute_from_outside(program) == EACCES);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	if (landlock_abi() == 0)
		return 0;
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(file, sizeof(file), "%s/file", directory);
	int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	/* The control: unconfined, all of it works. */
	return fd < 0 || close(fd) < 0 || try_open(file, O_RDWR) ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(file);
	(void)rmdir(directory);
	return 0;
}

#define IN_CHILD(name)                                                                                                 \
	static void test_##name(void **state)                                                                          \
	{                                                                                                              \
		(void)state;                                                                                           \
		if (landlock_abi() == 0)                                                                               \
			skip();                                                                                        \
		assert_int_equal(in_child(name), 0);                                                                   \
	}
IN_CHILD(confined_without_grant)
IN_CHILD(grant_to_read)
IN_CHILD(grant_to_write)
IN_CHILD(missing_paths_grant_nothing)
IN_CHILD(cannot_be_left)
IN_CHILD(executing_from_outside_unconfined)
IN_CHILD(executes_only_inside)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confined_without_grant), cmocka_unit_test(test_grant_to_read),
		cmocka_unit_test(test_grant_to_write),         cmocka_unit_test(test_missing_paths_grant_nothing),
		cmocka_unit_test(test_cannot_be_left),         cmocka_unit_test(test_executing_from_outside_unconfined),
		cmocka_unit_test(test_executes_only_inside),
	};
	return cmocka_run_group_tests_name("landlock", tests, set_up, tear_down);
}
