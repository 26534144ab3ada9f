/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/bpf_evaluate.h"

#include <stdlib.h>
#include <string.h>

void bpf_stack_clear(struct bpf_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		free(stack->programs[i].instructions);
	free(stack->programs);
	*stack = (struct bpf_stack){0};
}

struct machine {
	uint32_t a, x;
	uint32_t memory[BPF_MEMWORDS];
};

/* A division by a register that is zero ends the program with 0, which is SECCOMP_RET_KILL_THREAD. */
static bool alu(struct machine *m, uint16_t code, uint32_t k, bool *ended)
{
	uint32_t operand = BPF_SRC(code) == BPF_X ? m->x : k;
	switch (BPF_OP(code)) {
	case BPF_ADD:
		m->a += operand;
		break;
	case BPF_SUB:
		m->a -= operand;
		break;
	case BPF_MUL:
		m->a *= operand;
		break;
	case BPF_DIV:
		*ended = operand == 0;
		m->a = operand ? m->a / operand : 0;
		break;
	case BPF_AND:
		m->a &= operand;
		break;
	case BPF_OR:
		m->a |= operand;
		break;
	case BPF_XOR:
		m->a ^= operand;
		break;
	case BPF_LSH:
		m->a <<= operand & 31;
		break;
	case BPF_RSH:
		m->a >>= operand & 31;
		break;
	case BPF_NEG:
		m->a = -m->a;
		break;
	default:
		return false;
	}
	return true;
}

/* How many instructions to skip; false for an unknown jump. */
static bool jump(const struct machine *m, const struct sock_filter *i, size_t *skip)
{
	uint32_t operand = BPF_SRC(i->code) == BPF_X ? m->x : i->k;
	bool taken;
	switch (BPF_OP(i->code)) {
	case BPF_JA:
		*skip = i->k;
		return true;
	case BPF_JEQ:
		taken = m->a == operand;
		break;
	case BPF_JGT:
		taken = m->a > operand;
		break;
	case BPF_JGE:
		taken = m->a >= operand;
		break;
	case BPF_JSET:
		taken = m->a & operand;
		break;
	default:
		return false;
	}
	*skip = taken ? i->jt : i->jf;
	return true;
}

/* One load of either register. */
static bool load(const struct machine *m, const struct sock_filter *i, const struct seccomp_data *data, uint32_t *to)
{
	switch (BPF_MODE(i->code)) {
	case BPF_IMM:
		*to = i->k;
		return true;
	case BPF_LEN:
		*to = sizeof(*data);
		return true;
	case BPF_MEM:
		if (i->k >= BPF_MEMWORDS)
			return false;
		*to = m->memory[i->k];
		return true;
	case BPF_ABS:
		if (BPF_CLASS(i->code) != BPF_LD || i->k % 4 || i->k > sizeof(*data) - 4)
			return false;
		memcpy(to, (const char *)data + i->k, 4);
		return true;
	default:
		return false;
	}
}

static bool store(struct machine *m, const struct sock_filter *i)
{
	if (i->k >= BPF_MEMWORDS)
		return false;
	m->memory[i->k] = BPF_CLASS(i->code) == BPF_ST ? m->a : m->x;
	return true;
}

bool bpf_evaluate(const struct bpf_program *program, const struct seccomp_data *data, uint32_t *value)
{
	struct machine m = {0};
	for (size_t at = 0; at < program->count; at++) {
		const struct sock_filter *i = &program->instructions[at];
		bool known = false, ended = false;
		size_t skip = 0;
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			known = load(&m, i, data, &m.a);
			break;
		case BPF_LDX:
			known = load(&m, i, data, &m.x);
			break;
		case BPF_ST:
		case BPF_STX:
			known = store(&m, i);
			break;
		case BPF_ALU:
			known = alu(&m, i->code, i->k, &ended);
			break;
		case BPF_JMP:
			known = jump(&m, i, &skip);
			at += skip;
			break;
		case BPF_RET:
			*value = BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
			return true;
		case BPF_MISC:
			known = BPF_MISCOP(i->code) == BPF_TAX || BPF_MISCOP(i->code) == BPF_TXA;
			if (BPF_MISCOP(i->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		default:
			break;
		}
		if (!known)
			return false;
		if (ended) {
			*value = SECCOMP_RET_KILL_THREAD;
			return true;
		}
	}
	return false;
}

/* The kernel compares actions as signed numbers, which puts SECCOMP_RET_KILL_PROCESS below all others. */
static int32_t strictness(uint32_t value)
{
	return (int32_t)(value & SECCOMP_RET_ACTION_FULL);
}

bool bpf_stack_evaluate(const struct bpf_stack *stack, const struct seccomp_data *data, uint32_t *value)
{
	uint32_t strictest = SECCOMP_RET_ALLOW;
	for (size_t i = stack->count; i-- > 0;) {
		uint32_t one;
		if (!bpf_evaluate(&stack->programs[i], data, &one))
			return false;
		if (strictness(one) < strictness(strictest))
			strictest = one;
	}
	*value = strictest;
	return true;
}
