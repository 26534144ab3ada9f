/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load leans on one limit until something gives way, and tells as it goes how far it has come.
 *
 * `probe load NAME ARG... TOKEN` is the command of a sandbox of its own, which may die of it: facts are written at once, one JSON
 * object a line, so that what was reached is known when the load is killed.  Loads allocate little before they lean, so that
 * the smallest limits leave them room, and are bounded where nothing stops them: 512 MiB, 400 processes, 10 s.
 */
#ifndef PROBES_LOAD_H
#define PROBES_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_MEMORY_MAX_MB 512
#define LOAD_PROCESSES_MAX 400
#define LOAD_TIME_MAX_MS   10000

/* How a load ends. */
enum load_end {
	LOAD_THROUGH = 0, /* nothing stopped it */
	LOAD_BROKEN = 1, /* it could not be set up: nothing was measured */
	LOAD_USAGE = 2,
	LOAD_REFUSED = 3, /* the kernel refused: facts "step" and "errno" say what and how */
	LOAD_MAIMED = 4, /* a part of it was killed and the rest lives */
};

struct load {
	const char *name;
	const char *arguments; /* for `probe list` */
	const char *help;
	int least, most; /* number of arguments */
	/* argv[0] is the name; argv[argc] is NULL.  Returns an enum load_end, or any status that it was asked for. */
	int (*run)(int argc, char **argv);
};

/* Announces a load; none can be written and not be listed. */
#define LOAD(variable)                                                                                                 \
	static const struct load *const load_##variable __attribute__((used, section("loads"))) = &(variable)

/* The first of *count announced loads. */
const struct load *const *loads_all(size_t *count);

/* `probe load ...` from its NAME on; the exit status. */
int load_main(int argc, char **argv);

/* The word that marks every process of this load; children that are executed anew pass it on. */
const char *load_token(void);

/* --- Telling --------------------------------------------------------------------------------------- */

/* Write one line: load_say("\"forks\":%d,\"errno\":%d", ...).  One write(2), so that processes do not mix their lines. */
void load_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Set up: {"ready":1}.  Times count from here. */
void load_ready(void);

/* {"KEY":VALUE,"at_ms":milliseconds since ready}: how far it has come, and when. */
void load_reached(const char *key, int64_t value);

/* {"step":STEP,"errno":errno}; returns LOAD_REFUSED. */
int load_refused(const char *step);

/* The same for what has to work before anything is measured; returns LOAD_BROKEN. */
int load_broken(const char *step);

/* {"through":1}; returns LOAD_THROUGH. */
int load_through(void);

/* --- Time and bounds ------------------------------------------------------------------------------- */

int64_t load_now_ms(void); /* CLOCK_MONOTONIC */

/* Milliseconds since load_ready. */
int64_t load_since_ready_ms(void);

/* Sleep for that long, whatever signals come. */
void load_sleep_ms(int64_t ms);

/* The argument as a number between 0 and most; beyond it, most. */
int64_t load_argument(const char *text, int64_t most);

#endif
