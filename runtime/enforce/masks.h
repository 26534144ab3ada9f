/* SPDX-License-Identifier: Apache-2.0 */
/* /proc and /sys of a sandbox, and what of them is hidden or read-only. */
#ifndef ENFORCE_MASKS_H
#define ENFORCE_MASKS_H

#include "base/error.h"

/*
 * New detached mounts of proc and sysfs for the caller's pid and network namespaces.  Must be made while the host's
 * own /proc and /sys are still in sight: in a user namespace the kernel wants to see that nothing of them was hidden.
 * sys may be NULL.
 */
int kernel_filesystems_new(int *proc, int *sys, struct error *err);

/* Attach them at proc and sys of root; a sys of -1 is left out. */
int kernel_filesystems_attach(int proc, int sys, int root, struct error *err);

/* Apply the rows of policy/paths.h; /proc, /sys and /dev are attached under root.  A path that the kernel lacks is skipped. */
int masks_apply(int root, struct error *err);

#endif
