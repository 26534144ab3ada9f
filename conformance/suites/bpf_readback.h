/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUITES_BPF_READBACK_H
#define SUITES_BPF_READBACK_H

#include <sys/types.h>

#include "base/error.h"
#include "suites/bpf_evaluate.h"

/*
 * Read every filter that is installed on a process, by PTRACE_SECCOMP_GET_FILTER: the process is stopped for the
 * moment and goes on unharmed.  The caller needs CAP_SYS_ADMIN and no filter of its own.  0 with *stack filled in
 * (release with bpf_stack_clear; no filter at all is an empty stack), or a negative errno.
 */
int bpf_read_installed(pid_t pid, struct bpf_stack *stack, struct error *err);

#endif
