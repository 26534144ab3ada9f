/* SPDX-License-Identifier: Apache-2.0 */
/* Entering the namespaces of a live sandbox; setns(2), clone3(2). */
#ifndef ENFORCE_JOIN_H
#define ENFORCE_JOIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Become invisible to the sandbox before anything of this process is seen there: not dumpable, which its children inherit.  Who is not
 * dumpable can be traced, and its descriptors and memory reached through /proc, only with CAP_SYS_PTRACE in the
 * user namespace that its memory belongs to, and that is the host's until the next exec (CVE-2016-9962).
 * Refused where fs.suid_dumpable is 1: each change of user would make it dumpable again.
 */
int join_hide(struct error *err);

/* Has the process another user namespace than the caller?  0 with *other, or a negative errno with err set. */
int join_has_user_namespace(pid_t pid, bool *other, struct error *err);

/*
 * clone3(2) of a child that is born in the pid namespace of the process behind pidfd, and in the cgroup whose directory cgroup_fd is
 * (v2), -1: the caller's.  The caller's own later children are born there, too.
 * Like fork: 0 in the child; in the parent its pid as the caller sees it, with *child_fd its pidfd.  Negative errno with err set.
 */
pid_t join_clone(int pidfd, int cgroup_fd, int *child_fd, struct error *err);

/* In the child: all other namespaces of the process, and its root directory. */
int join_namespaces(int pidfd, bool user, struct error *err);

#endif
