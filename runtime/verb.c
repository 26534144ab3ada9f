/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/verb.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/limits.h"
#include "recipe/commands.h"

/* Every option that one of them takes; a letter is its name in struct verb, and its short form where that is known as such. */
static const struct option rows[] = {
	{"root", required_argument, NULL, 'r'}, {"audit-dir", required_argument, NULL, 'a'},
	{"help", no_argument, NULL, 'h'},       {"json", no_argument, NULL, 'j'},
	{"force", no_argument, NULL, 'f'},      {"all", no_argument, NULL, 'A'},
	{"stale", no_argument, NULL, 's'},      {"limit", required_argument, NULL, 'l'},
	{"user", required_argument, NULL, 'u'}, {"env", required_argument, NULL, 'e'},
	{"cwd", required_argument, NULL, 'c'},  {"tty", no_argument, NULL, 't'},
};

int verb_usage(const struct verb *verb, struct error *err, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	(void)error_say(err, EINVAL, "%s", what);
	return error_hint(err, "see agentcore %s --help", verb->name);
}

static int add(const struct verb *verb, const char **list, size_t *count, const char *value, struct error *err)
{
	if (*count == VERB_VALUES_MAX)
		return verb_usage(verb, err, "%s: too many of these", value);
	list[(*count)++] = value;
	return 0;
}

static int take(const struct verb *verb, int option, struct verb_options *options, struct error *err)
{
	switch (option) {
	case 'r':
		options->state_dir = optarg;
		return 0;
	case 'a':
		options->audit_dir = optarg;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'f':
		options->force = true;
		return 0;
	case 'A':
		options->all = true;
		return 0;
	case 's':
		options->stale = true;
		return 0;
	case 't':
		options->terminal = true;
		return 0;
	case 'u':
		options->user = optarg;
		return 0;
	case 'c':
		options->cwd = optarg;
		return 0;
	case 'l':
		return add(verb, options->limits, &options->limit_count, optarg, err);
	case 'e':
		return add(verb, options->environment, &options->environment_count, optarg, err);
	default:
		return -EINVAL;
	}
}

static void choose(const char *letters, struct option chosen[ARRAY_SIZE(rows) + 1])
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].val == 'r' || rows[i].val == 'h' || strchr(letters, rows[i].val))
			chosen[count++] = rows[i];
	chosen[count] = (struct option){NULL, 0, NULL, 0};
}

static int parse_options(const struct verb *verb, int argc, char **argv, const struct option *chosen,
			 struct verb_options *options, struct error *err)
{
	const char *shorts = !verb->runs_command ? ":" : strchr(verb->options, 't') ? "+:t" : "+:";
	int r = 0;

	for (int option; r == 0 && (option = getopt_long(argc, argv, shorts, chosen, NULL)) != -1;) {
		if (option == '?')
			r = verb_usage(verb, err, "unknown option %s", argv[optind - 1]);
		else if (option == ':')
			r = verb_usage(verb, err, "option %s needs a value", argv[optind - 1]);
		else
			r = take(verb, option, options, err);
	}
	return r;
}

int verb_parse(const struct verb *verb, int argc, char **argv, struct verb_options *options, struct error *err)
{
	struct option chosen[ARRAY_SIZE(rows) + 1];

	choose(verb->options, chosen);
	*options = (struct verb_options){.state_dir = "/run/agentcore", .audit_dir = AUDIT_DEFAULT_DIRECTORY};
	opterr = 0;
	optind = 1;
	int r = parse_options(verb, argc, argv, chosen, options, err);
	/* ID is the first word, and options may stand behind it too. */
	if (r == 0 && verb->runs_command && argv[optind]) {
		options->id = argv[optind++];
		r = parse_options(verb, argc, argv, chosen, options, err);
	}
	options->words = argv + optind;
	options->word_count = (size_t)(argc - optind);
	return r;
}

int verb_main(const struct verb *verb, int argc, char **argv,
	      int (*act)(const struct verb *verb, const struct verb_options *options, struct error *err))
{
	struct verb_options options;
	struct error err = {0};
	int status = EXIT_RUNTIME_FAILED;

	if (verb_parse(verb, argc, argv, &options, &err) == 0) {
		if (options.help) {
			(void)fputs(verb->help, stdout);
			return 0;
		}
		status = act(verb, &options, &err);
	}
	if (!err.code)
		return status;
	error_print(&err, "agentcore", STDERR_FILENO);
	return status > 0 ? status : EXIT_RUNTIME_FAILED;
}

int target_open(const struct verb_options *options, const char *id, struct target *target, struct error *err)
{
	struct target new_target = {.state_dir = -1, .directory = -1, .audit_dir = options->audit_dir};
	int r = state_check_id(id, err);

	if (r == 0)
		r = state_open_directory(options->state_dir, false, &new_target.state_dir, err);
	if (r == 0)
		r = state_open(new_target.state_dir, id, &new_target.directory, err);
	if (r == 0)
		r = state_read(new_target.state_dir, id, &new_target.record, err);
	if (r < 0) {
		cleanup_fd(&new_target.state_dir);
		cleanup_fd(&new_target.directory);
		return r;
	}
	*target = new_target;
	return 0;
}

void target_close(struct target *target)
{
	cleanup_fd(&target->state_dir);
	cleanup_fd(&target->directory);
	state_record_clear(&target->record);
}

int target_must_run(const struct target *target, struct error *err)
{
	if (target->record.status == STATE_RUNNING)
		return 0;
	(void)error_say(err, ESRCH, "sandbox %s is not running: it is %s", target->record.id,
			state_status_name(target->record.status));
	return error_hint(err, target->record.status == STATE_STARTING ? "try again when it has started"
								       : "agentcore delete removes what is left of it");
}

bool target_limit(const struct state_record *record, const struct policy *policy, enum limit limit, double *value)
{
	/* A quantity that the document knows only per execution bounds the whole as well. */
	if (record->cgroup_use != CGROUP_CONTAINER || !limit_rows[limit].container_key)
		return policy_limit(policy, limit, value);
	if (policy->container.set[limit])
		*value = policy->container.value[limit];
	return policy->container.set[limit];
}

int pidfd_await(int pidfd, int timeout_ms)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	if (pidfd < 0)
		return 0;
	return poll(&end, 1, timeout_ms) == 1 ? 0 : -ETIMEDOUT;
}

int pidfd_signal(int pidfd, int number, struct error *err)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0)
		return error_set(err, errno, "signal %d", number);
	return 0;
}

void target_audit(const struct target *target, const char *event_type, const char *operation, const char *resource,
		  const char *result, const struct error *failure, json_t *metadata)
{
	struct audit_log *log = NULL;
	struct error err = {0};
	const struct audit_event event = {
		.event_type = event_type,
		.sandbox_id = target->record.id,
		.agent_id = target->record.agent_id,
		.operation = operation,
		.resource = resource,
		.result = failure && failure->code ? "failed" : result,
		.reason = failure && failure->code ? failure->text : NULL,
		.metadata = metadata,
	};

	if (audit_log_open(&log, target->audit_dir, &err) == 0)
		(void)audit_log_write(log, &event, &err);
	audit_log_close(log);
	if (err.code)
		error_print(&err, "agentcore: audit log", STDERR_FILENO);
}
