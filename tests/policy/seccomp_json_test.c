/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp document says the same as the table: it is loaded into libseccomp the way runc and
 * crun do, and the program that comes out is evaluated over arguments on both sides of every condition.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "policy/seccomp_json.h"
#include "policy/string_list.h"
#include "policy/syscalls.h"

#define ARCH_X86_64 0xc000003eU
#define PROGRAM_MAX 65536

static struct sock_filter program[PROGRAM_MAX];
static size_t program_length;

/* --- Running a filter ------------------------------------------------------------------------------- */
static bool jumps(const struct sock_filter *at, uint32_t a)
{
	switch (BPF_OP(at->code)) {
	case BPF_JEQ:
		return a == at->k;
	case BPF_JGT:
		return a > at->k;
	case BPF_JGE:
		return a >= at->k;
	case BPF_JSET:
		return (a & at->k) != 0;
	default:
		fail_msg("jump %#x", at->code);
		return false;
	}
}

/* The instructions that libseccomp uses. */
static uint32_t run_filter(const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < program_length; pc++) {
		const struct sock_filter *at = &program[pc];
		switch (BPF_CLASS(at->code)) {
		case BPF_LD:
			memcpy(&a, (const char *)data + at->k, sizeof(a));
			break;
		case BPF_ALU:
			assert_int_equal(BPF_OP(at->code), BPF_AND);
			a &= at->k;
			break;
		case BPF_JMP:
			pc += BPF_OP(at->code) == BPF_JA ? at->k : jumps(at, a) ? at->jt : at->jf;
			break;
		case BPF_RET:
			return at->k;
		default:
			fail_msg("instruction %#x", at->code);
		}
	}
	fail_msg("the filter has no end");
	return 0;
}

/* --- Loading the document as a runtime does ---------------------------------------------------------- */
static uint32_t entry_action(const json_t *entry)
{
	if (strcmp(json_string_value(json_object_get(entry, "action")), "SCMP_ACT_ALLOW") == 0)
		return SCMP_ACT_ALLOW;
	return SCMP_ACT_ERRNO(json_integer_value(json_object_get(entry, "errnoRet")));
}

static void add_rules(scmp_filter_ctx filter, const json_t *entry)
{
	struct scmp_arg_cmp comparisons[6];
	unsigned count = 0;
	size_t index;
	json_t *arg, *name;

	json_array_foreach(json_object_get(entry, "args"), index, arg)
	{
		assert_string_equal(json_string_value(json_object_get(arg, "op")), "SCMP_CMP_MASKED_EQ");
		comparisons[count++] = (struct scmp_arg_cmp){
			.arg = (unsigned)json_integer_value(json_object_get(arg, "index")),
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = (scmp_datum_t)json_integer_value(json_object_get(arg, "value")),
			.datum_b = (scmp_datum_t)json_integer_value(json_object_get(arg, "valueTwo")),
		};
	}
	json_array_foreach(json_object_get(entry, "names"), index, name)
	{
		int number = seccomp_syscall_resolve_name(json_string_value(name));
		if (number == __NR_SCMP_ERROR)
			continue;
		int r = seccomp_rule_add_array(filter, entry_action(entry), number, count, comparisons);
		if (r < 0)
			fail_msg("libseccomp refuses a rule of %s: %d", json_string_value(name), r);
	}
}

static void load_document(const struct policy *policy)
{
	_cleanup_free_ char *text = NULL;
	struct error err = {0};

	assert_int_equal(seccomp_json(policy, &text, &err), 0);
	json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *entry;
	assert_non_null(document);
	assert_string_equal(json_string_value(json_object_get(document, "defaultAction")), "SCMP_ACT_ERRNO");
	scmp_filter_ctx filter = seccomp_init(
		SCMP_ACT_ERRNO((uint16_t)json_integer_value(json_object_get(document, "defaultErrnoRet"))));
	size_t index;
	json_array_foreach(json_object_get(document, "syscalls"), index, entry) add_rules(filter, entry);
	json_decref(document);

	_cleanup_fd_ int fd = memfd_create("filter", MFD_CLOEXEC);
	assert_int_equal(seccomp_export_bpf(filter, fd), 0);
	seccomp_release(filter);
	ssize_t bytes = pread(fd, program, sizeof(program), 0);
	assert_in_range(bytes, 1, sizeof(program) - 1);
	program_length = (size_t)bytes / sizeof(program[0]);
}

/* --- What the table says ------------------------------------------------------------------------------ */
static bool condition_holds(const struct arg_condition *condition, const uint64_t *args)
{
	uint64_t value = args[condition->index];

	switch (condition->op) {
	case ARG_EQ:
		return (value & condition->mask) == condition->operand;
	case ARG_EQ_LOW32:
		return (value & condition->mask & UINT32_MAX) == condition->operand;
	default:
		return (value & condition->mask & UINT32_MAX) != condition->operand;
	}
}

