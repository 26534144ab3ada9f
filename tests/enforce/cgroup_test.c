/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups of this machine, below a parent of our own name: the limits hold, members die, nothing is left.
 * Skipped where there are no cgroups to write, with the reason.
 */
#include "enforce/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "enforce/cgroup_internal.h"

#define PATIENCE_MS 20000 /* for what takes milliseconds: the machine is shared */

static char parent[64];
static struct cgroup_layout layout;

/* --- Tools ----------------------------------------------------------------------------------------- */

static int find_layout(void **state)
{
	struct error err = {0};

	(void)state;
	(void)snprintf(parent, sizeof(parent), "agentcore-test-%d", (int)getpid());
	if (cgroup_detect(&layout, NULL, NULL, parent, &err) < 0)
		print_message("no cgroups: %s\n", err.text);
	return 0;
}

static void need(enum cgroup_controller controller)
{
	if (layout.places[controller].available)
		return;
	print_message("controller %d: %s\n", (int)controller, layout.why_not[controller]);
	skip();
}

static uint64_t processes_now(const struct cgroup *cgroup)
{
	uint64_t count = 0;

	assert_int_equal(cgroup_read_number(cgroup_dir_of(cgroup, CGROUP_PIDS)->fd, "pids.current", &count), 0);
	return count;
}

/* No directory of ours is left in any hierarchy. */
static void expect_nothing_left(void)
{
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		if (layout.places[c].available && access(layout.places[c].parent, F_OK) == 0)
			fail_msg("%s is left", layout.places[c].parent);
	}
}

/* After a test, also one that failed. */
static int clean_up(void **state)
{
	static const char *const names[] = {"s1", "s2", "c1"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)cgroup_reclaim(&layout, names[i], NULL);
	return 0;
}

static void check(int r, const struct error *err)
{
	if (r < 0)
		print_message("%s; %s\n", err->text, err->hint);
	assert_int_equal(r, 0);
}

static struct limits limits_of(double mb, double cores, double processes)
{
	struct limits limits = {
		.value = {[LIMIT_MEMORY_MB] = mb, [LIMIT_CPU_CORES] = cores, [LIMIT_PROCESSES] = processes}};

	limits.set[LIMIT_MEMORY_MB] = mb > 0;
	limits.set[LIMIT_CPU_CORES] = cores > 0;
	limits.set[LIMIT_PROCESSES] = processes > 0;
	return limits;
}

static struct cgroup *create(const char *name, enum cgroup_use use, struct limits limits)
{
	struct cgroup *cgroup = NULL;
	struct error err = {0};

	check(cgroup_create(&layout, name, use, &limits, 0, &cgroup, &err), &err);
	return cgroup;
}

static void drop(struct cgroup *cgroup)
{
	struct error err = {0};

	check(cgroup_remove(cgroup, PATIENCE_MS, &err), &err);
	cgroup_free(cgroup);
}

/* A process that has joined when this returns, and then runs the function; in namespaces of its own, where flags say so. */
static pid_t start(struct cgroup *cgroup, uint64_t flags, int (*function)(void))
{
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
	int into = cgroup_clone_fd(cgroup), joined[2];
	char byte = 0;

	assert_int_equal(pipe2(joined, O_CLOEXEC), 0);
	if (into >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)into;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (cgroup_join(cgroup, NULL) < 0 || write(joined[1], "", 1) != 1)
			_exit(99);
		(void)close(joined[0]);
		(void)close(joined[1]);
		_exit(function());
	}
	assert_true(pid > 0);
	(void)close(joined[1]);
	ssize_t n = read(joined[0], &byte, 1);
	(void)close(joined[0]);
	assert_int_equal(n, 1);
	return pid;
}

static int end_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool wakes(int fd, short events)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	return poll(&poll_fd, 1, PATIENCE_MS) == 1;
}

static void read_text(enum cgroup_controller controller, const char *name, const char *file, char text[128])
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s/%s", layout.places[controller].parent, name, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, 127);
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)close(fd);
}

static void expect_text(enum cgroup_controller controller, const char *name, const char *v1, const char *v2,
			const char *expected)
{
	char text[128];
	bool on_v2 = layout.places[controller].v2;

	read_text(controller, name, on_v2 ? v2 : v1, text);
	assert_int_equal(strtoull(text, NULL, 10), strtoull(expected, NULL, 10));
}

/* --- Making, limits, removing ---------------------------------------------------------------------- */

