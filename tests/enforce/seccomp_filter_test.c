/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter that we emit, run through an interpreter of its own here, against two oracles: the decision of
 * the table, and the filter that libseccomp makes of the same rows.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enforce/seccomp_filter.h"
#include "policy/syscalls.h"

/* The subset of classic BPF that seccomp programs use. */
static uint32_t interpret(const struct sock_filter *code, size_t length, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < length; pc++) {
		const struct sock_filter *at = &code[pc];
		switch (at->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + at->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= at->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += at->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == at->k ? at->jt : at->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= at->k ? at->jt : at->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > at->k ? at->jt : at->jf;
			break;
		case BPF_RET | BPF_K:
			return at->k;
		default:
			fail_msg("instruction 0x%x at %zu", at->code, pc);
		}
	}
	fail_msg("ran off the end");
	return 0;
}

struct compiled {
	struct policy policy;
	struct bpf_code code;
};

static struct compiled compile(enum profile profile)
{
	struct compiled compiled = {0};
	struct error err = {0};

	policy_defaults(&compiled.policy, profile);
	if (seccomp_compile(&compiled.policy, &compiled.code, &err) < 0)
		fail_msg("%s", err.text);
	return compiled;
}

static void release(struct compiled *compiled)
{
	policy_clear(&compiled->policy);
	bpf_code_clear(&compiled->code);
}

static uint32_t ask(const struct compiled *compiled, uint32_t arch, uint32_t number, const uint64_t args[6])
{
	struct seccomp_data data = {.arch = arch, .nr = (int)number};

	if (args)
		memcpy(data.args, args, sizeof(data.args));
	return interpret(compiled->code.instructions, compiled->code.length, &data);
}

static bool holds(const struct arg_condition *condition, const uint64_t args[6])
{
	uint64_t value = args[condition->index];

	switch (condition->op) {
	case ARG_EQ:
		return (value & condition->mask) == condition->operand;
	case ARG_EQ_LOW32:
		return ((uint32_t)value & (uint32_t)condition->mask) == (uint32_t)condition->operand;
	case ARG_NE_LOW32:
		return ((uint32_t)value & (uint32_t)condition->mask) != (uint32_t)condition->operand;
	}
	return false;
}

/* What the decision says of these arguments, reckoned from its definition: one group whole is enough. */
static uint32_t expected(const struct syscall_decision *decision, const uint64_t args[6])
{
	uint32_t refused = SECCOMP_RET_ERRNO | (uint32_t)decision->error_number;

	if (decision->verdict == SYSCALL_ALLOW)
		return SECCOMP_RET_ALLOW;
	if (decision->verdict == SYSCALL_DENY)
		return refused;
	for (unsigned group = 0; group < SYSCALL_CONDITIONS_MAX; group++) {
		bool all = true, any = false;
		for (size_t i = 0; i < decision->condition_count; i++) {
			if (decision->conditions[i].group != group)
				continue;
			any = true;
			all = all && holds(&decision->conditions[i], args);
		}
		if (any && all)
			return SECCOMP_RET_ALLOW;
	}
	return refused;
}

/* Values around every operand and mask, with and without garbage in the upper half. */
static uint64_t interesting(const struct syscall_decision *decision, unsigned *seed)
{
	static const uint64_t plain[] = {0, 1, UINT64_MAX, 0x80000000, 0xffffffff, UINT64_C(1) << 32};
	*seed = *seed * 1103515245 + 12345;
	unsigned pick = *seed >> 16;

	if (decision->condition_count == 0 || pick % 3 == 0)
		return plain[pick % (sizeof(plain) / sizeof(plain[0]))];
	const struct arg_condition *condition = &decision->conditions[pick % decision->condition_count];
	uint64_t value = pick & 8 ? condition->operand : condition->mask;
	value ^= pick & 16 ? UINT64_C(1) << (pick % 64) : 0;
	return value | (pick & 32 ? UINT64_C(0xdeadbeef) << 32 : 0);
}

static void every_number_gets_its_decision(void **state)
{
	(void)state;
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct compiled compiled = compile((enum profile)profile);
		unsigned seed = 1;
		for (uint32_t number = 0; number < 600; number++) {
			const struct syscall_row *row = syscall_by_number((int)number);
			struct syscall_decision decision = {.verdict = SYSCALL_DENY, .error_number = ENOSYS};
			if (row)
				decision = syscall_decide(&compiled.policy, row);
			for (int round = 0; round < 200; round++) {
				uint64_t args[6];
				for (size_t i = 0; i < 6; i++)
					args[i] = interesting(&decision, &seed);
				uint32_t got = ask(&compiled, AUDIT_ARCH_X86_64, number, args);
				if (got != expected(&decision, args))
					fail_msg("profile %d, call %u (%s): 0x%x, not 0x%x", profile, number,
						 row ? row->name : "unknown", got, expected(&decision, args));
			}
		}
		release(&compiled);
	}
}

