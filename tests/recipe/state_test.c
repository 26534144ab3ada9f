/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes by name: who holds an id, what a record says, and what happens when many start and die at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/array.h"
#include "policy/policy.h"
#include "recipe/state.h"

static char place[64];
static int state_dir = -1;

static int make_place(void **unused)
{
	(void)unused;
	(void)snprintf(place, sizeof(place), "/tmp/agentcore-state-test-XXXXXX");
	struct error err = {0};
	return mkdtemp(place) && state_open_directory(place, true, &state_dir, &err) == 0 ? 0 : -1;
}

static int remove_place(void **unused)
{
	(void)unused;
	(void)unlinkat(state_dir, "sandboxes", AT_REMOVEDIR);
	(void)close(state_dir);
	return rmdir(place); /* fails, and so does the test, when something was left */
}

static int count_one(const char *id, void *data)
{
	(void)id;
	*(int *)data += 1;
	return 0;
}

static int how_many(void)
{
	int count = 0;

	assert_return_code(state_each(state_dir, count_one, &count), 0);
	return count;
}

static void ids_are_checked(void **unused)
{
	static const char *const good[] = {"a", "A-1_x.y", "0", "ac-12345678",
					   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	static const char *const bad[] = {"",
					  ".",
					  "..",
					  "-a",
					  "_a",
					  ".a",
					  "a/b",
					  "a b",
					  "a..b",
					  "a\n",
					  "\xc3\xa4",
					  "../x",
					  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char id[STATE_ID_MAX + 1], other[STATE_ID_MAX + 1];

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(state_check_id(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = {0};
		assert_int_equal(state_check_id(bad[i], &err), -EINVAL);
		assert_true(err.hint[0]);
	}
	state_new_id(id);
	state_new_id(other);
	assert_int_equal(state_check_id(id, NULL), 0);
	assert_int_equal(strlen(id), 11);
	assert_string_not_equal(id, other);
}

static void a_directory_that_others_can_write_to_is_refused(void **unused)
{
	struct error err = {0};
	int fd = -1;

	(void)unused;
	assert_int_equal(state_open_directory("/tmp", false, &fd, &err), -EPERM);
	err.code = 0;
	assert_int_equal(state_open_directory("/nowhere/at/all", true, &fd, &err), -ENOENT);
	assert_int_equal(fd, -1);
}

static void an_id_is_held_and_given_back(void **unused)
{
	struct state state = STATE_NONE, second = STATE_NONE;
	struct error err = {0};
	int directory = -1;

	(void)unused;
	assert_int_equal(state_create(state_dir, "one", &state, &err), 0);
	assert_int_equal(state_create(state_dir, "one", &second, &err), -EEXIST);
	assert_non_null(strstr(err.text, "one is running"));
	assert_int_equal(second.lock, -1);
	err.code = 0;
	assert_int_equal(state_reclaim(state_dir, "one", &err), -EBUSY);
	err.code = 0;
	assert_int_equal(state_reclaim_stale(state_dir, &err), 0);
	assert_int_equal(how_many(), 1);
	assert_int_equal(state_remove(&state, &err), 0);
	state_close(&state);
	assert_int_equal(how_many(), 0);
	assert_int_equal(state_open(state_dir, "one", &directory, &err), -ENOENT);
	err.code = 0;
	assert_int_equal(state_reclaim(state_dir, "one", &err), -ENOENT);
}

static void put_file(const struct state *state, const char *name)
{
	int fd = openat(state->directory, name, O_WRONLY | O_CREAT, 0600);

	assert_return_code(fd, errno);
	(void)close(fd);
}

static void a_dead_one_is_taken_over_or_reclaimed(void **unused)
{
	struct state state = STATE_NONE;
	struct error err = {0};
	struct stat st;

	(void)unused;
	assert_int_equal(state_create(state_dir, "dead", &state, &err), 0);
	put_file(&state, "state.json");
	put_file(&state, "control");
	state_close(&state); /* what SIGKILL does */
	assert_int_equal(state_create(state_dir, "dead", &state, &err), 0);
	assert_int_equal(fstatat(state.directory, "control", &st, 0), -1);
	state_close(&state);

	assert_int_equal(state_create(state_dir, "alive", &state, &err), 0);
	assert_int_equal(state_reclaim_stale(state_dir, &err), 1);
	assert_int_equal(how_many(), 1);
	state_close(&state);
	assert_int_equal(state_reclaim(state_dir, "alive", &err), 0);
	assert_int_equal(how_many(), 0);
}

/* Whoever died between two steps of making or removing has left a directory that has no sandbox's name. */
static void half_made_directories_are_reclaimed(void **unused)
{
	struct state state = STATE_NONE;
	struct error err = {0};

	(void)unused;
	assert_int_equal(state_create(state_dir, "x", &state, &err), 0);
	assert_return_code(renameat(state.sandboxes, "x", state.sandboxes, ".ac-00000001"), errno);
	assert_return_code(mkdirat(state.sandboxes, ".ac-00000002", 0700), errno);
	state_close(&state);
	assert_int_equal(how_many(), 0);
	assert_int_equal(state_reclaim_stale(state_dir, &err), 2);
}

static void fill(struct state_record *record)
{
	static const char *const command[] = {"/bin/sh", "-c", "echo \"x\"", NULL};
	static const struct state_bind binds[] = {{"/data", false}, {"/out", true}};

	*record = (struct state_record){
		.status = STATE_RUNNING,
		.monitor = getpid(),
		.init = getpid(),
		.detached = true,
		.agent_id = "demo",
		.profile = "minimal",
		.command = command,
		.cgroup = "full",
		.cgroup_use = CGROUP_CONTAINER,
		.uid = 1000,
		.gid = 1001,
		.cwd = "/tmp",
		.binds = binds,
		.bind_count = 2,
	};
}

static void a_record_comes_back(void **unused)
{
	struct state state = STATE_NONE;
	struct state_record record, back;
	struct error err = {0};

	(void)unused;
	fill(&record);
	assert_int_equal(state_create(state_dir, "full", &state, &err), 0);
	assert_int_equal(state_read(state_dir, "full", &back, &err), 0);
	assert_int_equal(back.status, STATE_STARTING);
	assert_int_equal(back.init_fd, -1);
	state_record_clear(&back);

	assert_int_equal(state_write(&state, &record, &err), 0);
	assert_int_equal(state_read(state_dir, "full", &back, &err), 0);
	assert_string_equal(back.id, "full");
	assert_int_equal(back.status, STATE_RUNNING);
	assert_true(back.detached);
	assert_true(back.init_fd >= 0 && back.monitor_fd >= 0);
	assert_int_equal(back.init, getpid());
	assert_string_equal(back.agent_id, "demo");
	assert_string_equal(back.profile, "minimal");
	assert_string_equal(back.command[2], "echo \"x\"");
	assert_null(back.command[3]);
	assert_string_equal(back.cgroup, "full");
	assert_null(back.cgroup_parent);
	assert_int_equal(back.cgroup_use, CGROUP_CONTAINER);
	assert_int_equal(back.uid, 1000);
	assert_int_equal(back.gid, 1001);
	assert_string_equal(back.cwd, "/tmp");
	assert_null(back.rootfs);
	assert_int_equal(back.bind_count, 2);
	assert_string_equal(back.binds[1].destination, "/out");
	assert_true(back.binds[1].writable && !back.binds[0].writable);
	assert_int_equal(strlen(back.started), strlen("2026-11-24T10:00:00.000000Z"));
	state_record_clear(&back);
	state_record_clear(&back);

	state_close(&state);
	assert_int_equal(state_read(state_dir, "full", &back, &err), 0);
	assert_int_equal(back.status, STATE_STALE);
	state_record_clear(&back);
	assert_int_equal(state_reclaim(state_dir, "full", &err), 0);
}

/* A process that is gone is known as gone, also when its pid belongs to another by now: the start time tells. */
static void a_dead_init_has_no_pidfd(void **unused)
{
	struct state state = STATE_NONE;
	struct state_record record, back;
	struct error err = {0};
	pid_t child = fork();

	(void)unused;
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	fill(&record);
	record.init = child;
	assert_int_equal(state_create(state_dir, "gone", &state, &err), 0);
	assert_int_equal(state_write(&state, &record, &err), 0);
	assert_int_equal(state_read(state_dir, "gone", &back, &err), 0);
	assert_true(back.init_fd >= 0);
	state_record_clear(&back);

	/* Dead and not yet reaped: the pid is still there. */
	siginfo_t info;
	assert_return_code(kill(child, SIGKILL), errno);
	assert_return_code(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), errno);
	assert_int_equal(state_read(state_dir, "gone", &back, &err), 0);
	assert_int_equal(back.init_fd, -1);
	assert_int_equal(back.status, STATE_ENDING);
	state_record_clear(&back);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(state_read(state_dir, "gone", &back, &err), 0);
	assert_int_equal(back.init_fd, -1);
	state_record_clear(&back);
	assert_int_equal(state_remove(&state, &err), 0);
	state_close(&state);
}

static void a_process_of_another_start_time_is_not_taken(void **unused)
{
	static const char text[] =
		"{\"id\":\"other\",\"status\":\"running\",\"started\":"
		"\"x\",\"monitor\":%d,\"monitor_start\":1,\"init\":%d,\"init_start\":1,\"detached\":true,"
		"\"command\":[],\"takes_executions\":true,\"uid\":0,"
		"\"gid\":0,\"binds\":[]}";
	struct state state = STATE_NONE;
	struct state_record back;
	struct error err = {0};

	(void)unused;
	assert_int_equal(state_create(state_dir, "other", &state, &err), 0);
	int fd = openat(state.directory, "state.json", O_WRONLY | O_CREAT, 0600);
	assert_true(dprintf(fd, text, (int)getpid(), (int)getpid()) > 0);
	(void)close(fd);
	assert_int_equal(state_read(state_dir, "other", &back, &err), 0);
	assert_int_equal(back.init_fd, -1);
	assert_int_equal(back.monitor_fd, -1);
	state_record_clear(&back);
	assert_int_equal(state_remove(&state, &err), 0);
	state_close(&state);
}

static void a_damaged_record_is_an_error(void **unused)
{
	static const char *const texts[] = {"", "{", "[]", "{\"id\": 3}", "{\"id\":\"bad\",\"id\":\"bad\"}"};
	struct state state = STATE_NONE;
	struct state_record back;

	(void)unused;
	assert_int_equal(state_create(state_dir, "bad", &state, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct error err = {0};
		int fd = openat(state.directory, "state.json", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_true(write(fd, texts[i], strlen(texts[i])) >= 0);
		(void)close(fd);
		assert_int_equal(state_read(state_dir, "bad", &back, &err), -EBADMSG);
		assert_non_null(strstr(err.hint, "delete"));
	}
	assert_int_equal(state_remove(&state, NULL), 0);
	state_close(&state);
}

static void a_policy_comes_back(void **unused)
{
	struct state state = STATE_NONE;
	struct policy policy, back;
	struct error err = {0};
	double value;

	(void)unused;
	policy_defaults(&policy, PROFILE_MINIMAL);
	assert_int_equal(policy_set_limit(&policy, "max_memory_mb=64", &err), 0);
	assert_int_equal(policy_set_limit(&policy, "max_processes=7", &err), 0);
	assert_int_equal(policy_set_limit(&policy, "max_cpu_percent=25", &err), 0);
	assert_int_equal(state_create(state_dir, "policy", &state, &err), 0);
	assert_int_equal(state_write_policy(state.directory, &policy, &err), 0);
	assert_int_equal(state_read_policy(state.directory, &back, &err), 0);
	assert_int_equal(back.profile, PROFILE_MINIMAL);
	assert_true(policy_limit(&back, LIMIT_MEMORY_MB, &value) && value == 64);
	assert_true(policy_limit(&back, LIMIT_PROCESSES, &value) && value == 7);
	assert_true(back.execution.set[LIMIT_CPU_CORES] && back.execution.value[LIMIT_CPU_CORES] == 0.25);
	assert_false(back.execution.set[LIMIT_MEMORY_MB]);
	policy_clear(&policy);
	policy_clear(&back);
	assert_int_equal(state_remove(&state, &err), 0);
	state_close(&state);
}

/* What SIGKILL of a monitor leaves in its cgroup dies with the reclaiming, and the directories go. */
static void a_dead_ones_cgroup_is_reclaimed(void **unused)
{
	struct state state = STATE_NONE;
	struct state_record record;
	struct cgroup_layout layout;
	struct cgroup *cgroup = NULL;
	struct limits limits = {0};
	struct error err = {0};
	char parent[64], name[CGROUP_NAME_MAX];
	int status;

	(void)unused;
	(void)snprintf(parent, sizeof(parent), "agentcore-test-%d", (int)getpid());
	limits.set[LIMIT_PROCESSES] = true;
	limits.value[LIMIT_PROCESSES] = 10;
	if (cgroup_detect(&layout, NULL, NULL, parent, &err) < 0 || !layout.places[CGROUP_PIDS].available)
		skip();
	assert_int_equal(state_create(state_dir, "left", &state, &err), 0);
	state_cgroup_name(state.sandboxes, "left", name);
	fill(&record);
	record.cgroup = name;
	record.cgroup_parent = parent;
	assert_int_equal(state_write(&state, &record, &err), 0);
	assert_int_equal(cgroup_create(&layout, name, CGROUP_CONTAINER, &limits, 1, &cgroup, &err), 0);
	int joined[2];
	assert_return_code(pipe(joined), errno);
	const int into = cgroup_clone_fd(cgroup);
	struct clone_args args = {.exit_signal = SIGCHLD};
	if (into >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)into;
	}
	pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0) {
		/* As PID 1 must: a copy of the lock would keep the sandbox's monitor alive, to all appearances. */
		state_close(&state);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (cgroup_join(cgroup, NULL) < 0)
			_exit(1);
		(void)!write(joined[1], "", 1);
		for (;;)
			(void)pause();
	}
	(void)close(joined[1]);
	char byte;
	assert_int_equal(read(joined[0], &byte, 1), 1);
	(void)close(joined[0]);
	cgroup_free(cgroup);
	state_close(&state);
	assert_int_equal(state_reclaim(state_dir, "left", &err), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_open(&layout, name, CGROUP_CONTAINER, &cgroup, &err), -ENOENT);
}

static void the_name_of_a_cgroup_tells_state_directories_apart(void **unused)
{
	char one[CGROUP_NAME_MAX], other[CGROUP_NAME_MAX], again[CGROUP_NAME_MAX];
	int root = open("/", O_RDONLY | O_DIRECTORY);

	(void)unused;
	state_cgroup_name(state_dir, "x", one);
	state_cgroup_name(state_dir, "x", again);
	state_cgroup_name(root, "x", other);
	(void)close(root);
	assert_string_equal(one, again);
	assert_string_not_equal(one, other);
	assert_non_null(strstr(one, "x."));
}

/* --- Many at once: children, whose exit status is the verdict ------------------------------------------- */

#define CHILDREN 8
#define ROUNDS   60

static void in_children(int (*life)(int number))
{
	pid_t children[CHILDREN];
	int status;

	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		assert_return_code(children[i], errno);
		if (children[i] == 0)
			_exit(life(i));
	}
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

/* Each holds an id of its own while the others reclaim: none may ever be taken away or refused. */
static int live_beside_reclaimers(int number)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "own-%d", number);
	for (int i = 0; i < ROUNDS; i++) {
		struct state state = STATE_NONE;
		struct error err = {0};
		if (state_create(state_dir, id, &state, &err) < 0) {
			(void)dprintf(STDERR_FILENO, "%s, round %d: %s\n", id, i, err.text);
			return 1;
		}
		put_file(&state, "state.json");
		if (state_reclaim_stale(state_dir, NULL) < 0)
			return 2;
		if (!state_is_locked(state.directory) || faccessat(state.directory, "state.json", F_OK, 0) < 0)
			return 3;
		if (i % 2 == 0 && state_remove(&state, NULL) < 0)
			return 4;
		state_close(&state); /* every other one dies without clearing up */
	}
	return 0;
}