static void limits_read_back(void **state)
{
	(void)state;
	need(CGROUP_MEMORY);
	need(CGROUP_CPU);
	need(CGROUP_PIDS);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(64, 0.5, 20));

	expect_text(CGROUP_MEMORY, "s1", "memory.limit_in_bytes", "memory.max", "67108864");
	if (!layout.places[CGROUP_MEMORY].v2)
		expect_text(CGROUP_MEMORY, "s1", "memory.memsw.limit_in_bytes", NULL, "67108864");
	expect_text(CGROUP_CPU, "s1", "cpu.cfs_quota_us", "cpu.max", "50000");
	expect_text(CGROUP_PIDS, "s1", "pids.max", "pids.max", "20");

	struct limits more = limits_of(128, 1.5, 30), less = limits_of(32, 0.25, 10);
	struct error err = {0};
	check(cgroup_set_limits(cgroup, &more, 1, &err), &err);
	expect_text(CGROUP_MEMORY, "s1", "memory.limit_in_bytes", "memory.max", "134217728");
	expect_text(CGROUP_CPU, "s1", "cpu.cfs_quota_us", "cpu.max", "150000");
	expect_text(CGROUP_PIDS, "s1", "pids.max", "pids.max", "31");
	check(cgroup_set_limits(cgroup, &less, 1, &err), &err);
	expect_text(CGROUP_MEMORY, "s1", "memory.limit_in_bytes", "memory.max", "33554432");
	expect_text(CGROUP_CPU, "s1", "cpu.cfs_quota_us", "cpu.max", "25000");
	drop(cgroup);
	expect_nothing_left();
}

static void only_what_is_needed(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	need(CGROUP_MEMORY);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(0, 0, 20));

	if (!layout.places[CGROUP_MEMORY].v2)
		assert_int_not_equal(access(layout.places[CGROUP_MEMORY].parent, F_OK), 0);
	drop(cgroup);
	expect_nothing_left();
}

/* The own cgroup as /proc shows it ends in our directory; the child's rights are those of nobody. */
static int is_member(void)
{
	static char text[8192];
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC), count = 0;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	for (const char *at = n > 0 ? strstr(text, "/s1\n") : NULL; at; at = strstr(at + 1, "/s1\n"))
		count++;
	return count;
}

static int distinct_places(unsigned controllers)
{
	int count = 0;

	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		bool first = layout.places[c].available && controllers & 1u << c;
		for (int d = 0; d < c && first; d++)
			first = !(controllers & 1u << d) ||
				strcmp(layout.places[d].parent, layout.places[c].parent) != 0;
		count += first;
	}
	return count;
}

static void join_from_a_user_namespace(void **state)
{
	(void)state;
	need(CGROUP_MEMORY);
	need(CGROUP_CPU);
	need(CGROUP_PIDS);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(64, 0.5, 20));
	int status = end_of(start(cgroup, CLONE_NEWUSER | CLONE_NEWPID, is_member));

	assert_true(WIFEXITED(status));
	unsigned used = 1u << CGROUP_MEMORY | 1u << CGROUP_CPU | 1u << CGROUP_PIDS | 1u << CGROUP_CPUACCT;
	assert_int_equal(WEXITSTATUS(status), distinct_places(used));
	drop(cgroup);
	expect_nothing_left();
}

/* --- At the limit ---------------------------------------------------------------------------------- */

static int touch_96_mib(void)
{
	size_t size = 96u << 20;
	volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; memory != MAP_FAILED && i < size; i += 4096)
		memory[i] = 1;
	return 0;
}

static void memory_kills(void **state)
{
	(void)state;
	need(CGROUP_MEMORY);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(32, 0, 0));
	struct cgroup_watch watch;
	struct cgroup_events events;
	struct cgroup_usage usage;
	struct error err = {0};

	check(cgroup_watch(cgroup, &watch, &err), &err);
	assert_int_equal(watch.processes, -1);
	assert_int_equal(cgroup_read_events(cgroup, &events), 0);
	assert_int_equal(events.memory_kills, 0);
	pid_t pid = start(cgroup, 0, touch_96_mib);
	assert_true(wakes(watch.memory, layout.places[CGROUP_MEMORY].v2 ? POLLPRI : POLLIN));
	/* From the event on it counts, though the kernel may not have killed yet. */
	assert_int_equal(cgroup_read_events(cgroup, &events), 0);
	assert_true(events.memory_kills >= 1 || layout.places[CGROUP_MEMORY].v2);
	int status = end_of(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_read_events(cgroup, &events), 0);
	/* Where all of it is killed, v2 counts the one that the kernel chose twice. */
	assert_in_range(events.memory_kills, 1, layout.places[CGROUP_MEMORY].v2 ? 2 : 1);
	assert_int_equal(cgroup_usage(cgroup, &usage), 0);
	assert_true(usage.memory_peak_bytes > 24 << 20 && usage.memory_peak_bytes <= 32 << 20);
	assert_int_equal(usage.swap_peak_bytes, 0);
	drop(cgroup);
	expect_nothing_left();
}

