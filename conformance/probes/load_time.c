/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tries to outlive a deadline: daemons, the deaf, the stopped, the orphaned, and a chain of processes of which none lives
 * long.  All end by themselves after the time that they are given.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probes/load.h"
#include "probes/load_family.h"

#define WAIT_MAX_MS 60000

static int run_sleep(int argc, char **argv)
{
	(void)argc;
	load_ready();
	load_sleep_ms(load_argument(argv[1], LOAD_TIME_MAX_MS));
	return load_through();
}

static const struct load sleep_load = {"sleep", "MS", "waits quietly", 1, 1, run_sleep};
LOAD(sleep_load);

/* What executions are tried beside.  Not for ever: nobody may be there to end it. */
static int run_wait(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	load_ready();
	load_sleep_ms(WAIT_MAX_MS);
	return load_through();
}

static const struct load wait_load = {"wait", "", "waits a minute, quietly", 0, 0, run_wait};
LOAD(wait_load);

static int run_exit(int argc, char **argv)
{
	(void)argc;
	load_ready();
	return (int)load_argument(argv[1], 255);
}

static const struct load exit_load = {"exit", "STATUS", "ends at once with that status", 1, 1, run_exit};
LOAD(exit_load);

/* A family is there when each has said so; the first process then waits with it. */
static int outlast(struct family *family, int64_t ms, bool whole)
{
	if (!whole || !family_gathered(family))
		return load_broken("fork");
	load_say("\"family\":%d", family->expected);
	load_ready();
	load_sleep_ms(ms);
	return load_through();
}

static int run_daemons(int argc, char **argv)
{
	(void)argc;
	int count = (int)load_argument(argv[1], LOAD_PROCESSES_MAX);
	int64_t ms = load_argument(argv[2], LOAD_TIME_MAX_MS);
	struct family family = {.until_ms = load_now_ms() + ms};
	return outlast(&family, ms, family_open(&family) && family_add_daemons(&family, count));
}

static const struct load daemons = {"daemons", "COUNT MS", "forks twice, in sessions of their own", 2, 2, run_daemons};
LOAD(daemons);

static int run_orphans(int argc, char **argv)
{
	(void)argc;
	int count = (int)load_argument(argv[1], LOAD_PROCESSES_MAX);
	int64_t ms = load_argument(argv[2], LOAD_TIME_MAX_MS);
	struct family family = {.until_ms = load_now_ms() + ms};
	return outlast(&family, ms, family_open(&family) && family_add_orphans(&family, count));
}

static const struct load orphans = {"orphans", "COUNT MS", "grandchildren whose parent is gone", 2, 2, run_orphans};
LOAD(orphans);

static int run_deaf(int argc, char **argv)
{
	(void)argc;
	int count = (int)load_argument(argv[1], LOAD_PROCESSES_MAX);
	int64_t ms = load_argument(argv[2], LOAD_TIME_MAX_MS);
	struct family family = {.until_ms = load_now_ms() + ms};
	go_deaf();
	return outlast(&family, ms, family_open(&family) && family_add_daemons(&family, count));
}

static const struct load deaf = {"deaf", "COUNT MS", "ignores and blocks every signal, as do its daemons",
				 2,      2,          run_deaf};
LOAD(deaf);

static int run_stopped(int argc, char **argv)
{
	(void)argc;
	int count = (int)load_argument(argv[1], LOAD_PROCESSES_MAX);
	int64_t ms = load_argument(argv[2], LOAD_TIME_MAX_MS);
	struct family family = {.until_ms = load_now_ms() + ms};
	int end = outlast(&family, ms, family_open(&family) && family_add_stopped(&family, count));
	/* They cannot end by themselves. */
	family_kill_stopped(&family);
	return end;
}

static const struct load stopped = {"stopped", "COUNT MS", "children that are stopped", 2, 2, run_stopped};
LOAD(stopped);

static int run_chain(int argc, char **argv)
{
	(void)argc;
	int64_t every = load_argument(argv[1], 1000), ms = load_argument(argv[2], LOAD_TIME_MAX_MS);
	struct family family = {.until_ms = load_now_ms() + ms};
	return outlast(&family, ms, family_open(&family) && family_add_chain(&family, every));
}

static const struct load chain = {"chain", "EVERY_MS MS", "a child is forked and its parent ends, for ever", 2,
				  2,       run_chain};
LOAD(chain);

/* Processes that a throttled cpu lets run seldom, so that they also die seldom. */
static int run_busy(int argc, char **argv)
{
	(void)argc;
	int count = (int)load_argument(argv[1], 32);
	int64_t ms = load_argument(argv[2], LOAD_TIME_MAX_MS), until = load_now_ms() + ms;
	load_ready();
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		if (child < 0)
			return load_broken("fork");
		if (child > 0)
			continue;
		while (load_now_ms() < until)
			;
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return load_through();
}

static const struct load busy = {"busy", "COUNT MS", "processes that spin", 2, 2, run_busy};
LOAD(busy);
