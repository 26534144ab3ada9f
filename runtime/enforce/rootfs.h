/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root file system of a sandbox, in two halves.
 *
 * The host's half (rootfs_host.c) opens, as the host's root, every tree that the sandbox will show: a
 * descriptor of a detached clone each.  The inside half (rootfs_inside.c) puts them together in the new
 * mount namespace and leaves the old root behind.  No path of the host is resolved inside.
 */
#ifndef ENFORCE_ROOTFS_H
#define ENFORCE_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "enforce/id_range.h"

/* One --bind. */
struct bind {
	const char *source; /* on the host */
	const char *destination; /* absolute, inside, without "..", not / */
	bool writable;
	bool root_owned; /* a writable source that belongs to the host's root is accepted */
};

enum rootfs_kind {
	ROOTFS_DEFAULT, /* the host's programs, read-only, and a minimal /etc */
	ROOTFS_DIRECTORY, /* --rootfs */
	ROOTFS_BARE, /* everything of the host but /tmp: for one layer alone */
};

struct rootfs_spec {
	enum rootfs_kind kind;
	const char *directory; /* ROOTFS_DIRECTORY */
	bool read_only;
	bool root_owned; /* a writable --rootfs of the host's root is accepted */
	bool shift_owners; /* there is a user namespace to shift them into */
	const struct bind *binds;
	size_t bind_count;
	bool noexec; /* nothing that is written inside can be executed: its mounts are noexec, but never those of a writable root */
	int scratch; /* the file system of all writable places, detached, not owned; -1: ROOTFS_BARE has a tmpfs of its own */
	bool resolver; /* /etc/resolv.conf names 127.0.0.53 */
	uid_t uid; /* owner of /workspace, inside */
	gid_t gid;
};

/* A detached clone, and where it goes. */
struct rootfs_tree {
	char path[256]; /* inside; "" for the root itself */
	int fd;
	bool directory;
	bool overlay; /* a private writable layer goes over it */
	bool shift; /* owners are shifted: uid and gid become 0 inside */
	uid_t uid;
	gid_t gid;
};

struct rootfs_link {
	char path[64], target[192];
};

struct rootfs {
	/* Owned, and no larger than needed: each page that the monitor touches costs a fault and a copy at clone. */
	struct rootfs_tree *trees;
	size_t tree_count;
	struct rootfs_link *links;
	size_t link_count;
	int dev; /* the tree of /dev, or -1 */
};

/* Host: open everything.  Release with rootfs_close, also after a failure.  0, or a negative errno. */
int rootfs_collect(const struct rootfs_spec *spec, struct rootfs *rootfs, struct error *err);

/* Host: shift the owners of the trees that ask for it, once the maps of user_namespace are written. */
int rootfs_shift(struct rootfs *rootfs, int user_namespace, const struct id_range *ids, struct error *err);

void rootfs_close(struct rootfs *rootfs);

/*
 * Inside: make the root, attach all, pivot into it, drop the old root.  proc and sys are the detached mounts of
 * kernel_filesystems_new; sys is -1 where the host's is shown (ROOTFS_BARE).
 * *root gets an O_PATH descriptor of the new root, still writable: masks_apply and rootfs_seal follow.
 */
int rootfs_enter(const struct rootfs_spec *spec, const struct rootfs *rootfs, int proc, int sys, int *root,
		 struct error *err);

/* Inside: make the root read-only, if the spec says so. */
int rootfs_seal(const struct rootfs_spec *spec, int root, struct error *err);

/* Inside, used by rootfs_enter: the small files of /etc (etc_files.c) and the writable places (scratch.c). */
int etc_files_write(int root, bool resolver, struct error *err);

/* The same for a root that is given: lay a resolv.conf over its own, where it has one. */
int etc_resolver_attach(int root, struct error *err);

int scratch_attach(const struct rootfs_spec *spec, const struct rootfs *rootfs, int root, struct error *err);

#endif
