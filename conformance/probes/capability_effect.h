/* SPDX-License-Identifier: Apache-2.0 */
/* What a capability lets a process do, one harmless act for each. */
#ifndef PROBES_CAPABILITY_EFFECT_H
#define PROBES_CAPABILITY_EFFECT_H

#include <stdbool.h>
#include <stddef.h>

#include "probes/probe.h"

struct effect {
	const char *name;
	bool scratch; /* act gets a directory of its own, which is removed afterwards */
	/*
	 * Tries it and reports ret and errno (fact_result), or effect_setup_failed.  scratch is the descriptor of the
	 * directory, -1 where none is asked for; what is created there is named "object".
	 */
	void (*act)(struct facts *facts, int scratch);
};

extern const struct effect file_effects[];
extern const size_t file_effect_count;
extern const struct effect process_effects[];
extern const size_t process_effect_count;
extern const struct effect system_effects[];
extern const size_t system_effect_count;

/* The act could not even be tried: the step and its errno become facts. */
void effect_setup_failed(struct facts *facts, const char *step, int code);

#endif
