/* SPDX-License-Identifier: Apache-2.0 */
/* What others are told of a sandbox: that it runs, and that it is gone. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "recipe/faults.h"
#include "recipe/record.h"
#include "recipe/sandbox.h"

/* How long dying processes may keep a cgroup from being removed. */
#define REMOVAL_MS 5000

/* A background sandbox keeps nothing of its caller's: a pipe that it held open would never end. */
static int let_go_of_caller(struct sandbox *sandbox, struct error *err)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return error_set(err, errno, "/dev/null");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return error_set(err, errno, "descriptor %d", fd);
	/* Nor its directory. */
	if (chdir("/") < 0)
		return error_set(err, errno, "/");
	/* Nothing but the end of the pipe: CMD was executed. */
	(void)close(TAKE_FD(*sandbox->started));
	return 0;
}

static int write_state(const struct sandbox *sandbox, struct error *err)
{
	const struct run_options *options = sandbox->options;
	struct state_bind binds[BINDS_MAX];
	const struct state_record record = {
		.status = STATE_RUNNING,
		.monitor = getpid(),
		.init = sandbox->init,
		.detached = options->detach,
		.agent_id = sandbox->policy->agent_id,
		.profile = profile_name(sandbox->policy->profile),
		.command = (const char *const *)options->command,
		.cgroup = sandbox->cgroup ? sandbox->cgroup_name : NULL,
		.cgroup_parent = options->cgroup_parent,
		.cgroup_use = options->detach ? CGROUP_CONTAINER : CGROUP_SANDBOX,
		.uid = options->uid,
		.gid = options->gid,
		.cwd = options->cwd,
		.rootfs = options->rootfs,
		.mac = mandatory_name(sandbox->mandatory),
		.binds = binds,
		.bind_count = options->bind_count,
	};

	for (size_t i = 0; i < options->bind_count; i++)
		binds[i] = (struct state_bind){options->binds[i].destination, options->binds[i].writable};
	int r = state_write_policy(sandbox->state.directory, sandbox->policy, err);
	return r < 0 ? r : state_write(&sandbox->state, &record, err);
}

int sandbox_announce(struct sandbox *sandbox, struct error *err)
{
	int r = write_state(sandbox, err);

	if (r < 0) {
		error_stage(err, "state");
		return r;
	}
	record_start(sandbox);
	record_layers(sandbox);
	return sandbox->started ? let_go_of_caller(sandbox, err) : 0;
}

void sandbox_remove(struct sandbox *sandbox)
{
	struct error err = {0};

	if (network_remove(&sandbox->network, &err) < 0)
		error_print(&err, "agentcore", STDERR_FILENO);
	if (sandbox->cgroup && !fault_wished("break", FAULT_CGROUP_LEFT) &&
	    cgroup_remove(sandbox->cgroup, REMOVAL_MS, &err) < 0)
		error_print(&err, "agentcore", STDERR_FILENO);
	if (sandbox->state.directory < 0 || fault_wished("break", FAULT_ENTRY_LEFT))
		return;
	if (state_remove(&sandbox->state, &err) < 0)
		error_print(&err, "agentcore", STDERR_FILENO);
	/* Somebody else's leftovers: who starts under that name, or deletes it, is told if they cannot be removed. */
	(void)state_reclaim_stale(sandbox->state_dir, &(struct error){0});
}
