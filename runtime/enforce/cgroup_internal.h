/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the cgroup mechanism share.  Nobody else includes it but their tests. */
#ifndef ENFORCE_CGROUP_INTERNAL_H
#define ENFORCE_CGROUP_INTERNAL_H

#include "enforce/cgroup.h"

#define CGROUP_OURS         "agentcore" /* how the name of every directory that is ours begins */
#define CGROUP_LEAF         "init" /* v2: holds the members of a container, whose own directory has children */
#define CGROUP_FILE_MAX     4096 /* no control file that is read here is longer */
#define CGROUP_DIR_NAME_MAX (CGROUP_NAME_MAX + sizeof(CGROUP_OURS))

#define CGROUP_DIR_PATH_MAX (CGROUP_PATH_MAX + CGROUP_DIR_NAME_MAX + sizeof(CGROUP_LEAF) + 1) /* of a leaf, too */
#define CGROUP_RECLAIM_MS   5000 /* for what a dead sandbox has left */

/* The directory of a cgroup in one hierarchy. */
struct cgroup_dir {
	char parent[CGROUP_PATH_MAX];
	bool v2;
	unsigned controllers; /* bit 1 << enum cgroup_controller for each that is used in it */
	bool there; /* made or opened by us, and so removed by us */
	int fd; /* O_PATH */
	int leaf; /* v2 container: CGROUP_LEAF, O_PATH; else -1 */
	int tasks; /* v1: `tasks`, for writing; else -1 */
};

struct cgroup {
	enum cgroup_use use;
	char name[CGROUP_DIR_NAME_MAX]; /* below each parent: with the prefix, where there is one */
	size_t count;
	struct cgroup_dir dirs[CGROUP_CONTROLLER_COUNT];
	signed char dir_of[CGROUP_CONTROLLER_COUNT]; /* index into dirs, or -1 */

	struct cgroup_watch watch;
	int oom_control; /* v1: memory.oom_control, which counts what the eventfd of watch.memory announces; or -1 */
	uint64_t oom_events; /* taken from that eventfd so far */
};

/* --- cgroup_mounts.c --- */

/* Hierarchies by the v1 controller that they are found by, and the one of v2. */
#define CGROUP_V2          CGROUP_CONTROLLER_COUNT
#define CGROUP_HIERARCHIES (CGROUP_V2 + 1)

struct cgroup_hierarchy {
	bool found;
	char point[CGROUP_PATH_MAX]; /* where it is mounted */
	char root[CGROUP_PATH_MAX]; /* which of its cgroups the mount begins at */
	char own[CGROUP_PATH_MAX]; /* the directory of this process's own cgroup, or "" where the mount does not show it */
};

/* Fill in what mountinfo tells; the first mount of each counts.  The array is zeroed before. */
void cgroup_find_hierarchies(struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES], const char *mountinfo);

/* Fill in `own`, from the text of /proc/self/cgroup. */
void cgroup_find_own(struct cgroup_hierarchy *h, int hierarchy, const char *self);

/* "memory", "cpu", ... as the kernel names it. */
const char *cgroup_controller_name(enum cgroup_controller controller);

/* "A/B" into path; false when it does not fit. */
bool cgroup_join_path(char path[CGROUP_PATH_MAX], const char *a, const char *b);

/* --- cgroup_layout.c --- */

/* The directory is made and removed by us, also when another process of ours has made it: its name begins with CGROUP_OURS. */
bool cgroup_parent_is_ours(const char *parent);

/* --- cgroup_files.c --- */

/* The directory that serves the controller; NULL: none of this cgroup does. */
const struct cgroup_dir *cgroup_dir_of(const struct cgroup *cgroup, enum cgroup_controller controller);

void cgroup_make_path(char path[CGROUP_DIR_PATH_MAX], const struct cgroup *cgroup, const struct cgroup_dir *dir);

/* Record a failure: "WHAT cgroup PATH: ...".  Returns -code. */
int cgroup_fail(const struct cgroup *cgroup, const struct cgroup_dir *dir, const char *what, int code,
		struct error *err);

/*
 * One control file, from its beginning, into text (CGROUP_FILE_MAX + 1 bytes), without the last newline: an open descriptor, or a
 * file in a directory.  0, or a negative errno.
 */
int cgroup_read_fd(int fd, char *text);
int cgroup_read_file(int dirfd, const char *file, char *text);

/* A file that holds one number ("max" and what v1 means by it: UINT64_MAX).  0, or a negative errno. */
int cgroup_read_number(int dirfd, const char *file, uint64_t *value);

/* The number behind the word `key` in lines of "KEY NUMBER"; 0 where it is missing. */
uint64_t cgroup_find_key(const char *text, const char *key);

/* The path holds a component "." or "..", or an empty one inside. */
bool cgroup_has_dots(const char *path);

/* Whether the words of text, parted by blanks or commas, hold this one. */
bool cgroup_has_word(const char *text, const char *word);

/* --- cgroup_limits.c --- */

/* Whether the kernel can swap at all: /proc/swaps is there. */
bool cgroup_swap_supported(void);

/* The controllers, as bits, that the limits which are set need. */
unsigned cgroup_controllers_needed(const struct limits *limits);

/* The limits of a cgroup that was just made: nothing is in it, and no old value is to be kept. */
int cgroup_write_limits(const struct cgroup *cgroup, const struct limits *limits, unsigned spare_processes,
			struct error *err);

/* --- cgroup_kill.c --- */

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t cgroup_clock_ms(void);

/*
 * Wait for the end of what lives in the directory, children of it not included; kills nothing.  0 when the list is empty,
 * else -ETIMEDOUT.
 */
int cgroup_wait_empty(int dirfd, bool v2, int64_t deadline_ms);

/* Call visit for each directory below; stops at the first negative value and returns it. */
int cgroup_each_child(int dirfd, int (*visit)(int dirfd, const char *name, void *data), void *data);

#endif
