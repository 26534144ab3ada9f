/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mandatory layer on kernels without AppArmor: a Landlock ruleset made from the rows of
 * policy/mac.h; landlock(7), Documentation/userspace-api/landlock.rst.
 */
#ifndef ENFORCE_LANDLOCK_H
#define ENFORCE_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "policy/mac.h"

/* The kernel's Landlock ABI level, or 0 where there is none (not built in, or not among the active LSMs). */
int landlock_abi(void);

/*
 * Confine the calling thread, for good, to the rows of one template and the grants.  A path that does not
 * exist grants nothing.  Needs no_new_privs or CAP_SYS_ADMIN in the caller's user namespace.
 * 0, or a negative errno with err set.
 */
int landlock_confine(enum mac_template template_, bool writable_root, const struct mac_grant *grants,
		     size_t grant_count, struct error *err);

/*
 * Let the calling thread execute only what lies beneath its root directory, and what has no name (memfd_create(2)); for good.  A script may name the
 * file behind /proc/self/exe as its interpreter, which is the runtime's own program on the host and which AppArmor does not look at: run inside it could
 * be overwritten (CVE-2019-5736).  As under every ruleset, mounts cannot be changed any more.  Needs and returns as landlock_confine does.
 */
int landlock_execute_inside(struct error *err);

#endif