/* How many children there can be beside this process. */
static int fork_until_refused(void)
{
	int count = 0;

	for (; count < 20; count++) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		if (pid == 0)
			for (;;)
				(void)pause();
	}
	bool refused = errno == EAGAIN;
	(void)signal(SIGTERM, SIG_IGN);
	(void)kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return count + (refused ? 100 : 0);
}

static int fork_in_a_group(void)
{
	(void)setpgid(0, 0);
	return fork_until_refused();
}

/* An execution without a limit of its own is inside its container's, which gets to know that it was hit. */
static void container_limit_holds_for_executions(void **state)
{
	(void)state;
	need(CGROUP_MEMORY);
	need(CGROUP_PIDS);
	struct cgroup *container = create("c1", CGROUP_CONTAINER, limits_of(32, 0, 4));
	struct cgroup *execution = create("c1/exec-1", CGROUP_EXECUTION, limits_of(0, 0, 0));
	struct cgroup_watch watch;
	struct cgroup_events events;
	struct error err = {0};

	check(cgroup_watch(container, &watch, &err), &err);
	assert_int_equal(end_of(start(execution, 0, touch_96_mib)), SIGKILL);
	assert_true(wakes(watch.memory, layout.places[CGROUP_MEMORY].v2 ? POLLPRI : POLLIN));
	assert_int_equal(cgroup_read_events(container, &events), 0);
	assert_true(events.memory_kills >= 1);
	assert_int_equal(WEXITSTATUS(end_of(start(execution, 0, fork_in_a_group))), 103);
	drop(execution);
	drop(container);
	expect_nothing_left();
}

/* The control: the same load passes with a larger limit. */
static void memory_suffices(void **state)
{
	(void)state;
	need(CGROUP_MEMORY);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(160, 0, 0));
	struct cgroup_events events;
	struct cgroup_watch watch;
	struct error err = {0};

	check(cgroup_watch(cgroup, &watch, &err), &err);
	assert_int_equal(end_of(start(cgroup, 0, touch_96_mib)), 0);
	assert_int_equal(cgroup_read_events(cgroup, &events), 0);
	assert_int_equal(events.memory_kills, 0);
	struct pollfd quiet = {.fd = watch.memory, .events = POLLIN | POLLPRI};
	assert_int_equal(layout.places[CGROUP_MEMORY].v2 ? 0 : poll(&quiet, 1, 0), 0);
	drop(cgroup);
}

static void processes_are_refused(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(0, 0, 5));
	struct cgroup_watch watch;
	struct cgroup_events events;
	struct cgroup_usage usage;
	struct error err = {0};

	check(cgroup_watch(cgroup, &watch, &err), &err);
	assert_int_equal(watch.memory, -1);
	struct pollfd quiet = {.fd = watch.processes, .events = POLLPRI};
	assert_int_equal(poll(&quiet, 1, 0), 0);
	int status = end_of(start(cgroup, 0, fork_in_a_group));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 104);
	/* v1 of Linux 6.11 and later counts, but tells nobody (pids_event() notifies a file that v1 does not have). */
	if (layout.places[CGROUP_PIDS].v2)
		assert_true(wakes(watch.processes, POLLPRI));
	assert_int_equal(cgroup_read_events(cgroup, &events), 0);
	assert_int_equal(events.process_refusals, 1);
	/* It was read, and so is quiet again. */
	assert_int_equal(poll(&quiet, 1, 0), 0);
	assert_int_equal(cgroup_usage(cgroup, &usage), 0);
	if (usage.processes_peak_known)
		assert_int_equal(usage.processes_peak, 5);
	assert_int_equal(processes_now(cgroup), 0);
	drop(cgroup);
	expect_nothing_left();
}

/* Until it has used 200 ms of CPU time. */
static int burn(void)
{
	struct timespec used = {0};

	while (used.tv_sec == 0 && used.tv_nsec < 200000000)
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return 0;
}

