/* SPDX-License-Identifier: Apache-2.0 */
/* /dev of a sandbox. */
#ifndef ENFORCE_DEVICES_H
#define ENFORCE_DEVICES_H

#include "base/error.h"

/*
 * A detached tmpfs with the device nodes, links and mount points of a sandbox's /dev.
 *
 * Made by the host's root: device nodes on a file system that a user namespace mounted are dead, and one mount of
 * a tmpfs of ours is cheaper than a bind of each node.  0 with *tree set, or a negative errno.
 */
int devices_new(int *tree, struct error *err);

/*
 * Inside: attach the tree at /dev of root, read-only, and mount devpts, shm and mqueue in it.
 * 0, or a negative errno.
 */
int devices_attach(int tree, int root, struct error *err);

#endif
