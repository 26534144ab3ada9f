/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A saboteur is a runtime that is broken in one known way.  Most are made of a good OCI runtime, by editing the bundle before it
 * sees it.  What no bundle can say (a deadline, a quota, what is left at the end) is broken in the reference runtime: its test
 * build has faults on purpose (runtime/faults.h).
 * The suite must notice each, and must not complain of anything that the saboteur leaves whole.
 */
#ifndef SABOTEURS_SABOTEUR_H
#define SABOTEURS_SABOTEUR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "saboteurs/edit.h"

#define SABOTEUR_EDITS_MAX    6
#define SABOTEUR_PATTERNS_MAX 16

/* The shim's environment: which saboteur (none: the runtime as it is), and the real runtime's path. */
#define SABOTEUR_ENV_NAME    "AGENTCORE_SABOTEUR"
#define SABOTEUR_ENV_RUNTIME "AGENTCORE_SABOTEUR_RUNTIME"

/* The reference runtime's test build, and what it takes its faults from. */
#define SABOTEUR_REFERENCE "agentcore-faults"
#define SABOTEUR_ENV_FAULT "AGENTCORE_FAULT"

struct saboteur {
	const char *name;
	const char *breaks; /* one line */
	/*
	 * The edits are made on sandboxes with the whole policy.  True: also on those with one layer alone, where they
	 * fit.  Never for a namespace or a mount: root with all capabilities must stay in throwaway ones.
	 */
	bool layers_alone;
	bool seccomp; /* breaks the filter: only then is the seccomp suite run */
	bool leak_descriptor; /* the shim hands a descriptor of the host's root directory on */
	struct edit edits[SABOTEUR_EDITS_MAX];
	const char *fault; /* instead of edits: the test build's environment, SABOTEUR_ENV_FAULT */
	unsigned
		needs; /* enum need (harness/requirement.h): where it is missing, the saboteur breaks nothing and is not tried */
	/* Globs (fnmatch) on the ids of cases in profile standard (with a fault: in minimal too), "*" crossing dots. */
	const char *must[SABOTEUR_PATTERNS_MAX]; /* of each at least one case turns red */
	const char *may[SABOTEUR_PATTERNS_MAX]; /* these may turn red with it, and nothing else */
	/*
	 * Trials are too dear to try all of them on everybody.  Where there is any of these, the saboteur is tried on what `must` and these
	 * match, and on nothing else; without, on whole suites.
	 */
	const char *green[SABOTEUR_PATTERNS_MAX];
};

struct saboteur_table {
	const struct saboteur *rows;
	size_t count;
};

extern const struct saboteur_table saboteurs_of_bundles, saboteurs_of_the_reference, saboteurs_of_the_network,
	saboteurs_of_mac;

/* All of them, in order: the row of that index, NULL behind the last. */
const struct saboteur *saboteur_at(size_t index);

/* The row of that name, or NULL. */
const struct saboteur *saboteur_find(const char *name);

/* Does one of the patterns (up to the first NULL) match the id? */
bool saboteur_matches(const char *const patterns[SABOTEUR_PATTERNS_MAX], const char *id);

/*
 * Edit a config.json document as the saboteur does.  A sandbox with the whole policy must take the edits; one with a
 * layer alone is left as it was where they do not fit.  0, or a negative errno with err set.
 */
int saboteur_edit(const struct saboteur *saboteur, json_t *config, struct error *err);

#endif
