/* SPDX-License-Identifier: Apache-2.0 */
/* The table of system calls audited, and the order of precedence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "policy/syscalls.h"

/* The guide's and the design's list, written out here once more: a row that went lost must not pass. */
static const char *const always_denied[] = {
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
	"umount",
	"umount2",
	"unshare",
	"userfaultfd",
	/* what they miss */
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
	"vm86",
	"iopl",
	"ioperm",
	"request_key",
	"syslog",
	"nfsservctl",
};

/* A policy with a profile's defaults and one item in each list. */
static struct policy policy_of(enum profile profile)
{
	struct policy policy;

	policy_defaults(&policy, profile);
	return policy;
}

static struct syscall_decision decide(const struct policy *policy, const char *name)
{
	const struct syscall_row *row = syscall_by_name(name);

	if (!row)
		fail_msg("no row %s", name);
	return syscall_decide(policy, row);
}

static void assert_denied(const struct policy *policy, const char *name, int error_number)
{
	struct syscall_decision decision = decide(policy, name);

	if (decision.verdict != SYSCALL_DENY || decision.error_number != error_number)
		fail_msg("%s: verdict %d, errno %d", name, decision.verdict, decision.error_number);
}

static void assert_verdict(const struct policy *policy, const char *name, enum syscall_verdict verdict)
{
	if (decide(policy, name).verdict != verdict)
		fail_msg("%s: verdict %d, not %d", name, decide(policy, name).verdict, verdict);
}

static void test_rows_are_sorted_and_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		assert_non_null(row->name);
		if (i > 0 && strcmp(syscall_rows[i - 1].name, row->name) >= 0)
			fail_msg("%s stands after %s", row->name, syscall_rows[i - 1].name);
		assert_ptr_equal(syscall_by_name(row->name), row);
		assert_in_range(row->condition_count, 0, SYSCALL_CONDITIONS_MAX);
		bool everybody = row->profiles == (1 << PROFILE_COUNT) - 1 && !row->needs_user_namespace;
		if (everybody == (row->why_denied != NULL))
			fail_msg("%s: a reason exactly where some profile denies", row->name);
		/* Whoever is admitted by minimal is admitted by standard, and so on. */
		assert_true(row->profiles == 0 || row->profiles == 6 || row->profiles == 7);
	}
	assert_null(syscall_by_name("no_such_call"));
	assert_null(syscall_by_name(""));
}

static void test_every_number_has_one_row(void **state)
{
	(void)state;
	for (int number = 0; number <= 469; number++) {
		int rows = 0;
		for (size_t i = 0; i < syscall_row_count; i++)
			rows += syscall_rows[i].number == number;
		bool hole = number >= 335 && number <= 423;
		if (rows != !hole)
			fail_msg("number %d has %d rows", number, rows);
		assert_int_equal(syscall_by_number(number) != NULL, !hole);
	}
	assert_null(syscall_by_number(-1));
	assert_null(syscall_by_number(470));
}

/* libseccomp's table is another hand's work; it ends before ours. */
static void test_numbers_agree_with_libseccomp(void **state)
{
	(void)state;
	int checked = 0;

	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		int number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, row->name);
		if (number == __NR_SCMP_ERROR) {
			if (row->number <= 456 && row->number >= 0)
				fail_msg("libseccomp does not know %s", row->name);
			continue;
		}
		checked++;
		if (row->number >= 0 ? number != row->number : number >= 0)
			fail_msg("%s is %d here and %d in libseccomp", row->name, row->number, number);
	}
	assert_in_range(checked, 360, 400);
}

static void test_sizes_of_the_profiles(void **state)
{
	(void)state;
	int allowed[PROFILE_COUNT] = {0};

	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct policy policy = policy_of((enum profile)profile);
		for (size_t i = 0; i < syscall_row_count; i++)
			if (syscall_rows[i].number >= 0)
				allowed[profile] += syscall_decide(&policy, &syscall_rows[i]).verdict != SYSCALL_DENY;
	}
	assert_in_range(allowed[PROFILE_STANDARD], 250, 469);
	assert_in_range(allowed[PROFILE_MINIMAL], 100, allowed[PROFILE_STANDARD] - 60);
	assert_int_equal(allowed[PROFILE_PRIVILEGED], allowed[PROFILE_STANDARD]);
}

static void test_always_denied(void **state)
{
	(void)state;
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct policy policy = policy_of((enum profile)profile);
		policy.capabilities = UINT64_MAX;
		for (size_t i = 0; i < ARRAY_SIZE(always_denied); i++) {
			assert_denied(&policy, always_denied[i], EPERM);
			assert_true(syscall_denied_everywhere(syscall_by_name(always_denied[i])));
		}
	}
}

static void test_precedence(void **state)
{
	(void)state;
	char mount[] = "mount", read[] = "read";
	char *names[] = {mount, read};
	struct policy policy = policy_of(PROFILE_MINIMAL);

	assert_denied(&policy, "mount", EPERM);
	assert_verdict(&policy, "read", SYSCALL_ALLOW);
	policy.allowed_syscalls = (struct string_list){names, 2};
	assert_verdict(&policy, "mount", SYSCALL_ALLOW); /* allowed_syscalls > built-in deny */
	policy.blocked_syscalls = (struct string_list){names, 2};
	assert_denied(&policy, "mount", EPERM); /* blocked_syscalls > allowed_syscalls */
	assert_denied(&policy, "read", EPERM); /* blocked_syscalls > profile */
}

