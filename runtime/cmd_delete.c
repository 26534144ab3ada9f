/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "netpolicy/router.h"
#include "recipe/commands.h"
#include "recipe/faults.h"
#include "recipe/verb.h"

#define CLEAR_UP_MS 10000 /* for the monitor, once PID 1 is dead */
#define DIE_MS      5000 /* for a process that got SIGKILL */

static const char help[] =
	"Usage: agentcore delete ID [--force] [OPTION]...\n"
	"       agentcore delete --stale [OPTION]...\n"
	"\n"
	"Remove a sandbox: what a killed monitor has left behind, or with --force a live one.\n"
	"\n"
	"A sandbox that ends by itself leaves nothing, and need not be deleted.  When its monitor was\n"
	"killed, its processes have died with it, but its cgroups and its entry in the state directory\n"
	"are still there: agentcore list shows it as stale.\n"
	"\n"
	"  --force          end the sandbox first, and wait until all of it is gone\n"
	"  --stale          remove all whose monitor is dead, and print their ids\n"
	"  --audit-dir DIR  where the audit log is (default " AUDIT_DEFAULT_DIRECTORY ")\n"
	"  --root STATEDIR  state directory (default /run/agentcore)\n"
	"\n"
	"Exit status: 0 nothing of it is left; 125 it was not removed.\n";

static const struct verb verb = {.name = "delete", .options = "afs", .help = help};

static int end_monitor(const struct target *target, struct error *err)
{
	/* It clears up by itself; one that is stopped, or hangs, does not, and its sandbox must not outlive this. */
	if (pidfd_await(target->record.monitor_fd, CLEAR_UP_MS) == 0)
		return 0;
	int r = pidfd_signal(target->record.monitor_fd, SIGKILL, err);
	if (r < 0 || pidfd_await(target->record.monitor_fd, DIE_MS) == 0)
		return r;
	return error_say(err, ETIMEDOUT, "the monitor of sandbox %s, process %d, does not end", target->record.id,
			 (int)target->record.monitor);
}

static int end_sandbox(const struct target *target, bool force, struct error *err)
{
	const struct state_record *record = &target->record;

	if (record->status == STATE_STALE)
		return 0;
	if (record->status != STATE_ENDING && !force) {
		(void)error_say(err, EBUSY, "sandbox %s is %s", record->id, state_status_name(record->status));
		return error_hint(err, "agentcore kill %s ends it, and delete --force ends and removes it", record->id);
	}
	if (record->monitor_fd < 0)
		return target_must_run(target, err);
	int r = record->init_fd >= 0 ? pidfd_signal(record->init_fd, SIGKILL, err) : 0;
	return r < 0 ? r : end_monitor(target, err);
}

/* A monitor that had the time has removed everything itself. */
static int reclaim_rest(const struct target *target, struct error *err)
{
	struct error cause = {0};
	int r = fault_wished("break", FAULT_NOT_RECLAIMED)
			? -ENOENT
			: state_reclaim(target->state_dir, target->record.id, &cause);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		*err = cause;
	return r;
}

/* A router whose last sandbox lost its monitor is nobody's. */
static int reclaim_router(const struct verb_options *options, int state_dir, struct error *err)
{
	const struct router_options router = {.state_dir = state_dir, .state_path = options->state_dir, .far_end = -1};

	return fault_wished("break", FAULT_NOT_RECLAIMED) ? 0 : router_reclaim(&router, err);
}

/* state_read needs a sound record; a damaged one must not keep a dead sandbox's leftovers for ever. */
static int delete_damaged(const struct verb_options *options, const char *id, struct error *err)
{
	_cleanup_fd_ int state_dir = -1;

	*err = (struct error){0};
	int r = state_open_directory(options->state_dir, false, &state_dir, err);
	return r < 0 ? r : state_reclaim(state_dir, id, err);
}

static int delete_one(const struct verb_options *options, const char *id, struct error *err)
{
	struct target target;
	int r = target_open(options, id, &target, err);

	if (r == -EBADMSG && options->force)
		return delete_damaged(options, id, err);
	if (r < 0)
		return r;
	r = end_sandbox(&target, options->force, err);
	if (r == 0)
		r = reclaim_rest(&target, err);
	if (r == 0)
		r = reclaim_router(options, target.state_dir, err);
	target_audit(&target, "sandbox_delete", "delete", NULL, "allowed", err, NULL);
	target_close(&target);
	return r;
}

struct sweep {
	const struct verb_options *options;
	int state_dir;
	struct error *err;
};

static int sweep_one(const char *id, void *data)
{
	const struct sweep *sweep = data;
	struct target named = {.record = {.init_fd = -1, .monitor_fd = -1}, .audit_dir = sweep->options->audit_dir};
	struct error cause = {0};
	int r = state_reclaim(sweep->state_dir, id, &cause);

	if (r == -EBUSY || r == -ENOENT)
		return 0;
	/* One that resists does not keep the others. */
	if (r < 0)
		*sweep->err = cause;
	else
		(void)puts(id);
	(void)snprintf(named.record.id, sizeof(named.record.id), "%s", id);
	target_audit(&named, "sandbox_delete", "delete", "stale", "allowed", &cause, NULL);
	return 0;
}

static int delete_stale(const struct verb_options *options, struct error *err)
{
	struct error cause = {0};
	_cleanup_fd_ int state_dir = -1;
	int r = state_open_directory(options->state_dir, false, &state_dir, &cause);

	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		struct sweep sweep = {.options = options, .state_dir = state_dir, .err = &cause};
		r = state_each(state_dir, sweep_one, &sweep);
	}
	/* What has no sandbox's name, too. */
	if (r == 0)
		r = state_reclaim_stale(state_dir, &cause);
	if (r >= 0)
		r = reclaim_router(options, state_dir, &cause);
	*err = cause;
	return r < 0 ? r : 0;
}

static int act(const struct verb *self, const struct verb_options *options, struct error *err)
{
	if (options->stale)
		return options->word_count ? verb_usage(self, err, "--stale takes no id") : delete_stale(options, err);
	if (options->word_count != 1)
		return verb_usage(self, err, options->word_count ? "one id at a time" : "no id");
	return delete_one(options, options->words[0], err);
}

int command_delete(int argc, char **argv)
{
	return verb_main(&verb, argc, argv, act);
}
