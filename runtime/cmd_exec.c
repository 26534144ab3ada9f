/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "policy/limits.h"
#include "recipe/command_options.h"
#include "recipe/commands.h"
#include "recipe/exec.h"
#include "recipe/verb.h"

static const char help[] =
	"Usage: agentcore exec ID [OPTION]... [--] CMD [ARG...]\n"
	"\n"
	"Run CMD in a live sandbox that was started with agentcore run --detach, confined as its first\n"
	"command is, and end with its exit status.\n"
	"\n"
	"The limits are those of execution_limits in the sandbox's policy.  They hold for this execution, with\n"
	"all that it starts, inside the limits of the sandbox.  Its wall time or its memory limit ends the\n"
	"execution, and the sandbox goes on.  When CMD ends, all that it has started ends.\n"
	"\n"
	"  --limit KEY=VALUE   set one limit of this execution, not wider than the sandbox's\n"
	"  --user UID[:GID]    run CMD as this id of the sandbox (default: as its first command)\n"
	"  --env NAME=VALUE    add to the environment, which holds only PATH HOME LANG TERM\n"
	"  --cwd DIR           working directory inside (default: that of the first command)\n"
	"  -t, --tty           give CMD a terminal\n"
	"  --audit-dir DIR     audit log (default " AUDIT_DEFAULT_DIRECTORY ")\n"
	"  --root STATEDIR     state directory (default /run/agentcore)\n"
	"  --help              this text\n"
	"\n"
	"Exit status: CMD's own; 124 wall time of the execution over; 125 agentcore failed and CMD did not\n"
	"run; 126 CMD cannot be executed; 127 CMD not found; 128+N CMD ended by signal N, 137 also when the\n"
	"execution has reached its memory limit.\n"
	"\n"
	"Examples:\n"
	"  agentcore run --detach --id lab -- sleep 3600\n"
	"  agentcore exec lab -- python3 -c 'print(6 * 7)'\n"
	"  agentcore exec lab --limit max_memory_mb=64 --limit max_execution_time_seconds=5 -- ./job\n";

static const struct verb verb = {.name = "exec", .options = "aluect", .runs_command = true, .help = help};

/* A key of either tier names a limit of this execution; wider than the sandbox's it would say what is not so. */
static int set_limit(struct policy *policy, const char *assignment, struct error *err)
{
	struct policy alone = {0};
	int r = policy_set_limit(&alone, assignment, err);

	for (size_t i = 0; r == 0 && i < LIMIT_COUNT; i++) {
		const struct limit_row *row = &limit_rows[i];
		const struct limits *named = alone.container.set[i] ? &alone.container : &alone.execution;
		if (!named->set[i])
			continue;
		if (!row->execution_key || i == LIMIT_NETWORK_REQUESTS) {
			(void)error_say(err, EOPNOTSUPP, "--limit %s: not a limit of one execution", assignment);
			return error_hint(err, "it is the whole sandbox's: agentcore run --limit");
		}
		if (row->container_key && policy->container.set[i] && named->value[i] > policy->container.value[i]) {
			(void)error_say(err, ERANGE, "--limit %s: the sandbox has %.10g %s", assignment,
					policy->container.value[i], row->unit);
			return error_hint(err, "agentcore update can raise that of the sandbox");
		}
		policy->execution.value[i] = named->value[i];
		policy->execution.set[i] = policy->execution.explicit_[i] = true;
	}
	return r;
}

/* What `agentcore run` was asked for, as far as the stages of a command want to know it. */
static int complete(const struct verb_options *from, const struct target *target, struct run_options *options,
		    struct error *err)
{
	const struct state_record *record = &target->record;

	options->uid = record->uid;
	options->gid = record->gid;
	options->cwd = from->cwd ? from->cwd : record->cwd;
	options->rootfs = record->rootfs;
	/* Of the sandbox: an execution is held by the same. */
	if (record->mac && strcmp(record->mac, mandatory_name(MANDATORY_NONE)) != 0) {
		int known = mandatory_from_name(&options->mac, record->mac, err);
		if (known < 0)
			return known;
	}
	options->terminal = from->terminal;
	options->command = from->words;
	/* What the MAC layer grants beside the rows of its template. */
	for (; options->bind_count < record->bind_count && options->bind_count < BINDS_MAX; options->bind_count++)
		options->binds[options->bind_count] =
			(struct bind){.destination = record->binds[options->bind_count].destination,
				      .writable = record->binds[options->bind_count].writable};

	int r = state_read_policy(target->directory, &options->policy, err);
	for (size_t i = 0; r == 0 && i < from->limit_count; i++)
		r = set_limit(&options->policy, from->limits[i], err);
	if (r == 0 && from->user)
		r = command_user(from->user, options, err);
	if (r == 0)
		r = command_check_user(options, err);
	for (size_t i = 0; r == 0 && i < from->environment_count; i++)
		r = command_check_variable(from->environment[i], err);
	if (r == 0 && options->cwd && options->cwd[0] != '/')
		r = error_say(err, EINVAL, "--cwd %s: not an absolute path", options->cwd);
	return r < 0 ? r : command_environment(from->environment, from->environment_count, options, err);
}

