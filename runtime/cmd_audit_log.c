/* SPDX-License-Identifier: Apache-2.0 */
/* agentcore audit-log: check and read what is on record. */
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit_log.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "recipe/commands.h"

enum { EXIT_PROBLEMS = 1 };

static const char help_text[] =
	"Usage: agentcore audit-log verify [--audit-dir DIR] [--json]\n"
	"       agentcore audit-log show [--audit-dir DIR] [--since DATE] [--sandbox ID] [--type TYPE]\n"
	"\n"
	"Every start, refusal, breach of a limit and exit of a sandbox is one JSON line in\n"
	"DIR/audit_YYYY-MM-DD.jsonl (UTC). Each line carries the SHA-256 of the line before it, and the\n"
	"file DIR/head holds that of the last one.\n"
	"\n"
	"  verify   follow the chain through all files, and name each place where a line was changed,\n"
	"           removed, added or moved, or where the end was cut off. A writer that was killed may\n"
	"           leave one line that head does not know yet, or half a line: that is noted, and is no\n"
	"           problem\n"
	"  show     print the events, oldest first: time, type, sandbox, operation, result, resource and\n"
	"           reason. What is special in a text is escaped. For all fields read the files, which jq(1)\n"
	"           understands\n"
	"\n"
	"  --audit-dir DIR  " AUDIT_DEFAULT_DIRECTORY " by default\n"
	"  --json           the outcome as one JSON object\n"
	"  --since DATE     only events from then on: 2026-01-31, or 2026-01-31T12:00\n"
	"  --sandbox ID     only events of this sandbox\n"
	"  --type TYPE      only events of this type, such as sandbox_start, breach or sandbox_exit\n"
	"\n"
	"The chain shows what was changed behind the back of the log's writers. It has no key: copy head\n"
	"to another machine now and then, and nobody can replace the whole log unnoticed.\n"
	"\n"
	"Exit status: 0 the chain is intact; 1 problems were found (show: lines that cannot be read);\n"
	"125 bad usage, or the log could not be read.\n"
	"\n"
	"Examples:\n"
	"  agentcore audit-log verify || echo 'look at the audit log'\n"
	"  agentcore audit-log show --type breach --since 2026-01-31\n";

struct audit_log_options {
	const char *directory, *since, *sandbox, *type;
	bool json;
};

static int fail(const struct error *err)
{
	error_print(err, "agentcore", STDERR_FILENO);
	return EXIT_RUNTIME_FAILED;
}

static int fail_usage(const char *problem)
{
	(void)fprintf(stderr, "agentcore: audit-log: %s; try \"agentcore audit-log --help\"\n", problem);
	return EXIT_RUNTIME_FAILED;
}

