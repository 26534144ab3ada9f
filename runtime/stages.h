/* SPDX-License-Identifier: Apache-2.0 */
/* The stage table of the recipe: what is done, by whom, in which order, and why there. */
#ifndef RECIPE_STAGES_H
#define RECIPE_STAGES_H

#include <stddef.h>

#include "recipe/sandbox.h"

enum side {
	SIDE_PREPARE, /* the monitor, before there is a sandbox */
	SIDE_RELEASE, /* the monitor, PID 1 waiting for its go, and then beside it */
	SIDE_INIT, /* PID 1, alone inside */
	SIDE_LOCK, /* PID 1, once CMD is forked */
	SIDE_COMMAND, /* CMD, up to its exec */
};

struct stage {
	const char *name;
	enum side side;
	enum layer layer; /* under --only-layer, stages of other layers are left out */
	int (*run)(struct sandbox *sandbox, struct error *err);
	const char *why; /* why it stands where it stands */
};

extern const struct stage stages[];
extern const size_t stage_count;

/* Run all stages of one side in order.  Stops at the first failure, which names its stage.  0, or a negative errno. */
int stages_run(enum side side, struct sandbox *sandbox, struct error *err);

/* Stage functions, by side: prepare.c, inside.c, command.c. */
int stage_refuse(struct sandbox *sandbox, struct error *err);
int stage_one_processor(struct sandbox *sandbox, struct error *err);
int stage_state_directory(struct sandbox *sandbox, struct error *err);
int stage_entry(struct sandbox *sandbox, struct error *err);
int stage_audit_log(struct sandbox *sandbox, struct error *err);
int stage_id_range(struct sandbox *sandbox, struct error *err);
int stage_filters(struct sandbox *sandbox, struct error *err);
int stage_cgroup(struct sandbox *sandbox, struct error *err);
int stage_collect_trees(struct sandbox *sandbox, struct error *err);
int stage_storage(struct sandbox *sandbox, struct error *err);
int stage_uplink(struct sandbox *sandbox, struct error *err); /* those of the network: network.c */
int stage_channels(struct sandbox *sandbox, struct error *err);

int stage_id_maps(struct sandbox *sandbox, struct error *err);
int stage_shift_owners(struct sandbox *sandbox, struct error *err);
int stage_another_processor(struct sandbox *sandbox, struct error *err);
int stage_go(struct sandbox *sandbox, struct error *err);
int stage_address(struct sandbox *sandbox, struct error *err);
int stage_link(struct sandbox *sandbox, struct error *err);
int stage_resolver(struct sandbox *sandbox, struct error *err);

int stage_join_cgroup(struct sandbox *sandbox, struct error *err);
int stage_cgroup_namespace(struct sandbox *sandbox, struct error *err);
int stage_await_go(struct sandbox *sandbox, struct error *err);
int stage_become_root(struct sandbox *sandbox, struct error *err);
int stage_die_with_monitor(struct sandbox *sandbox, struct error *err);
int stage_kernel_filesystems(struct sandbox *sandbox, struct error *err);
int stage_enter_root(struct sandbox *sandbox, struct error *err);
int stage_forbid_namespaces(struct sandbox *sandbox, struct error *err);
int stage_masks(struct sandbox *sandbox, struct error *err);
int stage_seal_root(struct sandbox *sandbox, struct error *err);
int stage_loopback(struct sandbox *sandbox, struct error *err);
int stage_no_ipv6(struct sandbox *sandbox, struct error *err);
int stage_resolver_sockets(struct sandbox *sandbox, struct error *err);
int stage_await_link(struct sandbox *sandbox, struct error *err);
int stage_await_resolver(struct sandbox *sandbox, struct error *err);
int stage_host_name(struct sandbox *sandbox, struct error *err);
int stage_terminal(struct sandbox *sandbox, struct error *err);
int stage_hide_init(struct sandbox *sandbox, struct error *err);
int stage_lock_pipe(struct sandbox *sandbox, struct error *err);

int stage_init_descriptors(struct sandbox *sandbox, struct error *err);
int stage_init_capabilities(struct sandbox *sandbox, struct error *err);
int stage_init_filter(struct sandbox *sandbox, struct error *err);

int stage_session(struct sandbox *sandbox, struct error *err);
int stage_working_directory(struct sandbox *sandbox, struct error *err);
int stage_signals(struct sandbox *sandbox, struct error *err);
int stage_rlimits(struct sandbox *sandbox, struct error *err);
int stage_no_new_privs(struct sandbox *sandbox, struct error *err);
int stage_mac(struct sandbox *sandbox, struct error *err);
int stage_own_program(struct sandbox *sandbox, struct error *err);
int stage_label(struct sandbox *sandbox, struct error *err);
int stage_apparmor(struct sandbox *sandbox, struct error *err);
int stage_bounding_set(struct sandbox *sandbox, struct error *err);
int stage_processors(struct sandbox *sandbox, struct error *err);
int stage_filter_with_admin(struct sandbox *sandbox, struct error *err);
int stage_user(struct sandbox *sandbox, struct error *err);
int stage_capabilities(struct sandbox *sandbox, struct error *err);
int stage_filter(struct sandbox *sandbox, struct error *err);
int stage_await_lock(struct sandbox *sandbox, struct error *err);
int stage_descriptors(struct sandbox *sandbox, struct error *err);
int stage_execute(struct sandbox *sandbox, struct error *err);

#endif
