/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the floor launcher.  Each step that fails ends the process with status 125. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdint.h>

/* CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID, NET_BIND_SERVICE */
#define FLOOR_CAPABILITIES (1u << 0 | 1u << 1 | 1u << 3 | 1u << 6 | 1u << 7 | 1u << 10)

#define FLOOR_SHOWN 6

/* Detached mounts that the host's root opened for the sandbox. */
struct floor_trees {
	int shown[FLOOR_SHOWN]; /* -1: the host has none there */
	int dev;
};

/* End the process when result is negative, with the step and errno on standard error. */
void floor_check(long result, const char *step);

/* floor_mounts.c */
void floor_open_trees(struct floor_trees *trees);
/* Inside the new namespaces: the root, its mounts and masks, pivot, no further namespaces, read-only. */
void floor_build_root(const struct floor_trees *trees);

/* floor_cgroups.c: made and removed by the parent, joined by PID 1. */
void floor_make_cgroups(void);
void floor_join_cgroups(void);
void floor_remove_cgroups(void);

/* floor_privileges.c */
void floor_loopback_up(void);
void floor_limit_resources(void);
void floor_bound_capabilities(void);
void floor_set_capabilities(uint32_t set);
void floor_confine_files(void);
void floor_load_filter(void);

#endif
