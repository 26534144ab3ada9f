/* SPDX-License-Identifier: Apache-2.0 */
#include "adapters/program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/spawn.h"
#include "base/cleanup.h"

#define VERSION_TIMEOUT_MS 5000

static bool is_program(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

int program_find(const char *name, char path[PATH_MAX])
{
	if (strchr(name, '/'))
		return is_program(name) && realpath(name, path) ? 0 : -ENOENT;
	const char *search = getenv("PATH");
	_cleanup_free_ char *copy =
		strdup(search ? search : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (!copy)
		return -ENOMEM;
	char *rest = NULL;
	for (char *directory = strtok_r(copy, ":", &rest); directory; directory = strtok_r(NULL, ":", &rest)) {
		int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);
		if (length < PATH_MAX && path[0] == '/' && is_program(path))
			return 0;
	}
	return -ENOENT;
}

int program_open(struct adapter *adapter, const char *fallback, struct error *err)
{
	const char *name = adapter->options.runtime ? adapter->options.runtime : fallback;
	if (!name)
		return error_say(err, EINVAL, "%s: which runtime?", adapter->class->name);
	if (program_find(name, adapter->program) < 0)
		return error_say(err, ENOENT, "%s: no such program", name);
	char output[512];
	int status;
	char *argv[] = {adapter->program, (char[]){"--version"}, NULL};
	/* A runtime that cannot say its version can still be judged. */
	if (spawn_capture(argv, VERSION_TIMEOUT_MS, output, sizeof(output), &status, NULL) == 0 && status == 0) {
		output[strcspn(output, "\n")] = '\0';
		(void)snprintf(adapter->version, sizeof(adapter->version), "%.*s", (int)sizeof(adapter->version) - 1,
			       output);
	}
	return 0;
}
