/* SPDX-License-Identifier: Apache-2.0 */
/* The smaller tables audited: capabilities, limits, paths, mandatory rules. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include "policy/capabilities.h"
#include "policy/limits.h"
#include "policy/mac.h"
#include "policy/paths.h"

static void test_capabilities_agree_with_libcap(void **state)
{
	(void)state;
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability_row *row = &capability_rows[i];
		cap_value_t value;
		assert_int_equal(row->number, i);
		assert_int_equal(cap_from_name(row->name, &value), 0);
		assert_int_equal(value, i);
		assert_true(row->allows && row->allows[0]);
		assert_int_equal(capability_number(row->name), i);
		assert_int_equal(capability_number(row->name + strlen("CAP_")), i);
	}
	assert_int_equal(capability_number("cap_sys_admin"), CAP_SYS_ADMIN);
	assert_int_equal(capability_number("CAP_"), -1);
	assert_int_equal(capability_number(""), -1);
	assert_int_equal(capability_number("ALL"), -1);
}

static void test_default_capabilities(void **state)
{
	(void)state;
	static const int standard[] = {CAP_NET_BIND_SERVICE, CAP_CHOWN,        CAP_SETGID,
				       CAP_SETUID,           CAP_DAC_OVERRIDE, CAP_FOWNER};
	uint64_t set = 0;

	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
		set |= UINT64_C(1) << standard[i];
	assert_int_equal(capability_defaults(PROFILE_MINIMAL), 0);
	assert_int_equal(capability_defaults(PROFILE_STANDARD), set);
	assert_int_equal(capability_defaults(PROFILE_PRIVILEGED), set);
}

/* The guide's list of what never to add. */
static void test_dangerous_capabilities(void **state)
{
	(void)state;
	static const int dangerous[] = {CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_SYS_BOOT, CAP_SYS_RAWIO,
					CAP_DAC_READ_SEARCH};

	for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
		assert_non_null(capability_rows[dangerous[i]].danger);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		assert_false(capability_rows[i].danger && capability_rows[i].profiles);
}

static void test_limit_rows(void **state)
{
	(void)state;
	static const double defaults[LIMIT_COUNT] = {512, 1, 300, 1024, 100, 1024, -1};

	for (int i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = &limit_rows[i];
		assert_int_equal(row->limit, i);
		assert_true(row->container_key || row->execution_key);
		assert_true(row->minimum <= row->maximum && row->execution_scale > 0);
		assert_true(row->unit && row->mechanism && row->at_the_limit);
		for (int profile = 0; profile < PROFILE_COUNT; profile++) {
			assert_true(row->defaults[profile] == defaults[i]);
			assert_true(row->defaults[profile] < 0 ||
				    (row->defaults[profile] >= row->minimum && row->defaults[profile] <= row->maximum));
		}
	}
}

