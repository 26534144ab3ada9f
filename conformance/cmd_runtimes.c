/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/commands.h"
#include "conformance/options.h"
#include "harness/adapter.h"

static const struct option_row rows[] = {{0}};

static const struct command_line line = {
	.name = "runtimes",
	.summary = "List the adapters, and which of their runtimes this machine has",
	.operands = "",
	.rows = rows,
};

static void print_runtime(const struct adapter_class *class, const char *name)
{
	struct error err = {0};
	struct adapter adapter = {0};
	struct run_options options = {0};
	char agentcore[4096];
	bool found = run_find_agentcore(&options, agentcore, sizeof(agentcore), &(struct error){0}) == 0;
	const struct adapter_options launch = {
		.runtime = name,
		.work_dir = "/tmp",
		.agentcore = found ? agentcore : NULL,
	};
	if (adapter_open(&adapter, class->name, &launch, &err) < 0) {
		printf("  %-14s not here (%s)\n", name, err.text);
		return;
	}
	printf("  %-14s %s%s%s\n", name, adapter.program[0] ? adapter.program : "built in",
	       adapter.version[0] ? ", " : "", adapter.version);
	adapter_close(&adapter);
}

static void print_class(const struct adapter_class *class)
{
	char *names = strdup(class->runtimes ? class->runtimes : ""), *rest = names, *name;
	printf("%s: %s\n", class->name, class->summary);
	while (names && (name = strsep(&rest, " ")))
		if (*name)
			print_runtime(class, name);
	free(names);
}

int command_runtimes(int argc, char **argv)
{
	int first = argc;
	int r = options_parse(&line, argc, argv, NULL, &first);
	if (r != 0)
		return r > 0 ? CONFORMANCE_OK : CONFORMANCE_USAGE;
	const struct adapter_class **classes;
	size_t count = adapters_all(&classes);
	for (size_t i = 0; i < count; i++)
		print_class(classes[i]);
	return CONFORMANCE_OK;
}
