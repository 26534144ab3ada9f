/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/limits.h"
#include "recipe/commands.h"
#include "recipe/control.h"
#include "recipe/verb.h"

#define INIT_PROCESSES 1 /* PID 1, which lives in the sandbox's cgroup and is ours */

static const char help[] =
	"Usage: agentcore update ID --limit KEY=VALUE... [OPTION]...\n"
	"\n"
	"Change limits of a live sandbox, and print what has changed.\n"
	"\n"
	"KEY is a limit as the policy names it: max_memory_mb, max_cpu_cores (or max_cpu_percent),\n"
	"max_processes, max_execution_time_seconds, which counts from the start of CMD.  Keys of\n"
	"execution_limits also hold for executions (agentcore exec) from now on.  Descriptors and storage are\n"
	"fixed when a sandbox starts.\n"
	"\n"
	"  --limit KEY=VALUE  one limit; may be given several times\n"
	"  --json             print the changes as a JSON array\n"
	"  --audit-dir DIR    where the audit log is (default " AUDIT_DEFAULT_DIRECTORY ")\n"
	"  --root STATEDIR    state directory (default /run/agentcore)\n"
	"\n"
	"Exit status: 0 all limits are in force; 125 they are not.\n"
	"\n"
	"Example:\n"
	"  agentcore update job1 --limit max_memory_mb=1024 --limit max_cpu_cores=2\n";

static const struct verb verb = {.name = "update", .options = "alj", .help = help};

/* How each quantity is changed while the sandbox lives. */
static const struct how {
	enum { BY_CGROUP, BY_MONITOR, NOT_LIVE } by;
	const char *why_not;
} hows[LIMIT_COUNT] = {
	[LIMIT_MEMORY_MB] = {BY_CGROUP, NULL},
	[LIMIT_CPU_CORES] = {BY_CGROUP, NULL},
	[LIMIT_PROCESSES] = {BY_CGROUP, NULL},
	[LIMIT_WALL_SECONDS] = {BY_MONITOR, NULL},
	[LIMIT_FILE_DESCRIPTORS] = {NOT_LIVE, "it is set when a command is executed, and inherited by its children"},
	[LIMIT_STORAGE_MB] = {NOT_LIVE, "its file system was made with this size"},
	[LIMIT_NETWORK_REQUESTS] = {NOT_LIVE, "the kernel counts against the number that it started with"},
};

struct change {
	const struct target *target;
	struct policy before, after;
	bool named[LIMIT_COUNT];
};

static const char *key_of(enum limit limit)
{
	return limit_rows[limit].container_key ? limit_rows[limit].container_key : limit_rows[limit].execution_key;
}

