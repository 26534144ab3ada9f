/* SPDX-License-Identifier: Apache-2.0 */
/* agentcore profile load and unload: the policies' AppArmor profiles in the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/apparmor.h"
#include "policy/apparmor_profile.h"
#include "policy/profile_store.h"
#include "recipe/commands.h"
#include "recipe/run_options.h"

#define NAME_PREFIX "agentcore-"

static int fail(const struct error *err)
{
	error_print(err, "agentcore", STDERR_FILENO);
	return EXIT_RUNTIME_FAILED;
}

static int load(const struct run_options *options, const char *directory, struct error *err)
{
	struct mac_grant grants[BINDS_MAX];
	const struct mandatory mandatory = run_options_mandatory(options, grants);
	struct apparmor_profile profile;
	char path[1024];

	int r = apparmor_profile_make(&options->policy, mandatory.grants, mandatory.grant_count, &profile, err);
	if (r < 0)
		return r;
	/* What is there already is left alone: to compile it takes a while, and others may be under it. */
	if (apparmor_check(profile.name, profile.mark, NULL) < 0) {
		r = profile_store(&options->policy, directory, "apparmor", "profile", profile.text, path, sizeof(path),
				  err);
		if (r == 0)
			r = apparmor_load(profile.text, profile.mark, err);
		/* By what the kernel says, not by the parser's exit status. */
		if (r == 0)
			r = apparmor_check(profile.name, profile.mark, err);
	}
	if (r == 0)
		(void)puts(profile.name);
	apparmor_profile_clear(&profile);
	return r;
}

/* --output DIR or --output=DIR at *i, which is no option of run's. */
static const char *output_option(int argc, char **argv, int *i)
{
	static const char name[] = "--output";

	if (strncmp(argv[*i], name, strlen(name)) != 0)
		return NULL;
	if (argv[*i][strlen(name)] == '=')
		return argv[*i] + strlen(name) + 1;
	return argv[*i][strlen(name)] == '\0' && *i + 1 < argc ? argv[++*i] : NULL;
}

/* argv[0] is "load".  The options are those of `agentcore run`, so that both mean the same sandbox; of a command there is none. */
int profile_load(int argc, char **argv)
{
	static char dashes[] = "--", command[] = "load", flag[] = "--profile";
	struct run_options options = {0};
	enum run_request request = RUN_START;
	struct error err = {0};
	const char *directory = PROFILE_STORE_DEFAULT;
	const bool named = argc > 1 && argv[1][0] != '-';
	size_t count = 0;

	_cleanup_free_ char **words = calloc((size_t)argc + 4, sizeof(*words));
	if (!words) {
		(void)error_set(&err, ENOMEM, "argument vector");
		return fail(&err);
	}
	for (int i = 0; i < argc; i++) {
		const char *output = output_option(argc, argv, &i);
		if (output) {
			directory = output;
			continue;
		}
		if (i == 1 && named)
			words[count++] = flag;
		words[count++] = argv[i];
	}
	words[count++] = dashes;
	words[count++] = command;
	int r = run_options_parse((int)count, words, &options, &request, &err);
	if (r == 0 && !apparmor_enabled()) {
		r = error_say(&err, EOPNOTSUPP, "AppArmor is not in this kernel, or not turned on");
		(void)error_hint(&err, "boot with apparmor=1 and apparmor among lsm=");
	}
	if (r == 0)
		r = load(&options, directory, &err);
	run_options_clear(&options);
	return r < 0 ? fail(&err) : 0;
}

int profile_unload(char *const *names, int count)
{
	int status = 0;

	for (int i = 0; i < count; i++) {
		struct error err = {0};
		if (strncmp(names[i], NAME_PREFIX, strlen(NAME_PREFIX)) != 0) {
			(void)error_say(&err, EINVAL,
					"%s is no profile of agentcore's: those are named " NAME_PREFIX "AGENT-PROFILE",
					names[i]);
			status = fail(&err);
		} else if (apparmor_unload(names[i], &err) < 0) {
			status = fail(&err);
		}
	}
	return status;
}
