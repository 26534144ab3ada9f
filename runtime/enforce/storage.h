/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage quota: one ext4 of the wanted size on a loop device, for all writable places of a sandbox together.
 *
 * Bytes and inodes are bounded exactly (ENOSPC), and nothing of it is charged as memory but page cache, which is reclaimed.
 * The image is a sparse copy of a template, and has no name; the device lets go of it by itself (LO_FLAGS_AUTOCLEAR)
 * when the last mount is gone, also after SIGKILL of everybody.
 *
 * Nodes above those that the machine has from its boot (loop0 to loop7, mostly) are made when that many sandboxes are alive.
 * They are remembered in /run/agentcore-loop, and whoever ends next removes those that are free.  Nodes of others are never removed.
 */
#ifndef ENFORCE_STORAGE_H
#define ENFORCE_STORAGE_H

#include <stdint.h>

#include "base/error.h"

struct storage {
	int tree; /* detached mount (fsmount(2)), or -1 */
	int loop_number; /* N of /dev/loopN, or -1 */
	uint64_t bytes, inodes; /* what was free at first */
};

#define STORAGE_NONE                                                                                                   \
	(struct storage)                                                                                               \
	{                                                                                                              \
		-1, -1, 0, 0                                                                                           \
	}

/*
 * Make one of `bytes` for data (a multiple of 1 MiB) and `inodes` inodes.  directory is where templates and images lie: made
 * 0700 where it is missing, refused when it is not ours or lies in memory (tmpfs, ramfs).  A template of a size that was never asked for
 * is made once with mkfs.ext4(8), under a lock, and kept; one that is not what it should be is made anew.
 *
 * Directories and the extent trees of files lie in the `bytes` too.  A thousandth of `bytes` may be missing, never more than that
 * and never on the other side; of `inodes`, 16 for each 128 MiB and ext4's own 11 (and 16 for each 128 MiB there are at least).
 * 0, or a negative errno with err set and nothing left behind.
 */
int storage_create(const char *directory, uint64_t bytes, uint64_t inodes, struct storage *storage, struct error *err);

/* What is used of it, for breaches and the final record; 0 or a negative errno. */
struct storage_usage {
	uint64_t bytes, bytes_limit, inodes, inodes_limit;
};
int storage_usage(const struct storage *storage, struct storage_usage *usage);

/* Close the monitor's hold on it and give the loop device's node back where the machine would not have it by itself.  Accepts STORAGE_NONE. */
void storage_release(struct storage *storage);

#endif
