/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF, written front to back.
 *
 * All jumps of cBPF go forward and are relative, so what is emitted stays right when it is moved as a
 * whole.  Conditional jumps reach 255 instructions; farther ones are written as a short jump over an
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

/* Append a conditional jump over at most 255 instructions: skip if_true of them when it holds, else if_false. */
void bpf_emit_jump(struct bpf_code *code, uint16_t op, uint32_t k, uint8_t if_true, uint8_t if_false);

/*
 * Append a conditional jump whose target is not known yet, and return its place for bpf_land: when it does not hold, the
 * program goes on behind it.
 */
size_t bpf_emit_forward(struct bpf_code *code, uint16_t op, uint32_t k);

/* Make the jump at `place` land behind all that has been emitted since, however far that is. */
void bpf_land(struct bpf_code *code, size_t place);

#endif
