/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of things that this test plants: its own are found, a neighbour's never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_place.h"
#include "harness/members.h"
#include "harness/residue.h"

static char directory[] = "/tmp/agentcore-residue-test-XXXXXX";
static char name[48], execution[64], group[96], text[1024];
static const char *names[2];
static struct residue residue;

/* Mounts of this test's own, so that those of the machine stay as they are. */
static int set_up(void **state)
{
	(void)state;
	(void)snprintf(name, sizeof(name), "agentcore-trial-test-%d", (int)getpid());
	(void)snprintf(execution, sizeof(execution), "%s-exec", name);
	(void)snprintf(group, sizeof(group), "%s/agentcore-test-%d", cgroup_place(), (int)getpid());
	names[0] = name;
	names[1] = execution;
	if (!mkdtemp(directory) || unshare(CLONE_NEWNS) < 0)
		return -1;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	char below[128];
	(void)snprintf(below, sizeof(below), "%s/nameless", group);
	residue_clear(&residue);
	(void)rmdir(below); /* of a test that failed */
	(void)rmdir(group);
	return rmdir(directory);
}

static int begin(void **state)
{
	(void)state;
	return residue_begin(&residue, names, 2, directory);
}

static int end(void **state)
{
	(void)state;
	residue_clear(&residue);
	return 0;
}

static void path_of(char path[256], const char *where, const char *what)
{
	(void)snprintf(path, 256, "%.120s/%.120s", where, what);
}

static void assert_left(enum residue_scope scope, const char *expected)
{
	bool nothing = residue_look(&residue, scope, text, sizeof(text));
	assert_string_equal(text, expected);
	assert_int_equal(nothing, *expected == '\0');
}

static void test_nothing(void **state)
{
	(void)state;
	assert_left(RESIDUE_ALL, "");
	assert_left(RESIDUE_EXECUTION, "");
}

static void test_files(void **state)
{
	(void)state;
	char own[256], neighbour[256], expected[512];
	path_of(own, directory, name);
	path_of(neighbour, directory, "another");
	assert_int_equal(mkdir(own, 0700), 0);
	assert_int_equal(mkdir(neighbour, 0700), 0);
	(void)snprintf(expected, sizeof(expected), "file %s", own);
	assert_left(RESIDUE_ALL, expected);
	assert_left(RESIDUE_EXECUTION, ""); /* the sandbox's own, which still waits */
	assert_int_equal(rmdir(own), 0);
	path_of(own, directory, execution);
	assert_int_equal(mkdir(own, 0700), 0);
	(void)snprintf(expected, sizeof(expected), "file %s", own);
	assert_left(RESIDUE_EXECUTION, expected);
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(rmdir(neighbour), 0);
	assert_left(RESIDUE_ALL, "");
}

static void test_mounts(void **state)
{
	(void)state;
	char own[256], neighbour[256], expected[512];
	path_of(own, directory, name);
	path_of(neighbour, directory, "another");
	assert_int_equal(mkdir(neighbour, 0700), 0);
	assert_int_equal(mount("tmpfs", neighbour, "tmpfs", 0, "size=4k"), 0);
	assert_left(RESIDUE_ALL, "");
	assert_int_equal(mkdir(own, 0700), 0);
	assert_int_equal(mount("tmpfs", own, "tmpfs", 0, "size=4k"), 0);
	assert_false(residue_look(&residue, RESIDUE_ALL, text, sizeof(text)));
	assert_int_equal(strncmp(text, "mount ", 6), 0);
	assert_non_null(strstr(text, own));
	assert_int_equal(umount(own), 0);
	assert_int_equal(umount(neighbour), 0);
	(void)snprintf(expected, sizeof(expected), "file %s", own);
	assert_left(RESIDUE_ALL, expected);
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(rmdir(neighbour), 0);
}

