/* SPDX-License-Identifier: Apache-2.0 */
/* AppArmor: the kernel's list, the parser, and, where the kernel has it (make vm-check), profiles in force. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "child.h"
#include "enforce/apparmor.h"

#define GOLDEN FIXTURES_DIR "/golden/apparmor"

/* Names of our own, which the tests take away again. */
#define NAME "agentcore-unit-test"
#define MARK NAME "//rules-0"

#define PROFILE(flags, mark, rules)                                                                                    \
	"abi <abi/3.0>,\nprofile " NAME " flags=(" flags ") {\n" rules "  profile " mark " flags=(" flags              \
	") {\n  }\n}\n"
#define OPEN    "  / r,\n  \"/**\" rwlkm,\n"
#define ENFORCE "attach_disconnected,mediate_deleted"

/* --- The list ------------------------------------------------------------------------------------- */

static void the_list_is_read_by_whole_names(void **state)
{
	static const char list[] = "docker-default (enforce)\n"
				   "a (complain)\n"
				   "ab (enforce)\n"
				   "ab//rules-1 (enforce)\n"
				   "abc (kill)\n"
				   "d (enforce) \n"
				   "last (enforce)";
	static const struct {
		const char *name;
		enum apparmor_mode mode;
	} rows[] = {
		{"docker-default", APPARMOR_ENFORCE},
		{"a", APPARMOR_OTHER},
		{"ab", APPARMOR_ENFORCE},
		{"ab//rules-1", APPARMOR_ENFORCE},
		{"abc", APPARMOR_OTHER},
		{"b", APPARMOR_MISSING},
		{"ab//rules-", APPARMOR_MISSING},
		{"docker-defaul", APPARMOR_MISSING},
		{"d", APPARMOR_OTHER},
		{"last", APPARMOR_ENFORCE},
		{"", APPARMOR_MISSING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (apparmor_find(list, rows[i].name) != rows[i].mode)
			fail_msg("%s: %d", rows[i].name, (int)apparmor_find(list, rows[i].name));
	assert_int_equal(apparmor_find("", "a"), APPARMOR_MISSING);
}

static void other_marks_are_found(void **state)
{
	static const char list[] = "a (enforce)\na//rules-1 (enforce)\na//rules-2 (complain)\nab//rules-3 (enforce)\n"
				   "a//rules-11 (enforce)\na//open (enforce)";
	const char *at = list;
	char name[32];

	(void)state;
	assert_true(apparmor_other_mark(&at, "a//rules-1", name, sizeof(name)));
	assert_string_equal(name, "a//rules-2");
	assert_true(apparmor_other_mark(&at, "a//rules-1", name, sizeof(name)));
	assert_string_equal(name, "a//rules-11");
	assert_false(apparmor_other_mark(&at, "a//rules-1", name, sizeof(name)));
}

/* --- The parser, which needs no kernel --------------------------------------------------------------------------- */

static void the_parser_takes_every_golden_profile(void **state)
{
	DIR *directory = opendir(GOLDEN);
	int count = 0;

	(void)state;
	assert_non_null(directory);
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		_cleanup_free_ char *text = NULL;
		struct error err = {0};
		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(io_read_file(dirfd(directory), entry->d_name, 65536, &text, NULL), 0);
		if (apparmor_lint(text, &err) < 0)
			fail_msg("%s: %s", entry->d_name, err.text);
		count++;
	}
	assert_true(count >= 6);
	(void)closedir(directory);
}

static void the_parsers_words_are_in_the_error(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(apparmor_lint("profile x {\n  deny chroot,\n}\n", &err), -EINVAL);
	assert_non_null(strstr(err.text, "apparmor_parser: "));
	assert_non_null(strstr(err.text, "line 2"));
}

/* --- In the kernel -------------------------------------------------------------------------------- */

static void load(const char *text, const char *mark)
{
	struct error err = {0};

	if (apparmor_load(text, mark, &err) < 0)
		fail_msg("%s", err.text);
}

static void assert_check(const char *mark, int expected, const char *words)
{
	struct error err = {0};
	int r = apparmor_check(NAME, mark, &err);

	if (r != expected || (words && !strstr(err.text, words)) || (r < 0 && !err.hint[0]))
		fail_msg("%d, not %d: \"%s\"; \"%s\"", r, expected, err.text, err.hint);
}

static void what_is_loaded_is_looked_at(void **state)
{
	(void)state;
	if (!apparmor_enabled())
		skip();
	assert_check(MARK, -ENOENT, "is not loaded");
	load(PROFILE(ENFORCE, "rules-0", OPEN), MARK);
	assert_check(MARK, 0, NULL);
	assert_check(NAME "//rules-1", -ESTALE, "other than this policy's");
	/* The kernel keeps the children of what is replaced: the old mark must not speak for the new rules. */
	load(PROFILE(ENFORCE, "rules-1", OPEN), NAME "//rules-1");
	assert_check(MARK, -ESTALE, "other than this policy's");
	assert_check(NAME "//rules-1", 0, NULL);
	load(PROFILE(ENFORCE ",complain", "rules-0", OPEN), MARK);
	assert_check(MARK, -EPERM, "not enforced");
	assert_int_equal(apparmor_unload(NAME, NULL), 0);
	assert_check(MARK, -ENOENT, "is not loaded");
	assert_int_equal(apparmor_unload(NAME, NULL), -ENOENT);
}

static const char *written;

static int confine_and_write(void)
{
	struct error err = {0};

	_cleanup_fd_ int label = apparmor_open_label(&err);
	if (label < 0 || apparmor_confine(NAME, label, &err) < 0)
		return err.code;
	return open(written, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? 200 : 0;
}

static int writing(const char *path)
{
	written = path;
	return in_child(confine_and_write);
}

static void who_is_confined_is_refused(void **state)
{
	static const char allowed[] = "/tmp/agentcore-unit-allowed", refused[] = "/tmp/agentcore-unit-refused";

	(void)state;
	if (!apparmor_enabled())
		skip();
	/* The control. */
	assert_true(open(refused, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
	load(PROFILE(ENFORCE, "rules-0", OPEN "  deny /tmp/agentcore-unit-refused w,\n"), MARK);
	assert_int_equal(writing(allowed), 0);
	assert_int_equal(writing(refused), 200);
	/* In complain mode it would be let through: the label read back says so. */
	load(PROFILE(ENFORCE ",complain", "rules-0", OPEN "  deny /tmp/agentcore-unit-refused w,\n"), MARK);
	assert_int_equal(writing(refused), EPERM);
	assert_int_equal(apparmor_unload(NAME, NULL), 0);
	assert_int_equal(writing(allowed), ENOENT);
	(void)unlink(allowed);
	(void)unlink(refused);
}

/* --- A /proc that lies (CVE-2025-52881) ------------------------------------------------------------ */

static int private_mounts(void)
{
	return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -1 : 0;
}

static int opening_fails(int code)
{
	struct error err = {0};

	_cleanup_fd_ int label = apparmor_open_label(&err);
	return label == -code && strstr(err.text, "/proc") != NULL;
}

static int a_directory_in_place_of_proc(void)
{
	NEED(private_mounts() == 0 && mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	NEED(mkdir("/proc/thread-self", 0755) == 0 && mkdir("/proc/thread-self/attr", 0755) == 0 &&
	     mkdir("/proc/thread-self/attr/apparmor", 0755) == 0);
	_cleanup_fd_ int fd =
		open("/proc/thread-self/attr/apparmor/current", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	NEED(fd >= 0 && io_write_all(fd, NAME " (enforce)\n", strlen(NAME " (enforce)\n")) == 0);
	NEED(opening_fails(EBADMSG));
	return 0;
}

static int a_file_over_the_label(void)
{
	char path[64];

	_cleanup_fd_ int control = apparmor_open_label(NULL);
	NEED(control >= 0 && private_mounts() == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/attr/apparmor/current", (int)gettid());
	NEED(mount("/proc/version", path, NULL, MS_BIND, NULL) == 0);
	NEED(opening_fails(EXDEV));
	return 0;
}

static int a_file_system_over_the_attributes(void)
{
	char path[64];

	NEED(private_mounts() == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/attr", (int)gettid());
	NEED(mount("none", path, "tmpfs", 0, NULL) == 0);
	NEED(opening_fails(EXDEV));
	return 0;
}

static void a_proc_that_lies_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(a_directory_in_place_of_proc), 0);
	assert_int_equal(in_child(a_file_system_over_the_attributes), 0);
	if (apparmor_enabled())
		assert_int_equal(in_child(a_file_over_the_label), 0);
}

/* --- Without it ----------------------------------------------------------------------------------- */

static void without_apparmor_nothing_is_confined_in_silence(void **state)
{
	struct error err = {0};

	(void)state;
	if (apparmor_enabled())
		skip();
	assert_true(apparmor_confine(NAME, -1, &err) < 0);
	assert_non_null(strstr(err.text, NAME));
	assert_true(apparmor_open_label(NULL) < 0);
	assert_true(apparmor_check(NAME, MARK, NULL) < 0);
	assert_true(apparmor_load(PROFILE(ENFORCE, "rules-0", OPEN), MARK, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_read_by_whole_names),
		cmocka_unit_test(other_marks_are_found),
		cmocka_unit_test(the_parser_takes_every_golden_profile),
		cmocka_unit_test(the_parsers_words_are_in_the_error),
		cmocka_unit_test(what_is_loaded_is_looked_at),
		cmocka_unit_test(who_is_confined_is_refused),
		cmocka_unit_test(a_proc_that_lies_is_refused),
		cmocka_unit_test(without_apparmor_nothing_is_confined_in_silence),
	};
	return cmocka_run_group_tests_name("apparmor", tests, NULL, NULL);
}
