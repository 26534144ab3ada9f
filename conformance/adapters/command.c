/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "command": any program that runs the words after its own, such as "bwrap --ro-bind / / --unshare-all --".  It does
 * not read the policy: the user has said it in the prefix, and the suite judges whether it holds.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "adapters/program.h"
#include "adapters/spawn.h"
#include "base/cleanup.h"
#include "harness/adapter.h"

#define PLACEHOLDER "{tools}"
#define WORDS_MAX   128

/* Replace every placeholder of the prefix by the tools directory.  NULL when memory ran out. */
static char *expand(const char *prefix, const char *tools_dir)
{
	char *text = NULL;
	size_t size;
	_cleanup_file_ FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (const char *found; (found = strstr(prefix, PLACEHOLDER)); prefix = found + strlen(PLACEHOLDER))
		(void)fprintf(out, "%.*s%s", (int)(found - prefix), prefix, tools_dir);
	(void)fputs(prefix, out);
	bool failed = fflush(out) != 0;
	if (failed) {
		free(text);
		return NULL;
	}
	return text;
}

/* Split in place at blanks: quoting is a shell's business ("sh -c '...' --" works where one is needed). */
static size_t split(char *text, const char *words[WORDS_MAX])
{
	size_t count = 0;
	char *rest = NULL;
	for (char *word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
		if (count == WORDS_MAX)
			return 0;
		words[count++] = word;
	}
	return count;
}

static int command_open(struct adapter *adapter, struct error *err)
{
	const char *prefix = adapter->options.command_prefix;
	_cleanup_free_ char *copy = strdup(prefix ? prefix : "");
	const char *words[WORDS_MAX];
	if (!copy)
		return error_set(err, ENOMEM, "command prefix");
	if (split(copy, words) == 0)
		return error_say(err, EINVAL, "--runtime-cmd: between 1 and %d words are needed", WORDS_MAX);
	adapter->options.runtime = words[0];
	int r = program_open(adapter, NULL, err);
	adapter->options.runtime = NULL; /* words[0] ends with this function */
	return r;
}

static bool command_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
				size_t size)
{
	(void)adapter;
	if (launch->kind == SESSION_FULL)
		return true;
	(void)snprintf(reason, size, "a command prefix says one sandbox: no other user, no layer alone");
	return false;
}

static int command_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	const char *words[WORDS_MAX];
	_cleanup_free_ char *prefix = expand(adapter->options.command_prefix, launch->tools_dir);
	size_t count = prefix ? split(prefix, words) : 0;
	if (count == 0)
		return error_say(err, EINVAL, "--runtime-cmd: too many words, or no memory");
	words[0] = adapter->program;
	/* The prefix binds the tools at their own path; one without the placeholder shows the host's root as it is. */
	char **argv = spawn_build_argv(words, count, launch->tools_dir, launch->command);
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	struct spawn spawn = {
		.argv = argv,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
		.network_of = launch->network_of,
	};
	int r = spawn_start(&spawn, pid, err);
	spawn_free_argv(argv);
	return r;
}

static const struct adapter_class command = {
	.name = "command",
	.summary = "any program before the command: --runtime-cmd 'PREFIX ... --'",
	.runtimes = "",
	.shared_kernel = true,
	.networks = 1U << NETWORK_NONE,
	.open = command_open,
	.can_express = command_can_express,
	.start = command_start,
};
ADAPTER(command);