static void test_path_rows(void **state)
{
	(void)state;
	static const char *const masked[] = {"/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
					     "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
					     "/proc/scsi",       "/proc/acpi",        "/proc/asound",
					     "/proc/interrupts", "/sys/firmware",     "/sys/devices/virtual/powercap"};
	static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger"};
	size_t found = 0;

	for (size_t i = 0; i < path_row_count; i++) {
		const struct path_row *row = &path_rows[i];
		assert_true(row->path[0] == '/' && row->why && row->why[0]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(path_rows[j].path, row->path);
		for (size_t j = 0; j < sizeof(masked) / sizeof(masked[0]); j++)
			found += row->treatment == PATH_MASKED && strcmp(row->path, masked[j]) == 0;
		for (size_t j = 0; j < sizeof(read_only) / sizeof(read_only[0]); j++)
			found += row->treatment == PATH_READ_ONLY && strcmp(row->path, read_only[j]) == 0;
	}
	assert_int_equal(found, sizeof(masked) / sizeof(masked[0]) + sizeof(read_only) / sizeof(read_only[0]));
}

/* What a template grants on exactly that path with a read-only root. */
static unsigned granted(enum mac_template template_, const char *path)
{
	unsigned access = 0;

	for (size_t i = 0; i < mac_row_count; i++)
		if (!mac_rows[i].writable_root && mac_rows[i].templates & 1U << template_ &&
		    strcmp(mac_rows[i].path, path) == 0)
			access |= mac_rows[i].access;
	return access;
}

static void test_mac_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < mac_row_count; i++) {
		const struct mac_row *row = &mac_rows[i];
		assert_true(row->path[0] == '/' && row->why && row->why[0] && row->access && row->templates);
		assert_false(row->templates & 1U << MAC_UNCONFINED);
		/* Rules add up along a path: a grant on / or /dev would open every node below. */
		if (strcmp(row->path, "/") == 0 || strcmp(row->path, "/dev") == 0)
			assert_int_equal(row->access & ~(unsigned)MAC_LIST, 0);
		if (strncmp(row->path, "/proc", 5) == 0 || strncmp(row->path, "/sys", 4) == 0)
			assert_int_equal(row->access, MAC_READ);
		if (row->templates & 1U << MAC_MINIMAL && !row->writable_root)
			assert_false(row->access & MAC_WRITE && row->access & MAC_EXECUTE);
	}
	assert_int_equal(granted(MAC_STANDARD, "/usr"), MAC_READ | MAC_EXECUTE);
	assert_int_equal(granted(MAC_MINIMAL, "/tmp"), MAC_READ | MAC_WRITE);
	assert_int_equal(granted(MAC_STANDARD, "/workspace"), MAC_READ | MAC_WRITE | MAC_EXECUTE);
	assert_int_equal(granted(MAC_MINIMAL, "/sys"), 0);
	assert_int_equal(granted(MAC_STANDARD, "/home"), 0);
}

/* What minimal lets be written is not executed: not in the rows, not in a bind, and not through the mounts. */
static void test_written_or_executed(void **state)
{
	const struct mac_grant read = {"/data", false}, write = {"/data", true};

	(void)state;
	for (enum mac_template i = MAC_MINIMAL; i < MAC_TEMPLATE_COUNT; i++) {
		const unsigned execute = i == MAC_MINIMAL ? 0 : MAC_EXECUTE;
		struct policy policy;
		policy_defaults(&policy, PROFILE_STANDARD);
		(void)snprintf(policy.apparmor_profile, sizeof(policy.apparmor_profile), "%s", mac_template_name(i));
		assert_int_equal(mac_written_executes(&policy), execute != 0);
		policy_clear(&policy);
		assert_int_equal(mac_grant_access(&read, i), MAC_READ | MAC_EXECUTE);
		assert_int_equal(mac_grant_access(&write, i), MAC_READ | MAC_WRITE | execute);
		if (i != MAC_UNCONFINED) {
			assert_int_equal(granted(i, "/tmp") & MAC_EXECUTE, execute);
			assert_int_equal(granted(i, "/workspace") & MAC_EXECUTE, execute);
		}
	}
}

static void test_mac_template_names(void **state)
{
	(void)state;
	for (int i = 0; i < MAC_TEMPLATE_COUNT; i++) {
		enum mac_template template_ = MAC_TEMPLATE_COUNT;
		assert_int_equal(mac_template_from_name(&template_, mac_template_name((enum mac_template)i), NULL), 0);
		assert_int_equal(template_, i);
	}
	enum mac_template untouched = MAC_STANDARD;
	struct error err = {0};
	assert_int_equal(mac_template_from_name(&untouched, "agentcore-standrad", &err), -EINVAL);
	assert_int_equal(untouched, MAC_STANDARD);
	assert_string_equal(err.hint, "did you mean \"agentcore-standard\"?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capabilities_agree_with_libcap),
		cmocka_unit_test(test_default_capabilities),
		cmocka_unit_test(test_dangerous_capabilities),
		cmocka_unit_test(test_limit_rows),
		cmocka_unit_test(test_path_rows),
		cmocka_unit_test(test_mac_rows),
		cmocka_unit_test(test_written_or_executed),
		cmocka_unit_test(test_mac_template_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