static void cpu_is_throttled(void **state)
{
	(void)state;
	need(CGROUP_CPU);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(0, 0.2, 0));
	struct cgroup_events events;
	struct cgroup_usage usage;

	assert_int_equal(end_of(start(cgroup, 0, burn)), 0);
	assert_int_equal(cgroup_read_events(cgroup, &events), 0);
	assert_true(events.throttled_periods >= 1);
	assert_true(events.throttled_us >= 1000);
	assert_int_equal(cgroup_usage(cgroup, &usage), 0);
	if (usage.cpu_known)
		assert_in_range(usage.cpu_us, 190000, 2000000);
	drop(cgroup);
	expect_nothing_left();
}

/* --- Killing --------------------------------------------------------------------------------------- */

/* A tree in which everybody forks all the time and nobody waits; it is bounded by the limit and by its lifetime. */
static int fork_happily(void)
{
	struct timespec begin, now;

	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		pid_t pid = fork();
		if (pid == 0)
			(void)setsid();
		if (pid < 0)
			(void)poll(NULL, 0, 1);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < begin.tv_sec + 20);
	return 0;
}

static void wait_for_processes(struct cgroup *cgroup, uint64_t count)
{
	for (int i = 0; i < PATIENCE_MS && processes_now(cgroup) < count; i++)
		(void)poll(NULL, 0, 1);
	assert_true(processes_now(cgroup) >= count);
}

static void kill_forkers(enum cgroup_use use, const char *name)
{
	struct cgroup *cgroup = create(name, use, limits_of(0, 0.5, 30));
	struct error err = {0};
	char text[128];
	pid_t pid = start(cgroup, 0, fork_happily);

	wait_for_processes(cgroup, 25);
	check(cgroup_kill(cgroup, PATIENCE_MS, &err), &err);
	/* pids.current still counts those that nobody has waited for yet. */
	read_text(CGROUP_PIDS, name, "cgroup.procs", text);
	assert_string_equal(text, "");
	int status = end_of(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	drop(cgroup);
}

/* With the freezer, where v1 has it. */
static void kill_an_execution(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	need(CGROUP_CPU);
	need(CGROUP_FREEZER);
	struct cgroup *container = create("c1", CGROUP_CONTAINER, limits_of(64, 0, 0));

	kill_forkers(CGROUP_EXECUTION, "c1/exec-1");
	drop(container);
	expect_nothing_left();
}

/* A sandbox has none on v1. */
static void kill_without_a_freezer(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	need(CGROUP_CPU);
	kill_forkers(CGROUP_SANDBOX, "s1");
	expect_nothing_left();
}

static int wait_forever(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	for (;;)
		(void)pause();
	return 0;
}

static int stop(void)
{
	(void)raise(SIGSTOP);
	return 0;
}

static void kill_the_stopped(void **state)
{
	(void)state;
	need(CGROUP_FREEZER);
	struct cgroup *cgroup = create("c1", CGROUP_CONTAINER, limits_of(0, 0, 0));
	pid_t pids[2] = {start(cgroup, 0, stop), start(cgroup, CLONE_NEWUSER | CLONE_NEWPID, wait_forever)};
	struct error err = {0};
	int status;

	assert_int_equal(waitpid(pids[0], &status, WUNTRACED), pids[0]);
	check(cgroup_kill(cgroup, PATIENCE_MS, &err), &err);
	for (int i = 0; i < 2; i++)
		assert_int_equal(end_of(pids[i]), SIGKILL);
	drop(cgroup);
	expect_nothing_left();
}

/* A live member is not killed by removing: it is an error, and the directory stays. */
static void remove_waits_and_gives_up(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(0, 0, 5));
	pid_t pid = start(cgroup, 0, wait_forever);
	struct error err = {0};

	int r = cgroup_remove(cgroup, 50, &err);
	assert_true(r == -ETIMEDOUT || r == -EBUSY);
	assert_non_null(strstr(err.text, parent));
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* Not waited for before: the removal sees its end by itself. */
	drop(cgroup);
	assert_int_equal(end_of(pid), SIGKILL);
	expect_nothing_left();
}

/* --- Left behind ----------------------------------------------------------------------------------- */