static void starts_and_reclaims_do_not_meet(void **unused)
{
	(void)unused;
	in_children(live_beside_reclaimers);
	while (state_reclaim_stale(state_dir, NULL) > 0)
		;
	assert_int_equal(how_many(), 0);
}

/* All want the same id.  A file that is made and removed exclusively by the holder shows if two ever have it. */
static int fight_for_one(int number)
{
	int won = 0;

	(void)number;
	/* On one processor all rounds can pass while the holder waits for it: who has not won yet goes on. */
	for (int i = 0; i < ROUNDS || (won == 0 && i < 100 * ROUNDS); i++) {
		struct state state = STATE_NONE;
		int r = state_create(state_dir, "wanted", &state, NULL);
		if (r == -EEXIST || r == -EAGAIN) {
			(void)sched_yield();
			continue;
		}
		if (r < 0)
			return 1;
		int fd = openat(state_dir, "holder", O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			return 2;
		(void)close(fd);
		won++;
		if (unlinkat(state_dir, "holder", 0) < 0)
			return 3;
		if (i % 2 == 0 && state_remove(&state, NULL) < 0)
			return 4;
		state_close(&state);
	}
	return won > 0 ? 0 : 5;
}

static void an_id_has_one_holder(void **unused)
{
	(void)unused;
	in_children(fight_for_one);
	while (state_reclaim_stale(state_dir, NULL) > 0)
		;
	assert_int_equal(how_many(), 0);
}

/* The lock dies with its holder: SIGKILL at no point leaves an id that cannot be used again. */
static void a_killed_holder_leaves_nothing_locked(void **unused)
{
	(void)unused;
	for (int i = 0; i < 20; i++) {
		struct error err = {0};
		struct state state = STATE_NONE;
		pid_t child = fork();
		if (child == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;) {
				struct state mine = STATE_NONE;
				(void)state_create(state_dir, "killed", &mine, NULL);
				(void)state_remove(&mine, NULL);
				state_close(&mine);
			}
		}
		struct timespec some = {.tv_nsec = 200000L * (i + 1)};
		(void)nanosleep(&some, NULL);
		assert_return_code(kill(child, SIGKILL), errno);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(state_create(state_dir, "killed", &state, &err), 0);
		assert_int_equal(state_remove(&state, &err), 0);
		state_close(&state);
		assert_true(state_reclaim_stale(state_dir, &err) >= 0);
	}
	assert_int_equal(how_many(), 0);
}

