/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 40
#define PROGRAM     "agentcore-conformance"

static void print_help(const struct command_line *line)
{
	printf("usage: " PROGRAM " %s [OPTION...]%s%s\n%s.\n\n", line->name, *line->operands ? " " : "", line->operands,
	       line->summary);
	for (const struct option_row *row = line->rows; row->name; row++) {
		char left[40];
		(void)snprintf(left, sizeof(left), "--%s%s%s", row->name, row->argument ? " " : "",
			       row->argument ? row->argument : "");
		printf("  %-22s %s\n", left, row->help);
	}
	printf("  %-22s %s\n", "--help", "this text");
	if (line->epilogue)
		printf("\n%s", line->epilogue);
}

int options_usage_error(const struct command_line *line, const struct error *err)
{
	error_print(err, PROGRAM, STDERR_FILENO);
	(void)fprintf(stderr, "Try '" PROGRAM " %s --help'.\n", line->name);
	return CONFORMANCE_USAGE;
}

static size_t lay_options(const struct command_line *line, struct option *options)
{
	size_t count = 0;
	for (; count < OPTIONS_MAX - 2 && line->rows[count].name; count++)
		options[count] = (struct option){line->rows[count].name,
						 line->rows[count].argument ? required_argument : no_argument, NULL,
						 (int)count + 1};
	options[count] = (struct option){"help", no_argument, NULL, (int)count + 1};
	return count;
}

int options_parse(const struct command_line *line, int argc, char **argv, void *data, int *first)
{
	struct option options[OPTIONS_MAX] = {0};
	size_t count = lay_options(line, options);
	int chosen;
	optind = 1;
	opterr = 0;
	while ((chosen = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		struct error err = {0};
		if (chosen == (int)count + 1) {
			print_help(line);
			return 1;
		}
		if (chosen == ':')
			(void)error_say(&err, EINVAL, "%s: %s needs a value", line->name, argv[optind - 1]);
		else if (chosen == '?')
			(void)error_say(&err, EINVAL, "%s: unknown option %s", line->name, argv[optind - 1]);
		else
			(void)line->rows[chosen - 1].take(data, optarg, &err);
		if (err.code) {
			(void)options_usage_error(line, &err);
			return -EINVAL;
		}
	}
	*first = optind;
	return 0;
}

/* --- Shared takers --------------------------------------------------------------------------------- */

static int append(const char **list, size_t *count, size_t max, const char *value, const char *option,
		  struct error *err)
{
	if (*count == max)
		return error_say(err, EINVAL, "--%s was given more than %zu times", option, max);
	list[(*count)++] = value;
	return 0;
}

int take_policy(void *data, const char *value, struct error *err)
{
	struct run_options *options = data;
	return append(options->policy_files, &options->policy_file_count, RUN_POLICIES_MAX, value, "policy", err);
}

int take_profile(void *data, const char *value, struct error *err)
{
	struct run_options *options = data;
	enum profile profile;
	int r = profile_from_name(&profile, value, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < options->profile_count; i++)
		if (options->profiles[i] == profile)
			return 0;
	options->profiles[options->profile_count++] = profile;
	return 0;
}

int take_suite(void *data, const char *value, struct error *err)
{
	struct run_options *options = data;
	return append(options->suites, &options->suite_count, RUN_LIST_MAX, value, "suite", err);
}

int take_filter(void *data, const char *value, struct error *err)
{
	struct run_options *options = data;
	return append(options->filters, &options->filter_count, RUN_LIST_MAX, value, "filter", err);
}

int take_fixtures(void *data, const char *value, struct error *err)
{
	struct run_options *options = data;
	(void)err;
	options->fixtures = value;
	return 0;
}
