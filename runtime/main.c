/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "recipe/commands.h"

static const struct command_row {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"run", command_run, "run a command in a sandbox"},
	{"exec", command_exec, "run another command in a live sandbox"},
	{"list", command_list, "list the sandboxes that are alive, and what killed ones have left"},
	{"kill", command_kill, "send a signal to a sandbox's command, or end the sandbox"},
	{"delete", command_delete, "remove a sandbox, or what a killed one has left"},
	{"update", command_update, "change limits of a live sandbox"},
	{"layers", command_layers, "show which layers of isolation a policy gets on this kernel"},
	{"profile", command_profile, "list, show, generate and lint profiles"},
	{"audit-log", command_audit_log, "verify and show the record of starts, breaches and exits"},
};

static void print_help(FILE *out)
{
	(void)fputs("Usage: agentcore COMMAND [OPTION]...\n\n"
		    "A sandbox for untrusted code: namespaces, capabilities, seccomp, Landlock; fail closed.\n\n",
		    out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	(void)fputs("\nagentcore COMMAND --help explains each; agentcore --version prints the version.\n", out);
}

/* A closed descriptor 0, 1 or 2 would be given to the next file that is opened, and from there to CMD. */
static int fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_NOCTTY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char **argv)
{
	if (fill_standard_descriptors() < 0)
		return EXIT_RUNTIME_FAILED;
	if (argc < 2) {
		print_help(stderr);
		return EXIT_RUNTIME_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		(void)puts("agentcore " AGENTCORE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	(void)fprintf(stderr, "agentcore: no command \"%s\"; see agentcore --help\n", argv[1]);
	return EXIT_RUNTIME_FAILED;
}
