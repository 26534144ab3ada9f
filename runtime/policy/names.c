/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the policy's enumerations, and back. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "policy/policy.h"
#include "policy/seccomp_profiles.h"
#include "policy/suggest.h"

static const char *const profiles[PROFILE_COUNT] = {
	[PROFILE_MINIMAL] = "minimal",
	[PROFILE_STANDARD] = "standard",
	[PROFILE_PRIVILEGED] = "privileged",
};

static const char *const networks[] = {
	[NETWORK_NONE] = "none",
	[NETWORK_RESTRICTED] = "restricted",
	[NETWORK_FULL] = "full",
};

static const char *const seccomp_profiles[PROFILE_COUNT] = {
	[PROFILE_MINIMAL] = "agentcore-minimal",
	[PROFILE_STANDARD] = "agentcore-standard",
	[PROFILE_PRIVILEGED] = "agentcore-privileged",
};

/* The place of name among words, or -EINVAL with "\"name\" is not KIND". */
static int find(const char *name, const char *const *words, size_t count, const char *kind, const char *otherwise,
		struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, words[i]) == 0)
			return (int)i;

	struct suggestion suggestion = suggest_for(name);
	for (size_t i = 0; i < count; i++)
		suggest_offer(&suggestion, words[i]);
	int r = error_say(err, EINVAL, "\"%s\" is not %s", name, kind);
	suggest_hint(&suggestion, err, otherwise);
	return r;
}

const char *profile_name(enum profile profile)
{
	return profiles[profile];
}

int profile_from_name(enum profile *profile, const char *name, struct error *err)
{
	int r = find(name, profiles, PROFILE_COUNT, "a profile", "use minimal, standard or privileged", err);
	if (r < 0)
		return r;
	*profile = (enum profile)r;
	return 0;
}

const char *network_mode_name(enum network_mode mode)
{
	return networks[mode];
}

int network_mode_from_name(enum network_mode *mode, const char *name, struct error *err)
{
	int r = find(name, networks, ARRAY_SIZE(networks), "a network mode", "use none, restricted or full", err);
	if (r < 0)
		return r;
	*mode = (enum network_mode)r;
	return 0;
}

const char *seccomp_profile_name(enum profile base)
{
	return seccomp_profiles[base];
}

int seccomp_profile_from_name(enum profile *base, const char *name, struct error *err)
{
	int r = find(name, seccomp_profiles, PROFILE_COUNT, "a seccomp profile",
		     "use agentcore-minimal, agentcore-standard or agentcore-privileged", err);
	if (r < 0)
		return r;
	*base = (enum profile)r;
	return 0;
}
