/* SPDX-License-Identifier: Apache-2.0 */
/* Where the tools directory (probe, probe-suid, workloads/) lies inside the sandbox: only the probe can know. */
#ifndef PROBES_TOOLS_DIR_H
#define PROBES_TOOLS_DIR_H

#include <stddef.h>

/*
 * Write the directory of the probe's own executable to path (size bytes, NUL-terminated), from /proc/self/exe
 * (proc(5)), or from argv0 where /proc is not there.  0, or a negative errno (-ENAMETOOLONG, -ENOENT).
 */
int tools_dir(char *path, size_t size);

/* Remember argv[0] for tools_dir; call it first in main. */
void tools_dir_set_argv0(const char *argv0);

/*
 * Copy word to out (size bytes), a leading "{tools}" replaced by tools_dir ("{tools}/workloads/x.sh").
 * 0, or a negative errno; out is untouched on failure.
 */
int tools_dir_expand(const char *word, char *out, size_t size);

#endif