/* The rows without conditions, given to libseccomp: two emitters that must agree. */
static void libseccomp_agrees(void **state)
{
	(void)state;
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct compiled compiled = compile((enum profile)profile);
		scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
		assert_non_null(context);
		size_t compared = 0;
		for (uint32_t number = 0; number < 512; number++) {
			const struct syscall_row *row = syscall_by_number((int)number);
			if (!row)
				continue;
			struct syscall_decision decision = syscall_decide(&compiled.policy, row);
			uint32_t action = decision.verdict == SYSCALL_ALLOW
						  ? SCMP_ACT_ALLOW
						  : SCMP_ACT_ERRNO((uint32_t)decision.error_number);
			/* libseccomp refuses a rule that is its default action. */
			if (decision.verdict != SYSCALL_CONDITIONAL && action != SCMP_ACT_ERRNO(ENOSYS))
				assert_int_equal(seccomp_rule_add(context, action, (int)number, 0), 0);
		}
		int fd = memfd_create("filter", MFD_CLOEXEC);
		assert_int_equal(seccomp_export_bpf(context, fd), 0);
		seccomp_release(context);
		static struct sock_filter theirs[BPF_MAXINSNS];
		ssize_t bytes = pread(fd, theirs, sizeof(theirs), 0);
		assert_true(bytes > 0);
		(void)close(fd);
		for (uint32_t number = 0; number < 512; number++) {
			const struct syscall_row *row = syscall_by_number((int)number);
			if (row && syscall_decide(&compiled.policy, row).verdict == SYSCALL_CONDITIONAL)
				continue;
			struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64, .nr = (int)number};
			assert_int_equal(ask(&compiled, AUDIT_ARCH_X86_64, number, NULL),
					 interpret(theirs, (size_t)bytes / sizeof(theirs[0]), &data));
			compared++;
		}
		assert_true(compared > 450);
		release(&compiled);
	}
}

static void other_abis_kill(void **state)
{
	(void)state;
	struct compiled compiled = compile(PROFILE_PRIVILEGED);

	for (uint32_t number = 0; number < 512; number++) {
		assert_int_equal(ask(&compiled, AUDIT_ARCH_I386, number, NULL), SECCOMP_RET_KILL_PROCESS);
		assert_int_equal(ask(&compiled, AUDIT_ARCH_X86_64, number | 0x40000000u, NULL),
				 SECCOMP_RET_KILL_PROCESS);
	}
	assert_int_equal(ask(&compiled, AUDIT_ARCH_AARCH64, 0, NULL), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&compiled, AUDIT_ARCH_X86_64, UINT32_MAX, NULL), SECCOMP_RET_ERRNO | ENOSYS);
	release(&compiled);
}

static void high_bits_do_not_hide_an_ioctl(void **state)
{
	(void)state;
	struct compiled compiled = compile(PROFILE_STANDARD);
	const struct syscall_row *row = syscall_by_name("ioctl");
	const uint64_t tiocsti = 0x5412, harmless = 0x5401;

	assert_non_null(row);
	for (unsigned bit = 32; bit <= 64; bit++) {
		uint64_t garbage = bit < 64 ? UINT64_C(1) << bit : 0;
		const uint64_t bad[6] = {0, tiocsti | garbage}, good[6] = {0, harmless | garbage};
		assert_int_equal(ask(&compiled, AUDIT_ARCH_X86_64, (uint32_t)row->number, bad),
				 SECCOMP_RET_ERRNO | EPERM);
		assert_int_equal(ask(&compiled, AUDIT_ARCH_X86_64, (uint32_t)row->number, good), SECCOMP_RET_ALLOW);
	}
	release(&compiled);
}

/* Jumps on both sides of what eight bits reach. */
static void jumps_land_however_far(void **state)
{
	static const size_t distances[] = {1, 254, 255, 256, 257, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
		struct bpf_code code = {0};
		bpf_emit(&code, BPF_LD | BPF_W | BPF_ABS, 0);
		size_t place = bpf_emit_forward(&code, BPF_JGE, 100);
		for (size_t n = 1; n < distances[i]; n++)
			bpf_emit(&code, BPF_LD | BPF_W | BPF_ABS, 0);
		bpf_emit(&code, BPF_RET | BPF_K, 1);
		bpf_land(&code, place);
		bpf_emit(&code, BPF_RET | BPF_K, 2);
		struct seccomp_data below = {.nr = 99}, above = {.nr = 100};
		assert_int_equal(interpret(code.instructions, code.length, &below), 1);
		assert_int_equal(interpret(code.instructions, code.length, &above), 2);
		bpf_code_clear(&code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_gets_its_decision),
		cmocka_unit_test(libseccomp_agrees),
		cmocka_unit_test(other_abis_kill),
		cmocka_unit_test(high_bits_do_not_hide_an_ioctl),
		cmocka_unit_test(jumps_land_however_far),
	};
	return cmocka_run_group_tests_name("seccomp filter", tests, NULL, NULL);
}
