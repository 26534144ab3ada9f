/* SPDX-License-Identifier: Apache-2.0 */
/* AppArmor profiles as text: the golden files, the rows they are made of, and the mark. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "policy/apparmor_profile.h"

#define GOLDEN FIXTURES_DIR "/golden/apparmor/"

static const struct mac_grant binds[] = {{"/data", false}, {"/srv/my files", true}};

static const struct golden {
	const char *file;
	enum profile profile;
	const char *apparmor; /* the template; NULL: the profile's own */
	enum network_mode network;
	size_t binds;
} goldens[] = {
	{"minimal.profile", PROFILE_MINIMAL, NULL, NETWORK_NONE, 0},
	{"minimal-network.profile", PROFILE_MINIMAL, NULL, NETWORK_RESTRICTED, 0},
	{"minimal-binds.profile", PROFILE_MINIMAL, NULL, NETWORK_NONE, 2},
	{"standard.profile", PROFILE_STANDARD, NULL, NETWORK_RESTRICTED, 0},
	{"standard-binds.profile", PROFILE_STANDARD, NULL, NETWORK_RESTRICTED, 2},
	{"privileged.profile", PROFILE_PRIVILEGED, NULL, NETWORK_FULL, 0},
	{"docker-default.profile", PROFILE_STANDARD, "docker-default", NETWORK_RESTRICTED, 0},
};

static void make(const struct golden *golden, struct apparmor_profile *profile)
{
	struct policy policy;
	struct error err = {0};

	policy_defaults(&policy, golden->profile);
	policy.network = golden->network;
	if (golden->apparmor)
		(void)snprintf(policy.apparmor_profile, sizeof(policy.apparmor_profile), "%s", golden->apparmor);
	if (apparmor_profile_make(&policy, binds, golden->binds, profile, &err) < 0)
		fail_msg("%s: %s", golden->file, err.text);
	policy_clear(&policy);
}

/* AGENTCORE_GOLDEN=write writes them anew, to be read before they are committed. */
static void golden_files(void **state)
{
	const char *wish = getenv("AGENTCORE_GOLDEN");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		struct apparmor_profile profile;
		_cleanup_free_ char *expected = NULL;
		char path[512];
		(void)snprintf(path, sizeof(path), "%s%s", GOLDEN, goldens[i].file);
		make(&goldens[i], &profile);
		if (wish && strcmp(wish, "write") == 0) {
			FILE *file = fopen(path, "w");
			assert_non_null(file);
			(void)fputs(profile.text, file);
			assert_int_equal(fclose(file), 0);
		}
		if (io_read_file(AT_FDCWD, path, 65536, &expected, NULL) < 0 || strcmp(expected, profile.text) != 0)
			fail_msg("%s is not what is made now; AGENTCORE_GOLDEN=write writes it anew", path);
		apparmor_profile_clear(&profile);
	}
}

static size_t lines_of_files(const char *text)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, "\n  \"/")) != NULL; at++)
		count++;
	return count;
}

/* What a row grants stands in the line of its path; the rows that do not count have none, and nothing else has. */
static void rows_are_lines(void **state)
{
	(void)state;
	for (size_t g = 0; g < ARRAY_SIZE(goldens); g++) {
		struct apparmor_profile profile;
		struct policy policy;
		enum mac_template template_;
		policy_defaults(&policy, goldens[g].profile);
		make(&goldens[g], &profile);
		assert_int_equal(
			mac_template_from_name(
				&template_, goldens[g].apparmor ? goldens[g].apparmor : policy.apparmor_profile, NULL),
			0);
		size_t lines = goldens[g].binds;
		for (size_t i = 0; i < mac_row_count; i++) {
			const struct mac_row *row = &mac_rows[i];
			char line[128];
			(void)snprintf(line, sizeof(line), "  \"%s{,/,/**}\" %s%s%s%s,\n", row->path,
				       row->access & MAC_READ ? "r" : "", row->access & MAC_WRITE ? "wl" : "",
				       row->access & MAC_READ ? "k" : "", row->access & MAC_EXECUTE ? "mix" : "");
			if (row->access == MAC_LIST)
				(void)snprintf(line, sizeof(line), "  /**/ r,\n");
			const bool counts = mac_row_counts(row, template_, !policy.read_only_filesystem);
			lines += counts && row->access != MAC_LIST;
			if (counts && !strstr(profile.text, line))
				fail_msg("%s: no line%s", goldens[g].file, line);
		}
		assert_int_equal(lines_of_files(profile.text), lines);
		policy_clear(&policy);
		apparmor_profile_clear(&profile);
	}
}

