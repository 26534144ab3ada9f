/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of the bare control: the whole host, of which nothing can be changed.
 *
 * An overlay over the host's root and another over its /dev take every write into a tmpfs; /tmp, /workspace and
 * /dev/shm are private and empty; the tools are at /opt/conformance.  /sys is the host's own.
 */
#ifndef ADAPTERS_HOSTROOT_H
#define ADAPTERS_HOSTROOT_H

#include "base/error.h"

/*
 * Lay the root at base/root, in the caller's mount namespace, which must be private (MS_PRIVATE).  base is a host
 * directory that gets covered by a tmpfs.  There is no /proc in it yet.  0, or a negative errno with err set.
 */
int hostroot_lay(const char *base, const char *tools_dir, struct error *err);

/* Make base/root the root directory, with a fresh /proc of the caller's pid namespace, and detach the old one. */
int hostroot_enter(const char *base, struct error *err);

#endif
