/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sandbox's or one execution's cgroup: limits, membership, events, usage, end.
 *
 * v2 and v1 (also hybrid: controllers here and there) lie behind one interface.  A layout says where each controller is; a
 * cgroup is one directory per hierarchy, all of the same name, which begins with "agentcore" or is below one whose name does.
 * Nothing else is touched: no limit of another cgroup, no subtree_control above ours.
 * cgroups(7), Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */
#ifndef ENFORCE_CGROUP_H
#define ENFORCE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "policy/policy.h"

enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_CPU,
	CGROUP_PIDS,
	CGROUP_CPUACCT, /* v1: CPU time used; optional.  Part of cpu on v2. */
	CGROUP_FREEZER, /* v1: for killing an execution without a race; a core feature on v2 */
	CGROUP_CONTROLLER_COUNT,
};

#define CGROUP_PATH_MAX 256
#define CGROUP_NAME_MAX 160 /* "ID" or "ID/exec-NUMBER" */

/* Where the controllers are.  No allocation: can be copied. */
struct cgroup_layout {
	struct cgroup_place {
		bool available;
		bool v2;
		char parent[CGROUP_PATH_MAX]; /* the directory that ours are made in, e.g. /sys/fs/cgroup/memory */
	} places[CGROUP_CONTROLLER_COUNT];
	char why_not[CGROUP_CONTROLLER_COUNT][160]; /* for those not available */
	bool mounted_v1, mounted_v2; /* both: hybrid */
};

/*
 * Find the controllers, from the text of /proc/self/mountinfo and /proc/self/cgroup (arguments, so that tests can
 * give a fake tree; NULL: read them).  parent NULL: directly below each hierarchy's mount, or below
 * what is delegated to the caller where that is not writable; else --cgroup-parent: a path below the mounts, whose
 * last part is made and removed again if its name begins with "agentcore" ("ours"), and must be there if not.  "/" is
 * the mounts themselves.  In a directory that is not ours, a cgroup's own name gets the prefix "agentcore-" where it begins otherwise.
 * 0, or a negative errno with err set when there are no cgroups at all.  A controller that is missing, not
 * delegated or not enabled is not available, with the reason in why_not: cgroup_create refuses what needs it.
 */
int cgroup_detect(struct cgroup_layout *layout, const char *mountinfo, const char *self_cgroup, const char *parent,
		  struct error *err);

/* "v2", "v1", "hybrid" or "none": for layers, results and the audit log. */
const char *cgroup_layout_name(const struct cgroup_layout *layout);

struct cgroup; /* opaque; holds descriptors of its directories and of the files that join needs, all close-on-exec */

/*
 * Refuse limits that were asked for (explicit_) and are above this machine: its memory, its online processors.  Defaults above it
 * limit nothing more, and stay.  0, or -EINVAL with err set.
 */
int cgroup_check_limits(const struct limits *limits, struct error *err);

enum cgroup_use {
	CGROUP_SANDBOX, /* a whole sandbox: limits and members in one directory */
	CGROUP_CONTAINER, /* has executions below it: on v2 its members live in a child "init", since inner nodes hold none */
	CGROUP_EXECUTION, /* name is "ID/exec-N"; on v1 with the freezer too */
};

/*
 * Make NAME in every hierarchy that limits (or accounting) need, write the limits, and read them back: a value that the kernel
 * did not take (rounded to a page or a millisecond is taken) is an error.  The limits of `limits` that are
 * set and belong to cgroups: memory (no swap: memsw = limit, or memory.swap.max = 0), cpu, processes.
 * spare_processes is added to the process limit, for processes of ours that live in it (PID 1).
 * A directory of that name that is there already is a dead sandbox's (the caller holds the name's lock): what lives in
 * it is killed, and it is made anew.
 * 0 with *cgroup (release with cgroup_remove, then cgroup_free), or a negative errno with nothing left behind.
 */
