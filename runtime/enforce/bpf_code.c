/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/bpf_code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 255 /* jt and jf are eight bits wide */

void bpf_code_clear(struct bpf_code *code)
{
	free(code->instructions);
	memset(code, 0, sizeof(*code));
}

static void emit(struct bpf_code *code, struct sock_filter instruction)
{
	if (code->error)
		return;
	if (code->length == code->allocated) {
		size_t allocated = code->allocated ? code->allocated * 2 : 64;
		struct sock_filter *grown = reallocarray(code->instructions, allocated, sizeof(*grown));
		if (!grown) {
			code->error = -ENOMEM;
			return;
		}
		code->instructions = grown;
		code->allocated = allocated;
	}
	code->instructions[code->length++] = instruction;
}

void bpf_emit(struct bpf_code *code, uint16_t op, uint32_t k)
{
	emit(code, (struct sock_filter)BPF_STMT(op, k));
}

void bpf_emit_jump(struct bpf_code *code, uint16_t op, uint32_t k, uint8_t if_true, uint8_t if_false)
{
	emit(code, (struct sock_filter)BPF_JUMP(BPF_JMP | op | BPF_K, k, if_true, if_false));
}

size_t bpf_emit_forward(struct bpf_code *code, uint16_t op, uint32_t k)
{
	size_t place = code->length;

	bpf_emit_jump(code, op, k, 0, 0);
	return place;
}

void bpf_land(struct bpf_code *code, size_t place)
{
	size_t distance = code->length - place - 1;

	/* Room for the long jump that may follow the short one. */
	if (distance > NEAR)
		bpf_emit(code, BPF_JMP | BPF_JA, 0);
	if (code->error)
		return;
	struct sock_filter *jump = &code->instructions[place];
	if (distance <= NEAR) {
		jump->jt = (uint8_t)distance;
		return;
	}
	memmove(jump + 2, jump + 1, distance * sizeof(*jump));
	jump[1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance);
	jump->jf = 1;
}
