/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF in pieces that can be put one behind the other.
 *
 * All jumps of cBPF go forward and are relative, so a piece stays right wherever it is placed.
 * Conditional jumps reach 255 instructions; farther ones are written as a short jump over an
 * unconditional one, which has 32 bits.
 */
#ifndef ENFORCE_BPF_CODE_H
#define ENFORCE_BPF_CODE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* A growing program.  Zero-initialise; release with bpf_code_clear. */
struct bpf_code {
	struct sock_filter *instructions; /* owned */
	size_t length, allocated;
	int error; /* sticky: 0 or -ENOMEM; everything after a failure is a no-op */
};

void bpf_code_clear(struct bpf_code *code);

/* Append one statement (BPF_LD, BPF_ALU, BPF_RET). */
void bpf_emit(struct bpf_code *code, uint16_t op, uint32_t k);

/* Append a conditional jump: skip if_true instructions when it holds, else if_false. */
void bpf_emit_jump(struct bpf_code *code, uint16_t op, uint32_t k, size_t if_true, size_t if_false);

/* Append all of piece. */
void bpf_append(struct bpf_code *code, const struct bpf_code *piece);

#endif