static uint32_t table_says(const struct policy *policy, const struct syscall_row *row, const uint64_t *args)
{
	struct syscall_decision decision = syscall_decide(policy, row);

	/* Not part of the file: the runtimes that load it leave user.max_*_namespaces as they are. */
	if (row->needs_user_namespace && !string_list_has(&policy->allowed_syscalls, row->name) &&
	    decision.verdict != SYSCALL_DENY)
		return SECCOMP_RET_ERRNO | ENOSYS;
	if (decision.verdict == SYSCALL_ALLOW)
		return SECCOMP_RET_ALLOW;
	if (decision.verdict == SYSCALL_DENY)
		return SECCOMP_RET_ERRNO | (uint32_t)decision.error_number;
	for (unsigned group = 0; group < SYSCALL_CONDITIONS_MAX; group++) {
		bool holds = false;
		for (size_t i = 0; i < decision.condition_count; i++) {
			if (decision.conditions[i].group != group)
				continue;
			holds = condition_holds(&decision.conditions[i], args);
			if (!holds)
				break;
		}
		if (holds)
			return SECCOMP_RET_ALLOW;
	}
	return SECCOMP_RET_ERRNO | (uint32_t)decision.error_number;
}

static void compare(const struct policy *policy, const struct syscall_row *row, const uint64_t *args)
{
	struct seccomp_data data = {.nr = row->number, .arch = ARCH_X86_64};

	memcpy(data.args, args, sizeof(data.args));
	uint32_t said = run_filter(&data), meant = table_says(policy, row, args);
	if (said != meant)
		fail_msg("%s under %s with %#lx %#lx %#lx %#lx: the filter says %#x, the table %#x", row->name,
			 policy->seccomp_profile, args[0], args[1], args[2], args[3], said, meant);
}

/* Values on both sides of a condition: its operand, each bit turned, with and without the upper half. */
static size_t values_near(const struct arg_condition *condition, uint64_t *values)
{
	size_t count = 0;

	values[count++] = 0;
	values[count++] = UINT64_MAX;
	values[count++] = condition->mask;
	values[count++] = condition->operand;
	values[count++] = condition->operand | UINT64_C(1) << 32;
	values[count++] = condition->operand | UINT64_C(0xdeadbeef) << 32;
	for (unsigned bit = 0; bit < 64; bit++)
		values[count++] = condition->operand ^ UINT64_C(1) << bit;
	return count;
}

static void compare_row(const struct policy *policy, const struct syscall_row *row)
{
	struct syscall_decision decision = syscall_decide(policy, row);
	uint64_t first[80], second[80], args[6] = {0};

	compare(policy, row, args);
	memset(args, 0xff, sizeof(args));
	compare(policy, row, args);
	for (size_t i = 0; i < decision.condition_count; i++) {
		size_t first_count = values_near(&decision.conditions[i], first);
		for (size_t j = 0; j < decision.condition_count; j++) {
			size_t second_count = values_near(&decision.conditions[j], second);
			for (size_t a = 0; a < first_count; a++) {
				for (size_t b = 0; b < second_count; b++) {
					args[decision.conditions[j].index] = second[b];
					args[decision.conditions[i].index] = first[a];
					compare(policy, row, args);
				}
			}
		}
	}
}

/* libseccomp 2.5.4 does not know the numbers after 456: they fall to the default, which is what a newer call gets. */
static bool libseccomp_knows(const struct syscall_row *row)
{
	return row->number >= 0 && seccomp_syscall_resolve_name(row->name) == row->number;
}

static void compare_policy(const struct policy *policy)
{
	load_document(policy);
	for (size_t i = 0; i < syscall_row_count; i++)
		if (libseccomp_knows(&syscall_rows[i]))
			compare_row(policy, &syscall_rows[i]);

	static const int unknown[] = {335, 336, 400, 470, 511, 100000};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct seccomp_data data = {.nr = unknown[i], .arch = ARCH_X86_64};
		assert_int_equal(run_filter(&data), SECCOMP_RET_ERRNO | ENOSYS);
	}
	/* i386, and x32: killed, as libseccomp does with every architecture that is not named. */
	struct seccomp_data i386 = {.nr = 3, .arch = 0x40000003U}, x32 = {.nr = 0x40000000, .arch = ARCH_X86_64};
	assert_int_equal(run_filter(&i386), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(run_filter(&x32), SECCOMP_RET_KILL_THREAD);
}

static void compare_document(const char *json)
{
	struct policy policy = {0};
	struct error err = {0};

	if (policy_parse(&policy, "test", json, strlen(json), &err) < 0)
		fail_msg("%s", err.text);
	compare_policy(&policy);
	policy_clear(&policy);
}

static void test_each_profile(void **state)
{
	(void)state;
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct policy policy;
		policy_defaults(&policy, (enum profile)profile);
		compare_policy(&policy);
		policy_clear(&policy);
	}
}

static void test_minimal_with_network(void **state)
{
	(void)state;
	compare_document("{\"security_profile\":{\"profile_name\":\"minimal\"},"
			 "\"resource_limits\":{\"network_access\":\"full\"}}");
}

static void test_custom_lists(void **state)
{
	(void)state;
	compare_document("{\"security_profile\":{\"allowed_syscalls\":[\"mount\",\"ptrace\",\"openat2\"],"
			 "\"blocked_syscalls\":[\"fork\",\"socket\",\"write\"]}}");
}

static void test_privileged_by_capability(void **state)
{
	(void)state;
	compare_document("{\"security_profile\":{\"profile_name\":\"privileged\",\"user_namespace\":false,"
			 "\"allowed_capabilities\":[\"CAP_SYS_PTRACE\",\"CAP_SYS_NICE\"]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_profile),
		cmocka_unit_test(test_minimal_with_network),
		cmocka_unit_test(test_custom_lists),
		cmocka_unit_test(test_privileged_by_capability),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
