/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written into which file, and in which order, on a tree that only looks like a cgroup's.
 *
 * The calls that the kernel would answer differently there are defined in this program, before libc's: mkdir fills a new
 * directory with control files, rmdir takes them out again, and a write replaces a file's content and is put on record.
 */
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
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#define ALL_LIMITS                                                                                                     \
	(struct limits)                                                                                                \
	{                                                                                                              \
		.value = {[LIMIT_MEMORY_MB] = 64, [LIMIT_CPU_CORES] = 0.5, [LIMIT_PROCESSES] = 20},                    \
		.set = {[LIMIT_MEMORY_MB] = true, [LIMIT_CPU_CORES] = true, [LIMIT_PROCESSES] = true},                 \
	}

static struct {
	char tree[64];
	char log[4096]; /* "DIRECTORY/FILE=TEXT\n" for each write */
	const char *missing; /* a file that new directories do not get */
	const char *fails; /* writing to this file fails with EBUSY */
	const char *altered; /* the kernel makes another value of what is written to this file */
	bool parent_vanishes; /* once, another start removes the parent just after we have seen it */
} fake;

struct control_file {
	const char *name, *text;
};

static const struct control_file files_v2[] = {
	{"cgroup.controllers", "cpu memory pids\n"},
	{"cgroup.subtree_control", ""},
	{"cgroup.procs", ""},
	{"cgroup.events", "populated 0\nfrozen 0\n"},
	{"cgroup.kill", ""},
	{"memory.max", "max\n"},
	{"memory.swap.max", "max\n"},
	{"memory.oom.group", "0\n"},
	{"memory.peak", "4096\n"},
	{"memory.swap.peak", "0\n"},
	{"memory.events.local", "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n"},
	{"cpu.max", "max 100000\n"},
	{"pids.max", "max\n"},
	{"pids.events", "max 5\n"},
	{"pids.peak", "9\n"},
	{"pids.current", "4\n"},
	{"cpu.stat", "usage_usec 1234\nuser_usec 1000\nnr_periods 10\nnr_throttled 6\nthrottled_usec 789\n"},
};

static const struct control_file files_v1[] = {
	{"tasks", ""},
	{"cgroup.procs", ""},
	{"memory.limit_in_bytes", "9223372036854771712\n"},
	{"memory.memsw.limit_in_bytes", "9223372036854771712\n"},
	{"cpu.cfs_period_us", "100000\n"},
	{"cpu.cfs_quota_us", "-1\n"},
	{"pids.max", "max\n"},
};

static bool in_tree(const char *path)
{
	return fake.tree[0] && strncmp(path, fake.tree, strlen(fake.tree)) == 0;
}

static void put(const char *directory, const char *name, const char *text)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	(void)fprintf(file, "%s", text);
	(void)fclose(file);
}

static void fill(const char *directory)
{
	bool v1 = strstr(directory, "/v1/");
	const struct control_file *files = v1 ? files_v1 : files_v2;
	size_t count = v1 ? sizeof(files_v1) / sizeof(files_v1[0]) : sizeof(files_v2) / sizeof(files_v2[0]);

	for (size_t i = 0; i < count; i++) {
		if (!fake.missing || strcmp(files[i].name, fake.missing) != 0)
			put(directory, files[i].name, files[i].text);
	}
}

