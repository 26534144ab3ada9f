/* SPDX-License-Identifier: Apache-2.0 */
/* probe serve TOKEN | probe load NAME ARG... TOKEN | probe list | probe NAME [ARG...]: see PROTOCOL.md. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/load.h"
#include "probes/serve.h"
#include "probes/tools_dir.h"

static int list(void)
{
	size_t count;
	const struct probe *const *probes = probes_all(&count);
	for (size_t i = 0; i < count; i++)
		printf("%-24s %-32s %s\n", probes[i]->name, probes[i]->arguments, probes[i]->help);
	const struct load *const *loads = loads_all(&count);
	for (size_t i = 0; i < count; i++)
		printf("load %-19s %-32s %s\n", loads[i]->name, loads[i]->arguments, loads[i]->help);
	return 0;
}

/* The limit is one that a person at a terminal would interrupt before. */
static int run_one(int argc, char **argv)
{
	struct facts *facts = facts_new();
	if (!facts) {
		perror("probe: mmap");
		return 1;
	}
	probe_answer(facts, 0, 60000, argc, argv, STDOUT_FILENO);
	return 0;
}

int main(int argc, char **argv)
{
	tools_dir_set_argv0(argv[0]);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return probe_serve();
	if (argc >= 2 && strcmp(argv[1], "load") == 0)
		return load_main(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (argc >= 2 && argv[1][0] != '-' && strcmp(argv[1], "serve") != 0)
		return run_one(argc - 1, argv + 1);
	fputs("usage: probe serve TOKEN | probe load NAME ARG... TOKEN | probe list | probe NAME [ARG...]\n", stderr);
	return 2;
}
