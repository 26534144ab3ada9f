/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluator against the kernel: random filters are installed in a child, asked, and read back. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/audit.h>

#include "base/array.h"
#include "suites/bpf_evaluate.h"
#include "suites/bpf_readback.h"

#define FIRST_NUMBER 600 /* no kernel has it: what a filter lets through is ENOSYS */
#define CALLS        24
#define BODY         40
#define FILTERS      3

struct question {
	long number;
	uint64_t args[6];
	int answer; /* errno */
};

struct exchange {
	struct question questions[CALLS];
	volatile size_t installed;
};

static uint32_t state;

static uint32_t pick(uint32_t below)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % below;
}

/* Constants that meet the arguments often enough for both ways of a jump. */
static uint32_t constant(void)
{
	static const uint32_t some[] = {0, 1, 2, 7, 16, 0x5412, 0x80000000, 0xffffffff, 0x7fffffff, FIRST_NUMBER};
	return pick(3) ? some[pick(ARRAY_SIZE(some))] : (uint32_t)FIRST_NUMBER + pick(CALLS);
}

static uint32_t verdict(void)
{
	return pick(3) ? SECCOMP_RET_ERRNO | (40 + pick(60)) : SECCOMP_RET_ALLOW;
}

static struct sock_filter random_instruction(size_t left)
{
	static const uint16_t operators[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND,
					     BPF_OR,  BPF_XOR, BPF_LSH, BPF_RSH};
	static const uint16_t jumps[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	uint16_t source = pick(3) ? BPF_K : BPF_X, operation = operators[pick(ARRAY_SIZE(operators))];
	switch (pick(12)) {
	case 0:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, constant());
	case 1:
		return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, constant());
	case 2:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, pick(BPF_MEMWORDS));
	case 3:
		return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_MEM, pick(BPF_MEMWORDS));
	case 4:
		return (struct sock_filter)BPF_STMT(pick(2) ? BPF_ST : BPF_STX, pick(BPF_MEMWORDS));
	case 5:
		return (struct sock_filter)BPF_STMT(BPF_MISC | (pick(2) ? BPF_TAX : BPF_TXA), 0);
	case 6:
		return (struct sock_filter)BPF_STMT(pick(2) ? BPF_LD | BPF_W | BPF_LEN : BPF_LDX | BPF_W | BPF_LEN, 0);
	case 7:
		if (!pick(4))
			return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_NEG, 0);
		/* The kernel refuses constant shifts by 32 and more and constant divisions by 0. */
		return (struct sock_filter)BPF_STMT(BPF_ALU | operation | source, 1 + pick(31));
	case 8:
	case 9:
		return (struct sock_filter)BPF_JUMP(BPF_JMP | jumps[pick(ARRAY_SIZE(jumps))] | source, constant(),
						    (uint8_t)pick((uint32_t)left), (uint8_t)pick((uint32_t)left));
	default:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, pick(16) * 4);
	}
}

/* Real calls pass; the memory words are all set once, as the kernel wants them before a load. */
static size_t random_filter(struct sock_filter *out)
{
	size_t n = 0;
	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_NUMBER, 1, 0);
	out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (uint32_t i = 0; i < BPF_MEMWORDS; i++)
		out[n++] = (struct sock_filter)BPF_STMT(BPF_ST, i);
	for (size_t i = 0; i < BODY; i++)
		out[n++] = random_instruction(i % 3 == 0 ? 1 : BODY - i);
	for (int i = 0; i < 3; i++) {
		out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, constant(), 0, 1);
		out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict());
	}
	out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict());
	return n;
}

