/* SPDX-License-Identifier: Apache-2.0 */
/* A root file system that someone else prepared must not lead us out of it. */
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
#include <unistd.h>

#include "enforce/mount_tree.h"

struct place {
	char outside[64], inside[96];
	int root;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	(void)snprintf(place->outside, sizeof(place->outside), "/tmp/mount-tree-test.XXXXXX");
	assert_non_null(mkdtemp(place->outside));
	(void)snprintf(place->inside, sizeof(place->inside), "%s/root", place->outside);
	assert_int_equal(mkdir(place->inside, 0755), 0);
	place->root = open(place->inside, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->root >= 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	static const char *const made[] = {"root/link", "root/up", "root/a/b/file", "root/a/b",
					   "root/a",    "root",    "escaped"};
	char path[160];

	(void)close(place->root);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", place->outside, made[i]);
		(void)remove(path);
	}
	assert_int_equal(rmdir(place->outside), 0);
	free(place);
	return 0;
}

static bool exists(const struct place *place, const char *name)
{
	char path[160];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", place->outside, name);
	return lstat(path, &st) == 0;
}

static void links_are_never_followed(void **state)
{
	const struct place *place = *state;

	assert_int_equal(symlinkat("/", place->root, "link"), 0);
	assert_int_equal(symlinkat("..", place->root, "up"), 0);
	assert_int_equal(mount_open_inside(place->root, "link"), -ELOOP);
	assert_int_equal(mount_open_inside(place->root, "/link/etc"), -ELOOP);
	assert_int_equal(mount_open_inside(place->root, "up"), -ELOOP);
	assert_int_equal(mount_make_inside(place->root, "up/escaped", true), -ELOOP);
	assert_false(exists(place, "escaped"));
}

static void dots_do_not_leave_the_root(void **state)
{
	const struct place *place = *state;

	assert_int_equal(mount_open_inside(place->root, "../"), -EXDEV);
	assert_int_equal(mount_make_inside(place->root, "../escaped", true), -EXDEV);
	assert_false(exists(place, "escaped"));
}

static void missing_parts_are_made(void **state)
{
	const struct place *place = *state;
	struct stat st;

	int fd = mount_make_inside(place->root, "/a/b/file", false);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	(void)close(fd);
	fd = mount_make_inside(place->root, "a/b///", true);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	(void)close(fd);
	/* A file on the way is not a directory. */
	assert_int_equal(mount_make_inside(place->root, "a/b/file/c", true), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(links_are_never_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dots_do_not_leave_the_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(missing_parts_are_made, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("mount tree", tests, NULL, NULL);
}
