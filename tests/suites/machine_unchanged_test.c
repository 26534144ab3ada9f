/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request that the seccomp suite makes of the bare control, and every system call number besides, is made as
 * root with nothing to stop it.  What can be seen of the machine must be as before.
 *
 * It runs in throwaway namespaces, in case a row is wrong; the two pictures are taken inside them, so that even
 * their hostname, mounts and processes may not have changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "harness/plan.h"
#include "harness/requirement.h"

#define NAMESPACES      (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define SWEEP_SECONDS   120
#define CLOCK_LEEWAY_MS 200
#define VALUE_MAX       (256 * 1024)
#define LAST_NUMBER     1023
#define LAST_X32_NUMBER 560
#define X32_BIT         0x40000000

/* --- A picture of the machine ------------------------------------------------------------------------ */

struct picture {
	struct entry {
		char *name, *value;
	} * entries;
	size_t count;
	int64_t clock_offset_ms; /* of the wall clock from the monotonic one */
};

static void add(struct picture *picture, const char *name, const char *value)
{
	picture->entries = reallocarray(picture->entries, picture->count + 1, sizeof(picture->entries[0]));
	picture->entries[picture->count++] = (struct entry){strdup(name), strdup(value)};
}

static void picture_clear(struct picture *picture)
{
	for (size_t i = 0; i < picture->count; i++) {
		free(picture->entries[i].name);
		free(picture->entries[i].value);
	}
	free(picture->entries);
}

static void add_file(struct picture *picture, const char *path)
{
	_cleanup_free_ char *text = NULL;
	int r = io_read_file(AT_FDCWD, path, VALUE_MAX, &text, NULL);
	add(picture, path, r < 0 ? strerror(-r) : text);
}

static struct picture *walked; /* nftw(3) has no argument for its callback */

/* Settings that the kernel itself moves. */
static bool moves_by_itself(const char *path)
{
	static const char *const moving[] = {
		"/kernel/random/",   "/fs/dentry-state",    "/fs/file-nr",
		"/fs/inode-",        "/kernel/ns_last_pid", "/kernel/pty/nr",
		"/fs/aio-nr",        "/fs/quota/",          "/kernel/perf_event_max_sample_rate",
		"nf_conntrack_count"};
	for (size_t i = 0; i < ARRAY_SIZE(moving); i++)
		if (strstr(path, moving[i]))
			return true;
	return false;
}

static int visit(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)where;
	if (type == FTW_F && (status->st_mode & 0444) && !moves_by_itself(path))
		add_file(walked, path);
	return 0;
}

static void add_processes(struct picture *picture)
{
	_cleanup_dir_ DIR *proc = opendir("/proc");
	char name[64];
	int count = 0;
	for (struct dirent *entry; proc && (entry = readdir(proc));)
		count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	(void)snprintf(name, sizeof(name), "%d", count);
	add(picture, "processes", name);
}

static void add_directory(struct picture *picture, const char *path)
{
	_cleanup_dir_ DIR *directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		add(picture, entry->d_name, path);
}

static void add_limits(struct picture *picture)
{
	for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
		struct rlimit limit;
		char name[32], value[64];
		if (getrlimit((__rlimit_resource_t)resource, &limit))
			continue;
		(void)snprintf(name, sizeof(name), "rlimit %d", resource);
		(void)snprintf(value, sizeof(value), "%llu %llu", (unsigned long long)limit.rlim_cur,
			       (unsigned long long)limit.rlim_max);
		add(picture, name, value);
	}
}

static void add_clock(struct picture *picture)
{
	struct timespec wall, monotonic;
	struct timex state = {0};
	char value[64];
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	picture->clock_offset_ms =
		(wall.tv_sec - monotonic.tv_sec) * 1000 + (wall.tv_nsec - monotonic.tv_nsec) / 1000000;
	(void)adjtimex(&state);
	(void)snprintf(value, sizeof(value), "tick %ld tai %d", state.tick, state.tai);
	add(picture, "clock", value);
}

