/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/command_options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "recipe/commands.h"

#define ID_MAX 65535

int command_words(int argc, char **argv, struct run_options *options, struct error *err)
{
	/* The program's own name is the first of the adjoining strings. */
	options->arguments = program_invocation_name;
	options->arguments_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - options->arguments);
	options->words = calloc((size_t)argc + 1, sizeof(char *));
	for (int i = 0; options->words && i < argc; i++)
		if (!(options->words[i] = strdup(argv[i])))
			return error_set(err, ENOMEM, "command line");
	return options->words ? 0 : error_set(err, ENOMEM, "command line");
}

int command_number(const char *text, char **end, unsigned *id)
{
	errno = 0;
	unsigned long value = strtoul(text, end, 10);
	if (*end == text || *text == '-' || *text == '+' || errno || value > ID_MAX)
		return -EINVAL;
	*id = (unsigned)value;
	return 0;
}

int command_user(const char *text, struct run_options *options, struct error *err)
{
	char *end;
	unsigned uid = 0, gid;
	int r = command_number(text, &end, &uid);

	gid = uid;
	if (r == 0 && *end == ':')
		r = command_number(end + 1, &end, &gid);
	if (r < 0 || *end)
		return error_say(err, EINVAL, "--user %.80s: not UID or UID:GID with numbers up to 65535", text);
	options->uid = uid;
	options->gid = gid;
	return 0;
}

int command_check_user(const struct run_options *options, struct error *err)
{
	if (options->uid == 0 || !options->policy.capabilities || options->only_layer != LAYER_ALWAYS)
		return 0;
	(void)error_say(err, EINVAL, "--user %u with capabilities: only uid 0 of the sandbox can hold them",
			(unsigned)options->uid);
	return error_hint(err, "use the minimal profile, or leave --user out");
}

int command_check_variable(const char *assignment, struct error *err)
{
	const char *equals = strchr(assignment, '=');

	return equals && equals != assignment ? 0 : error_say(err, EINVAL, "--env %.80s: not NAME=VALUE", assignment);
}

static bool names_variable(const char *assignment, const char *name)
{
	size_t length = strcspn(name, "=");

	return !strncmp(assignment, name, length) && assignment[length] == '=';
}

int command_environment(const char *const *added, size_t added_count, struct run_options *options, struct error *err)
{
	const char *term = options->terminal && getenv("TERM") ? getenv("TERM") : "dumb";
	char term_variable[128];
	(void)snprintf(term_variable, sizeof(term_variable), "TERM=%s", term);
	const char *const fixed[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				     "HOME=/workspace", "LANG=C.UTF-8", term_variable};
	const char *all[ARRAY_SIZE(fixed) + ENVIRONMENT_MAX];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		all[count++] = fixed[i];
	for (size_t i = 0; i < added_count; i++) {
		size_t at = 0;
		while (at < count && !names_variable(all[at], added[i]))
			at++;
		all[at] = added[i];
		if (at == count)
			count++;
	}
	options->environment = calloc(count + 1, sizeof(char *));
	for (size_t i = 0; options->environment && i < count; i++)
		if (!(options->environment[i] = strdup(all[i])))
			return error_set(err, ENOMEM, "environment");
	return options->environment ? 0 : error_set(err, ENOMEM, "environment");
}

static void free_words(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

void command_options_clear(struct run_options *options)
{
	policy_clear(&options->policy);
	free_words(options->environment);
	free_words(options->words);
	options->environment = NULL;
	options->words = NULL;
}

void command_block_signals(void)
{
	static const int forwarded[] = {SIGHUP,  SIGINT,   SIGQUIT, SIGTERM, SIGUSR1,
					SIGUSR2, SIGWINCH, SIGALRM, SIGCONT, SIGCHLD};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		(void)sigaddset(&set, forwarded[i]);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	/* A write to a pipe whose reader is gone is an error to handle, not an end. */
	(void)signal(SIGPIPE, SIG_IGN);
}

int command_failed_status(const struct error *err)
{
	if (strcmp(err->stage, "execute") != 0)
		return EXIT_RUNTIME_FAILED;
	return err->code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}
