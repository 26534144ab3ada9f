/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "harness/plan.h"
#include "suites/seccomp.h"

/* The newest number that the libseccomp of the oldest supported system can name. */
#define LIBSECCOMP_KNOWS 450

static void load(struct golden_calls *calls, const struct policy *policy)
{
	struct error err = {0};
	if (golden_calls_get(calls, FIXTURES_DIR, policy, &err) < 0)
		fail_msg("%s", err.text);
}

static enum golden_verdict verdict_of(const struct golden_calls *calls, const char *name)
{
	int number = golden_number(calls, name);
	if (number < 0)
		fail_msg("%s is not in the table", name);
	return calls->by_number[number].verdict;
}

static void test_table_has_every_number(void **unused)
{
	(void)unused;
	struct golden_calls calls;
	const struct policy policy = {.profile = PROFILE_STANDARD};
	load(&calls, &policy);
	for (int number = 0; number <= GOLDEN_LAST_NUMBER; number++) {
		bool hole = number >= 337 && number <= 423;
		if (hole != (calls.by_number[number].name == NULL))
			fail_msg("number %d", number);
		if (!hole)
			assert_true(calls.by_number[number].note[0] != '\0');
	}
}

/* A third opinion on which name has which number. */
static void test_names_are_libseccomps(void **unused)
{
	(void)unused;
	struct golden_calls calls;
	const struct policy policy = {.profile = PROFILE_STANDARD};
	load(&calls, &policy);
	for (int number = 0; number <= LIBSECCOMP_KNOWS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
		if (name && number != 335 && number != 336)
			assert_string_equal(calls.by_number[number].name, name);
		free(name);
	}
}

/* The guide's list and what it misses, written down once more by hand. */
static void test_always_denied(void **unused)
{
	(void)unused;
	static const char *const denied[] = {
		"acct",
		"add_key",
		"bpf",
		"chroot",
		"clock_adjtime",
		"clock_settime",
		"create_module",
		"delete_module",
		"finit_module",
		"init_module",
		"kcmp",
		"kexec_file_load",
		"kexec_load",
		"keyctl",
		"lookup_dcookie",
		"mount",
		"perf_event_open",
		"pivot_root",
		"quotactl",
		"reboot",
		"setdomainname",
		"sethostname",
		"setns",
		"swapoff",
		"swapon",
		"umount2",
		"unshare",
		"userfaultfd",
		"fsopen",
		"fsconfig",
		"fsmount",
		"fspick",
		"move_mount",
		"open_tree",
		"open_tree_attr",
		"mount_setattr",
		"settimeofday",
		"quotactl_fd",
		"open_by_handle_at",
		"io_uring_setup",
		"io_uring_enter",
		"io_uring_register",
		"iopl",
		"ioperm",
		"request_key",
		"syslog",
		"nfsservctl",
	};
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct golden_calls calls;
		const struct policy policy = {.profile = (enum profile)profile, .capabilities = UINT64_MAX};
		load(&calls, &policy);
		for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
			if (verdict_of(&calls, denied[i]) != GOLDEN_DENY)
				fail_msg("%s under %s", denied[i], profile_name((enum profile)profile));
	}
}

static size_t count_of(enum profile profile, enum golden_verdict verdict)
{
	struct golden_calls calls;
	const struct policy policy = {.profile = profile};
	size_t count = 0;
	load(&calls, &policy);
	for (int number = 0; number <= GOLDEN_LAST_NUMBER; number++)
		count += calls.by_number[number].verdict == verdict;
	return count;
}

static void test_sizes(void **unused)
{
	(void)unused;
	assert_true(count_of(PROFILE_STANDARD, GOLDEN_ALLOW) >= 250);
	assert_true(count_of(PROFILE_MINIMAL, GOLDEN_ALLOW) + 60 < count_of(PROFILE_STANDARD, GOLDEN_ALLOW));
	assert_true(count_of(PROFILE_MINIMAL, GOLDEN_DENY) > count_of(PROFILE_STANDARD, GOLDEN_DENY));
}

static void test_capability_admits(void **unused)
{
	(void)unused;
	static const char *const calls_by_ptrace[] = {"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"};
	struct golden_calls without, with, standard;
	struct policy policy = {.profile = PROFILE_PRIVILEGED};
	load(&without, &policy);
	policy.capabilities = UINT64_C(1) << CAP_SYS_PTRACE;
	load(&with, &policy);
	policy.profile = PROFILE_STANDARD;
	load(&standard, &policy);
	for (size_t i = 0; i < ARRAY_SIZE(calls_by_ptrace); i++) {
		assert_int_equal(verdict_of(&without, calls_by_ptrace[i]), GOLDEN_DENY);
		assert_int_equal(verdict_of(&with, calls_by_ptrace[i]), GOLDEN_ALLOW);
		assert_int_equal(verdict_of(&standard, calls_by_ptrace[i]), GOLDEN_DENY);
	}
}