/* Kill actions are left to their own test: here every answer must come back. */
static void ask_and_wait(struct exchange *exchange, struct sock_fprog *filters, size_t count, int done)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (size_t i = 0; i < count; i++)
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filters[i]) == 0)
			exchange->installed++;
	for (int i = 0; i < CALLS; i++) {
		struct question *q = &exchange->questions[i];
		errno = 0;
		if (syscall(q->number, q->args[0], q->args[1], q->args[2], q->args[3], q->args[4], q->args[5]) < 0)
			q->answer = errno;
	}
	if (write(done, "", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

static struct exchange *new_exchange(void)
{
	struct exchange *exchange =
		mmap(NULL, sizeof(*exchange), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(exchange != MAP_FAILED);
	for (int i = 0; i < CALLS; i++) {
		exchange->questions[i].number = FIRST_NUMBER + (long)pick(CALLS);
		for (int a = 0; a < 6; a++)
			exchange->questions[i].args[a] = (uint64_t)constant() << 32 | constant();
	}
	return exchange;
}

static void end(pid_t child)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

/*
 * The instruction pointer is part of the data and the random loads may reach it, so it is left at 0 in both:
 * a filter that looked at it is asked of the kernel, but not compared.
 */
static bool looks_at_pointer(const struct sock_filter *filter, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (filter[i].code == (BPF_LD | BPF_W | BPF_ABS) && (filter[i].k == 8 || filter[i].k == 12))
			return true;
	return false;
}

/* A byte when every question was asked; end of file when a division by zero killed the child. */
static bool wait_until_asked(int done)
{
	char byte;
	return read(done, &byte, 1) == 1;
}

static size_t compare_round(void)
{
	struct sock_filter code[FILTERS][128];
	struct sock_fprog filters[FILTERS];
	struct bpf_stack read_back = {0};
	size_t compared = 0, count = 1 + pick(FILTERS);
	bool comparable = true;

	for (size_t i = 0; i < count; i++) {
		filters[i] = (struct sock_fprog){(unsigned short)random_filter(code[i]), code[i]};
		comparable = comparable && !looks_at_pointer(code[i], filters[i].len);
	}
	struct exchange *exchange = new_exchange();
	int done[2];
	assert_int_equal(pipe(done), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		ask_and_wait(exchange, filters, count, done[1]);
	(void)close(done[1]);
	if (wait_until_asked(done[0])) {
		assert_int_equal(exchange->installed, count);
		assert_int_equal(bpf_read_installed(child, &read_back, NULL), 0);
		assert_int_equal(read_back.count, count);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(read_back.programs[i].count, filters[i].len);
			assert_memory_equal(read_back.programs[i].instructions, code[i],
					    filters[i].len * sizeof(code[i][0]));
		}
		end(child);
	} else {
		(void)waitpid(child, NULL, 0);
		comparable = false;
	}
	(void)close(done[0]);
	for (int i = 0; i < CALLS && comparable; i++, compared++) {
		const struct question *q = &exchange->questions[i];
		struct seccomp_data data = {.nr = (int)q->number, .arch = AUDIT_ARCH_X86_64};
		uint32_t value = 0;
		memcpy(data.args, q->args, sizeof(data.args));
		assert_true(bpf_stack_evaluate(&read_back, &data, &value));
		int expected = (value & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW ? ENOSYS
										      : (int)(value & SECCOMP_RET_DATA);
		assert_int_equal(q->answer, expected);
	}
	bpf_stack_clear(&read_back);
	(void)munmap(exchange, sizeof(*exchange));
	return compared;
}

static void test_random_filters_agree_with_the_kernel(void **unused)
{
	(void)unused;
	size_t compared = 0;
	for (uint32_t seed = 1; seed <= 400; seed++) {
		state = seed;
		compared += compare_round();
	}
	/* If nearly every round were left out, the agreement would say nothing. */
	assert_true(compared > 1000);
}

static uint32_t evaluate_two(uint32_t older, uint32_t newer)
{
	struct sock_filter code[2] = {BPF_STMT(BPF_RET | BPF_K, older), BPF_STMT(BPF_RET | BPF_K, newer)};
	struct bpf_program programs[2] = {{&code[0], 1}, {&code[1], 1}};
	const struct bpf_stack stack = {programs, 2};
	const struct seccomp_data data = {0};
	uint32_t value = 0;
	assert_true(bpf_stack_evaluate(&stack, &data, &value));
	return value;
}

static void test_strictest_action_wins(void **unused)
{
	(void)unused;
	static const uint32_t by_strictness[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
						 SECCOMP_RET_ERRNO | 1,    SECCOMP_RET_TRACE,       SECCOMP_RET_LOG,
						 SECCOMP_RET_ALLOW};
	for (size_t i = 0; i < ARRAY_SIZE(by_strictness); i++)
		for (size_t j = 0; j < ARRAY_SIZE(by_strictness); j++)
			assert_int_equal(evaluate_two(by_strictness[i], by_strictness[j]),
					 by_strictness[i < j ? i : j]);
	assert_int_equal(evaluate_two(SECCOMP_RET_ERRNO | 1, SECCOMP_RET_ERRNO | 2), SECCOMP_RET_ERRNO | 2);
}

static void test_no_filter_allows(void **unused)
{
	(void)unused;
	const struct bpf_stack none = {0};
	const struct seccomp_data data = {0};
	uint32_t value = 0;
	assert_true(bpf_stack_evaluate(&none, &data, &value));
	assert_int_equal(value, SECCOMP_RET_ALLOW);
}

static void test_what_seccomp_refuses_is_not_evaluated(void **unused)
{
	(void)unused;
	static const struct sock_filter bad[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data)),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), BPF_STMT(BPF_LD | BPF_MEM, BPF_MEMWORDS),
		BPF_STMT(BPF_ST, BPF_MEMWORDS),        BPF_STMT(BPF_ALU | BPF_MOD, 3),
		BPF_STMT(BPF_JMP | BPF_JA, 100),       BPF_STMT(BPF_JMP | 0x80, 0),
		BPF_STMT(BPF_MISC | 0x40, 0),
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sock_filter code[2] = {bad[i], BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
		const struct bpf_program program = {code, 2};
		const struct seccomp_data data = {0};
		uint32_t value;
		assert_false(bpf_evaluate(&program, &data, &value));
	}
}

static void test_process_without_filter_reads_as_empty(void **unused)
{
	(void)unused;
	struct bpf_stack stack = {0};
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		for (;;)
			(void)pause();
	assert_int_equal(bpf_read_installed(child, &stack, NULL), 0);
	assert_int_equal(stack.count, 0);
	end(child);
	assert_true(bpf_read_installed(child, &stack, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_filters_agree_with_the_kernel),
		cmocka_unit_test(test_strictest_action_wins),
		cmocka_unit_test(test_no_filter_allows),
		cmocka_unit_test(test_what_seccomp_refuses_is_not_evaluated),
		cmocka_unit_test(test_process_without_filter_reads_as_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
