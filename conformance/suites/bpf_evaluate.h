/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel would decide by seccomp filters, without asking it: an evaluator of classic BPF as seccomp(2)
 * admits it (kernel/seccomp.c, seccomp_check_filter and seccomp_run_filters).
 */
#ifndef SUITES_BPF_EVALUATE_H
#define SUITES_BPF_EVALUATE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_program {
	struct sock_filter *instructions; /* owned */
	size_t count;
};

/* Filters in the order of their installation: the last one is the newest. */
struct bpf_stack {
	struct bpf_program *programs; /* owned */
	size_t count;
};

/* Release what the stack holds.  Accepts a zeroed one. */
void bpf_stack_clear(struct bpf_stack *stack);

/*
 * Run one program.  true with the filter's return value in *value; false where the program holds what seccomp would
 * not have admitted (an unknown instruction, a jump or a load beyond the end).
 */
bool bpf_evaluate(const struct bpf_program *program, const struct seccomp_data *data, uint32_t *value);

/*
 * Run all filters, the newest first, as the kernel does: the strictest action wins, and among equals the
 * newest filter's value.  No filter at all is SECCOMP_RET_ALLOW.  false as above.
 */
bool bpf_stack_evaluate(const struct bpf_stack *stack, const struct seccomp_data *data, uint32_t *value);

#endif