static void reclaim(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	struct cgroup *container = create("c1", CGROUP_CONTAINER, limits_of(64, 0, 5));
	struct cgroup *execution = create("c1/exec-1", CGROUP_EXECUTION, limits_of(32, 0, 2));
	pid_t pids[2] = {start(container, 0, wait_forever), start(execution, 0, wait_forever)};
	struct error err = {0};

	/* Its monitor is dead: nobody knows it but by its name. */
	cgroup_free(container);
	cgroup_free(execution);
	check(cgroup_reclaim(&layout, "c1", &err), &err);
	for (int i = 0; i < 2; i++)
		assert_int_equal(end_of(pids[i]), SIGKILL);
	expect_nothing_left();
	check(cgroup_reclaim(&layout, "c1", &err), &err);
}

static void create_over_a_left_one(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	struct cgroup *dead = create("s1", CGROUP_SANDBOX, limits_of(0, 0, 5));
	pid_t pid = start(dead, 0, wait_forever);

	cgroup_free(dead);
	struct cgroup *cgroup = create("s1", CGROUP_SANDBOX, limits_of(0, 0, 7));
	assert_int_equal(end_of(pid), SIGKILL);
	expect_text(CGROUP_PIDS, "s1", "pids.max", "pids.max", "7");
	drop(cgroup);
	expect_nothing_left();
}

/* A monitor that died between freezing and thawing leaves an execution that no signal ends. */
static void reclaim_a_frozen_one(void **state)
{
	(void)state;
	need(CGROUP_FREEZER);
	struct cgroup *container = create("c1", CGROUP_CONTAINER, limits_of(0, 0, 0));
	struct cgroup *execution = create("c1/exec-1", CGROUP_EXECUTION, limits_of(0, 0, 0));
	pid_t pid = start(execution, 0, wait_forever);
	struct error err = {0};
	char path[512];
	bool v2 = layout.places[CGROUP_FREEZER].v2;

	(void)snprintf(path, sizeof(path), "%s/c1/exec-1/%s", layout.places[CGROUP_FREEZER].parent,
		       v2 ? "cgroup.freeze" : "freezer.state");
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(write(fd, v2 ? "1" : "FROZEN", v2 ? 1 : 6) > 0);
	(void)close(fd);
	cgroup_free(container);
	cgroup_free(execution);
	check(cgroup_reclaim(&layout, "c1", &err), &err);
	assert_int_equal(end_of(pid), SIGKILL);
	expect_nothing_left();
}

static void opened_by_name(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	struct cgroup *made = create("c1", CGROUP_CONTAINER, limits_of(64, 0.5, 5)), *found = NULL;
	struct limits fewer = limits_of(0, 0, 3);
	struct error err = {0};

	check(cgroup_open(&layout, "c1", CGROUP_CONTAINER, &found, &err), &err);
	check(cgroup_set_limits(found, &fewer, 1, &err), &err);
	expect_text(CGROUP_PIDS, "c1", "pids.max", "pids.max", "4");
	cgroup_free(made);
	drop(found);
	expect_nothing_left();
	assert_int_equal(cgroup_open(&layout, "c1", CGROUP_CONTAINER, &found, &err), -ENOENT);
}

/* --- Side by side ---------------------------------------------------------------------------------- */

static void two_do_not_meet(void **state)
{
	(void)state;
	need(CGROUP_PIDS);
	struct cgroup *one = create("s1", CGROUP_SANDBOX, limits_of(0, 0, 3));
	struct cgroup *two = create("s2", CGROUP_SANDBOX, limits_of(0, 0, 8));
	pid_t pids[2] = {start(one, 0, fork_in_a_group), start(two, 0, fork_in_a_group)};
	struct error err = {0};

	assert_int_equal(WEXITSTATUS(end_of(pids[0])), 102);
	assert_int_equal(WEXITSTATUS(end_of(pids[1])), 107);
	pid_t alive = start(two, 0, wait_forever);
	check(cgroup_kill(one, PATIENCE_MS, &err), &err);
	assert_int_equal(kill(alive, 0), 0);
	assert_int_equal(waitpid(alive, NULL, WNOHANG), 0);
	drop(one);
	check(cgroup_kill(two, PATIENCE_MS, &err), &err);
	assert_int_equal(end_of(alive), SIGKILL);
	drop(two);
	expect_nothing_left();
}

static int nothing(void)
{
	return 0;
}

