/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the controllers, on trees of plain files whose mounts are only told of. */
#include "enforce/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "child.h"

static char tree[64];

static int make_tree(void **state)
{
	(void)state;
	(void)snprintf(tree, sizeof(tree), "/tmp/agentcore-layout-XXXXXX");
	return mkdtemp(tree) && chmod(tree, 0755) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_tree(void **state)
{
	(void)state;
	return nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A directory of the tree; with text: a file of it. */
static void put(const char *path, const char *text)
{
	char full[512];

	for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(full, sizeof(full), "%s%.*s", tree, (int)(slash - path), path);
		(void)mkdir(full, 0755);
	}
	(void)snprintf(full, sizeof(full), "%s%s", tree, path);
	if (!text) {
		(void)mkdir(full, 0755);
		return;
	}
	FILE *file = fopen(full, "we");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

/* Each "@" of a text is the tree. */
static const char *told(const char *text)
{
	static char texts[2][8192];
	static int turn;
	char *out = texts[turn ^= 1];
	size_t used = 0;

	for (; *text; text++) {
		if (*text == '@')
			used += (size_t)snprintf(out + used, sizeof(texts[0]) - used, "%s", tree);
		else
			out[used++] = *text;
	}
	out[used] = '\0';
	return out;
}

static struct cgroup_layout detect(const char *mountinfo, const char *self, const char *parent)
{
	struct cgroup_layout layout;
	struct error err = {0};

	int r = cgroup_detect(&layout, told(mountinfo), told(self), parent, &err);
	if (r < 0)
		print_message("%s\n", err.text);
	assert_int_equal(r, 0);
	return layout;
}

static void expect_place(const struct cgroup_layout *layout, enum cgroup_controller controller, bool v2,
			 const char *parent)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s%s", tree, parent);
	if (!layout->places[controller].available)
		print_message("controller %d: %s\n", (int)controller, layout->why_not[controller]);
	assert_true(layout->places[controller].available);
	assert_string_equal(layout->places[controller].parent, full);
	assert_int_equal(layout->places[controller].v2, v2);
}

static void expect_none(const struct cgroup_layout *layout, enum cgroup_controller controller, const char *reason)
{
	assert_false(layout->places[controller].available);
	if (!strstr(layout->why_not[controller], reason))
		print_message("\"%s\" is not in \"%s\"\n", reason, layout->why_not[controller]);
	assert_non_null(strstr(layout->why_not[controller], reason));
}

#define V2_MOUNT "29 23 0:26 / @/cg rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void pure_v2(void **state)
{
	(void)state;
	put("/cg/cgroup.controllers", "cpuset cpu io memory pids\n");
	put("/cg/cgroup.subtree_control", "cpu memory pids\n");
	struct cgroup_layout layout =
		detect("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" V2_MOUNT, "0::/user.slice\n", NULL);

	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		expect_place(&layout, (enum cgroup_controller)c, true, "/cg");
	assert_string_equal(cgroup_layout_name(&layout), "v2");
}

/* Never the root's subtree_control: what it lacks is named, with what to do. */
static void v2_not_enabled(void **state)
{
	(void)state;
	put("/cg/cgroup.controllers", "cpuset io memory pids\n");
	put("/cg/cgroup.subtree_control", "pids\n");
	struct cgroup_layout layout = detect(V2_MOUNT, "0::/\n", NULL);

	expect_place(&layout, CGROUP_PIDS, true, "/cg");
	expect_place(&layout, CGROUP_FREEZER, true, "/cg");
	expect_none(&layout, CGROUP_MEMORY, "write +memory");
	expect_none(&layout, CGROUP_CPU, "not in cgroup.controllers");
}

/* The root of a container's cgroup namespace looks like a root, but holds the container's processes. */
static void v2_inside_a_container(void **state)
{
	(void)state;
	put("/cg/cgroup.controllers", "cpu memory pids\n");
	put("/cg/cgroup.subtree_control", "");
	put("/cg/cgroup.events", "populated 1\n");
	struct cgroup_layout layout = detect(V2_MOUNT, "0::/\n", NULL);

	expect_none(&layout, CGROUP_MEMORY, "holds this process");
	expect_place(&layout, CGROUP_FREEZER, true, "/cg");
}

#define V1_MOUNTS                                                                                                      \
	"31 30 0:27 / @/cg/memory rw shared:9 master:3 - cgroup cgroup rw,memory\n"                                    \
	"32 30 0:28 / @/cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"                                            \
	"33 30 0:29 / @/cg/cpuset rw - cgroup cgroup rw,cpuset\n"                                                      \
	"34 30 0:30 / @/cg/pids rw - cgroup cgroup rw,pids\n"                                                          \
	"35 30 0:31 / @/cg/freezer rw - cgroup cgroup rw,freezer\n"                                                    \
	"36 30 0:32 / @/cg/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
#define V1_SELF                                                                                                        \
	"9:name=systemd:/user.slice\n8:pids:/work/one\n6:freezer:/\n4:memory:/work/one\n"                              \
	"2:cpu,cpuacct:/work/one\n"

static void put_v1(void)
{
	put("/cg/memory/memory.memsw.limit_in_bytes", "");
	put("/cg/memory/work/one/memory.memsw.limit_in_bytes", "");
	put("/cg/cpu,cpuacct/work/one", NULL);
	put("/cg/cpuset", NULL);
	put("/cg/pids/work/one", NULL);
	put("/cg/freezer", NULL);
}

static void pure_v1(void **state)
{
	(void)state;
	put_v1();
	struct cgroup_layout layout = detect(V1_MOUNTS, V1_SELF, NULL);

	expect_place(&layout, CGROUP_MEMORY, false, "/cg/memory");
	expect_place(&layout, CGROUP_CPU, false, "/cg/cpu,cpuacct");
	expect_place(&layout, CGROUP_CPUACCT, false, "/cg/cpu,cpuacct");
	expect_place(&layout, CGROUP_PIDS, false, "/cg/pids");
	expect_place(&layout, CGROUP_FREEZER, false, "/cg/freezer");
	assert_string_equal(cgroup_layout_name(&layout), "v1");
}

/* A v2 tree beside v1 that has none of our controllers, as on many machines of the transition. */
static void hybrid(void **state)
{
	(void)state;
	put_v1();
	put("/cg/unified/cgroup.controllers", "hugetlb\n");
	put("/cg/unified/cgroup.subtree_control", "");
	struct cgroup_layout layout =
		detect(V1_MOUNTS "37 30 0:33 / @/cg/unified rw - cgroup2 cgroup2 rw\n", V1_SELF "0::/\n", NULL);

	expect_place(&layout, CGROUP_MEMORY, false, "/cg/memory");
	expect_place(&layout, CGROUP_FREEZER, false, "/cg/freezer");
	assert_string_equal(cgroup_layout_name(&layout), "hybrid");
}

/* Hybrid the other way: a controller that v1 does not have comes from v2. */
static void hybrid_with_pids_on_v2(void **state)
{
	(void)state;
	put("/cg/memory/memory.memsw.limit_in_bytes", "");
	put("/cg/unified/cgroup.controllers", "pids\n");
	put("/cg/unified/cgroup.subtree_control", "pids\n");
	struct cgroup_layout layout = detect("31 30 0:27 / @/cg/memory rw - cgroup cgroup rw,memory\n"
					     "37 30 0:33 / @/cg/unified rw - cgroup2 cgroup2 rw\n",
					     "4:memory:/\n0::/\n", NULL);

	expect_place(&layout, CGROUP_MEMORY, false, "/cg/memory");
	expect_place(&layout, CGROUP_PIDS, true, "/cg/unified");
	expect_none(&layout, CGROUP_CPU, "not in cgroup.controllers");
	expect_none(&layout, CGROUP_CPUACCT, "no cgroup hierarchy");
}

static void without_swap_accounting(void **state)
{
	(void)state;
	put("/cg/memory", NULL);
	struct cgroup_layout layout =
		detect("31 30 0:27 / @/cg/memory rw - cgroup cgroup rw,memory\n", "4:memory:/\n", NULL);

	if (access("/proc/swaps", F_OK) == 0)
		expect_none(&layout, CGROUP_MEMORY, "swapaccount=1");
	else
		expect_place(&layout, CGROUP_MEMORY, false, "/cg/memory");
}

static void nothing_mounted(void **state)
{
	(void)state;
	struct cgroup_layout layout;
	struct error err = {0};

	assert_int_equal(cgroup_detect(&layout, "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "", NULL, &err), -ENODEV);
	assert_int_equal(err.code, ENODEV);
	assert_true(err.hint[0]);
}

/* mountinfo writes a blank as \040. */
static void octal_escapes(void **state)
{
	(void)state;
	put("/a b\\c/agent", NULL);
	struct cgroup_layout layout =
		detect("31 30 0:27 / @/a\\040b\\134c rw - cgroup cgroup rw,pids\n", "8:pids:/\n", NULL);

	expect_place(&layout, CGROUP_PIDS, false, "/a b\\c");
	expect_none(&layout, CGROUP_CPU, "no cgroup hierarchy");
}

/* Lines that are cut off, or that are not of the format, are passed over. */
static void broken_lines(void **state)
{
	(void)state;
	put("/cg/pids", NULL);
	struct cgroup_layout layout =
		detect("1 2 - cgroup\n - cgroup cgroup rw,pids\n31 30 0:27 / - cgroup cgroup rw,pids\n"
		       "34 30 0:30 / @/cg/pids rw - cgroup cgroup rw,pids\n36 1 0:1 / /x rw - cgroup2",
		       "8:pids\n:::\n", NULL);

	expect_place(&layout, CGROUP_PIDS, false, "/cg/pids");
}

/* --- What is delegated ----------------------------------------------------------------------------- */

static const char *as_nobody_mounts, *as_nobody_self;
static struct cgroup_layout *as_nobody_layout;

/* Without root's rights, that ignore modes. */
static int detect_as_nobody(void)
{
	NEED(seteuid(65534) == 0);
	NEED(cgroup_detect(as_nobody_layout, told(as_nobody_mounts), told(as_nobody_self), NULL, NULL) == 0);
	return 0;
}

static struct cgroup_layout nobody_detects(const char *mountinfo, const char *self)
{
	static struct cgroup_layout layout;
	int pipe_fds[2];

	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(pipe_fds), 0);
	as_nobody_mounts = mountinfo;
	as_nobody_self = self;
	as_nobody_layout = &layout;
	pid_t pid = fork();
	if (pid == 0) {
		int line = detect_as_nobody();
		_exit(line == 0 && write(pipe_fds[1], &layout, sizeof(layout)) == sizeof(layout) ? 0 : 1);
	}
	(void)close(pipe_fds[1]);
	size_t got = 0;
	for (ssize_t n = 1; n > 0 && got<sizeof(layout); got += n> 0 ? (size_t)n : 0)
		n = read(pipe_fds[0], (char *)&layout + got, sizeof(layout) - got);
	(void)close(pipe_fds[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(got, sizeof(layout));
	return layout;
}

static void give(const char *path)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s%s", tree, path);
	assert_int_equal(chown(full, 65534, 65534), 0);
}

static void v1_own_is_delegated(void **state)
{
	(void)state;
	put_v1();
	give("/cg/memory/work/one");
	give("/cg/pids/work");
	struct cgroup_layout layout = nobody_detects(V1_MOUNTS, V1_SELF);

	expect_place(&layout, CGROUP_MEMORY, false, "/cg/memory/work/one");
	expect_place(&layout, CGROUP_PIDS, false, "/cg/pids/work");
	expect_none(&layout, CGROUP_CPU, "cannot be written");
	expect_none(&layout, CGROUP_FREEZER, "cannot be written");
}

#define USER_SELF "0::/user.slice/app.slice/run.scope\n"

static void put_user_tree(const char *slice_control)
{
	put("/cg/cgroup.controllers", "cpu memory pids\n");
	put("/cg/cgroup.subtree_control", "cpu memory pids\n");
	put("/cg/user.slice/app.slice/cgroup.controllers", "memory pids\n");
	put("/cg/user.slice/app.slice/cgroup.subtree_control", slice_control);
	put("/cg/user.slice/app.slice/cgroup.events", "populated 1\n");
	put("/cg/user.slice/app.slice/run.scope/cgroup.controllers", "memory pids\n");
	put("/cg/user.slice/app.slice/run.scope/cgroup.subtree_control", "");
	put("/cg/user.slice/app.slice/run.scope/cgroup.events", "populated 1\n");
}

/* The own cgroup has this process in it, so that it cannot hand controllers down. */
static void v2_own_holds_members(void **state)
{
	(void)state;
	put_user_tree("memory pids\n");
	give("/cg/user.slice/app.slice/run.scope");
	struct cgroup_layout layout = nobody_detects(V2_MOUNT, USER_SELF);

	expect_none(&layout, CGROUP_MEMORY, "holds this process");
	expect_none(&layout, CGROUP_CPU, "not in cgroup.controllers");
	expect_place(&layout, CGROUP_FREEZER, true, "/cg/user.slice/app.slice/run.scope");
}

/* The process was put into a child of what is delegated, and that child is not its own to write. */
static void v2_above_is_delegated(void **state)
{
	(void)state;
	put_user_tree("memory pids\n");
	give("/cg/user.slice/app.slice");
	struct cgroup_layout layout = nobody_detects(V2_MOUNT, USER_SELF);

	expect_place(&layout, CGROUP_MEMORY, true, "/cg/user.slice/app.slice");
	expect_place(&layout, CGROUP_PIDS, true, "/cg/user.slice/app.slice");
	expect_none(&layout, CGROUP_CPU, "not in cgroup.controllers");
}

/* A container without a cgroup namespace: the mount begins at an inner cgroup. */
static void nested_root(void **state)
{
	(void)state;
	put("/cg/pids/inner", NULL);
	give("/cg/pids/inner");
	put("/cg/freezer/docker/abc", NULL);
	give("/cg/freezer/docker/abc");
	struct cgroup_layout layout =
		nobody_detects("34 30 0:30 /docker/abc @/cg/pids rw - cgroup cgroup rw,pids\n"
			       "35 30 0:31 /docker/ab @/cg/freezer rw - cgroup cgroup rw,freezer\n",
			       "8:pids:/docker/abc/inner\n6:freezer:/docker/abc\n");

	expect_place(&layout, CGROUP_PIDS, false, "/cg/pids/inner");
	/* "/docker/abc" is not below "/docker/ab", though its letters begin so. */
	expect_none(&layout, CGROUP_FREEZER, "cannot be written");
}

static void outside_of_the_namespace(void **state)
{
	(void)state;
	put("/cg/pids", NULL);
	struct cgroup_layout layout =
		nobody_detects("34 30 0:30 / @/cg/pids rw - cgroup cgroup rw,pids\n", "8:pids:/../../tmp\n");

	expect_none(&layout, CGROUP_PIDS, "cannot be written");
}

/* --- --cgroup-parent ------------------------------------------------------------------------------- */

static void named_parents(void **state)
{
	(void)state;
	put("/cg/cgroup.controllers", "cpu memory pids\n");
	put("/cg/cgroup.subtree_control", "cpu memory pids\n");
	put("/cg/machine.slice/cgroup.controllers", "cpu memory pids\n");
	put("/cg/machine.slice/cgroup.subtree_control", "pids\n");
	struct cgroup_layout ours = detect(V2_MOUNT, "0::/\n", "/machine.slice/agentcore-x");
	struct cgroup_layout theirs = detect(V2_MOUNT, "0::/\n", "machine.slice");
	struct cgroup_layout root = detect(V2_MOUNT, "0::/\n", "/");
	struct cgroup_layout missing = detect(V2_MOUNT, "0::/\n", "other.slice");

	expect_place(&ours, CGROUP_PIDS, true, "/cg/machine.slice/agentcore-x");
	expect_none(&ours, CGROUP_MEMORY, "write +memory");
	expect_place(&theirs, CGROUP_PIDS, true, "/cg/machine.slice");
	expect_place(&root, CGROUP_MEMORY, true, "/cg");
	expect_none(&missing, CGROUP_FREEZER, "does not exist");
}

static void bad_parents(void **state)
{
	static const char *const bad[] = {"../x", "a/../agentcore", "a//b", "/./a", "a/.."};
	(void)state;
	struct cgroup_layout layout;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};
		assert_int_equal(cgroup_detect(&layout, V2_MOUNT, "0::/\n", bad[i], &err), -EINVAL);
		assert_int_equal(err.code, EINVAL);
	}
}

/* What this machine tells is understood. */
static void this_machine(void **state)
{
	(void)state;
	struct cgroup_layout layout;
	struct error err = {0};

	if (cgroup_detect(&layout, NULL, NULL, NULL, &err) == -ENODEV)
		skip();
	assert_int_equal(err.code, 0);
	assert_string_not_equal(cgroup_layout_name(&layout), "none");
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		assert_true(layout.places[c].available || layout.why_not[c][0]);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TREE(pure_v2),
		IN_TREE(v2_not_enabled),
		IN_TREE(v2_inside_a_container),
		IN_TREE(pure_v1),
		IN_TREE(hybrid),
		IN_TREE(hybrid_with_pids_on_v2),
		IN_TREE(without_swap_accounting),
		IN_TREE(nothing_mounted),
		IN_TREE(octal_escapes),
		IN_TREE(broken_lines),
		IN_TREE(v1_own_is_delegated),
		IN_TREE(v2_own_holds_members),
		IN_TREE(v2_above_is_delegated),
		IN_TREE(nested_root),
		IN_TREE(outside_of_the_namespace),
		IN_TREE(named_parents),
		cmocka_unit_test(bad_parents),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
