/* SPDX-License-Identifier: Apache-2.0 */
/* Where a saboteur is tried: which runtime is broken, and which cases are run on it. */
#ifndef SABOTEURS_GROUND_H
#define SABOTEURS_GROUND_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "harness/run.h"
#include "report/result.h"
#include "saboteurs/saboteur.h"

#define GROUND_ROWS_MAX 192

enum ground {
	GROUND_SUITES, /* a good OCI runtime behind the shim, whole suites */
	GROUND_CASES, /* the same, the cases that rows name */
	GROUND_FAULTS, /* the reference runtime's test build, the cases that rows name */
};

enum ground ground_of(const struct saboteur *saboteur);

/* What is tried, and how. */
struct trying {
	const char *runtime; /* the good OCI runtime that the shim becomes */
	const char *shim; /* NULL: oci-saboteur beside this program */
	enum profile profile;
	bool thorough; /* no suite is left out */
	const struct saboteur *rows[GROUND_ROWS_MAX];
	size_t count;
	const char *
		directory; /* empty, for results and the reference runtime's state; the caller removes it with all that is in it */
};

/*
 * The program that the ground needs, a test build's, into path; -ENOENT with the reason in err where it is not there, as in an installed
 * tree.
 */
int ground_program(const struct trying *trying, enum ground ground, char path[PATH_MAX], struct error *err);

/*
 * Run the ground's cases on the runtime as the saboteur leaves it; with saboteur NULL on the good one, which then is asked for all
 * that the ground's rows need.  0 with *results (release with results_clear), or a negative errno with err set.
 */
int ground_run(const struct trying *trying, enum ground ground, const char *program, const struct saboteur *saboteur,
	       struct results *results, struct error *err);

/* Of the good runtime's results those that the saboteur is tried on: a new array. */
json_t *ground_comparable(const struct trying *trying, const struct saboteur *saboteur, json_t *baseline);

#endif