int cgroup_create(const struct cgroup_layout *layout, const char *name, enum cgroup_use use,
		  const struct limits *limits, unsigned spare_processes, struct cgroup **cgroup, struct error *err);

/* One that is there already (exec, update, delete).  -ENOENT when no hierarchy has it. */
int cgroup_open(const struct cgroup_layout *layout, const char *name, enum cgroup_use use, struct cgroup **cgroup,
		struct error *err);

/* Change limits of a live cgroup: those that are set in `limits`.  In an order that never passes through "wider than both". */
int cgroup_set_limits(struct cgroup *cgroup, const struct limits *limits, unsigned spare_processes, struct error *err);

/* v2: the directory for clone3's CLONE_INTO_CGROUP, which joins at birth; -1 where that is not to be had (v1, hybrid). */
int cgroup_clone_fd(const struct cgroup *cgroup);

/*
 * In the child, right after clone: join what CLONE_INTO_CGROUP did not, by writing "0" to files that were opened before (v1:
 * `tasks`).  Never write a pid to cgroup.procs from the parent: that costs a grace period of 9-11 ms.
 * Allocates nothing.  Afterwards the caller unshares its cgroup namespace.
 */
int cgroup_join(const struct cgroup *cgroup, struct error *err);

/* --- Events ---------------------------------------------------------------------------------------- */

/*
 * Descriptors for epoll, owned by the cgroup; -1 where there is none.  cgroup_watch opens them.  An event says "read the counters".
 * On v1 recent kernels (6.11 to 6.18 at least) count refused forks and wake nobody, so the counters are to be read at the end as well.
 */
struct cgroup_watch {
	int memory; /* v1: eventfd, EPOLLIN; v2: memory.events.local, EPOLLPRI */
	int processes; /* pids.events, EPOLLPRI */
};
int cgroup_watch(struct cgroup *cgroup, struct cgroup_watch *watch, struct error *err);

struct cgroup_events {
	uint64_t
		memory_kills; /* processes that the OOM killer has ended, or OOM events where the kernel does not count kills */
	uint64_t process_refusals; /* forks refused at the process limit */
	uint64_t throttled_periods;
	uint64_t throttled_us;
};
/* Read the counters (and drain the eventfd).  0 or a negative errno. */
int cgroup_read_events(struct cgroup *cgroup, struct cgroup_events *events);

struct cgroup_usage {
	uint64_t memory_peak_bytes;
	uint64_t swap_peak_bytes; /* v1: memsw peak above the memory peak; where unknown 0 */
	uint64_t cpu_us;
	uint64_t processes_peak; /* 0 where the kernel does not keep it */
	bool cpu_known, processes_peak_known;
};
int cgroup_usage(const struct cgroup *cgroup, struct cgroup_usage *usage);

/* --- End ------------------------------------------------------------------------------------------- */

/*
 * Let what was killed die at full speed: a throttled process does not even die before its next period, and a tree of them takes
 * many.  For after the kill; there is no way back.  Nothing is reported: without it they die later.
 */
void cgroup_lift_cpu(const struct cgroup *cgroup);

/*
 * Kill every member, below too, without a race: v2 cgroup.kill; v1 freeze, SIGKILL to all, thaw; v1 without freezer: again and again
 * until none is left, bounded.  Returns when none is left: 0, or -ETIMEDOUT after timeout_ms.
 */
int cgroup_kill(struct cgroup *cgroup, int timeout_ms, struct error *err);

/*
 * Remove its directories (children first), and the parent where it is empty and ours.  Waits at most timeout_ms for dying members
 * (on events where the kernel has them).  0, or a negative errno with the directory that is left in err.
 */
int cgroup_remove(struct cgroup *cgroup, int timeout_ms, struct error *err);

/* Kill what lives in it and remove every directory of this name: for reclaiming a dead sandbox's.  0 also when there is none. */
int cgroup_reclaim(const struct cgroup_layout *layout, const char *name, struct error *err);

void cgroup_free(struct cgroup *cgroup); /* closes; removes nothing; accepts NULL */

#endif