static void test_cgroups(void **state)
{
	(void)state;
	char own[256], below[256], neighbour[256], expected[1024];
	if (!may_make_cgroups())
		skip();
	path_of(own, group, name);
	path_of(below, own, "exec-1");
	path_of(neighbour, group, "another");
	assert_int_equal(mkdir(group, 0755), 0);
	assert_int_equal(mkdir(neighbour, 0755), 0);
	assert_left(RESIDUE_ALL, "");
	assert_int_equal(mkdir(own, 0755), 0);
	assert_int_equal(mkdir(below, 0755), 0);
	(void)snprintf(expected, sizeof(expected), "cgroup %s; cgroup %s", own, below);
	assert_left(RESIDUE_ALL, expected);
	assert_left(RESIDUE_EXECUTION, "");
	residue_remove_cgroups(&residue);
	assert_left(RESIDUE_ALL, "");
	assert_int_equal(access(own, F_OK), -1);
	assert_int_equal(access(neighbour, F_OK), 0);
	assert_int_equal(rmdir(neighbour), 0);
	assert_int_equal(rmdir(group), 0);
}

/* A process with the word, in namespaces of its own and, where there is one, in a cgroup of a name that says nothing. */
static pid_t start_script(const char *word, const char *procs, const char *script)
{
	int ends[2], never[2];
	char byte;
	assert_int_equal(pipe(ends), 0);
	/* For scripts that wait by reading: one that starts sleep(1) is two with the word until the exec. */
	assert_int_equal(pipe(never), 0);
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, 0);
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = procs ? open(procs, O_WRONLY) : -1;
		if (fd >= 0 && write(fd, "0", 1) != 1)
			_exit(1);
		(void)dup2(never[0], 0);
		(void)dup2(ends[1], 1);
		execl("/bin/sh", "sh", "-c", script, word, NULL);
		_exit(127);
	}
	(void)close(never[0]);
	(void)close(never[1]);
	(void)close(ends[1]);
	ssize_t told = read(ends[0], &byte, 1);
	(void)close(ends[0]);
	if (told == 1)
		return pid;
	(void)waitpid(pid, NULL, 0);
	return 0;
}

static pid_t start_member(const char *word, const char *procs)
{
	pid_t pid = start_script(word, procs, "mount -t tmpfs -o size=4k none /mnt; echo; read never");
	assert_true(pid > 0);
	return pid;
}

static void end_member(pid_t pid)
{
	const char *words[] = {names[0], names[1]};
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(members_kill(&(struct members){words, 2, NULL}, 5000), 0);
}

static void test_what_a_member_holds(void **state)
{
	(void)state;
	char link[64], path[64], procs[160], nameless[128];
	bool grouped = may_make_cgroups();
	(void)snprintf(nameless, sizeof(nameless), "%s/nameless", group);
	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", nameless);
	if (grouped)
		assert_true(mkdir(group, 0755) == 0 && mkdir(nameless, 0755) == 0);
	/* As of now these are of the host before the start: the member's are learned only where they are new. */
	pid_t pid = start_member(name, grouped ? procs : NULL);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	ssize_t length = readlink(path, link, sizeof(link) - 1);
	assert_true(length > 0);
	link[length] = '\0';
	residue_learn(&residue, names, 1);
	/* A word, and not a part of one. */
	const char *part = "agentcore-trial-test";
	assert_int_equal(members_count(&(struct members){names, 1, NULL}), 1);
	assert_int_equal(members_count(&(struct members){&part, 1, NULL}), 0);
	assert_non_null(json_object_get(residue.namespaces, link));
	assert_int_equal(json_object_size(residue.namespaces), 1);
	assert_int_equal(json_object_size(residue.held_devices), 1);
	assert_int_equal(json_object_size(residue.loops), 0);
	assert_int_equal(json_object_size(residue.cgroups), grouped);

	assert_false(residue_look(&residue, RESIDUE_ALL, text, sizeof(text)));
	assert_non_null(strstr(text, "process "));
	assert_non_null(strstr(text, link));
	end_member(pid);
	if (!grouped)
		return;
	char expected[256];
	(void)snprintf(expected, sizeof(expected), "cgroup %s", nameless);
	assert_left(RESIDUE_ALL, expected);
	assert_left(RESIDUE_EXECUTION, expected);
	assert_int_equal(rmdir(nameless), 0);
	assert_int_equal(rmdir(group), 0);
	assert_left(RESIDUE_ALL, "");
}

