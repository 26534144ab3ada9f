/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sandbox, from its options to its exit status.
 *
 * Three processes: the monitor (this program, on the host), PID 1 inside (ours too: it reaps, forwards
 * signals and ends), and CMD, its child.  recipe.c holds the ordered table of what each of them does.
 */
#ifndef RECIPE_SANDBOX_H
#define RECIPE_SANDBOX_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "enforce/bpf_code.h"
#include "enforce/cgroup.h"
#include "enforce/id_range.h"
#include "enforce/rootfs.h"
#include "enforce/storage.h"
#include "policy/policy.h"
#include "recipe/layers.h"
#include "recipe/mandatory.h"
#include "recipe/network.h"
#include "recipe/state.h"

#define BINDS_MAX 32

/* What `agentcore run` was asked for. */
struct run_options {
	struct policy policy;
	const char *rootfs; /* NULL: the default root */
	bool rootfs_root_owned;
	struct bind binds[BINDS_MAX];
	size_t bind_count;
	char **environment; /* NULL-terminated, complete; the strings are its own copies */
	uid_t uid; /* inside */
	gid_t gid;
	const char *cwd; /* NULL: /workspace, or / where the root has none */
	bool terminal;
	bool trace; /* print each stage and its duration */
	enum layer only_layer; /* LAYER_ALWAYS: all layers */
	const char *state_dir;
	const char *storage_dir; /* where the images of the storage quota lie */
	char id[STATE_ID_MAX + 1];
	bool detach; /* the monitor goes on in the background */
	int status_fd; /* --json-status, or -1 */
	const char *audit_dir;
	struct network_options network;
	enum mandatory_module mac; /* --mac, or what the sandbox has that an execution goes into */
	const char *cgroup_parent; /* NULL: "agentcore", or what is delegated */
	char **words; /* copies of the command line, which the other members point into */
	char **command; /* NULL-terminated */
	char *arguments; /* our own argv in memory, which PID 1 wipes: it holds paths of the host */
	size_t arguments_size;
};

/* The mandatory layer that they ask for, and what the binds grant beside the policy's template; grants must live as long as what is returned. */
struct mandatory run_options_mandatory(const struct run_options *options, struct mac_grant grants[BINDS_MAX]);

struct audit_log;

struct sandbox {
	const struct run_options *options;
	const struct policy *policy;
	struct rootfs_spec spec;
	enum mandatory_module
		mandatory; /* decided by the monitor: inside, what tells of AppArmor is not the host's any more */
	struct limits limits; /* in force: the smaller of both tiers; of a detached one, the container's */

	cpu_set_t processors; /* those that the caller may use: CMD gets them back */

	/* The monitor's. */
	int state_dir;
	struct id_range ids;
	struct rootfs rootfs;
	struct bpf_code filter, init_filter;
	struct state state; /* its entry in the state directory */
	struct audit_log *audit; /* or NULL */
	bool record_failed; /* it was said already that something could not be put on record */
	struct cgroup_layout layout;
	struct cgroup *cgroup; /* or NULL */
	char cgroup_name[CGROUP_NAME_MAX];
	struct storage storage;
	struct sandbox_network network;
	int *started; /* of a detached one: the pipe that tells the caller, -1 once it was told; NULL: nobody waits */
	pid_t init; /* PID 1 as the host numbers it */
	int init_fd; /* its pidfd */
	int control; /* the monitor's or PID 1's end of a socket pair: go, signals, the terminal */
	int report; /* the read end of a pipe (monitor) or its write end (inside): a struct error, or nothing */
	int control_inside, report_inside; /* the other ends, until clone */
	int terminal; /* master of the pseudo-terminal, or -1 */

	/* Inside. */
	int proc, sys, root;
	int sysctls; /* /proc/sys/user, from before it was made read-only */
	int slave; /* of the pseudo-terminal, or -1 */
	int label; /* CMD's: what the kernel says it is under, or -1 */
	int child_signals; /* PID 1's signalfd for SIGCHLD */
	int locked, locked_inside; /* pipe that ends when PID 1 is locked down, or dies: CMD's end, PID 1's end */
	atomic_bool locked_down; /* PID 1's: that it is locked down */
	const atomic_bool *init_locked_down; /* the same in PID 1's own memory, which CMD shares until its exec */
	pid_t command; /* CMD as PID 1 numbers it */
};

void sandbox_init(struct sandbox *sandbox, const struct run_options *options);

/* Close every descriptor, free everything.  A live sandbox dies by it: PID 1 sees its control socket end. */
void sandbox_clear(struct sandbox *sandbox);

/* Remove what a sandbox that has ended leaves on the host, and what dead ones have left: cgroups, entries. */
void sandbox_remove(struct sandbox *sandbox);

/* The layer is on: none is alone, or this one is. */
bool sandbox_has_layer(const struct sandbox *sandbox, enum layer layer);

/* The sandbox has a user namespace of its own. */
bool sandbox_has_user_namespace(const struct sandbox *sandbox);

/*
 * Start: run the recipe.  Returns in the monitor only, with CMD not yet known to run: sandbox_monitor finds out.
 * 0, or a negative errno with err set and nothing left behind.
 */
int sandbox_start(struct sandbox *sandbox, struct error *err);

/* Tell the others that CMD runs: the state directory, the record, the caller of --detach.  0, or a negative errno with err set. */
int sandbox_announce(struct sandbox *sandbox, struct error *err);

/*
 * Watch a started sandbox until it ends: forward signals and the terminal, keep the wall time.
 * Returns the exit status that agentcore must end with (EXIT_* of commands.h or the command's own); where the start
 * failed inside, err is set too.
 */
int sandbox_monitor(struct sandbox *sandbox, struct error *err);

/* PID 1's life after the fork of CMD: never returns. */
_Noreturn void init_serve(const struct sandbox *sandbox);

#endif
