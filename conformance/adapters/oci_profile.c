/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp profile of a policy, as users of other runtimes would load it. */
#include "adapters/oci.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "adapters/spawn.h"
#include "base/cleanup.h"

#define GENERATE_TIMEOUT_MS 20000

/* Docker's file lists architectures as archMap; the runtime specification has a flat list. */
static void flatten_architectures(json_t *profile)
{
	json_t *map = json_object_get(profile, "archMap");
	if (!map || json_object_get(profile, "architectures"))
		return;
	json_t *flat = json_array(), *entry, *sub;
	size_t i, j;
	json_array_foreach(map, i, entry)
	{
		json_array_append(flat, json_object_get(entry, "architecture"));
		json_array_foreach(json_object_get(entry, "subArchitectures"), j, sub) json_array_append(flat, sub);
	}
	json_object_set_new(profile, "architectures", flat);
	(void)json_object_del(profile, "archMap");
}

static json_t *load_profile(const char *directory, struct error *err)
{
	char pattern[PATH_MAX];
	(void)snprintf(pattern, sizeof(pattern), "%s/seccomp/*.json", directory);
	glob_t found = {0};
	json_t *profile = NULL;
	json_error_t where;
	if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1)
		(void)error_say(err, ENOENT, "%s: no single generated profile", pattern);
	else if (!(profile = json_load_file(found.gl_pathv[0], JSON_REJECT_DUPLICATES, &where)))
		(void)error_say(err, EINVAL, "%s: %s", found.gl_pathv[0], where.text);
	globfree(&found);
	if (profile)
		flatten_architectures(profile);
	return profile;
}

json_t *oci_profile_generate(const struct adapter *adapter, const struct adapter_launch *launch, const char *bundle,
			     struct error *err)
{
	const char *program = adapter->options.agentcore;
	if (!program) {
		(void)error_say(err, ENOENT, "the agentcore program is needed to generate the seccomp profile");
		return NULL;
	}
	_cleanup_free_ char *directory = NULL;
	_cleanup_free_ char *path = strdup(program);
	_cleanup_free_ char *policy = strdup(launch->policy_file);
	if (asprintf(&directory, "%s/profiles", bundle) < 0 || !path || !policy)
		return NULL;
	char *argv[] = {path,
			(char[]){"profile"},
			(char[]){"generate"},
			(char[]){"--policy"},
			policy,
			(char[]){"--output"},
			directory,
			NULL};
	char output[512];
	int status;
	if (spawn_capture(argv, GENERATE_TIMEOUT_MS, output, sizeof(output), &status, err) < 0)
		return NULL;
	if (status != 0) {
		(void)error_say(err, EINVAL, "agentcore profile generate: %s", output);
		return NULL;
	}
	return load_profile(directory, err);
}
