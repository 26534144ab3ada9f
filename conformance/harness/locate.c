/* SPDX-License-Identifier: Apache-2.0 */
/* Where the programs and the fixtures are: beside this program when it was built, below the prefix when installed. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/run.h"

static int program_directory(char *directory, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", directory, size - 1);
	if (length <= 0)
		return -ENOENT;
	directory[length] = '\0';
	char *slash = strrchr(directory, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

/* Try given, or DIRECTORY/place for each place, until one can be accessed. */
static int locate(const char *what, const char *option, const char *given, const char *const *places, int mode,
		  char *path, size_t size, struct error *err)
{
	char directory[PATH_MAX];
	if (given) {
		if (access(given, mode) < 0)
			return error_set(err, errno, "%s", given);
		(void)snprintf(path, size, "%s", given);
		return 0;
	}
	for (size_t i = 0; places[i] && program_directory(directory, sizeof(directory)) == 0; i++)
		if (snprintf(path, size, "%s/%s", directory, places[i]) < (int)size && access(path, mode) == 0)
			return 0;
	(void)error_say(err, ENOENT, "%s was not found", what);
	return error_hint(err, "name it with %s", option);
}

int run_find_probe(const struct run_options *options, char *path, size_t size, struct error *err)
{
	static const char *const places[] = {"probe", "../libexec/agentcore/probe", "../lib/agentcore/probe", NULL};
	return locate("the probe program", "--probe", options->probe, places, X_OK, path, size, err);
}

int run_find_fixtures(const struct run_options *options, char *path, size_t size, struct error *err)
{
	static const char *const places[] = {"../fixtures", "../../fixtures", "../share/agentcore/fixtures", NULL};
	return locate("the fixtures directory", "--fixtures", options->fixtures, places, R_OK | X_OK, path, size, err);
}

int run_find_testnet(char *path, size_t size)
{
	static const char *const places[] = {"testnet", "../libexec/agentcore/testnet", NULL};
	return locate("the test internet", "", NULL, places, X_OK, path, size, &(struct error){0});
}

int run_find_agentcore(const struct run_options *options, char *path, size_t size, struct error *err)
{
	static const char *const places[] = {"agentcore", NULL};
	return locate("the agentcore program", "--agentcore", options->agentcore, places, X_OK, path, size, err);
}
