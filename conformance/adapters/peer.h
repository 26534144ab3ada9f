/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the adapters of podman and docker have in common: peer_words.c says the policy in the words of their `run`, peer_ground.c is where
 * they run, podman.c and docker.c start and remove.
 */
#ifndef ADAPTERS_PEER_H
#define ADAPTERS_PEER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/error.h"
#include "harness/adapter.h"

/* --- Words ----------------------------------------------------------------------------------------- */

/* How the two command lines differ. */
struct peer_dialect {
	const char *const *globals; /* words before the subcommand; NULL-terminated */
	const char *const *run; /* words behind "run" that are always there; NULL-terminated */
	const char *shared, *shared_etc,
		*tools; /* options of a directory of the host, of a file beneath its /etc, of the tools */
	const char *image; /* what the command stands behind; NULL: --rootfs BUNDLE/rootfs */
	bool id_maps; /* says which ids a container has; else --userns=host where it is to have the host's */
};

struct peer_input {
	const struct peer_dialect *dialect;
	const char *program;
	const struct adapter_launch *launch;
	const char *name; /* the container's */
	const char *bundle; /* with "/rootfs" its root file system */
	const char *seccomp; /* the profile's file */
	const char *cgroups; /* the parent of its control group */
	rlim_t processes; /* RLIMIT_NPROC; 0: not said */
};

/* The words before the subcommand, and then more (NULL-terminated).  A fresh argv (spawn_free_argv), or NULL when memory ran out. */
char **peer_command(const struct peer_dialect *dialect, const char *program, const char *const *more);

/* `run` of the launch.  The same. */
char **peer_run_words(const struct peer_input *input);

/* What the policy asks for and `run` has no word for; NULL: nothing. */
const char *peer_cannot_say(const struct adapter_launch *launch);

extern const struct peer_dialect peer_podman, peer_docker;

/* --- Ground ---------------------------------------------------------------------------------------- */

/*
 * Both change the network namespace that they run in and keep state in /run.  They never run in the harness's own namespace, but on the
 * test internet or in an empty one; and all of their mounts, state and networks are in a mount namespace with a /run of its own that is
 * kept by a descriptor.
 */
#define PEER_ROOT "/run/agentcore-peer"

/* A container that has been started and not finished. */
struct peer_container {
	const struct adapter_launch *launch; /* by which finish finds it */
	char name[64];
	char bundle[PATH_MAX];
	char seccomp[PATH_MAX];
	struct peer_container *next;
};

struct peer {
	pid_t guard; /* clears up when the harness is gone; 0: none */
	int guard_fd; /* whose end it waits for */
	int mounts; /* the mount namespace; -1: not made yet */
	char mounts_path[48]; /* the same as children see it, whose descriptors are closed */
	char cgroups[40];
	ino_t network; /* the harness's own namespace, in which nothing of it may run */
	unsigned starts;
	struct peer_container *containers;
};

void peer_init(struct peer *peer);

/* What a runtime wants in its mount namespace: files beneath PEER_ROOT, mounts.  In a child.  0, or a negative errno with err set. */
typedef int peer_lay(struct error *err);

struct peer_ground {
	peer_lay *lay; /* or NULL */
	const char *cgroups; /* name of the control groups to be removed at the end */
	char *const
		*last; /* command that removes every container, run at the end in these mounts; NULL: none is needed */
	char *const *environment; /* its */
};

/* Make the mount namespace, once; work_dir must not be beneath /run.  0, or a negative errno with err set. */
int peer_make_ground(struct peer *peer, const char *work_dir, const struct peer_ground *ground, struct error *err);

/* For a lay: a file with this text.  0, or a negative errno with err set. */
int peer_write(const char *path, const char *text, struct error *err);

/* In a child: enter it, and an empty network namespace where the child is in the harness's.  The prepare of a spawn, with the peer as data. */
int peer_enter(void *data, struct error *err);

/* A name, root file system and seccomp profile for a launch.  0 with *container (a fresh one), or a negative errno with err set. */
int peer_lay_container(struct peer *peer, const struct adapter *adapter, const struct adapter_launch *launch,
		       struct peer_container **container, struct error *err);

/* Remember it, find it by its launch (NULL: unknown), and forget it with its files. */
void peer_keep(struct peer *peer, struct peer_container *container);
struct peer_container *peer_find(const struct peer *peer, const struct adapter_launch *launch);
void peer_forget(struct peer *peer, struct peer_container *container);

/* End the guard, which removes what is left, and close the namespace.  Accepts one that was never made. */
void peer_clear(struct peer *peer);

#endif
