/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/seccomp_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "policy/syscalls.h"

#define X32_BIT      0x40000000u
#define NO_SYSCALL   0xffffffffu /* what a tracer writes to skip a call: not x32 */
#define NUMBER_LIMIT 512 /* one past the highest number that a row may have */

#define LOAD(member)    BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, member)
#define RETURN_ERRNO(e) BPF_RET | BPF_K, (uint32_t)(SECCOMP_RET_ERRNO | ((uint32_t)(e)&SECCOMP_RET_DATA))

/* Numbers from first up to the next segment's first share one decision. */
struct segment {
	uint32_t first;
	struct syscall_decision decision;
};

struct segments {
	struct segment item[NUMBER_LIMIT + 1];
	size_t count;
};

static bool same_decision(const struct syscall_decision *a, const struct syscall_decision *b)
{
	return a->verdict != SYSCALL_CONDITIONAL && a->verdict == b->verdict &&
	       (a->verdict == SYSCALL_ALLOW || a->error_number == b->error_number);
}

static void add_segment(struct segments *segments, uint32_t first, struct syscall_decision decision)
{
	if (segments->count > 0 && same_decision(&segments->item[segments->count - 1].decision, &decision))
		return;
	segments->item[segments->count++] = (struct segment){.first = first, .decision = decision};
}

/* Load one half of an argument; seccomp_data is little-endian here: the low half comes first. */
static void load_half(struct bpf_code *code, unsigned index, bool high)
{
	bpf_emit(code, BPF_LD | BPF_W | BPF_ABS,
		 (uint32_t)(offsetof(struct seccomp_data, args) + index * sizeof(uint64_t) + (high ? 4 : 0)));
}

/* Compare one half: falls through when it holds, skips `otherwise` instructions after the piece when not. */
static void compare_half(struct bpf_code *code, const struct arg_condition *condition, bool high, uint8_t otherwise)
{
	unsigned shift = high ? 32 : 0;
	uint32_t mask = (uint32_t)(condition->mask >> shift);

	load_half(code, condition->index, high);
	bpf_emit(code, BPF_ALU | BPF_AND | BPF_K, mask);
	uint32_t operand = (uint32_t)(condition->operand >> shift);
	if (condition->op == ARG_NE_LOW32)
		bpf_emit_jump(code, BPF_JEQ, operand, otherwise, 0);
	else
		bpf_emit_jump(code, BPF_JEQ, operand, 0, otherwise);
}

static uint8_t condition_length(const struct arg_condition *condition)
{
	return condition->op == ARG_EQ ? 6 : 3;
}

/* One group of conditions: all hold and the call is allowed, or control falls out behind the group. */
static void emit_group(struct bpf_code *code, const struct syscall_decision *decision, unsigned group)
{
	uint8_t left = 1; /* the RET ALLOW at the end */

	for (size_t i = 0; i < decision->condition_count; i++)
		if (decision->conditions[i].group == group)
			left = (uint8_t)(left + condition_length(&decision->conditions[i]));
	for (size_t i = 0; i < decision->condition_count; i++) {
		const struct arg_condition *condition = &decision->conditions[i];
		if (condition->group != group)
			continue;
		if (condition->op == ARG_EQ) {
			left = (uint8_t)(left - 3);
			compare_half(code, condition, true, left);
		}
		left = (uint8_t)(left - 3);
		compare_half(code, condition, false, left);
	}
	bpf_emit(code, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

static void emit_leaf(struct bpf_code *code, const struct syscall_decision *decision)
{
	if (decision->verdict == SYSCALL_ALLOW) {
		bpf_emit(code, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		return;
	}
	if (decision->verdict == SYSCALL_CONDITIONAL) {
		unsigned groups = 0;
		for (size_t i = 0; i < decision->condition_count; i++)
			if (decision->conditions[i].group >= groups)
				groups = decision->conditions[i].group + 1u;
		for (unsigned group = 0; group < groups; group++)
			emit_group(code, decision, group);
	}
	bpf_emit(code, RETURN_ERRNO(decision->error_number));
}

/* The tree over segments first..first+count-1; the number is in the accumulator. */
static void emit_tree(struct bpf_code *code, const struct segment *segment, size_t count)
{
	if (count == 1) {
		emit_leaf(code, &segment->decision);
		return;
	}
	size_t half = count / 2;
	size_t above = bpf_emit_forward(code, BPF_JGE, segment[half].first);
	emit_tree(code, segment, half);
	bpf_land(code, above);
	emit_tree(code, segment + half, count - half);
}

/* Any other architecture, and x32 numbers of this one, are another door into the same kernel: the process dies. */
static void emit_abi_check(struct bpf_code *code)
{
	bpf_emit(code, LOAD(arch));
	bpf_emit_jump(code, BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
	bpf_emit(code, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	bpf_emit(code, LOAD(nr));
	bpf_emit_jump(code, BPF_JGE, X32_BIT, 0, 2);
	bpf_emit_jump(code, BPF_JEQ, NO_SYSCALL, 1, 0);
	bpf_emit(code, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
}

static void divide(const struct policy *policy, struct segments *segments)
{
	static const struct syscall_decision unknown = {.verdict = SYSCALL_DENY, .error_number = ENOSYS};
	const struct syscall_row *by_number[NUMBER_LIMIT] = {NULL};

	for (size_t i = 0; i < syscall_row_count; i++)
		if (syscall_rows[i].number >= 0 && syscall_rows[i].number < NUMBER_LIMIT)
			by_number[syscall_rows[i].number] = &syscall_rows[i];
	for (uint32_t number = 0; number < NUMBER_LIMIT; number++)
		add_segment(segments, number, by_number[number] ? syscall_decide(policy, by_number[number]) : unknown);
	add_segment(segments, NUMBER_LIMIT, unknown);
}

int seccomp_compile(const struct policy *policy, struct bpf_code *code, struct error *err)
{
	struct segments *segments = calloc(1, sizeof(*segments));
	if (!segments)
		return error_set(err, ENOMEM, "seccomp filter");
	divide(policy, segments);

	emit_abi_check(code);
	emit_tree(code, segments->item, segments->count);
	free(segments);
	if (code->error)
		return error_set(err, ENOMEM, "seccomp filter");
	if (code->length > BPF_MAXINSNS)
		return error_say(err, E2BIG, "seccomp filter: %zu instructions, the kernel takes %d", code->length,
				 BPF_MAXINSNS);
	return 0;
}

int seccomp_compile_init(struct bpf_code *code, struct error *err)
{
	static const uint32_t admitted[] = {SYS_read,       SYS_wait4, SYS_poll,         SYS_kill,
					    SYS_exit_group, SYS_close, SYS_rt_sigreturn, SYS_restart_syscall};

	emit_abi_check(code);
	for (size_t i = 0; i < ARRAY_SIZE(admitted); i++) {
		bpf_emit_jump(code, BPF_JEQ, admitted[i], 0, 1);
		bpf_emit(code, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	bpf_emit(code, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	return code->error ? error_set(err, ENOMEM, "seccomp filter of PID 1") : 0;
}

int seccomp_install(const struct bpf_code *code, struct error *err)
{
	const struct sock_fprog program = {.len = (unsigned short)code->length, .filter = code->instructions};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return error_set(err, errno, "seccomp filter of %zu instructions", code->length);
	return 0;
}