static void empty_files(const char *directory)
{
	char path[512];

	for (size_t i = 0; i < sizeof(files_v1) / sizeof(files_v1[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, files_v1[i].name);
		(void)unlink(path);
	}
	for (size_t i = 0; i < sizeof(files_v2) / sizeof(files_v2[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, files_v2[i].name);
		(void)unlink(path);
	}
}

static bool has_child_directory(const char *directory)
{
	struct stat st;

	return stat(directory, &st) == 0 && st.st_nlink > 2;
}

static int remove_directory(const char *path)
{
	if (in_tree(path)) {
		if (has_child_directory(path)) {
			errno = EBUSY;
			return -1;
		}
		empty_files(path);
	}
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdir(const char *path, mode_t mode)
{
	if (in_tree(path) && fake.parent_vanishes && strstr(path, "/agentcore/")) {
		char parent[512];
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
		if (access(parent, F_OK) == 0) {
			fake.parent_vanishes = false;
			(void)remove_directory(parent);
		}
	}
	int r = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
	if (r == 0 && in_tree(path))
		fill(path);
	return r;
}

int rmdir(const char *path)
{
	return remove_directory(path);
}

int unlinkat(int dirfd, const char *name, int flags)
{
	char path[512] = "", link[64];

	if (!(flags & AT_REMOVEDIR))
		return (int)syscall(SYS_unlinkat, dirfd, name, flags);
	if (name[0] != '/') {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
		ssize_t n = readlink(link, path, 256);
		assert_true(n > 0);
		path[n] = '\0';
		(void)strcat(path, "/");
	}
	(void)strncat(path, name, sizeof(path) - strlen(path) - 1);
	return remove_directory(path);
}

static ssize_t record(int fd, const char *path, const char *text, size_t length)
{
	const char *file = strrchr(path, '/') + 1;
	size_t used = strlen(fake.log);

	if (fake.fails && strcmp(file, fake.fails) == 0) {
		errno = EBUSY;
		return -1;
	}
	(void)snprintf(fake.log + used, sizeof(fake.log) - used, "%s=%.*s\n", path + strlen(fake.tree) + 1, (int)length,
		       text);
	if (ftruncate(fd, 0) < 0)
		return -1;
	bool altered = fake.altered && strcmp(file, fake.altered) == 0;
	if (syscall(SYS_pwrite64, fd, altered ? "5" : text, altered ? 1 : length, 0L) < 0)
		return -1;
	return (ssize_t)length;
}

static ssize_t write_at(int fd, const void *text, size_t length, bool at, off_t offset)
{
	char link[64], path[512];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = fake.tree[0] ? readlink(link, path, sizeof(path) - 1) : -1;
	if (n > 0) {
		path[n] = '\0';
		/* Files that are being made by fill() go through stdio, which has its own way to write. */
		if (in_tree(path))
			return record(fd, path, text, length);
	}
	return at ? syscall(SYS_pwrite64, fd, text, length, offset) : syscall(SYS_write, fd, text, length);
}

ssize_t write(int fd, const void *text, size_t length)
{
	return write_at(fd, text, length, false, 0);
}

ssize_t pwrite(int fd, const void *text, size_t length, off_t offset)
{
	return write_at(fd, text, length, true, offset);
}

/* --- The fixture ----------------------------------------------------------------------------------- */

static int make_tree(void **state)
{
	char path[128];

	(void)state;
	memset(&fake, 0, sizeof(fake));
	char name[] = "/tmp/agentcore-limits-XXXXXX";
	if (!mkdtemp(name))
		return -1;
	for (int i = 0; i < 4; i++) {
		static const char *const directories[] = {"", "/v1", "/v2", "/v1/cpu"};
		(void)snprintf(path, sizeof(path), "%s%s", name, directories[i]);
		if (i > 0 && mkdir(path, 0755) < 0)
			return -1;
	}
	(void)strcpy(fake.tree, name);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, type == FTW_DP ? AT_REMOVEDIR : 0);
}

static int remove_tree(void **state)
{
	char name[sizeof(fake.tree)];

	(void)state;
	memcpy(name, fake.tree, sizeof(name));
	fake.tree[0] = '\0';
	return nftw(name, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct cgroup_layout layout_v2(void)
{
	struct cgroup_layout layout = {.mounted_v2 = true};

	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		layout.places[c] = (struct cgroup_place){.available = true, .v2 = true};
		(void)snprintf(layout.places[c].parent, CGROUP_PATH_MAX, "%s/v2/agentcore", fake.tree);
	}
	return layout;
}

/* memory and pids in one hierarchy, cpu in another; the others are not there. */
static struct cgroup_layout layout_v1(void)
{
	struct cgroup_layout layout = {.mounted_v1 = true};

	for (int c = 0; c <= CGROUP_PIDS; c++) {
		layout.places[c].available = true;
		(void)snprintf(layout.places[c].parent, CGROUP_PATH_MAX, "%s/v1%s/agentcore", fake.tree,
			       c == CGROUP_CPU ? "/cpu" : "");
	}
	return layout;
}

static struct cgroup *create(const struct cgroup_layout *layout, const char *name, enum cgroup_use use,
			     const struct limits *limits)
{
	struct cgroup *cgroup = NULL;
	struct error err = {0};

	int r = cgroup_create(layout, name, use, limits, 1, &cgroup, &err);
	if (r < 0)
		print_message("%s\n", err.text);
	assert_int_equal(r, 0);
	return cgroup;
}

static void drop(struct cgroup *cgroup)
{
	struct error err = {0};

	int r = cgroup_remove(cgroup, 1000, &err);
	if (r < 0)
		print_message("%s\n", err.text);
	assert_int_equal(r, 0);
	cgroup_free(cgroup);
}

static void expect_log(const char *log)
{
	assert_string_equal(fake.log, log);
	fake.log[0] = '\0';
}

static bool there(const char *path)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", fake.tree, path);
	return access(full, F_OK) == 0;
}

/* --- v2 -------------------------------------------------------------------------------------------- */

static void sandbox_v2(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits limits = ALL_LIMITS;
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);

	expect_log("v2/agentcore/cgroup.subtree_control=+memory +cpu +pids\n"
		   "v2/agentcore/s1/memory.swap.max=0\n"
		   "v2/agentcore/s1/memory.oom.group=1\n"
		   "v2/agentcore/s1/memory.max=67108864\n"
		   "v2/agentcore/s1/cpu.max=50000 100000\n"
		   "v2/agentcore/s1/pids.max=21\n");
	assert_true(cgroup_clone_fd(cgroup) >= 0);
	assert_int_equal(cgroup_join(cgroup, NULL), 0);
	drop(cgroup);
	expect_log("");
	assert_false(there("v2/agentcore"));
}

static void unset_limits_write_nothing(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits limits = {.value = {[LIMIT_MEMORY_MB] = 64}, .set = {[LIMIT_PROCESSES] = true}};

	limits.value[LIMIT_PROCESSES] = 7;
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
	expect_log("v2/agentcore/cgroup.subtree_control=+memory +cpu +pids\n"
		   "v2/agentcore/s1/pids.max=8\n");
	drop(cgroup);
}

/* Its members live in a leaf, and its executions get the controllers. */
static void container_v2(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits limits = ALL_LIMITS, none = {0};
	char link[64], path[512];
	struct cgroup *container = create(&layout, "c1", CGROUP_CONTAINER, &none);

	expect_log("v2/agentcore/cgroup.subtree_control=+memory +cpu +pids\n"
		   "v2/agentcore/c1/cgroup.subtree_control=+memory +cpu +pids\n");
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", cgroup_clone_fd(container));
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	assert_string_equal(path + strlen(fake.tree), "/v2/agentcore/c1/init");

	struct cgroup *execution = create(&layout, "c1/exec-1", CGROUP_EXECUTION, &limits);
	expect_log("v2/agentcore/c1/exec-1/memory.swap.max=0\n"
		   "v2/agentcore/c1/exec-1/memory.oom.group=1\n"
		   "v2/agentcore/c1/exec-1/memory.max=67108864\n"
		   "v2/agentcore/c1/exec-1/cpu.max=50000 100000\n"
		   "v2/agentcore/c1/exec-1/pids.max=21\n");
	cgroup_free(execution);
	/* The execution's directory is left: it goes with its container. */
	drop(container);
	assert_false(there("v2/agentcore"));
}

static void second_start_finds_the_parent(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits none = {0};
	struct cgroup *first = create(&layout, "s1", CGROUP_SANDBOX, &none);
	char parent[128];

	/* The kernel shows what is enabled without the signs; it may be about to give it to s1, so s2 says it again and waits. */
	(void)snprintf(parent, sizeof(parent), "%s/v2/agentcore", fake.tree);
	put(parent, "cgroup.subtree_control", "cpu memory pids\n");
	fake.log[0] = '\0';
	struct cgroup *second = create(&layout, "s2", CGROUP_SANDBOX, &none);
	expect_log("v2/agentcore/cgroup.subtree_control=+memory +cpu +pids\n");
	drop(first);
	assert_true(there("v2/agentcore/s2"));
	drop(second);
	assert_false(there("v2/agentcore"));
}

/* --cgroup-parent of somebody else: its subtree_control is never written, and our name shows there. */
static void foreign_parent(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits limits = {.value = {[LIMIT_PROCESSES] = 7}, .set = {[LIMIT_PROCESSES] = true}};

	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		(void)snprintf(layout.places[c].parent, CGROUP_PATH_MAX, "%s/v2", fake.tree);
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
	expect_log("v2/agentcore-s1/pids.max=8\n");
	drop(cgroup);
	cgroup = create(&layout, "agentcore-s2", CGROUP_SANDBOX, &limits);
	assert_true(there("v2/agentcore-s2"));
	drop(cgroup);
	assert_false(there("v2/agentcore-s1"));
	assert_true(there("v2"));
}

static void events_and_usage_v2(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits limits = ALL_LIMITS;
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
	struct cgroup_watch watch;
	struct cgroup_events events;
	struct cgroup_usage usage;

	assert_int_equal(cgroup_watch(cgroup, &watch, NULL), 0);
	assert_true(watch.memory >= 0 && watch.processes >= 0);
	assert_int_equal(cgroup_read_events(cgroup, &events), 0);
	assert_int_equal(events.memory_kills, 2);
	assert_int_equal(events.process_refusals, 5);
	assert_int_equal(events.throttled_periods, 6);
	assert_int_equal(events.throttled_us, 789);
	assert_int_equal(cgroup_usage(cgroup, &usage), 0);
	assert_int_equal(usage.memory_peak_bytes, 4096);
	assert_int_equal(usage.swap_peak_bytes, 0);
	assert_int_equal(usage.cpu_us, 1234);
	assert_int_equal(usage.processes_peak, 9);
	assert_true(usage.cpu_known && usage.processes_peak_known);
	drop(cgroup);
}

/* memory.peak came with Linux 5.19, pids.peak with 6.1. */
static void peaks_of_older_kernels(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits none = {0};
	struct cgroup_usage usage;

	fake.missing = "pids.peak";
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &none);
	cgroup_free(cgroup);
	assert_int_equal(cgroup_open(&layout, "s1", CGROUP_CONTAINER, &cgroup, NULL), 0);
	assert_int_equal(cgroup_usage(cgroup, &usage), 0);
	assert_false(usage.processes_peak_known);
	assert_true(usage.cpu_known);
	drop(cgroup);
}