static void network_and_capabilities_follow_the_policy(void **state)
{
	struct apparmor_profile profile;

	(void)state;
	make(&goldens[0], &profile);
	assert_null(strstr(profile.text, "\n  network "));
	assert_null(strstr(profile.text, "\n  capability "));
	assert_non_null(strstr(profile.text, "\n  deny capability sys_admin,"));
	apparmor_profile_clear(&profile);

	make(&goldens[1], &profile);
	assert_non_null(strstr(profile.text, "\n  network inet stream,"));
	assert_null(strstr(profile.text, "raw,"));
	apparmor_profile_clear(&profile);

	struct policy policy;
	policy_defaults(&policy, PROFILE_STANDARD);
	policy.capabilities |= UINT64_C(1) << 21 | UINT64_C(1) << 13; /* CAP_SYS_ADMIN, CAP_NET_RAW */
	assert_int_equal(apparmor_profile_make(&policy, NULL, 0, &profile, NULL), 0);
	assert_null(strstr(profile.text, "deny capability sys_admin"));
	assert_non_null(strstr(profile.text, "\n  capability sys_admin,"));
	assert_non_null(strstr(profile.text, "\n  network inet raw,"));
	apparmor_profile_clear(&profile);
	policy_clear(&policy);
}

/* Other rules have another mark, and the same rules the same one. */
static void the_mark_is_of_the_rules(void **state)
{
	struct apparmor_profile one, again, other;

	(void)state;
	make(&goldens[3], &one);
	make(&goldens[3], &again);
	make(&goldens[4], &other);
	assert_string_equal(one.name, "agentcore-default-standard");
	assert_string_equal(one.name, other.name);
	assert_string_equal(one.mark, again.mark);
	assert_string_not_equal(one.mark, other.mark);
	assert_non_null(strstr(one.text, strstr(one.mark, "//") + 2));
	apparmor_profile_clear(&one);
	apparmor_profile_clear(&again);
	apparmor_profile_clear(&other);
}

static void what_has_no_profile_is_refused(void **state)
{
	static const char *const paths[] = {"/a\"b", "/a*", "/a?", "/a[b]", "/a{b}", "/a^", "/a\\b", "/a@b", "/a\nb"};
	struct apparmor_profile profile;
	struct policy policy;

	(void)state;
	policy_defaults(&policy, PROFILE_STANDARD);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct mac_grant grant = {paths[i], true};
		struct error err = {0};
		assert_int_equal(apparmor_profile_make(&policy, &grant, 1, &profile, &err), -EINVAL);
		assert_non_null(strstr(err.text, "AppArmor cannot name"));
		apparmor_profile_clear(&profile);
	}
	(void)strcpy(policy.apparmor_profile, "unconfined");
	assert_int_equal(apparmor_profile_make(&policy, NULL, 0, &profile, NULL), -EINVAL);
	policy_clear(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files),
		cmocka_unit_test(rows_are_lines),
		cmocka_unit_test(network_and_capabilities_follow_the_policy),
		cmocka_unit_test(the_mark_is_of_the_rules),
		cmocka_unit_test(what_has_no_profile_is_refused),
	};
	return cmocka_run_group_tests_name("apparmor profile", tests, NULL, NULL);
}
