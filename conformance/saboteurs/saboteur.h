/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A saboteur is a runtime that is broken in one known way, made of a good one by editing the bundle before it sees it.
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
	/* Globs (fnmatch) on the ids of cases in profile standard, "*" crossing dots. */
	const char *must[SABOTEUR_PATTERNS_MAX]; /* of each at least one case turns red */
	const char *may[SABOTEUR_PATTERNS_MAX]; /* these may turn red with it, and nothing else */
};

extern const struct saboteur saboteur_rows[];
extern const size_t saboteur_count;

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