/* --- v1 -------------------------------------------------------------------------------------------- */

static void sandbox_v1(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v1();
	struct limits limits = ALL_LIMITS;
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);

	/* The period is what it should be already. */
	expect_log("v1/agentcore/s1/memory.limit_in_bytes=67108864\n"
		   "v1/agentcore/s1/memory.memsw.limit_in_bytes=67108864\n"
		   "v1/cpu/agentcore/s1/cpu.cfs_quota_us=50000\n"
		   "v1/agentcore/s1/pids.max=21\n");
	assert_int_equal(cgroup_clone_fd(cgroup), -1);
	assert_int_equal(cgroup_join(cgroup, NULL), 0);
	expect_log("v1/agentcore/s1/tasks=0\nv1/cpu/agentcore/s1/tasks=0\n");
	drop(cgroup);
	assert_false(there("v1/agentcore"));
	assert_false(there("v1/cpu/agentcore"));
}

static struct limits memory_only(double mb)
{
	struct limits limits = {0};

	limits.set[LIMIT_MEMORY_MB] = true;
	limits.value[LIMIT_MEMORY_MB] = mb;
	return limits;
}

/* memory may never be above memsw: so up memsw goes first, and down memory. */
static void order_of_a_change(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v1();
	struct limits limits = memory_only(64), more = memory_only(128), less = memory_only(32);
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);

	fake.log[0] = '\0';
	assert_int_equal(cgroup_set_limits(cgroup, &more, 1, NULL), 0);
	expect_log("v1/agentcore/s1/memory.memsw.limit_in_bytes=134217728\n"
		   "v1/agentcore/s1/memory.limit_in_bytes=134217728\n");
	assert_int_equal(cgroup_set_limits(cgroup, &less, 1, NULL), 0);
	expect_log("v1/agentcore/s1/memory.limit_in_bytes=33554432\n"
		   "v1/agentcore/s1/memory.memsw.limit_in_bytes=33554432\n");
	assert_int_equal(cgroup_set_limits(cgroup, &less, 1, NULL), 0);
	expect_log("");
	drop(cgroup);
}

