/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new mount API in the few shapes that a sandbox needs: trees are made detached, given their
 * attributes, and only then attached, so that nothing is ever visible half done.
 * open_tree(2), move_mount(2), fsopen(2), mount_setattr(2), openat2(2).
 */
#ifndef ENFORCE_MOUNT_TREE_H
#define ENFORCE_MOUNT_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#include "base/error.h"

/* One "key=value" of a new file system; a NULL value is a flag.  The list ends with a NULL key. */
struct mount_option {
	const char *key, *value;
};

/*
 * A detached clone of what is mounted at dirfd/path (with everything below it where recursive), with
 * attributes (MOUNT_ATTR_*) set on all of it.  0 with *tree set, or a negative errno with err set.
 */
int mount_clone(int dirfd, const char *path, bool recursive, uint64_t attributes, int *tree, struct error *err);

/* A detached mount of a new file system instance.  options may be NULL. */
int mount_new(const char *type, const struct mount_option *options, uint64_t attributes, int *tree, struct error *err);

/* Shift the owners of a detached tree by a user namespace's map. */
int mount_idmap(int tree, int user_namespace, const char *object, struct error *err);

/* Set attributes on an attached or detached mount, not on those below it. */
int mount_attributes(int mount, uint64_t attributes, const char *object, struct error *err);

/*
 * Attach tree on the object `target` refers to (O_PATH descriptor).  A descriptor, not a path: a path in an
 * untrusted root could be made to point elsewhere between the check and the use.
 */
int mount_attach(int tree, int target, const char *object, struct error *err);

/*
 * Open path beneath root without following any symbolic link, so that a root file system that someone else prepared
 * cannot lead us elsewhere.  path may start with "/".  The O_PATH descriptor, or a negative errno (-ELOOP: a link).
 */
int mount_open_inside(int root, const char *path);

/*
 * The same, making what is missing: directories (0755) and, where directory is false, an empty file at the end.
 */
int mount_make_inside(int root, const char *path, bool directory);

/* mount_make_inside (or, where make is false, mount_open_inside) and mount_attach. */
int mount_attach_inside(int tree, int root, const char *path, bool directory, bool make, struct error *err);

#endif
