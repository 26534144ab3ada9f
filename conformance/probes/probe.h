/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe does one thing and reports what the kernel answered.  It never judges.
 *
 * Each runs in a forked child of its own.  Probes must be harmless where nothing stops them: root in
 * throwaway namespaces is the bare control.  Use bad pointers, invalid magic numbers, objects of
 * the probe's own.
 */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct facts; /* serve.c: lives in memory shared with the parent, so that facts survive the child's death */

void fact_number(struct facts *facts, const char *key, int64_t value);
void fact_text(struct facts *facts, const char *key, const char *value);
void fact_flag(struct facts *facts, const char *key, bool value);

/* The usual pair: ret, and errno (0 when ret >= 0), from a libc-style result. */
void fact_result(struct facts *facts, long ret);

struct probe {
	const char *name;
	const char *arguments; /* for `probe list` */
	const char *help;
	/* argv[0] is the probe's name.  Runs in the child; returning ends it.  Nonzero: bad arguments (state "unknown"). */
	int (*run)(int argc, char **argv, struct facts *facts);
};

/* Announces a probe; none can be written and not be listed. */
#define PROBE(variable)                                                                                                \
	static const struct probe *const probe_##variable __attribute__((used, section("probes"))) = &(variable)

#endif
