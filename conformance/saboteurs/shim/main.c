/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci-saboteur: takes an OCI runtime's command line, breaks the bundle as AGENTCORE_SABOTEUR says, and becomes the
 * runtime that AGENTCORE_SABOTEUR_RUNTIME names.  Everything else of the command line passes through.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "saboteurs/saboteur.h"

#define PROGRAM         "oci-saboteur"
#define STATUS_FAILED   125
#define LEAKED_FD       3
#define EXTRA_ARGUMENTS 2

/* The index of "run" or "create", or 0. */
static int find_start(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "run") == 0 || strcmp(argv[i], "create") == 0)
			return i;
	}
	return 0;
}

/* The bundle: the value of --bundle DIR, --bundle=DIR or -b DIR after the subcommand, else the working directory. */
static const char *find_bundle(int argc, char **argv, int start)
{
	for (int i = start + 1; i < argc; i++) {
		if (strncmp(argv[i], "--bundle=", 9) == 0)
			return argv[i] + 9;
		if ((strcmp(argv[i], "--bundle") == 0 || strcmp(argv[i], "-b") == 0) && i + 1 < argc)
			return argv[i + 1];
	}
	return ".";
}

static int edit_bundle(const struct saboteur *saboteur, const char *bundle, struct error *err)
{
	char path[PATH_MAX];
	json_error_t where;
	(void)snprintf(path, sizeof(path), "%s/config.json", bundle);
	json_t *config = json_load_file(path, 0, &where);
	if (!config)
		return error_say(err, EINVAL, "%s: %s", path, where.text);
	int r = saboteur_edit(saboteur, config, err);
	if (r == 0 && json_dump_file(config, path, JSON_INDENT(1)) < 0)
		r = error_say(err, EIO, "%s: cannot be written", path);
	json_decref(config);
	return r;
}

/* Leave the host's root directory open at descriptor 3, not close-on-exec. */
static int leak_descriptor(struct error *err)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return error_set(err, errno, "open /");
	if (fd == LEAKED_FD)
		return 0;
	int r = dup2(fd, LEAKED_FD) < 0 ? error_set(err, errno, "dup2") : 0;
	(void)close(fd);
	return r;
}

static int sabotage(const struct saboteur *saboteur, const char *bundle, struct error *err)
{
	int r = edit_bundle(saboteur, bundle, err);
	return r == 0 && saboteur->leak_descriptor ? leak_descriptor(err) : r;
}

static int become_runtime(char **argv, int argc, int start, const struct saboteur *saboteur, struct error *err)
{
	char *runtime = getenv(SABOTEUR_ENV_RUNTIME);
	if (!runtime)
		return error_say(err, EINVAL, "%s is not set", SABOTEUR_ENV_RUNTIME);
	static char option[] = "--preserve-fds", number[] = "1";
	bool leak = saboteur && saboteur->leak_descriptor;
	char **words = calloc((size_t)argc + EXTRA_ARGUMENTS + 1, sizeof(*words));
	if (!words)
		return error_set(err, ENOMEM, "argument vector");
	int count = 0;
	for (int i = 0; i < argc; i++) {
		words[count++] = i == 0 ? runtime : argv[i];
		if (start && i == start && leak) {
			words[count++] = option;
			words[count++] = number;
		}
	}
	(void)execvp(runtime, words);
	int code = errno;
	free(words);
	return error_set(err, code, "execute %s", runtime);
}

int main(int argc, char **argv)
{
	struct error err = {0};
	const char *name = getenv(SABOTEUR_ENV_NAME);
	const struct saboteur *saboteur = name && *name ? saboteur_find(name) : NULL;
	int start = find_start(argc, argv);
	int r = 0;
	if (name && *name && !saboteur)
		r = error_say(&err, EINVAL, "no saboteur %s", name);
	else if (saboteur && start)
		r = sabotage(saboteur, find_bundle(argc, argv, start), &err);
	if (r == 0)
		(void)become_runtime(argv, argc, start, saboteur, &err);
	error_print(&err, PROGRAM, STDERR_FILENO);
	return STATUS_FAILED;
}
