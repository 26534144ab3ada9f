/* SPDX-License-Identifier: Apache-2.0 */
#include "adapters/agentcore_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/spawn.h"
#include "base/cleanup.h"
#include "base/io.h"

#define ENABLED "/sys/module/apparmor/parameters/enabled"
#define LOAD_MS 30000

static bool has_apparmor(void)
{
	_cleanup_free_ char *text = NULL;

	return io_read_file(AT_FDCWD, ENABLED, 16, &text, NULL) == 0 && *text == 'Y';
}

static void remember(struct loaded_profiles *loaded, const char *name)
{
	for (size_t i = 0; i < loaded->count; i++)
		if (strcmp(loaded->names[i], name) == 0)
			return;
	if (loaded->count < LOADED_MAX && (loaded->names[loaded->count] = strdup(name)) != NULL)
		loaded->count++;
}

int agentcore_profile_load(const struct adapter *adapter, const struct adapter_launch *launch, const char *bind,
			   struct loaded_profiles *loaded, struct error *err)
{
	char output[1024], program[sizeof(adapter->program)], policy[PATH_MAX], binds[PATH_MAX];
	int status = 0;

	if (!has_apparmor())
		return 0;
	(void)snprintf(program, sizeof(program), "%s", adapter->program);
	(void)snprintf(policy, sizeof(policy), "%s", launch->policy_file);
	(void)snprintf(binds, sizeof(binds), "%s", bind);
	char *const argv[] = {
		program, (char[]){"profile"}, (char[]){"load"}, (char[]){"--policy"}, policy, (char[]){"--bind"}, binds,
		NULL};
	int r = spawn_capture(argv, LOAD_MS, output, sizeof(output), &status, err);
	if (r < 0)
		return r;
	output[strcspn(output, "\n")] = '\0';
	if (status != 0)
		return error_say(err, EIO, "agentcore profile load: %s", output);
	remember(loaded, output);
	return 0;
}

void agentcore_profile_unload(const struct adapter *adapter, struct loaded_profiles *loaded)
{
	char output[256], program[sizeof(adapter->program)];
	char *argv[LOADED_MAX + 4] = {program, (char[]){"profile"}, (char[]){"unload"}};
	int status = 0;

	(void)snprintf(program, sizeof(program), "%s", adapter->program);
	for (size_t i = 0; i < loaded->count; i++)
		argv[3 + i] = loaded->names[i];
	if (loaded->count > 0)
		(void)spawn_capture(argv, LOAD_MS, output, sizeof(output), &status, NULL);
	for (size_t i = 0; i < loaded->count; i++)
		free(loaded->names[i]);
	*loaded = (struct loaded_profiles){0};
}