static void half_a_change_is_undone(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v1();
	struct limits limits = memory_only(64), less = memory_only(32);
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
	struct error err = {0};

	fake.log[0] = '\0';
	fake.fails = "memory.memsw.limit_in_bytes";
	assert_int_equal(cgroup_set_limits(cgroup, &less, 1, &err), -EBUSY);
	expect_log("v1/agentcore/s1/memory.limit_in_bytes=33554432\n"
		   "v1/agentcore/s1/memory.limit_in_bytes=67108864\n");
	assert_non_null(strstr(err.text, "memory.memsw.limit_in_bytes"));
	assert_non_null(strstr(err.hint, "in use"));
	drop(cgroup);
}

static void limit_without_its_controller(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v1();
	struct limits limits = memory_only(64), cpu = {.set = {[LIMIT_CPU_CORES] = true}};
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
	struct error err = {0};

	assert_false(there("v1/cpu/agentcore"));
	cpu.value[LIMIT_CPU_CORES] = 1;
	assert_int_equal(cgroup_set_limits(cgroup, &cpu, 0, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cpu"));
	drop(cgroup);
}

/* --- What must not pass ---------------------------------------------------------------------------- */

static void refused(const struct cgroup_layout *layout, const char *name, const struct limits *limits, int code,
		    const char *word)
{
	struct cgroup *cgroup = NULL;
	struct error err = {0};

	assert_int_equal(cgroup_create(layout, name, CGROUP_SANDBOX, limits, 1, &cgroup, &err), -code);
	assert_null(cgroup);
	assert_int_equal(err.code, code);
	if (!strstr(err.text, word))
		print_message("\"%s\" is not in \"%s\"\n", word, err.text);
	assert_non_null(strstr(err.text, word));
	assert_false(there("v2/agentcore"));
	assert_false(there("v1/agentcore"));
	assert_false(there("v1/cpu/agentcore"));
}

static void value_that_is_not_taken(void **state)
{
	(void)state;
	struct cgroup_layout v2 = layout_v2(), v1 = layout_v1();
	struct limits limits = ALL_LIMITS;
	static const char *const files_of_v2[] = {"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max",
						  "pids.max"};
	static const char *const files_of_v1[] = {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
						  "cpu.cfs_quota_us", "pids.max"};

	for (size_t i = 0; i < sizeof(files_of_v2) / sizeof(files_of_v2[0]); i++) {
		fake.altered = files_of_v2[i];
		refused(&v2, "s1", &limits, ERANGE, files_of_v2[i]);
	}
	for (size_t i = 0; i < sizeof(files_of_v1) / sizeof(files_of_v1[0]); i++) {
		fake.altered = files_of_v1[i];
		refused(&v1, "s1", &limits, ERANGE, files_of_v1[i]);
	}
	fake.altered = NULL;
	fake.fails = "cpu.cfs_quota_us";
	refused(&v1, "s1", &limits, EBUSY, "cpu.cfs_quota_us");
}

static void missing_files(void **state)
{
	(void)state;
	struct cgroup_layout v2 = layout_v2();
	struct limits limits = ALL_LIMITS;

	fake.missing = "memory.max";
	refused(&v2, "s1", &limits, ENOENT, "memory.max");
	fake.missing = "memory.swap.max";
	if (access("/proc/swaps", F_OK) == 0)
		refused(&v2, "s1", &limits, ENOENT, "memory.swap.max");
}

static void controller_that_is_not_available(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits limits = ALL_LIMITS;

	layout.places[CGROUP_CPU].available = false;
	(void)strcpy(layout.why_not[CGROUP_CPU], "because");
	refused(&layout, "s1", &limits, ENOTSUP, "no cpu cgroup: because");
	expect_log("");
}

static void bad_names(void **state)
{
	static const char *const bad[] = {"", "..", "a/..", "/a", "a//b", "a/", "a b", "a\n", "./a"};
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits none = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(&layout, bad[i], &none, EINVAL, "cannot be the name");
}

static void parent_that_vanishes(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v1();
	struct limits limits = memory_only(64);

	fake.parent_vanishes = true;
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
	assert_false(fake.parent_vanishes);
	assert_true(there("v1/agentcore/s1"));
	drop(cgroup);
}

/* A dead sandbox's directory of the same name, with one of its executions. */
static void left_behind(void **state)
{
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits none = {0}, limits = {.value = {[LIMIT_PROCESSES] = 3}, .set = {[LIMIT_PROCESSES] = true}};
	struct error err = {0};

	cgroup_free(create(&layout, "c1", CGROUP_CONTAINER, &none));
	cgroup_free(create(&layout, "c1/exec-1", CGROUP_EXECUTION, &none));
	fake.log[0] = '\0';
	struct cgroup *cgroup = create(&layout, "c1", CGROUP_SANDBOX, &limits);
	assert_non_null(strstr(fake.log, "v2/agentcore/c1/cgroup.kill=1\n"));
	assert_non_null(strstr(fake.log, "v2/agentcore/c1/pids.max=4\n"));
	assert_false(there("v2/agentcore/c1/exec-1"));
	cgroup_free(cgroup);
	assert_int_equal(cgroup_reclaim(&layout, "c1", &err), 0);
	assert_int_equal(cgroup_reclaim(&layout, "c1", &err), 0);
	assert_false(there("v2/agentcore"));
	assert_int_equal(cgroup_open(&layout, "c1", CGROUP_CONTAINER, &cgroup, &err), -ENOENT);
}

/* --- Values ---------------------------------------------------------------------------------------- */

static void formats(void **state)
{
	static const struct {
		double cores;
		const char *text;
	} rows[] = {{0.01, "1000 100000"}, {0.333333, "33333 100000"}, {1, "100000 100000"}, {2.5, "250000 100000"}};
	(void)state;
	struct cgroup_layout layout = layout_v2();
	struct limits limits = {.set = {[LIMIT_CPU_CORES] = true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		limits.value[LIMIT_CPU_CORES] = rows[i].cores;
		struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
		assert_non_null(strstr(fake.log, rows[i].text));
		drop(cgroup);
	}
	limits = memory_only(16777216); /* 16 TiB */
	struct cgroup *cgroup = create(&layout, "s1", CGROUP_SANDBOX, &limits);
	assert_non_null(strstr(fake.log, "memory.max=17592186044416\n"));
	drop(cgroup);
}

static void above_the_machine(void **state)
{
	(void)state;
	struct limits limits = ALL_LIMITS;
	struct error err = {0};

	limits.value[LIMIT_MEMORY_MB] = 16777216;
	limits.value[LIMIT_CPU_CORES] = 4096;
	assert_int_equal(cgroup_check_limits(&limits, &err), 0);
	limits.explicit_[LIMIT_CPU_CORES] = true;
	assert_int_equal(cgroup_check_limits(&limits, &err), -EINVAL);
	assert_non_null(strstr(err.text, "max_cpu_cores 4096"));
	err = (struct error){0};
	limits.explicit_[LIMIT_MEMORY_MB] = true;
	assert_int_equal(cgroup_check_limits(&limits, &err), -EINVAL);
	assert_non_null(strstr(err.text, "max_memory_mb 16777216"));
	limits.value[LIMIT_MEMORY_MB] = 1;
	limits.value[LIMIT_CPU_CORES] = 1;
	err = (struct error){0};
	assert_int_equal(cgroup_check_limits(&limits, &err), 0);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TREE(sandbox_v2),
		IN_TREE(unset_limits_write_nothing),
		IN_TREE(container_v2),
		IN_TREE(second_start_finds_the_parent),
		IN_TREE(foreign_parent),
		IN_TREE(events_and_usage_v2),
		IN_TREE(peaks_of_older_kernels),
		IN_TREE(sandbox_v1),
		IN_TREE(order_of_a_change),
		IN_TREE(half_a_change_is_undone),
		IN_TREE(limit_without_its_controller),
		IN_TREE(value_that_is_not_taken),
		IN_TREE(missing_files),
		IN_TREE(controller_that_is_not_available),
		IN_TREE(bad_names),
		IN_TREE(parent_that_vanishes),
		IN_TREE(left_behind),
		IN_TREE(formats),
		cmocka_unit_test(above_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
