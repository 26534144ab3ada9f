/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "conformance/commands.h"
#include "conformance/options.h"
#include "conformance/requirements.h"

static const struct option_row rows[] = {
	{"policy", "FILE", "look among the requirements of this policy", take_policy},
	{"fixtures", "DIR", "where the golden tables are", take_fixtures},
	{0},
};

static const struct command_line line = {
	.name = "show",
	.summary = "Explain one requirement: why it is asked, how it is observed, and what to do when it fails",
	.operands = "ID",
	.rows = rows,
};

struct field {
	const char *key, *label;
};

static void print(const struct requirement *row)
{
	static const struct field fields[] = {
		{"level", "Level"},
		{"rationale", "Why"},
		{"expected", "Expected"},
		{"session", "Session"},
		{"probe", "Observed by"},
		{"limits", "Limits"},
		{"load", "Load"},
		{"companion", "Beside it"},
		{"control_limits", "Control with"},
		{"control_load", "Control load"},
		{"fact", "Judged on"},
		{"control_session", "Control in"},
		{"control_probe", "Control by"},
		{"needs", "Needs"},
		{"remediation", "Remedy"},
		{"tags", "Tags"},
	};
	json_t *object = requirement_json(row);
	puts(row->id);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *value = json_string_value(json_object_get(object, fields[i].key));
		if (value)
			printf("  %-12s %s\n", fields[i].label, value);
	}
	json_decref(object);
}

static const struct requirement *find(const struct requirements *requirements, const char *id)
{
	for (size_t i = 0; i < requirements->count; i++)
		for (size_t j = 0; j < requirements->subjects[i].plan.count; j++)
			if (strcmp(requirements->subjects[i].plan.rows[j].id, id) == 0)
				return &requirements->subjects[i].plan.rows[j];
	return NULL;
}

/* The row that shares the longest beginning with what was asked for. */
static const char *nearest(const struct requirements *requirements, const char *id)
{
	const char *best = "";
	size_t longest = 0;
	for (size_t i = 0; i < requirements->count; i++)
		for (size_t j = 0; j < requirements->subjects[i].plan.count; j++) {
			const char *candidate = requirements->subjects[i].plan.rows[j].id;
			size_t shared = 0;
			while (id[shared] && id[shared] == candidate[shared])
				shared++;
			if (shared > longest) {
				longest = shared;
				best = candidate;
			}
		}
	return best;
}

static int show(const struct requirements *requirements, const char *id)
{
	const struct requirement *row = find(requirements, id);
	struct error err = {0};
	if (row) {
		print(row);
		return CONFORMANCE_OK;
	}
	(void)error_say(&err, ENOENT, "no requirement %s", id);
	const char *near = nearest(requirements, id);
	if (*near)
		(void)error_hint(&err, "did you mean %s?", near);
	return options_usage_error(&line, &err);
}

int command_show(int argc, char **argv)
{
	struct run_options options = {0};
	struct error err = {0};
	int first = argc;
	int r = options_parse(&line, argc, argv, &options, &first);
	if (r != 0)
		return r > 0 ? CONFORMANCE_OK : CONFORMANCE_USAGE;
	if (argc - first != 1) {
		(void)error_say(&err, EINVAL, "show: one requirement id is needed");
		return options_usage_error(&line, &err);
	}
	struct requirements requirements;
	r = requirements_load(&requirements, &options, &err);
	if (r < 0) {
		error_print(&err, "agentcore-conformance", STDERR_FILENO);
		return conformance_exit_status(r, NULL);
	}
	int status = show(&requirements, argv[first]);
	requirements_clear(&requirements);
	return status;
}
