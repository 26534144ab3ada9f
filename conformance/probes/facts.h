/* SPDX-License-Identifier: Apache-2.0 */
/* The memory in which a probe leaves its facts: shared, so that they outlive the child that wrote them. */
#ifndef PROBES_FACTS_H
#define PROBES_FACTS_H

#include <stddef.h>

#include "probes/probe.h"

#define FACTS_MAX     96
#define FACT_KEY_MAX  32
#define FACT_TEXT_MAX 1024

enum fact_type { FACT_NUMBER, FACT_TEXT, FACT_FLAG };

struct fact {
	char key[FACT_KEY_MAX];
	enum fact_type type;
	int64_t number;
	char text[FACT_TEXT_MAX];
};

struct facts {
	volatile int limit_ms; /* the probe may lengthen its own time limit: facts_allow_time() */
	volatile bool rejected; /* the arguments were bad */
	volatile size_t count; /* raised only after the entry is complete */
	struct fact entries[FACTS_MAX];
};

/* Map fresh shared facts; NULL with errno where the kernel refuses (mmap(2)). */
struct facts *facts_new(void);

/* Forget everything; the time limit becomes limit_ms. */
void facts_reset(struct facts *facts, int limit_ms);

/* For a probe with a time limit among its arguments: the parent waits at least ms milliseconds. */
void facts_allow_time(struct facts *facts, int ms);

/* Append the facts as a JSON object to out; the length written, never more than size - 1. */
size_t facts_format(const struct facts *facts, char *out, size_t size);

#endif
