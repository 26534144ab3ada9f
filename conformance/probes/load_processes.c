/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes and threads until there are no more.  Each waits at the end of a pipe that only the first process holds open:
 * when that one is gone, whatever the reason, the rest ends by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/load.h"

#define STACK_BYTES   ((size_t)64 << 10)
#define SETTLE_MS     20
#define FORKERS_MAX   32
#define RACE_QUIET_MS 300 /* a forker that was refused for so long gives up */

static int gate[2]; /* read end: for those who wait; write end: the first process's own */

static void wait_at_gate(void)
{
	char byte;
	ssize_t n;
	do
		n = read(gate[0], &byte, 1);
	while (n < 0 && errno == EINTR);
}

static bool open_gate(void)
{
	return pipe2(gate, O_CLOEXEC) == 0;
}

static void wait_as_child(void)
{
	(void)close(gate[1]);
	wait_at_gate();
	_exit(0);
}

/* Let everybody go, and take them in. */
static void close_gate(void)
{
	(void)close(gate[1]);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

/*
 * The first process counts as one.  `code` is the errno that ended it, or 0; those made are held for hold_ms.
 */
static int conclude(const char *step, int made, int most, int code, int64_t hold_ms)
{
	load_say("\"tasks\":%d,\"step\":\"%s\",\"errno\":%d,\"at_ms\":%lld", made + 1, step, code,
		 (long long)load_since_ready_ms());
	load_sleep_ms(hold_ms);
	close_gate();
	if (made < most)
		return LOAD_REFUSED;
	return load_through();
}

static int run_bomb(int argc, char **argv)
{
	int most = (int)load_argument(argv[1], LOAD_PROCESSES_MAX), made = 0, code = 0;
	int64_t hold_ms = argc > 2 ? load_argument(argv[2], LOAD_TIME_MAX_MS) : 0;
	if (!open_gate())
		return load_broken("pipe");
	load_ready();
	while (made < most) {
		pid_t child = fork();
		if (child == 0)
			wait_as_child();
		if (child < 0) {
			code = errno;
			break;
		}
		made++;
	}
	return conclude("fork", made, most, code, hold_ms);
}

static const struct load bomb = {"bomb", "MOST [HOLD_MS]", "forks children that wait", 1, 2, run_bomb};
LOAD(bomb);

/* --- Threads --------------------------------------------------------------------------------------- */

static void *wait_as_thread(void *argument)
{
	(void)argument;
	wait_at_gate();
	return NULL;
}

static int start_thread(pthread_t *thread)
{
	pthread_attr_t attributes;
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int code = pthread_create(thread, &attributes, wait_as_thread, NULL);
	(void)pthread_attr_destroy(&attributes);
	return code;
}

static int run_threads(int argc, char **argv)
{
	static pthread_t threads[LOAD_PROCESSES_MAX];
	(void)argc;
	int most = (int)load_argument(argv[1], LOAD_PROCESSES_MAX), made = 0, code = 0;
	if (!open_gate())
		return load_broken("pipe");
	load_ready();
	while (made < most && (code = start_thread(&threads[made])) == 0)
		made++;
	int end = conclude("pthread_create", made, most, code, 0);
	for (int i = 0; i < made; i++)
		(void)pthread_join(threads[i], NULL);
	return end;
}

static const struct load threads_load = {"threads", "MOST", "starts threads that wait", 1, 1, run_threads};
LOAD(threads_load);

/* --- Every way of making a task -------------------------------------------------------------------- */

struct maker {
	const char *step;
	int (*make)(void); /* 0 or an errno */
};

static int make_by_fork(void)
{
	pid_t child = fork();
	if (child == 0)
		wait_as_child();
	return child < 0 ? errno : 0;
}

static int make_by_thread(void)
{
	pthread_t thread;
	int code = start_thread(&thread);
	if (code == 0)
		(void)pthread_detach(thread);
	return code;
}

/* vfork's child must execute something: this program, to wait at the same gate. */
static int make_by_vfork(void)
{
	char number[16], program[] = "/proc/self/exe", name[] = "probe", verb[] = "load", load[] = "gate";
	char word[64];
	(void)snprintf(number, sizeof(number), "%d", dup(gate[0])); /* without close-on-exec */
	(void)snprintf(word, sizeof(word), "%s", load_token());
	char *argv[] = {name, verb, load, number, word, NULL};
	int code = 0;
	pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): it is what is asked about */
	if (child == 0) {
		(void)execv(program, argv);
		_exit(1);
	}
	if (child < 0)
		code = errno;
	(void)close(atoi(number));
	return code;
}

