/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/tools_dir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOOLS_WORD "{tools}"

static const char *remembered_argv0 = "";

void tools_dir_set_argv0(const char *argv0)
{
	remembered_argv0 = argv0 ? argv0 : "";
}

int tools_dir(char *path, size_t size)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length > 0)
		program[length] = '\0';
	else
		(void)snprintf(program, sizeof(program), "%s", remembered_argv0);

	char *slash = strrchr(program, '/');
	if (program[0] != '/' || !slash)
		return -ENOENT;
	*slash = '\0';
	if (strlen(program) >= size)
		return -ENAMETOOLONG;
	memcpy(path, program, strlen(program) + 1);
	return 0;
}

int tools_dir_expand(const char *word, char *out, size_t size)
{
	char dir[PATH_MAX] = "";
	const char *rest = word;
	if (strncmp(word, TOOLS_WORD, strlen(TOOLS_WORD)) == 0) {
		int r = tools_dir(dir, sizeof(dir));
		if (r < 0)
			return r;
		rest = word + strlen(TOOLS_WORD);
	}
	if (strlen(dir) + strlen(rest) >= size)
		return -ENAMETOOLONG;
	(void)snprintf(out, size, "%s%s", dir, rest);
	return 0;
}
