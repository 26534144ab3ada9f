/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live sandboxes by name: STATEDIR/sandboxes/ID/ with
 *   lock         held (fcntl(2), open file description lock) by the monitor as long as it lives, however it ends
 *   state.json   struct state_record; written and renamed, so that a reader sees a whole one
 *   policy.json  the complete policy, both tiers
 *   control      the monitor's socket (recipe/control.h)
 *
 * A directory whose lock is free is a dead sandbox's.  It appears under its name with the lock held already, and is renamed away
 * before it is emptied, so that nobody ever finds one that is half made or half removed under a sandbox's name.
 */
#ifndef RECIPE_STATE_H
#define RECIPE_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "enforce/cgroup.h"
#include "policy/policy.h"

#define STATE_ID_MAX 64

/* [A-Za-z0-9][A-Za-z0-9_.-]{0,63} without "..": it enters paths and names of cgroups.  0 or -EINVAL with err set. */
int state_check_id(const char *id, struct error *err);

/* A fresh one: "ac-" and eight random hexadecimal digits. */
void state_new_id(char id[STATE_ID_MAX + 1]);

/*
 * Open STATEDIR itself, made 0700 where it is missing and `make` says so; refused when it is not ours or others can write to it.
 * 0 with *fd (close it), or a negative errno with err set.
 */
int state_open_directory(const char *path, bool make, int *fd, struct error *err);

/* The monitor's hold on its sandbox's directory.  Both descriptors are close-on-exec; PID 1 must close its copies. */
struct state {
	char id[STATE_ID_MAX + 1];
	int sandboxes; /* STATEDIR/sandboxes, or -1 */
	int directory; /* STATEDIR/sandboxes/ID */
	int lock; /* its file "lock", locked */
};

#define STATE_NONE                                                                                                     \
	(struct state)                                                                                                 \
	{                                                                                                              \
		.sandboxes = -1, .directory = -1, .lock = -1                                                           \
	}

/*
 * Take the id: make its directory and hold its lock.  What a dead sandbox of that id has left, cgroups too, is reclaimed first.
 * state_dir is STATEDIR.  0 with *state (state_remove, then state_close), -EEXIST when a sandbox of that id is alive, or
 * another negative errno; err is set.
 */
int state_create(int state_dir, const char *id, struct state *state, struct error *err);

/*
 * The name for the sandbox's cgroup: "agentcore-", the id, and a mark of the state directory, since another may have a live sandbox of
 * the same id, and whoever makes or reclaims a cgroup kills what lives in it.  Reclaiming knows it without a record, but only below the default
 * parent: with another one, state_write comes before cgroup_create.
 */
void state_cgroup_name(int sandboxes, const char *id, char name[CGROUP_NAME_MAX]);

/* Remove files and directory; the lock is free afterwards.  0, or a negative errno with err set.  The cgroup is the caller's. */
int state_remove(struct state *state, struct error *err);

/* Close the descriptors, and by that let go of the lock.  Accepts STATE_NONE.  For the child after clone, too: its copies hold the lock. */
void state_close(struct state *state);

enum state_status {
	STATE_STARTING, /* the monitor lives, CMD has not been executed yet */
	STATE_RUNNING,
	STATE_ENDING, /* PID 1 is dead, the monitor is clearing up */
	STATE_STALE, /* the monitor is dead: only leftovers */
};

/* "starting", "running", "ending", "stale". */
const char *state_status_name(enum state_status status);

struct state_bind {
	const char *destination;
	bool writable;
};

/* What exec, update, kill, delete and list need to know.  To state_write all pointers are the caller's. */
struct state_record {
	char id[STATE_ID_MAX + 1]; /* set by state_write itself */
	enum state_status status; /* to be written: STATE_STARTING or STATE_RUNNING */
	pid_t monitor, init; /* as the host numbers them */
	const char *started; /* RFC 3339; set by state_write where NULL */
	bool detached;
	const char *agent_id, *profile;
	const char *const *command; /* NULL-terminated */
	const char *cgroup; /* its name, or NULL where there is none */
	const char *cgroup_parent; /* as cgroup_detect wants it, or NULL */
	enum cgroup_use cgroup_use; /* only a CGROUP_CONTAINER takes executions */
	uid_t uid;
	gid_t gid;
	const char *cwd, *rootfs; /* or NULL */
	const char *mac; /* mandatory_name of the module that holds it, or NULL */
	const struct state_bind *binds;
	size_t bind_count;

	/* Only read; not to be written. */
	int init_fd, monitor_fd; /* pidfds, -1 where the process is not the recorded one any more */
	json_t *document; /* holds the strings */
};

/* Write state.json, with the start times of init and monitor (what tells a process from a later one of the same pid). */
int state_write(const struct state *state, const struct state_record *record, struct error *err);

/* Write policy.json.  `directory` is state->directory, or what state_open gave. */
int state_write_policy(int directory, const struct policy *policy, struct error *err);

/* Does anybody hold the lock of a sandbox's directory?  Takes nothing: safe beside starts. */
bool state_is_locked(int directory);

/* One update at a time: a descriptor to close when it is done, or -EBUSY with err set. */
int state_lock_update(int directory, struct error *err);

/* STATEDIR/sandboxes/ID of a live or dead sandbox.  0 with *directory (close it), or -ENOENT and others with err set. */
int state_open(int state_dir, const char *id, int *directory, struct error *err);

/*
 * Read the record, look whether its monitor (the lock) and its PID 1 live, and open pidfds that are sure to be theirs.
 * A sandbox whose monitor is still before its first state_write is STATE_STARTING with nothing else known.
 * 0 with *record (release with state_record_clear), -ENOENT when there is no such sandbox, or another negative errno; err is set.
 */
int state_read(int state_dir, const char *id, struct state_record *record, struct error *err);

/* The same of a directory that is open already; id is only copied. */
int state_read_from(int directory, const char *id, struct state_record *record, struct error *err);

void state_record_clear(struct state_record *record); /* accepts a zeroed one */

/* Read policy.json of a directory; policy_clear releases it.  0 or a negative errno with err set. */
int state_read_policy(int directory, struct policy *policy, struct error *err);

/*
 * Remove what a dead sandbox has left: processes and cgroups of its name, files, directory.  0, also where another process does it;
 * -EBUSY when it is alive, -ENOENT when there is none, or another negative errno; err is set.
 */
int state_reclaim(int state_dir, const char *id, struct error *err);

/*
 * state_reclaim for all that are dead, as far as a bounded look goes (some 256 directories, 16 removals).
 * How many were reclaimed, or a negative errno with err set: of the first that could not, the others are done all the same.
 */
int state_reclaim_stale(int state_dir, struct error *err);

/* Call `visit` with each id of the state directory, in order of their names, until it returns non-zero: that, 0, or a negative errno. */
int state_each(int state_dir, int (*visit)(const char *id, void *data), void *data);

#endif
