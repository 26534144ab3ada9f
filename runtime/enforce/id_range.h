/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and group ids for sandboxes: one range of the host's ids per live sandbox, so that no two
 * share an id, and files, signals and per-user quotas of one are out of the other's reach.
 */
#ifndef ENFORCE_ID_RANGE_H
#define ENFORCE_ID_RANGE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define ID_RANGE_SIZE 65536u

/* Above what systemd gives to containers (0x00080000-0x6fffffff), below 2^31. */
#define ID_POOL_BASE  0x70000000u
#define ID_POOL_SLOTS 4096u

struct id_range {
	uint32_t first; /* host id that is 0 inside */
	int lock_fd; /* the range is ours while this is open */
};

/*
 * Take a free range: a lock on one byte of state_dir/id-pool (fcntl(2), open file description lock), which
 * the kernel releases when the holder dies, however it dies.
 * 0 with *range set (close lock_fd to give it back), or a negative errno with err set.
 */
int id_range_take(int state_dir, struct id_range *range, struct error *err);

/*
 * Write uid_map and gid_map of process pid: 0 and all of the range's ids after it become the range.
 * The caller must be privileged in the parent user namespace; user_namespaces(7).
 */
int id_range_map(pid_t pid, const struct id_range *range, struct error *err);

/*
 * A user namespace that maps a file owner, uid and gid, to the range's first id, for idmapped mounts;
 * mount_setattr(2).  0 with *fd set (close it), or a negative errno.
 */
int id_range_owner_namespace(uid_t uid, gid_t gid, const struct id_range *range, int *fd, struct error *err);

#endif
