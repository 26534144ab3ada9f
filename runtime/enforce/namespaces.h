/* SPDX-License-Identifier: Apache-2.0 */
/* Creating the namespaces of a sandbox, and making sure that it creates none itself; namespaces(7). */
#ifndef ENFORCE_NAMESPACES_H
#define ENFORCE_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * clone3(2) into new mount, pid, network, ipc and uts namespaces, and a user namespace where asked for; and into the cgroup whose
 * directory cgroup_fd is (v2), -1: none.  The cgroup namespace comes later, from namespaces_cgroup: its root is the cgroup
 * that its maker is in, and here that is still the caller's.
 * Like fork: returns 0 in the child; in the parent the pid, with *pidfd set (close it).  Negative errno with err set.
 */
pid_t namespaces_clone(bool user, int cgroup_fd, int *pidfd, struct error *err);

/* A new cgroup namespace for the caller, with the cgroups that it is in as roots; cgroup_namespaces(7). */
int namespaces_cgroup(struct error *err);

/*
 * Set user.max_*_namespaces of the caller's user namespace to 0: no road (unshare, clone, clone3, setns to a
 * new one) makes a namespace any more.  clone3's flags lie in memory, out of a seccomp filter's sight,
 * so this is what closes it.  Only for a user namespace of our own.
 *
 * sysctls is /proc/sys/user, opened before /proc/sys was made read-only: fsmount(2) and open_tree(2) make an anonymous mount
 * namespace each, which counts, so this has to come behind the last mount.
 */
int namespaces_forbid(int sysctls, struct error *err);

/* Bring the loopback interface of the caller's network namespace up. */
int namespaces_loopback_up(struct error *err);

#endif
