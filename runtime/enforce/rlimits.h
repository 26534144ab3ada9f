/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits of the workload, getrlimit(2): one row per limit. */
#ifndef ENFORCE_RLIMITS_H
#define ENFORCE_RLIMITS_H

#include "base/error.h"
#include "policy/policy.h"

/* Set the calling process's limits, soft = hard.  0, or a negative errno with err set. */
int rlimits_apply(const struct limits *limits, struct error *err);

#endif
