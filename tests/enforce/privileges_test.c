/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "child.h"
#include "enforce/privileges.h"
#include "enforce/rlimits.h"

/* libcap's view of the calling process: an implementation that is not ours. */
static int has(cap_value_t capability, cap_flag_t set)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t all = cap_get_proc();

	(void)cap_get_flag(all, capability, set, &value);
	(void)cap_free(all);
	return value == CAP_SET;
}

static int keep_two(void)
{
	const uint64_t allowed = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_SETUID;

	NEED(privileges_bound(allowed, NULL) == 0);
	NEED(privileges_set(allowed, NULL) == 0);
	for (cap_value_t capability = 0; capability <= CAP_LAST_CAP; capability++) {
		int wanted = (int)(allowed >> capability & 1);
		NEED(has(capability, CAP_EFFECTIVE) == wanted);
		NEED(has(capability, CAP_PERMITTED) == wanted);
		NEED(has(capability, CAP_INHERITABLE) == 0);
		NEED(cap_get_bound(capability) == wanted);
		NEED(cap_get_ambient(capability) == 0);
	}
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	NEED(!(bits & SECBIT_NOROOT));
	NEED(bits & SECBIT_NOROOT_LOCKED);
	NEED(bits & SECBIT_KEEP_CAPS_LOCKED);
	NEED(bits & SECBIT_NO_CAP_AMBIENT_RAISE);
	return 0;
}

static int keep_none(void)
{
	NEED(privileges_bound(0, NULL) == 0);
	NEED(privileges_set(0, NULL) == 0);
	for (cap_value_t capability = 0; capability <= CAP_LAST_CAP; capability++)
		NEED(!has(capability, CAP_PERMITTED) && cap_get_bound(capability) == 0);
	NEED(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECBIT_NOROOT);
	/* And there is no way back. */
	NEED(privileges_set(1, NULL) == -EPERM);
	return 0;
}

static int become_somebody(void)
{
	struct error err = {0};

	NEED(privileges_become_user(1234, 2345, NULL) == 0);
	NEED(getuid() == 1234 && geteuid() == 1234 && getgid() == 2345 && getgroups(0, NULL) == 0);
	NEED(!has(CAP_SETUID, CAP_PERMITTED));
	NEED(privileges_become_root(&err) < 0 && err.code == EPERM);
	return 0;
}

static int gain_nothing(void)
{
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	NEED(privileges_no_new(NULL) == 0);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return 0;
}

static int limit_resources(void)
{
	static const struct {
		int resource;
		rlim_t value;
	} rows[] = {{RLIMIT_NOFILE, 77}, {RLIMIT_CORE, 1}, {RLIMIT_MEMLOCK, 65536}};
	struct limits limits = {0};

	limits.set[LIMIT_FILE_DESCRIPTORS] = true;
	limits.value[LIMIT_FILE_DESCRIPTORS] = 77;
	NEED(rlimits_apply(&limits, NULL) == 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rlimit limit;
		NEED(getrlimit(rows[i].resource, &limit) == 0);
		NEED(limit.rlim_cur == rows[i].value && limit.rlim_max == rows[i].value);
	}
	return 0;
}

#define IN_CHILD(name)                                                                                                 \
	static void test_##name(void **state)                                                                          \
	{                                                                                                              \
		(void)state;                                                                                           \
		assert_int_equal(in_child(name), 0);                                                                   \
	}
IN_CHILD(keep_two)
IN_CHILD(keep_none)
IN_CHILD(become_somebody)
IN_CHILD(gain_nothing)
IN_CHILD(limit_resources)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keep_two),        cmocka_unit_test(test_keep_none),
		cmocka_unit_test(test_become_somebody), cmocka_unit_test(test_gain_nothing),
		cmocka_unit_test(test_limit_resources),
	};
	return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
