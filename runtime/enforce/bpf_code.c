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

void bpf_emit_jump(struct bpf_code *code, uint16_t op, uint32_t k, size_t if_true, size_t if_false)
{
	uint16_t jump = BPF_JMP | op | BPF_K;

	if (if_true <= NEAR && if_false <= NEAR) {
		emit(code, (struct sock_filter)BPF_JUMP(jump, k, (uint8_t)if_true, (uint8_t)if_false));
		return;
	}
	/* Two long jumps behind it: the first for "true", the second for "false". */
	emit(code, (struct sock_filter)BPF_JUMP(jump, k, 0, 1));
	emit(code, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)if_true + 1));
	emit(code, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)if_false));
}

void bpf_append(struct bpf_code *code, const struct bpf_code *piece)
{
	if (piece->error)
		code->error = piece->error;
	for (size_t i = 0; i < piece->length; i++)
		emit(code, piece->instructions[i]);
}
