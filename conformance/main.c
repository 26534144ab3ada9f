/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "conformance/commands.h"

struct command {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{"run", "judge a runtime: does the policy hold inside its sandbox?", command_run},
	{"list", "list every requirement", command_list},
	{"show", "explain one requirement", command_show},
	{"runtimes", "list the runtimes that can be judged", command_runtimes},
	{"mutate", "judge broken runtimes: does the suite see what is broken?", command_mutate},
};

static void usage(FILE *out)
{
	(void)fputs("usage: agentcore-conformance COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	(void)fputs("\n'agentcore-conformance COMMAND --help' explains a command.\n"
		    "Exit status: 0 conformant, 1 not conformant, 2 usage, 3 incomplete, 4 harness error.\n",
		    out);
}

int main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		usage(stdout);
		return CONFORMANCE_OK;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		puts("agentcore-conformance " AGENTCORE_VERSION);
		return CONFORMANCE_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands) && argc >= 2; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc >= 2)
		(void)fprintf(stderr, "agentcore-conformance: no command named %s\n", argv[1]);
	usage(stderr);
	return CONFORMANCE_USAGE;
}
