/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of all policies, for showing them. */
#ifndef CONFORMANCE_REQUIREMENTS_H
#define CONFORMANCE_REQUIREMENTS_H

#include <jansson.h>

#include "harness/run.h"
#include "harness/subjects.h"

struct requirements {
	struct subject *subjects; /* owned */
	size_t count;
};

/* Plan for the policies that the options name (none: the three profiles).  0 or a negative errno with err set. */
int requirements_load(struct requirements *requirements, const struct run_options *options, struct error *err);
void requirements_clear(struct requirements *requirements);

/* One row as a new JSON object. */
json_t *requirement_json(const struct requirement *row);

#endif
