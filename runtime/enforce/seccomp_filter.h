/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter of a policy, written by us: a balanced tree over ranges of system call
 * numbers.  Making it takes a few dozen microseconds, less than reading and verifying a cached
 * file would, so there is no cache that someone could have tampered with; and the kernel walks
 * about eight comparisons for each number when it fills its own allow bitmap.
 *
 * seccomp(2), Documentation/userspace-api/seccomp_filter.rst.
 */
#ifndef ENFORCE_SECCOMP_FILTER_H
#define ENFORCE_SECCOMP_FILTER_H

#include "base/error.h"
#include "enforce/bpf_code.h"
#include "policy/policy.h"

/*
 * Compile a policy's filter into *code (zeroed; release with bpf_code_clear).
 *
 * Any ABI but x86_64's own kills the process; a number that the table does not know is ENOSYS, so
 * that libc falls back; a denied call returns the errno of its row.
 * 0, or a negative errno with err set.
 */
int seccomp_compile(const struct policy *policy, struct bpf_code *code, struct error *err);

/*
 * Install a filter on the calling thread.  Needs no_new_privs or CAP_SYS_ADMIN in the caller's user namespace.
 * 0, or a negative errno with err set.
 */
int seccomp_install(const struct bpf_code *code, struct error *err);

/*
 * The filter of PID 1, which only waits, forwards signals and ends: everything else kills it.
 */
int seccomp_compile_init(struct bpf_code *code, struct error *err);

#endif