static json_t *identity(const struct execution *execution)
{
	json_t *words = json_array();

	for (char **word = execution->sandbox.options->command; *word; word++)
		(void)json_array_append_new(words, json_string(*word));
	return json_pack("{s:i, s:i, s:o}", "execution", (int)execution->number, "pid", (int)execution->command,
			 "command", words);
}

static void record_start(const struct execution *execution)
{
	json_t *metadata = identity(execution);

	target_audit(execution->target, "execution_start", "exec", execution->sandbox.options->command[0], "allowed",
		     NULL, metadata);
	json_decref(metadata);
}

static void record_breach(const struct execution *execution, const char *resource, enum limit limit, const char *result)
{
	json_t *metadata =
		json_pack("{s:i, s:f}", "execution", (int)execution->number, "limit", execution->limits.value[limit]);

	/* The workload saw the other breaches itself. */
	if (strcmp(result, "killed") == 0)
		(void)dprintf(STDERR_FILENO, "agentcore: %s limit reached (%g): the whole execution was killed\n",
			      resource, execution->limits.value[limit]);
	target_audit(execution->target, "breach", "exec", resource, result, NULL, metadata);
	json_decref(metadata);
}

static void record_end(const struct execution *execution, const struct execution_end *end, const struct error *err)
{
	if (end->timed_out)
		record_breach(execution, "wall_time", LIMIT_WALL_SECONDS, "killed");
	if (end->out_of_memory)
		record_breach(execution, "memory", LIMIT_MEMORY_MB, "killed");
	if (end->events.process_refusals)
		record_breach(execution, "processes", LIMIT_PROCESSES, "denied");
	if (end->events.throttled_periods)
		record_breach(execution, "cpu", LIMIT_CPU_CORES, "throttled");
	json_t *metadata = json_pack(
		"{s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "execution", (int)execution->number, "exit_status", end->status,
		"duration_us", (json_int_t)end->duration_us, "memory_peak_bytes",
		(json_int_t)end->usage.memory_peak_bytes, "cpu_us", (json_int_t)end->usage.cpu_us, "process_refusals",
		(json_int_t)end->events.process_refusals, "throttled_us", (json_int_t)end->events.throttled_us);
	target_audit(execution->target, "execution_exit", "exec", execution->sandbox.options->command[0], "exited", err,
		     metadata);
	json_decref(metadata);
}

static int execute(const struct run_options *options, const struct target *target, struct error *err)
{
	struct execution execution;
	struct execution_end end = {.status = EXIT_RUNTIME_FAILED};

	command_block_signals();
	execution_init(&execution, options, target);
	if (execution_start(&execution, err) == 0) {
		record_start(&execution);
		execution_monitor(&execution, &end, err);
	}
	record_end(&execution, &end, err);
	execution_clear(&execution);
	return end.status;
}

/* No execution without a record of it, where the policy wants that. */
static int check_audit(const struct target *target, const struct run_options *options, struct error *err)
{
	const struct audit_event event = {.event_type = "execution_requested",
					  .sandbox_id = target->record.id,
					  .agent_id = target->record.agent_id,
					  .operation = "exec",
					  .resource = options->command[0],
					  .result = "allowed"};
	struct audit_log *log = NULL;

	if (options->policy.audit_failure != AUDIT_FAILURE_REFUSE)
		return 0;
	int r = audit_log_open(&log, target->audit_dir, err);
	if (r == 0)
		r = audit_log_write(log, &event, err);
	audit_log_close(log);
	return r;
}

static int act(const struct verb_options *from, struct run_options *options, struct error *err)
{
	struct target target;

	if (!from->id)
		return verb_usage(&verb, err, "no id");
	if (!from->word_count)
		return verb_usage(&verb, err, "no command");
	int r = target_open(from, from->id, &target, err);
	if (r < 0)
		return r;
	/* One that is starting has no policy to read yet. */
	r = target_must_run(&target, err);
	if (r == 0)
		r = complete(from, &target, options, err);
	if (r == 0)
		r = check_audit(&target, options, err);
	int status = r == 0 ? execute(options, &target, err) : EXIT_RUNTIME_FAILED;
	target_close(&target);
	return status;
}

int command_exec(int argc, char **argv)
{
	struct run_options options = {.status_fd = -1};
	struct verb_options from;
	struct error err = {0};
	int status = EXIT_RUNTIME_FAILED;

	/* From copies: the child wipes the memory of argv, which the sandbox could read. */
	if (command_words(argc, argv, &options, &err) == 0 &&
	    verb_parse(&verb, argc, options.words, &from, &err) == 0) {
		if (from.help)
			status = fputs(help, stdout) < 0 ? EXIT_RUNTIME_FAILED : 0;
		else
			status = act(&from, &options, &err);
	}
	if (err.code)
		error_print(&err, "agentcore", STDERR_FILENO);
	command_options_clear(&options);
	return status < 0 ? EXIT_RUNTIME_FAILED : status;
}
