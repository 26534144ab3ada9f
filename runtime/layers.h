/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of isolation: names, and what of them a policy asks for on this kernel. */
#ifndef RECIPE_LAYERS_H
#define RECIPE_LAYERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "enforce/cgroup.h"
#include "policy/policy.h"
#include "recipe/mandatory.h"

enum layer {
	LAYER_ALWAYS, /* what every sandbox has, also under --only-layer: the throwaway namespaces and PID 1 */
	LAYER_NAMESPACES, /* the user namespace, its id range, no further namespaces */
	LAYER_FILESYSTEM, /* the root file system, masked paths, /dev */
	LAYER_CAPABILITIES,
	LAYER_NO_NEW_PRIVS,
	LAYER_MAC,
	LAYER_SECCOMP,
	LAYER_RLIMITS,
	LAYER_CGROUPS, /* memory, processor time, processes */
	LAYER_NETWORK, /* the link, its rules, the resolver */
	LAYER_COUNT,
};

struct layer_row {
	enum layer layer;
	const char *name;
	const char *summary;
};

extern const struct layer_row layer_rows[LAYER_COUNT]; /* indexed by enum layer */

/* The layer of that name (not "always").  0, or -EINVAL with the known names in err. */
int layer_from_name(enum layer *layer, const char *name, struct error *err);

/* What one layer will do for a policy here, under these limits, with the cgroups of this machine. */
struct layer_state {
	bool in_force;
	char detail[200]; /* by what, or why not */
};
void layer_state(enum layer layer, const struct policy *policy, const struct limits *limits,
		 const struct cgroup_layout *cgroups, const struct mandatory *mandatory, struct layer_state *state);

/* What the mandatory layer leaves to another one on this kernel. */
struct layer_gap {
	const char *what;
	enum layer covered_by;
	const char *how;
};
#define LAYER_GAPS_MAX 16

/* Those of a policy, in gaps.  Returns their number; 0 where nothing holds. */
size_t layer_gaps(const struct policy *policy, const struct mandatory *mandatory,
		  const struct layer_gap *gaps[LAYER_GAPS_MAX]);

/*
 * Can everything that the policy asks for be enforced on this kernel, by this build?  0, or a negative errno with the first
 * thing that cannot, and what to do.  cgroups NULL, mandatory NULL: without the limits of cgroups, without the mandatory layer (another layer alone).
 */
int layers_check(const struct policy *policy, const struct limits *limits, const struct cgroup_layout *cgroups,
		 const struct mandatory *mandatory, struct error *err);

#endif
