/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "conformance/commands.h"
#include "conformance/options.h"
#include "conformance/requirements.h"
#include "harness/subjects.h"

struct arguments {
	struct run_options options; /* first: the shared takers see only this */
	bool json;
};

static int take_json(void *data, const char *value, struct error *err)
{
	struct arguments *arguments = data;
	(void)value;
	(void)err;
	arguments->json = true;
	return 0;
}

static const struct option_row rows[] = {
	SELECTION_OPTIONS,
	{"json", NULL, "as a JSON array, with everything that 'show' tells", take_json},
	{0},
};

static const struct command_line line = {
	.name = "list",
	.summary = "List every requirement: id, level, session, and why it is asked",
	.operands = "",
	.rows = rows,
};

static int print_json(const struct subject *subjects, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < subjects[i].plan.count; j++)
			(void)json_array_append_new(array, requirement_json(&subjects[i].plan.rows[j]));
	int r = json_dumpf(array, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(array);
	return r < 0 ? CONFORMANCE_ERROR : CONFORMANCE_OK;
}

static int print_lines(const struct subject *subjects, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < subjects[i].plan.count; j++) {
			const struct requirement *row = &subjects[i].plan.rows[j];
			printf("%-56s %-6s %-18s %s\n", row->id, level_name(row->level), requirement_place(row),
			       row->rationale);
		}
	return CONFORMANCE_OK;
}

int command_list(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct error err = {0};
	int first = argc;
	int r = options_parse(&line, argc, argv, &arguments, &first);
	if (r != 0)
		return r > 0 ? CONFORMANCE_OK : CONFORMANCE_USAGE;

	struct requirements requirements;
	r = requirements_load(&requirements, &arguments.options, &err);
	if (r < 0) {
		error_print(&err, "agentcore-conformance", STDERR_FILENO);
		return conformance_exit_status(r, NULL);
	}
	int status = arguments.json ? print_json(requirements.subjects, requirements.count)
				    : print_lines(requirements.subjects, requirements.count);
	requirements_clear(&requirements);
	return status;
}