static void test_conditions_bind_an_allowed_call_too(void **state)
{
	(void)state;
	char personality[] = "personality";
	char *names[] = {personality};
	struct policy policy = policy_of(PROFILE_MINIMAL);

	assert_denied(&policy, "personality", EPERM);
	policy.allowed_syscalls = (struct string_list){names, 1};
	assert_verdict(&policy, "personality", SYSCALL_CONDITIONAL);
}

static void test_clone3_and_openat2(void **state)
{
	(void)state;
	struct policy policy = policy_of(PROFILE_PRIVILEGED);

	assert_verdict(&policy, "clone3", SYSCALL_ALLOW);
	policy.user_namespace = false;
	assert_denied(&policy, "clone3", ENOSYS);
	assert_denied(&policy, "openat2", ENOSYS);
	assert_verdict(&policy, "clone", SYSCALL_CONDITIONAL);
}

static void test_gates_by_capability(void **state)
{
	(void)state;
	struct policy policy = policy_of(PROFILE_PRIVILEGED);

	assert_denied(&policy, "ptrace", EPERM);
	assert_denied(&policy, "process_vm_readv", EPERM);
	policy.capabilities |= UINT64_C(1) << CAP_SYS_PTRACE;
	assert_verdict(&policy, "ptrace", SYSCALL_ALLOW);
	assert_verdict(&policy, "process_vm_readv", SYSCALL_ALLOW);
	assert_denied(&policy, "kcmp", EPERM);
	/* The guide's privileged sample goes by the standard table: the gates are the profile's. */
	(void)snprintf(policy.seccomp_profile, sizeof(policy.seccomp_profile), "agentcore-standard");
	assert_verdict(&policy, "ptrace", SYSCALL_ALLOW);
	policy.profile = PROFILE_STANDARD;
	assert_denied(&policy, "ptrace", EPERM);
}

static void test_seccomp_profile_names_the_table(void **state)
{
	(void)state;
	struct policy policy = policy_of(PROFILE_STANDARD);

	assert_verdict(&policy, "shmget", SYSCALL_ALLOW);
	(void)snprintf(policy.seccomp_profile, sizeof(policy.seccomp_profile), "agentcore-minimal");
	assert_denied(&policy, "shmget", EPERM);
	assert_int_equal(syscall_base_profile(&policy), PROFILE_MINIMAL);
}

/* Whether the first argument passes one of the groups that look at it alone. */
static bool family_passes(const struct policy *policy, uint64_t family)
{
	struct syscall_decision decision = decide(policy, "socket");

	for (size_t i = 0; i < decision.condition_count; i++)
		if (decision.conditions[i].index == 0 &&
		    (family & decision.conditions[i].mask) == decision.conditions[i].operand)
			return true;
	return false;
}

static void test_socket_families(void **state)
{
	(void)state;
	struct policy policy = policy_of(PROFILE_MINIMAL);

	assert_true(family_passes(&policy, AF_UNIX));
	assert_false(family_passes(&policy, AF_INET));
	assert_false(family_passes(&policy, AF_NETLINK));
	policy.network = NETWORK_RESTRICTED;
	assert_true(family_passes(&policy, AF_INET));
	for (int mode = NETWORK_NONE; mode <= NETWORK_FULL; mode++) {
		struct policy standard = policy_of(PROFILE_STANDARD);
		standard.network = (enum network_mode)mode;
		assert_true(family_passes(&standard, AF_INET));
		assert_true(family_passes(&standard, AF_INET6));
		assert_true(family_passes(&standard, AF_NETLINK));
		assert_false(family_passes(&standard, AF_PACKET));
		assert_false(family_passes(&standard, AF_VSOCK));
		assert_false(family_passes(&standard, AF_ALG));
	}
}

static void test_clone_refuses_each_namespace_and_no_signal(void **state)
{
	(void)state;
	static const uint64_t namespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
					      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
	struct policy policy = policy_of(PROFILE_STANDARD);
	struct syscall_decision decision = decide(&policy, "clone");

	assert_int_equal(decision.condition_count, 1);
	assert_int_equal(decision.error_number, EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		assert_int_not_equal(namespaces[i] & decision.conditions[0].mask, 0);
	/* The low byte is the exit signal, 0x80 (CLONE_NEWTIME of clone3) included. */
	assert_int_equal(0xff & decision.conditions[0].mask, 0);
	assert_int_equal((CLONE_VM | CLONE_THREAD | CLONE_SETTLS) & decision.conditions[0].mask, 0);
}

static void test_fork_family(void **state)
{
	(void)state;
	int count = 0;

	for (size_t i = 0; i < syscall_row_count; i++)
		count += syscall_in_fork_family(&syscall_rows[i]);
	assert_int_equal(count, 4);
}

static void test_suggestions(void **state)
{
	(void)state;
	assert_string_equal(syscall_suggest("opnat"), "openat");
	assert_string_equal(syscall_suggest("PTRACE"), "ptrace");
	assert_null(syscall_suggest("custom_syscall_1"));
	assert_null(syscall_suggest(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_sorted_and_whole),
		cmocka_unit_test(test_every_number_has_one_row),
		cmocka_unit_test(test_numbers_agree_with_libseccomp),
		cmocka_unit_test(test_sizes_of_the_profiles),
		cmocka_unit_test(test_always_denied),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_conditions_bind_an_allowed_call_too),
		cmocka_unit_test(test_clone3_and_openat2),
		cmocka_unit_test(test_gates_by_capability),
		cmocka_unit_test(test_seccomp_profile_names_the_table),
		cmocka_unit_test(test_socket_families),
		cmocka_unit_test(test_clone_refuses_each_namespace_and_no_signal),
		cmocka_unit_test(test_fork_family),
		cmocka_unit_test(test_suggestions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