static void test_lists_of_the_policy(void **unused)
{
	(void)unused;
	char mount[] = "mount", reading[] = "read", chroot_[] = "chroot", clone_[] = "clone";
	char *allowed[] = {mount, chroot_, clone_}, *blocked[] = {reading, chroot_};
	const struct policy policy = {
		.profile = PROFILE_STANDARD, .allowed_syscalls = {allowed, 3}, .blocked_syscalls = {blocked, 2}};
	struct golden_calls calls;
	load(&calls, &policy);
	assert_int_equal(verdict_of(&calls, "mount"), GOLDEN_ALLOW);
	assert_int_equal(verdict_of(&calls, "read"), GOLDEN_DENY);
	assert_int_equal(verdict_of(&calls, "chroot"), GOLDEN_DENY);
	/* Naming a call does not lift the condition on its arguments. */
	assert_int_equal(verdict_of(&calls, "clone"), GOLDEN_CONDITIONAL);
}

static void test_clone3_follows_the_user_namespace(void **unused)
{
	(void)unused;
	struct policy policy = {.profile = PROFILE_STANDARD, .user_namespace = true};
	struct golden_calls calls;
	load(&calls, &policy);
	assert_int_equal(verdict_of(&calls, "clone3"), GOLDEN_CONDITIONAL);
	policy.user_namespace = false;
	load(&calls, &policy);
	assert_int_equal(verdict_of(&calls, "clone3"), GOLDEN_ENOSYS);
}

static void test_missing_table_is_an_error(void **unused)
{
	(void)unused;
	struct golden_calls calls;
	struct error err = {0};
	const struct policy policy = {.profile = PROFILE_STANDARD};
	assert_true(golden_calls_get(&calls, "/nonexistent", &policy, &err) < 0);
	assert_true(err.text[0] != '\0');
}

/* --- The plan ---------------------------------------------------------------------------------------- */

static const struct suite *seccomp_suite(void)
{
	const struct suite **suites;
	for (size_t i = 0, n = suites_all(&suites); i < n; i++)
		if (strcmp(suites[i]->name, SECCOMP_AREA) == 0)
			return suites[i];
	fail_msg("no suite seccomp");
	return NULL;
}

static bool has(const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->rows[i].id, id) == 0)
			return true;
	return false;
}

static void plan_for(struct plan *plan, struct policy *policy, enum profile profile)
{
	struct error err = {0};
	policy_defaults(policy, profile);
	*plan = (struct plan){.policy = policy, .profile = profile_name(profile)};
	assert_int_equal(seccomp_suite()->plan(plan, FIXTURES_DIR, &err), 0);
	if (plan_check(plan, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_plan_covers(void **unused)
{
	(void)unused;
	static const char *const ids[] = {
		"seccomp.standard.deny.mount",
		"seccomp.standard.alone.mount",
		"seccomp.standard.installed.mount",
		"seccomp.standard.allow.read",
		"seccomp.standard.installed.read",
		"seccomp.standard.unknown.470",
		"seccomp.standard.x32.mount",
		"seccomp.standard.i386.getpid",
		"seccomp.standard.namespace.clone3.user",
		"seccomp.standard.argument.ioctl.tiocsti.high-1",
		"seccomp.standard.argument.socket.family-40",
		"seccomp.standard.mode.openat-tmpfile.setuid",
		"seccomp.standard.effect.io_uring_setup",
	};
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct plan plan;
		struct policy policy = {0};
		plan_for(&plan, &policy, (enum profile)profile);
		assert_true(plan.count > 1000);
		for (size_t i = 0; profile == PROFILE_STANDARD && i < ARRAY_SIZE(ids); i++)
			if (!has(&plan, ids[i]))
				fail_msg("%s is not planned", ids[i]);
		/* Nothing is claimed to be denied that may be tried only with a control. */
		for (size_t i = 0; i < plan.count; i++)
			assert_true(plan.rows[i].host || plan.rows[i].control == SESSION_BARE);
		plan_clear(&plan);
		policy_clear(&policy);
	}
}

static void test_minimal_without_network_has_unix_sockets_only(void **unused)
{
	(void)unused;
	struct plan plan;
	struct policy policy = {0};
	plan_for(&plan, &policy, PROFILE_MINIMAL);
	for (size_t i = 0; i < plan.count; i++) {
		if (strcmp(plan.rows[i].id, "seccomp.minimal.argument.socket.family-1") == 0)
			assert_ptr_equal(plan.rows[i].judge, judge_call_allowed);
		if (strcmp(plan.rows[i].id, "seccomp.minimal.argument.socket.family-2") == 0)
			assert_ptr_equal(plan.rows[i].judge, judge_call_denied);
	}
	assert_true(has(&plan, "seccomp.minimal.argument.socket.family-1"));
	assert_true(has(&plan, "seccomp.minimal.argument.socket.family-2"));
	plan_clear(&plan);
	policy_clear(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_has_every_number),
		cmocka_unit_test(test_names_are_libseccomps),
		cmocka_unit_test(test_always_denied),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_capability_admits),
		cmocka_unit_test(test_lists_of_the_policy),
		cmocka_unit_test(test_clone3_follows_the_user_namespace),
		cmocka_unit_test(test_missing_table_is_an_error),
		cmocka_unit_test(test_plan_covers),
		cmocka_unit_test(test_minimal_without_network_has_unix_sockets_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
