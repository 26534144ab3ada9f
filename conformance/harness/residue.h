/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox leaves on the host.
 *
 * The host is looked at before the start and after the end.  Other sandboxes come and go meanwhile, so a thing that is new counts only
 * where it can be told that it is this sandbox's: by the sandbox's name in its own (cgroup, mount, file, command line), or because a
 * process of the sandbox was seen to hold it (cgroup, pid or user namespace, mounted device, loop device).  Network interfaces carry no such
 * mark: a new one counts whoever made it, which is right as long as no runtime makes any.
 */
#ifndef HARNESS_RESIDUE_H
#define HARNESS_RESIDUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RESIDUE_NAMES_MAX 4
#define RESIDUE_KEPT_MAX  8

enum residue_kind {
	RESIDUE_CGROUP,
	RESIDUE_MOUNT,
	RESIDUE_LOOP,
	RESIDUE_INTERFACE,
	RESIDUE_FILE,
	RESIDUE_PROCESS,
	RESIDUE_NAMESPACE,
	RESIDUE_KINDS,
};

struct residue {
	const char *names[RESIDUE_NAMES_MAX + 1]; /* words that are the sandbox's alone */
	size_t name_count;
	const char *state_dir; /* of the runtime, looked through for entries with a name; NULL: none */
	json_t *before[RESIDUE_KINDS]; /* what was there, by kind: sets of texts */
	json_t *devices; /* set: "0:28", what the host had mounted */
	json_t *cgroups, *namespaces, *held_devices, *loops; /* sets: what the sandbox was seen to hold */
	/* Keep the namespaces: the number of one that is gone is the next one's, which is a neighbour's. */
	int kept[RESIDUE_KEPT_MAX];
	size_t kept_count;
};

/*
 * Look at the host.  Names are borrowed; they must be words that nothing else has.  0 or -ENOMEM; release with residue_clear also
 * after a failure.
 */
int residue_begin(struct residue *residue, const char *const *names, size_t count, const char *state_dir);

/* Look at every process of the sandbox (harness/members.h, by the words) and remember what it holds that the caller does not. */
void residue_learn(struct residue *residue, const char *const *words, size_t count);

enum residue_scope {
	RESIDUE_ALL,
	RESIDUE_EXECUTION, /* the sandbox itself still lives: only the last name is looked for, and the cgroup with the execution in it */
};

/* Write what is there now and was not before, "cgroup PATH; mount POINT; ..."; true when it is nothing. */
bool residue_look(const struct residue *residue, enum residue_scope scope, char *text, size_t size);

/* Remove the empty cgroups of the sandbox's name, so that one trial's leftovers are no other's. */
void residue_remove_cgroups(const struct residue *residue);

void residue_clear(struct residue *residue);

#endif
