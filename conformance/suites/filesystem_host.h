/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at from the host: files of the host that must not show inside, and the other way round. */
#ifndef SUITES_FILESYSTEM_HOST_H
#define SUITES_FILESYSTEM_HOST_H

#include "base/error.h"
#include "harness/requirement.h"

/*
 * A file of the host on its root file system, made for this run in a directory that only root enters, and removed when
 * the program ends.  0 with the path, or a negative errno.
 */
int filesystem_host_canary(const char **path, struct error *err);

/* Rows: canaries in the host's directories for temporary files, looked for in the sandbox's root from the host. */
int filesystem_host_add_canaries(struct plan *plan, struct error *err);

/* Rows: a file made in that directory inside appears inside and not on the host. */
void filesystem_host_add_left(struct plan *plan, const char *directory, const char *id, const char *tags);

#endif
