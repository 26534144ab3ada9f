/* SPDX-License-Identifier: Apache-2.0 */
/* Where a test makes cgroups of its own. */
#ifndef TESTS_CGROUP_PLACE_H
#define TESTS_CGROUP_PLACE_H

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* The one hierarchy of cgroup v2, or that of v1 which counts processes. */
static inline const char *cgroup_place(void)
{
	return access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
}

static inline bool may_make_cgroups(void)
{
	char procs[64];

	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup_place());
	return access(procs, W_OK) == 0;
}

#endif