static void take_picture(struct picture *picture)
{
	static const char *const files[] = {
		"/proc/self/mountinfo", "/proc/swaps",       "/proc/modules",          "/proc/self/cgroup",
		"/proc/sysvipc/shm",    "/proc/sysvipc/sem", "/proc/sysvipc/msg",      "/proc/net/dev",
		"/proc/net/route",      "/proc/ioports",     "/proc/self/attr/current"};
	struct utsname names;
	*picture = (struct picture){0};
	(void)uname(&names);
	add(picture, "hostname", names.nodename);
	add(picture, "domainname", names.domainname);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		add_file(picture, files[i]);
	walked = picture;
	(void)nftw("/proc/sys", visit, 16, FTW_PHYS);
	add_processes(picture);
	add_directory(picture, "/tmp");
	add_limits(picture);
	add_clock(picture);
}

/* How many differences there are; each is printed. */
static int compare(const struct picture *before, const struct picture *after)
{
	int differences = before->count != after->count;
	if (differences)
		(void)fprintf(stderr, "there were %zu things to see and are %zu\n", before->count, after->count);
	for (size_t i = 0; i < before->count && i < after->count; i++) {
		const struct entry *a = &before->entries[i], *b = &after->entries[i];
		if (strcmp(a->name, b->name) == 0 && strcmp(a->value, b->value) == 0)
			continue;
		(void)fprintf(stderr, "%s was\n%s\nand %s is\n%s\n", a->name, a->value, b->name, b->value);
		differences++;
	}
	if (llabs(before->clock_offset_ms - after->clock_offset_ms) > CLOCK_LEEWAY_MS) {
		(void)fprintf(stderr, "the wall clock was moved\n");
		differences++;
	}
	return differences;
}

/* --- What is asked ------------------------------------------------------------------------------------- */

struct requests {
	char **lines;
	size_t count;
};

static void ask(struct requests *requests, const char *line)
{
	requests->lines = reallocarray(requests->lines, requests->count + 1, sizeof(requests->lines[0]));
	requests->lines[requests->count++] = strdup(line);
}