/* A process of its own that shares the memory: neither a thread nor a copy. */
static int share_memory(void *argument)
{
	(void)argument;
	wait_at_gate();
	return 0;
}

static int make_by_shared_clone(void)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return errno;
	int child = clone(share_memory, stack + STACK_BYTES, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	if (child >= 0)
		return 0;
	int code = errno;
	(void)munmap(stack, STACK_BYTES);
	return code;
}

static int make_by_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	long child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		wait_as_child();
	if (child > 0)
		return 0;
	/* Not there is not full: the next way is asked. */
	return errno == ENOSYS ? make_by_fork() : errno;
}

static const struct maker makers[] = {
	{"fork", make_by_fork},          {"pthread_create", make_by_thread}, {"vfork", make_by_vfork},
	{"clone", make_by_shared_clone}, {"clone3", make_by_clone3},
};

/* A way that is refused is not tried again; the load is over when all are. */
static int run_mix(int argc, char **argv)
{
	enum { WAYS = sizeof(makers) / sizeof(makers[0]) };
	(void)argc;
	int most = (int)load_argument(argv[1], LOAD_PROCESSES_MAX), made = 0, code = 0, refused = 0;
	bool open[WAYS];
	memset(open, true, sizeof(open));
	if (!open_gate())
		return load_broken("pipe");
	load_ready();
	for (int at = 0; made < most && refused < WAYS; at = (at + 1) % WAYS) {
		if (!open[at])
			continue;
		int r = makers[at].make();
		if (r == 0) {
			made++;
			continue;
		}
		open[at] = false;
		refused++;
		code = r;
		load_say("\"refused_%s\":%d", makers[at].step, r);
	}
	return conclude("mix", made, most, code, 0);
}

static const struct load mix = {"mix", "MOST", "fork, threads, vfork and exec, clone, clone3 in turn", 1, 1, run_mix};
LOAD(mix);

static int run_gate(int argc, char **argv)
{
	(void)argc;
	gate[0] = atoi(argv[1]);
	wait_at_gate();
	return 0;
}

static const struct load gate_load = {"gate", "FD", "waits for the end of a descriptor: for mix", 1, 1, run_gate};
LOAD(gate_load);

/* --- Forking at once ------------------------------------------------------------------------------- */

struct race {
	int made, code, done; /* in memory that all share; done: forkers that have given up */
};

static bool claim(struct race *race, int most)
{
	if (__atomic_add_fetch(&race->made, 1, __ATOMIC_SEQ_CST) <= most)
		return true;
	(void)__atomic_sub_fetch(&race->made, 1, __ATOMIC_SEQ_CST);
	return false;
}

/* It keeps asking after a refusal: what one is refused another may get.  The count includes only what lives. */
static void fork_in_race(struct race *race, int most, int64_t until_ms)
{
	int64_t refused_since = 0;
	while (load_now_ms() < until_ms && (!refused_since || load_now_ms() - refused_since < RACE_QUIET_MS)) {
		if (!claim(race, most))
			break;
		pid_t child = fork();
		if (child == 0)
			wait_as_child();
		if (child > 0) {
			refused_since = 0;
			continue;
		}
		(void)__atomic_sub_fetch(&race->made, 1, __ATOMIC_SEQ_CST);
		race->code = errno;
		if (!refused_since)
			refused_since = load_now_ms();
		load_sleep_ms(1);
	}
	(void)__atomic_add_fetch(&race->done, 1, __ATOMIC_SEQ_CST);
	wait_at_gate();
	_exit(0);
}

static int run_racing(int argc, char **argv)
{
	(void)argc;
	int forkers = (int)load_argument(argv[1], FORKERS_MAX), started = 0;
	int most = (int)load_argument(argv[2], LOAD_PROCESSES_MAX);
	int64_t until = load_now_ms() + load_argument(argv[3], LOAD_TIME_MAX_MS);
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (race == MAP_FAILED || !open_gate())
		return load_broken("mmap");
	load_ready();
	for (; started < forkers; started++) {
		pid_t child = fork();
		if (child < 0) {
			race->code = errno;
			break;
		}
		if (child == 0) {
			(void)close(gate[1]);
			fork_in_race(race, most - forkers, until);
		}
	}
	while (__atomic_load_n(&race->done, __ATOMIC_SEQ_CST) < started)
		load_sleep_ms(SETTLE_MS);
	return conclude("fork", race->made + started, most, race->code, 0);
}

static const struct load racing = {"racing", "FORKERS MOST MS", "many processes fork at once", 3, 3, run_racing};
LOAD(racing);
