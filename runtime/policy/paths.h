/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of /proc and /sys that a sandbox must not read or must not write. */
#ifndef POLICY_PATHS_H
#define POLICY_PATHS_H

#include <stdbool.h>
#include <stddef.h>

enum path_treatment {
	PATH_MASKED, /* a file: /dev/null over it; a directory: an empty read-only tmpfs */
	PATH_READ_ONLY, /* a read-only bind of itself */
};

struct path_row {
	const char *path; /* absolute, inside */
	enum path_treatment treatment;
	bool directory;
	const char *why;
};

extern const struct path_row path_rows[];
extern const size_t path_row_count;

#endif