/* Lay the words over the policy; which quantities they name shows on an empty one. */
static int apply_words(const struct verb_options *options, struct change *change, struct error *err)
{
	for (size_t i = 0; i < options->limit_count; i++) {
		struct policy alone = {0};
		int r = policy_set_limit(&alone, options->limits[i], err);
		if (r < 0)
			return r;
		for (size_t j = 0; j < LIMIT_COUNT; j++) {
			if (!alone.container.set[j] && !alone.execution.set[j])
				continue;
			if (hows[j].by == NOT_LIVE) {
				(void)error_say(err, EOPNOTSUPP, "--limit %s: not of a live sandbox: %s",
						options->limits[i], hows[j].why_not);
				return error_hint(err, "start another sandbox with it");
			}
			change->named[j] = true;
		}
		r = policy_set_limit(&change->after, options->limits[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int change_cgroup(const struct change *change, struct error *err)
{
	const struct state_record *record = &change->target->record;
	struct cgroup_layout layout;
	struct cgroup *cgroup = NULL;
	struct limits limits = {0};
	bool any = false;

	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		if (!change->named[i] || hows[i].by != BY_CGROUP)
			continue;
		limits.set[i] = target_limit(record, &change->after, (enum limit)i, &limits.value[i]);
		limits.explicit_[i] = true;
		any |= limits.set[i];
	}
	if (!any)
		return 0;
	if (!record->cgroup)
		return error_say(err, EOPNOTSUPP, "sandbox %s has no cgroup", record->id);
	int r = cgroup_check_limits(&limits, err);
	if (r == 0)
		r = cgroup_detect(&layout, NULL, NULL, record->cgroup_parent, err);
	if (r == 0)
		r = cgroup_open(&layout, record->cgroup, record->cgroup_use, &cgroup, err);
	if (r == 0)
		r = cgroup_set_limits(cgroup, &limits, INIT_PROCESSES, err);
	cgroup_free(cgroup);
	return r;
}

/* The monitor keeps the wall clock, and puts breaches on record with the limit that was breached. */
static int tell_monitor(const struct change *change, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	int r = control_connect(change->target->directory, &fd, err);

	for (size_t i = 0; r == 0 && i < LIMIT_COUNT; i++) {
		struct control_request request = {.kind = CONTROL_LIMIT, .number = (uint32_t)i};
		if (change->named[i] &&
		    target_limit(&change->target->record, &change->after, (enum limit)i, &request.value))
			r = control_ask(fd, &request, NULL, err);
	}
	return r;
}

/* A limit as it is now, and where the value that was asked for is not it, why. */
static json_t *describe(const struct change *change, enum limit limit)
{
	const struct state_record *record = &change->target->record;
	double before = 0, after = 0;

	(void)target_limit(record, &change->before, limit, &before);
	(void)target_limit(record, &change->after, limit, &after);
	json_t *object = json_pack("{s:s, s:f, s:f, s:s}", "limit", key_of(limit), "before", before, "after", after,
				   "unit", limit_rows[limit].unit);
	if (change->after.execution.set[limit])
		(void)json_object_set_new(object, "per_execution", json_real(change->after.execution.value[limit]));
	return object;
}

static void print_change(const json_t *object)
{
	const json_t *execution = json_object_get(object, "per_execution");

	(void)printf("%s: %.10g -> %.10g %s", json_string_value(json_object_get(object, "limit")),
		     json_real_value(json_object_get(object, "before")),
		     json_real_value(json_object_get(object, "after")),
		     json_string_value(json_object_get(object, "unit")));
	if (execution)
		(void)printf(" (each execution: %.10g)", json_real_value(execution));
	(void)puts("");
}

static json_t *describe_all(const struct change *change)
{
	json_t *array = json_array();

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (change->named[i])
			(void)json_array_append_new(array, describe(change, (enum limit)i));
	return array;
}

static void print_all(const json_t *array, bool json)
{
	if (json) {
		(void)json_dumpf(array, stdout, JSON_INDENT(2));
		(void)puts("");
		return;
	}
	for (size_t i = 0; i < json_array_size(array); i++)
		print_change(json_array_get(array, i));
}

/* In an order in which what was written is never tighter or wider than what is in force: policy.json last. */
static int carry_out(const struct verb_options *options, struct change *change, struct error *err)
{
	int r = apply_words(options, change, err);

	if (r == 0)
		r = target_must_run(change->target, err);
	if (r == 0)
		r = change_cgroup(change, err);
	if (r == 0)
		r = tell_monitor(change, err);
	return r < 0 ? r : state_write_policy(change->target->directory, &change->after, err);
}

static int update(const struct target *target, const struct verb_options *options, struct error *err)
{
	struct change change = {.target = target};
	_cleanup_fd_ int lock = state_lock_update(target->directory, err);

	if (lock < 0)
		return lock;
	int r = state_read_policy(target->directory, &change.before, err);
	if (r == 0)
		r = state_read_policy(target->directory, &change.after, err);
	if (r == 0)
		r = carry_out(options, &change, err);
	json_t *changes = r == 0 ? describe_all(&change) : json_array();
	if (r == 0)
		print_all(changes, options->json);
	json_t *metadata = json_pack("{s:o}", "changes", changes);
	target_audit(target, "sandbox_update", "update", "limits", "allowed", err, metadata);
	json_decref(metadata);
	policy_clear(&change.before);
	policy_clear(&change.after);
	return r;
}

static int act(const struct verb *self, const struct verb_options *options, struct error *err)
{
	struct target target;

	if (options->word_count != 1)
		return verb_usage(self, err, options->word_count ? "one id at a time" : "no id");
	if (!options->limit_count)
		return verb_usage(self, err, "nothing to change: no --limit");
	int r = target_open(options, options->words[0], &target, err);
	if (r < 0)
		return r;
	r = update(&target, options, err);
	target_close(&target);
	return r;
}

int command_update(int argc, char **argv)
{
	return verb_main(&verb, argc, argv, act);
}
