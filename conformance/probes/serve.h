/* SPDX-License-Identifier: Apache-2.0 */
/* The request loop of the probe: PROTOCOL.md. */
#ifndef PROBES_SERVE_H
#define PROBES_SERVE_H

#include <stddef.h>

#include "probes/facts.h"

#define PROBE_DEFAULT_MS 2000

/* The announced probe of that name, or NULL. */
const struct probe *probe_find(const char *name);

/* All announced probes, in link order. */
const struct probe *const *probes_all(size_t *count);

/* Run one probe in a child of its own and write the answer line to fd in one write(2). */
void probe_answer(struct facts *facts, long id, int limit_ms, int argc, char **argv, int fd);

/* Answer requests from standard input until it ends.  0, or 1 when reading or the shared memory failed. */
int probe_serve(void);

#endif
