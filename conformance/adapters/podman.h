/* SPDX-License-Identifier: Apache-2.0 */
/* The podman adapter in two parts: podman_words.c says the policy in the words of `podman run`, podman.c starts and removes. */
#ifndef ADAPTERS_PODMAN_H
#define ADAPTERS_PODMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "base/error.h"
#include "harness/adapter.h"

/*
 * Podman keeps what it knows in these, beneath a /run that nobody else sees: the containers of the machine's own podman are none
 * of ours, and nothing of ours outlives the run.
 */
#define PODMAN_STORAGE  "/run/agentcore-podman/storage"
#define PODMAN_STATE    "/run/agentcore-podman/state"
#define PODMAN_TMP      "/run/agentcore-podman/tmp"
#define PODMAN_NETWORKS "/run/agentcore-podman/networks"

struct podman_input {
	const char *program;
	const struct adapter_launch *launch;
	const char *name; /* the container's */
	const char *bundle; /* with "/rootfs" its root file system */
	const char *seccomp; /* the profile's file */
	const char *cgroups; /* the parent of its control group */
	rlim_t processes; /* RLIMIT_NPROC that podman may set: its own default is above what a machine may allow */
};

/* The words before the subcommand, and then more (NULL-terminated).  A fresh argv (spawn_free_argv), or NULL when memory ran out. */
char **podman_command(const char *program, const char *const *more);

/* `podman run` of the launch.  The same. */
char **podman_run_words(const struct podman_input *input);

/* What the policy asks for and `podman run` has no word for; NULL: nothing. */
const char *podman_cannot_say(const struct adapter_launch *launch);

/* containers.conf of a run of the suite.  0, or a negative errno with err set. */
int podman_write_config(const char *path, struct error *err);

#endif
