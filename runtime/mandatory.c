/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/mandatory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "enforce/apparmor.h"
#include "enforce/landlock.h"
#include "policy/apparmor_profile.h"

static const char *const names[] = {
	[MANDATORY_ANY] = "any",
	[MANDATORY_APPARMOR] = "apparmor",
	[MANDATORY_LANDLOCK] = "landlock",
	[MANDATORY_NONE] = "none",
};

const char *mandatory_name(enum mandatory_module module)
{
	return names[module];
}

int mandatory_from_name(enum mandatory_module *module, const char *name, struct error *err)
{
	for (size_t i = MANDATORY_ANY; i < ARRAY_SIZE(names); i++) {
		if (i == MANDATORY_NONE || strcmp(name, names[i]) != 0)
			continue;
		*module = (enum mandatory_module)i;
		return 0;
	}
	(void)error_say(err, EINVAL, "\"%s\" is no mandatory layer", name);
	return error_hint(err, "use apparmor, landlock or any");
}

enum mandatory_module mandatory_choose(const struct policy *policy, enum mandatory_module wish)
{
	enum mac_template template_;

	if (mac_template_from_name(&template_, policy->apparmor_profile, NULL) == 0 && template_ == MAC_UNCONFINED)
		return MANDATORY_NONE;
	if (wish != MANDATORY_ANY)
		return wish;
	return apparmor_enabled() ? MANDATORY_APPARMOR : MANDATORY_LANDLOCK;
}

static int check_apparmor(const struct policy *policy, const struct mandatory *mandatory, struct error *err)
{
	struct apparmor_profile profile;

	if (!apparmor_enabled()) {
		(void)error_say(err, EOPNOTSUPP, "AppArmor is not in this kernel, or not turned on");
		return error_hint(err, "boot with apparmor=1 and apparmor among lsm=, or use --mac landlock");
	}
	int r = apparmor_profile_make(policy, mandatory->grants, mandatory->grant_count, &profile, err);
	if (r == 0)
		r = apparmor_check(profile.name, profile.mark, err);
	apparmor_profile_clear(&profile);
	return r;
}

static int check_landlock(const struct policy *policy, const struct mandatory *mandatory, struct error *err)
{
	if (policy->apparmor_fallback == APPARMOR_FALLBACK_REFUSE && mandatory->wish == MANDATORY_LANDLOCK) {
		(void)error_say(err, EINVAL, "--mac landlock, and the policy's apparmor_fallback is \"refuse\"");
		return error_hint(err, "leave --mac out, or set apparmor_fallback to \"landlock\"");
	}
	if (policy->apparmor_fallback == APPARMOR_FALLBACK_REFUSE) {
		(void)error_say(err, EOPNOTSUPP,
				"apparmor_profile %s: AppArmor is not available, and apparmor_fallback is \"refuse\"",
				policy->apparmor_profile);
		return error_hint(err, "start on a kernel with AppArmor, or set apparmor_fallback to \"landlock\"");
	}
	if (landlock_abi() > 0)
		return 0;
	(void)error_say(err, EOPNOTSUPP, "apparmor_profile %s: this kernel has neither AppArmor nor Landlock",
			policy->apparmor_profile);
	return error_hint(err, "boot with landlock among the security modules (lsm=landlock,...)");
}

/* What keeps root inside from the runtime's own program: that it is nobody's inside, or that it cannot be run there. */
static int check_own_program(const struct policy *policy, const struct mandatory *mandatory, struct error *err)
{
	if (policy->user_namespace || landlock_abi() > 0)
		return 0;
	(void)error_say(
		err, EOPNOTSUPP,
		"user_namespace false: without Landlock root inside could replace the runtime's own program (%s)",
		mandatory_name(mandatory_choose(policy, mandatory->wish)));
	return error_hint(err, "set user_namespace to true, or boot with landlock among the security modules (lsm=)");
}

int mandatory_check(const struct policy *policy, const struct mandatory *mandatory, struct error *err)
{
	enum mac_template template_;
	int r = mac_template_from_name(&template_, policy->apparmor_profile, err);

	if (r < 0)
		return r;
	if (template_ == MAC_UNCONFINED && mandatory->wish != MANDATORY_ANY) {
		(void)error_say(err, EINVAL, "--mac %s, and the policy's apparmor_profile is \"unconfined\"",
				mandatory_name(mandatory->wish));
		return error_hint(err, "leave --mac out, or name a template: agentcore-minimal, agentcore-standard");
	}
	r = check_own_program(policy, mandatory, err);
	if (r < 0)
		return r;
	switch (mandatory_choose(policy, mandatory->wish)) {
	case MANDATORY_APPARMOR:
		return check_apparmor(policy, mandatory, err);
	case MANDATORY_LANDLOCK:
		return check_landlock(policy, mandatory, err);
	default:
		return 0;
	}
}

bool mandatory_say(const struct policy *policy, const struct mandatory *mandatory, char *text, size_t size)
{
	const int abi = landlock_abi();
	struct error err = {0};
	char name[APPARMOR_NAME_MAX];

	switch (mandatory_choose(policy, mandatory->wish)) {
	case MANDATORY_APPARMOR:
		apparmor_profile_name(policy, name);
		if (!mandatory->checked && check_apparmor(policy, mandatory, &err) < 0) {
			(void)snprintf(text, size, "%s: the start is refused", err.text);
			return false;
		}
		(void)snprintf(text, size, "AppArmor profile %s, enforced, with the rules of %s", name,
			       policy->apparmor_profile);
		return true;
	case MANDATORY_LANDLOCK:
		if (abi == 0) {
			(void)snprintf(text, size, "neither AppArmor nor Landlock: the start is refused");
			return false;
		}
		(void)snprintf(text, size, "Landlock ABI %d with the rules of %s, in place of AppArmor", abi,
			       policy->apparmor_profile);
		return true;
	default:
		(void)snprintf(text, size, "the policy asks for \"unconfined\"");
		return false;
	}
}
