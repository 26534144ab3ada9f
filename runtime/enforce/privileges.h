/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets, secure bits, no_new_privs, user and group ids of the calling thread; capabilities(7). */
#ifndef ENFORCE_PRIVILEGES_H
#define ENFORCE_PRIVILEGES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Become uid and gid 0 of a fresh user namespace, with no supplementary group.  The maps must be written. */
int privileges_become_root(struct error *err);

/* Become uid:gid for good, with no supplementary group; a uid other than 0 loses every capability by it. */
int privileges_become_user(uid_t uid, gid_t gid, struct error *err);

/*
 * Leave exactly `allowed` (bit per capability) in the bounding set and nothing in the ambient set, and lock
 * the secure bits.  SECBIT_NOROOT is set only where nothing is allowed: with it, exec by uid 0 would lose
 * everything.  Needs CAP_SETPCAP; privileges_set follows.
 */
int privileges_bound(uint64_t allowed, struct error *err);

/* Reduce the permitted and effective sets to `allowed` and clear the inheritable set. */
int privileges_set(uint64_t allowed, struct error *err);

int privileges_no_new(struct error *err);

#endif