static void ask_what_the_suite_asks(struct requests *requests, enum profile profile)
{
	const struct suite **suites;
	struct policy policy = {0};
	struct plan plan = {.policy = &policy, .profile = profile_name(profile)};
	policy_defaults(&policy, profile);
	for (size_t i = 0, n = suites_all(&suites); i < n; i++)
		if (strcmp(suites[i]->name, "seccomp") == 0)
			assert_int_equal(suites[i]->plan(&plan, FIXTURES_DIR, NULL), 0);
	for (size_t i = 0; i < plan.count; i++)
		if (plan.rows[i].control == SESSION_BARE && !plan.rows[i].host)
			ask(requests, plan.rows[i].control_probe[0] ? plan.rows[i].control_probe : plan.rows[i].probe);
	plan_clear(&plan);
	policy_clear(&policy);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Write each request once; their number. */
static int write_requests(FILE *file)
{
	struct requests requests = {0};
	char line[64];
	int count = 0;
	for (int profile = 0; profile < PROFILE_COUNT; profile++)
		ask_what_the_suite_asks(&requests, (enum profile)profile);
	for (int number = 0; number <= LAST_NUMBER; number++) {
		(void)snprintf(line, sizeof(line), "syscall-safe %d", number);
		ask(&requests, line);
	}
	for (int number = 0; number <= LAST_X32_NUMBER; number++) {
		(void)snprintf(line, sizeof(line), "syscall-safe 0x%x", number | X32_BIT);
		ask(&requests, line);
	}
	qsort(requests.lines, requests.count, sizeof(requests.lines[0]), compare_lines);
	for (size_t i = 0; i < requests.count; i++) {
		if (i == 0 || strcmp(requests.lines[i - 1], requests.lines[i]) != 0)
			(void)fprintf(file, "@10000 %d %s\n", ++count, requests.lines[i]);
		if (i > 0)
			free(requests.lines[i - 1]);
	}
	free(requests.lines[requests.count - 1]);
	free(requests.lines);
	assert_int_equal(fflush(file), 0);
	rewind(file);
	return count;
}

static int count_answers(FILE *answers)
{
	char line[4096];
	int count = 0;
	rewind(answers);
	while (fgets(line, sizeof(line), answers)) {
		if (strstr(line, "\"state\":\"unknown\"") || strstr(line, "\"state\":\"timeout\""))
			(void)fprintf(stderr, "%s", line);
		else
			count++;
	}
	return count;
}

/* Opened before a fresh /tmp is laid over what may be the build's own directory. */
static int probe = -1;

static int run_probe(FILE *requests, FILE *answers)
{
	char name[] = "probe", serve[] = "serve", token[] = "machine-unchanged";
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		(void)alarm(SWEEP_SECONDS);
		if (dup2(fileno(requests), STDIN_FILENO) >= 0 && dup2(fileno(answers), STDOUT_FILENO) >= 0)
			(void)fexecve(probe, (char *[]){name, serve, token, NULL}, environ);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* --- In the throwaway namespaces, as process 1 ---------------------------------------------------------- */

struct sweep {
	FILE *requests;
	int expected;
};

/* Where a family's module is loaded on demand, the first socket brings it in: that the kernel does so is not looked for. */
static void load_families(void)
{
	static const int families[] = {AF_ALG, AF_PACKET, AF_VSOCK};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int fd = socket(families[i], SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd >= 0)
			(void)close(fd);
	}
}

static int sweep_and_compare(const struct sweep *sweep)
{
	struct picture before, after;
	_cleanup_file_ FILE *answers = fdopen(memfd_create("answers", MFD_CLOEXEC), "r+");
	if (!answers)
		return 2;
	load_families();
	take_picture(&before);
	int status = run_probe(sweep->requests, answers);
	take_picture(&after);
	int answered = count_answers(answers);
	if (status != 0 || answered != sweep->expected) {
		(void)fprintf(stderr, "the probe ended with %d after %d of %d answers\n", status, answered,
			      sweep->expected);
		return 3;
	}
	int differences = compare(&before, &after);
	picture_clear(&before);
	picture_clear(&after);
	return differences ? 1 : 0;
}

/* The name is in uname(2) and in /proc/sys/kernel/hostname. */
static int change_and_compare(const struct sweep *unused)
{
	struct picture before, same, after;
	(void)unused;
	take_picture(&before);
	take_picture(&same);
	if (sethostname("changed", 7))
		return 2;
	take_picture(&after);
	if (compare(&before, &same) != 0)
		return 1;
	/* What is expected to be printed would look like a failure. */
	if (!freopen("/dev/null", "w", stderr))
		return 2;
	return compare(&before, &after) == 2 ? 0 : 1;
}

static int as_process_one(int (*act)(const struct sweep *), const struct sweep *sweep)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, NULL) ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, NULL))
		return 4;
	return act(sweep);
}

static int exit_status_of(pid_t pid)
{
	int status;
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int in_throwaway_namespaces(int (*act)(const struct sweep *), const struct sweep *sweep)
{
	pid_t outer = fork();
	if (outer == 0) {
		if (unshare(NAMESPACES))
			_exit(5);
		pid_t inner = fork();
		if (inner == 0)
			_exit(as_process_one(act, sweep));
		_exit(exit_status_of(inner));
	}
	return exit_status_of(outer);
}

static void test_no_row_changes_the_machine(void **unused)
{
	(void)unused;
	probe = open(BUILD_DIR "/probe", O_PATH | O_CLOEXEC);
	if (geteuid() != 0 || probe < 0)
		skip();
	_cleanup_file_ FILE *requests = fdopen(memfd_create("requests", MFD_CLOEXEC), "r+");
	assert_non_null(requests);
	const struct sweep sweep = {requests, write_requests(requests)};
	assert_true(sweep.expected > 2000);
	assert_int_equal(in_throwaway_namespaces(sweep_and_compare, &sweep), 0);
}

/* A comparison that cannot see a change would prove nothing. */
static void test_a_change_is_seen(void **unused)
{
	(void)unused;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_throwaway_namespaces(change_and_compare, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_change_is_seen),
		cmocka_unit_test(test_no_row_changes_the_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