static long nanoseconds_between(const struct timespec *begin, const struct timespec *end)
{
	return (end->tv_sec - begin->tv_sec) * 1000000000L + end->tv_nsec - begin->tv_nsec;
}

static long least(long a, long b)
{
	return a < b ? a : b;
}

/* Not judged (the machine is shared), but printed: what an entry adds to a start, and what is written once CMD runs. */
static void what_an_entry_costs(void **unused)
{
	struct state_record record;
	struct policy policy;
	struct timespec begin, made, written;
	long making = 1000000000L, writing = 1000000000L;

	(void)unused;
	fill(&record);
	policy_defaults(&policy, PROFILE_STANDARD);
	for (int i = 0; i < 50; i++) {
		struct state state = STATE_NONE;
		(void)clock_gettime(CLOCK_MONOTONIC, &begin);
		assert_int_equal(state_create(state_dir, "cost", &state, NULL), 0);
		(void)clock_gettime(CLOCK_MONOTONIC, &made);
		assert_int_equal(state_write_policy(state.directory, &policy, NULL), 0);
		assert_int_equal(state_write(&state, &record, NULL), 0);
		(void)clock_gettime(CLOCK_MONOTONIC, &written);
		assert_int_equal(state_remove(&state, NULL), 0);
		state_close(&state);
		making = least(making, nanoseconds_between(&begin, &made));
		writing = least(writing, nanoseconds_between(&made, &written));
	}
	print_message("at best: entry %ld us, record and policy %ld us\n", making / 1000, writing / 1000);
	policy_clear(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_checked),
		cmocka_unit_test(a_directory_that_others_can_write_to_is_refused),
		cmocka_unit_test(an_id_is_held_and_given_back),
		cmocka_unit_test(a_dead_one_is_taken_over_or_reclaimed),
		cmocka_unit_test(half_made_directories_are_reclaimed),
		cmocka_unit_test(a_record_comes_back),
		cmocka_unit_test(a_dead_init_has_no_pidfd),
		cmocka_unit_test(a_process_of_another_start_time_is_not_taken),
		cmocka_unit_test(a_damaged_record_is_an_error),
		cmocka_unit_test(a_policy_comes_back),
		cmocka_unit_test(a_dead_ones_cgroup_is_reclaimed),
		cmocka_unit_test(the_name_of_a_cgroup_tells_state_directories_apart),
		cmocka_unit_test(starts_and_reclaims_do_not_meet),
		cmocka_unit_test(an_id_has_one_holder),
		cmocka_unit_test(a_killed_holder_leaves_nothing_locked),
		cmocka_unit_test(what_an_entry_costs),
	};
	return cmocka_run_group_tests_name("state", tests, make_place, remove_place);
}