/* What a whole life takes, ten times; the last one to leave takes the parent with it each time. */
static int live_and_die(int number)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "many-%d", number);
	for (int i = 0; i < 10; i++) {
		struct limits limits = limits_of(32, 0.5, 5);
		struct cgroup *cgroup = NULL;
		struct error err = {0};
		if (cgroup_create(&layout, name, CGROUP_SANDBOX, &limits, 1, &cgroup, &err) < 0) {
			error_print(&err, "create", 2);
			return 1;
		}
		pid_t pid = fork();
		if (pid == 0)
			_exit(cgroup_clone_fd(cgroup) >= 0 || cgroup_join(cgroup, NULL) == 0 ? nothing() : 1);
		int status = 1;
		if (waitpid(pid, &status, 0) != pid || status != 0)
			return 2;
		if (cgroup_remove(cgroup, PATIENCE_MS, &err) < 0) {
			error_print(&err, "remove", 2);
			return 3;
		}
		cgroup_free(cgroup);
	}
	return 0;
}

static void many_at_once(void **state)
{
	(void)state;
	need(CGROUP_MEMORY);
	need(CGROUP_CPU);
	need(CGROUP_PIDS);
	pid_t pids[20];

	for (int i = 0; i < 20; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(live_and_die(i));
	}
	int bad = 0;
	for (int i = 0; i < 20; i++)
		bad += end_of(pids[i]) != 0;
	assert_int_equal(bad, 0);
	expect_nothing_left();
}

/* --- The v2 core of a hybrid machine: no limits, but joining at birth, killing and leaving are the real thing --- */

static void v2_for_real(void **state)
{
	(void)state;
	struct cgroup_layout saved = layout, v2;
	struct error err = {0};
	char mountinfo[512] = "";
	static char text[65536];
	FILE *file = fopen("/proc/self/mountinfo", "re");

	while (file && fgets(text, sizeof(text), file)) {
		if (strstr(text, " - cgroup2 ") && strlen(text) < sizeof(mountinfo))
			(void)strcpy(mountinfo, text);
	}
	(void)fclose(file);
	if (!mountinfo[0])
		skip();
	check(cgroup_detect(&v2, mountinfo, "0::/\n", parent, &err), &err);
	assert_string_equal(cgroup_layout_name(&v2), "v2");
	layout = v2;
	if (layout.places[CGROUP_FREEZER].available) {
		struct cgroup *container = create("c1", CGROUP_CONTAINER, limits_of(0, 0, 0));
		struct cgroup *execution = create("c1/exec-1", CGROUP_EXECUTION, limits_of(0, 0, 0));
		assert_true(cgroup_clone_fd(container) >= 0 && cgroup_clone_fd(execution) >= 0);
		pid_t pids[3] = {start(container, CLONE_NEWUSER | CLONE_NEWPID, wait_forever),
				 start(execution, 0, stop), start(container, 0, wait_forever)};
		int status;
		assert_int_equal(waitpid(pids[1], &status, WUNTRACED), pids[1]);
		check(cgroup_kill(execution, PATIENCE_MS, &err), &err);
		assert_int_equal(end_of(pids[1]), SIGKILL);
		assert_int_equal(waitpid(pids[0], &status, WNOHANG), 0);
		drop(execution);
		assert_true(cgroup_remove(container, 20, NULL) < 0);
		struct cgroup_usage usage;
		assert_int_equal(cgroup_usage(container, &usage), 0);
		assert_true(usage.cpu_known);
		cgroup_free(container);
		check(cgroup_reclaim(&layout, "c1", &err), &err);
		assert_int_equal(end_of(pids[0]), SIGKILL);
		assert_int_equal(end_of(pids[2]), SIGKILL);
		expect_nothing_left();
	}
	layout = saved;
}

#define TIDY(test) cmocka_unit_test_teardown(test, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TIDY(limits_read_back),
		TIDY(only_what_is_needed),
		TIDY(join_from_a_user_namespace),
		TIDY(memory_kills),
		TIDY(memory_suffices),
		TIDY(container_limit_holds_for_executions),
		TIDY(processes_are_refused),
		TIDY(cpu_is_throttled),
		TIDY(kill_an_execution),
		TIDY(kill_without_a_freezer),
		TIDY(kill_the_stopped),
		TIDY(remove_waits_and_gives_up),
		TIDY(reclaim),
		TIDY(create_over_a_left_one),
		TIDY(reclaim_a_frozen_one),
		TIDY(opened_by_name),
		TIDY(two_do_not_meet),
		TIDY(many_at_once),
		TIDY(v2_for_real),
	};

	/* A test that waits for ever is to fail; who was started dies with it. */
	(void)alarm(6 * PATIENCE_MS / 1000);
	return cmocka_run_group_tests(tests, find_layout, NULL);
}
