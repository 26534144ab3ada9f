/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work directory of a run:
 *   PATH/tools/probe, probe-suid (mode 4755), workloads/    seen inside every sandbox
 *   PATH/policies/NAME.json                                 the built-in policies
 *   PATH/runtime, PATH/control                              the adapters' own
 */
#ifndef HARNESS_WORKDIR_H
#define HARNESS_WORKDIR_H

#include <limits.h>

#include "base/error.h"

struct workdir {
	char path[64]; /* "" when there is none */
	char tools[96], runtime[96], control[96], policies[96];
};

/* Make it, with copies of the probe program and of fixtures/workloads (where there is one).  0 or a negative errno. */
int workdir_make(struct workdir *workdir, const char *probe, const char *fixtures, struct error *err);

/* Remove it and all that is in it; mounts are not crossed.  Accepts one without path. */
void workdir_remove(struct workdir *workdir);

#endif