/* --- verify -------------------------------------------------------------------------------------------- */
/* The messages, one a line, as an array. */
static json_t *messages_to_json(char *messages)
{
	json_t *array = json_array();
	char *rest = NULL;

	for (char *line = strtok_r(messages, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		(void)json_array_append_new(array, json_string(line));
	return array;
}

static int print_json(const struct audit_log_options *options, const struct audit_verification *found, char *messages)
{
	json_t *all =
		json_pack("{s:s, s:b, s:I, s:I, s:I, s:o}", "directory", options->directory, "intact",
			  found->problems == 0, "files", (json_int_t)found->files, "lines", (json_int_t)found->lines,
			  "problems", (json_int_t)found->problems, "messages", messages_to_json(messages));
	_cleanup_free_ char *text = all ? json_dumps(all, JSON_INDENT(2)) : NULL;

	json_decref(all);
	return text && puts(text) >= 0 ? 0 : -1;
}

static int verify(const struct audit_log_options *options)
{
	struct audit_verification found = {0};
	struct error err = {0};
	_cleanup_free_ char *messages = NULL;
	size_t size;
	FILE *out = options->json ? open_memstream(&messages, &size) : stdout;

	if (!out)
		return EXIT_RUNTIME_FAILED;
	int r = audit_log_verify(options->directory, out, &found, &err);
	if (options->json && fclose(out) != 0)
		return EXIT_RUNTIME_FAILED;
	if (r < 0)
		return fail(&err);
	if (options->json)
		r = print_json(options, &found, messages);
	else
		(void)printf("%s: %s; files %" PRIu64 ", lines %" PRIu64 ", problems %" PRIu64 "\n", options->directory,
			     found.problems ? "not intact" : "intact", found.files, found.lines, found.problems);
	if (r < 0 || fflush(stdout) != 0)
		return EXIT_RUNTIME_FAILED;
	return found.problems ? EXIT_PROBLEMS : 0;
}

/* --- show ---------------------------------------------------------------------------------------------- */
static const char *field(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text ? text : "-";
}

static int show_event(void *context, const json_t *event)
{
	static const struct {
		const char *key;
		int width;
	} columns[] = {{"event_type", 16}, {"sandbox_id", 12}, {"operation", 7},
		       {"result", 9},      {"resource", 12},   {"reason", 0}};
	const struct audit_log_options *options = context;

	/* The stamp is written so that the order of its letters is that of the time. */
	if ((options->since && strcmp(field(event, "timestamp"), options->since) < 0) ||
	    (options->sandbox && strcmp(field(event, "sandbox_id"), options->sandbox) != 0) ||
	    (options->type && strcmp(field(event, "event_type"), options->type) != 0))
		return 0;
	audit_print_escaped(stdout, field(event, "timestamp"));
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		const char *text = field(event, columns[i].key);
		(void)fputs("  ", stdout);
		audit_print_escaped(stdout, text);
		(void)printf("%*s", columns[i].width > (int)strlen(text) ? columns[i].width - (int)strlen(text) : 0,
			     "");
	}
	return puts("") < 0;
}

static int show(const struct audit_log_options *options)
{
	struct audit_log_options filter = *options;
	struct error err = {0};
	uint64_t unreadable = 0;

	if (options->since && fnmatch("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*", options->since, 0) != 0)
		return fail_usage("--since wants a date such as 2026-01-31");
	if (audit_log_read(options->directory, show_event, &filter, &unreadable, &err) < 0)
		return fail(&err);
	if (fflush(stdout) != 0)
		return EXIT_RUNTIME_FAILED;
	if (unreadable == 0)
		return 0;
	(void)fprintf(stderr, "agentcore: audit-log: %" PRIu64 " of its lines cannot be read; verify says which\n",
		      unreadable);
	return EXIT_PROBLEMS;
}

/* --- The command --------------------------------------------------------------------------------------- */
/* 0, 1 for --help, or -1. */
static int read_options(int argc, char **argv, struct audit_log_options *options)
{
	static const struct option known[] = {
		{"audit-dir", required_argument, NULL, 'd'},
		{"since", required_argument, NULL, 's'},
		{"sandbox", required_argument, NULL, 'i'},
		{"type", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};

	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		switch (c) {
		case 'd':
			options->directory = optarg;
			break;
		case 's':
			options->since = optarg;
			break;
		case 'i':
			options->sandbox = optarg;
			break;
		case 't':
			options->type = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'h':
			return 1;
		default:
			return -1;
		}
	}
	return 0;
}

int command_audit_log(int argc, char **argv)
{
	struct audit_log_options options = {.directory = AUDIT_DEFAULT_DIRECTORY};
	int r = read_options(argc, argv, &options);

	if (r > 0)
		return fputs(help_text, stdout) < 0 ? EXIT_RUNTIME_FAILED : 0;
	if (r < 0)
		return fail_usage("bad option");
	if (argc - optind != 1)
		return fail_usage("say verify or show");
	if (strcmp(argv[optind], "verify") == 0) {
		if (options.since || options.sandbox || options.type)
			return fail_usage("verify looks at all lines: --since, --sandbox and --type are for show");
		return verify(&options);
	}
	if (strcmp(argv[optind], "show") != 0)
		return fail_usage("unknown verb: say verify or show");
	return options.json ? fail_usage("--json is for verify; the files hold JSON lines") : show(&options);
}