/* The kernel gives a new namespace the lowest free number: soon that of one which has just gone. */
static void test_a_neighbour_does_not_inherit_the_number(void **state)
{
	(void)state;
	pid_t pid = start_member(name, NULL);
	residue_learn(&residue, names, 1);
	end_member(pid);
	const struct members members = {names, 1, residue.namespaces};
	for (size_t i = 0; i < 20; i++) {
		pid_t neighbour = start_member("agentcore-neighbour", NULL);
		unsigned count = members_count(&members);
		end_member(neighbour);
		assert_int_equal(count, 0);
		(void)poll(NULL, 0, 10);
	}
	assert_left(RESIDUE_ALL, "");
}

/* mount(8) makes a device where all are in use, and leaves it. */
static void remove_new_nodes(void)
{
	const char *key;
	json_t *value;
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	json_object_foreach(residue.loops, key, value)
	{
		if (strchr(key, ' ') || json_object_get(residue.before[RESIDUE_LOOP], key))
			continue;
		/* Busy until the last mount is gone. */
		for (int i = 0;
		     i < 500 && ioctl(control, LOOP_CTL_REMOVE, atoi(key + strlen("loop"))) < 0 && errno == EBUSY; i++)
			(void)poll(NULL, 0, 10);
	}
	(void)close(control);
}

/* The device lets go by itself once the last mount is gone; until then it is told, with the file behind it. */
static void test_a_loop_device(void **state)
{
	(void)state;
	char image[256], script[1024];
	path_of(image, directory, "image");
	(void)snprintf(script, sizeof(script),
		       "/sbin/mkfs.ext4 -q -F %s 1M >/dev/null 2>&1 && mount -o loop %s /mnt && echo && read never",
		       image, image);
	pid_t pid = start_script(name, NULL, script);
	if (pid == 0) {
		(void)unlink(image);
		skip(); /* no loop devices, or no mkfs */
	}
	residue_learn(&residue, names, 1);
	size_t learned = json_object_size(residue.loops);
	bool told =
		!residue_look(&residue, RESIDUE_ALL, text, sizeof(text)) && strstr(text, image) && strstr(text, "loop");
	end_member(pid);
	remove_new_nodes();
	for (int i = 0; i < 500 && !residue_look(&residue, RESIDUE_ALL, text, sizeof(text)); i++)
		(void)poll(NULL, 0, 10);
	(void)unlink(image);
	assert_int_equal(learned, 2); /* the device, and that it is bound */
	assert_true(told);
	assert_string_equal(text, "");
}

/* An execution in the group of its sandbox, in which others live, leaves nothing of its own there. */
static void test_the_sandboxs_group_is_not_the_executions(void **state)
{
	(void)state;
	char procs[160], nameless[128], expected[256];
	if (!may_make_cgroups())
		skip();
	(void)snprintf(nameless, sizeof(nameless), "%s/nameless", group);
	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", nameless);
	assert_true(mkdir(group, 0755) == 0 && mkdir(nameless, 0755) == 0);
	pid_t waits = start_member(name, procs), executes = start_member(execution, procs);
	residue_learn(&residue, &names[1], 1);
	(void)kill(executes, SIGKILL);
	assert_int_equal(waitpid(executes, NULL, 0), executes);
	assert_int_equal(members_kill(&(struct members){&names[1], 1, NULL}, 5000), 0);
	assert_left(RESIDUE_EXECUTION, "");
	end_member(waits);
	(void)snprintf(expected, sizeof(expected), "cgroup %s", nameless);
	assert_left(RESIDUE_EXECUTION, expected);
	assert_int_equal(rmdir(nameless), 0);
	assert_int_equal(rmdir(group), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_files, begin, end),
		cmocka_unit_test_setup_teardown(test_mounts, begin, end),
		cmocka_unit_test_setup_teardown(test_cgroups, begin, end),
		cmocka_unit_test_setup_teardown(test_what_a_member_holds, begin, end),
		cmocka_unit_test_setup_teardown(test_a_neighbour_does_not_inherit_the_number, begin, end),
		cmocka_unit_test_setup_teardown(test_a_loop_device, begin, end),
		cmocka_unit_test_setup_teardown(test_the_sandboxs_group_is_not_the_executions, begin, end),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
