/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/audit_log.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/namespaces.h"
#include "recipe/commands.h"
#include "recipe/faults.h"
#include "recipe/stages.h"

struct mandatory run_options_mandatory(const struct run_options *options, struct mac_grant grants[BINDS_MAX])
{
	for (size_t i = 0; i < options->bind_count; i++)
		grants[i] = (struct mac_grant){options->binds[i].destination, options->binds[i].writable};
	return (struct mandatory){.wish = options->mac, .grants = grants, .grant_count = options->bind_count};
}

bool sandbox_has_layer(const struct sandbox *sandbox, enum layer layer)
{
	enum layer only = sandbox->options->only_layer;

	return only == LAYER_ALWAYS || only == layer;
}

static enum rootfs_kind root_kind(const struct sandbox *sandbox)
{
	if (!sandbox_has_layer(sandbox, LAYER_FILESYSTEM))
		return ROOTFS_BARE;
	return sandbox->options->rootfs ? ROOTFS_DIRECTORY : ROOTFS_DEFAULT;
}

/* What the document knows only per execution bounds the whole as well: the link is the sandbox's, not an execution's. */
static void keep_container_tier(struct limits *limits, const struct limits *container)
{
	struct limits all = *limits;

	*limits = *container;
	limits->set[LIMIT_NETWORK_REQUESTS] = all.set[LIMIT_NETWORK_REQUESTS];
	limits->value[LIMIT_NETWORK_REQUESTS] = all.value[LIMIT_NETWORK_REQUESTS];
}

void sandbox_init(struct sandbox *sandbox, const struct run_options *options)
{
	*sandbox = (struct sandbox){
		.options = options,
		.policy = &options->policy,
		.mandatory = mandatory_choose(&options->policy, options->mac),
		.state_dir = -1,
		.ids = {.lock_fd = -1},
		.rootfs = {.dev = -1},
		.init_fd = -1,
		.control = -1,
		.report = -1,
		.control_inside = -1,
		.report_inside = -1,
		.terminal = -1,
		.proc = -1,
		.sys = -1,
		.root = -1,
		.sysctls = -1,
		.slave = -1,
		.label = -1,
		.child_signals = -1,
		.locked = -1,
		.locked_inside = -1,
		.state = STATE_NONE,
		.storage = STORAGE_NONE,
		.network = SANDBOX_NETWORK_NONE,
	};
	policy_limits_in_force(&options->policy, &sandbox->limits);
	if (options->detach || fault_wished("break", FAULT_ONE_TIER))
		keep_container_tier(&sandbox->limits, &options->policy.container);
	sandbox->spec = (struct rootfs_spec){
		.kind = root_kind(sandbox),
		.directory = options->rootfs,
		.read_only = options->policy.read_only_filesystem,
		.root_owned = options->rootfs_root_owned,
		.shift_owners = sandbox_has_user_namespace(sandbox),
		.binds = options->binds,
		.bind_count = options->bind_count,
		.noexec = root_kind(sandbox) != ROOTFS_BARE && !mac_written_executes(&options->policy),
		.scratch = -1,
		.uid = options->uid,
		.gid = options->gid,
	};
}

bool sandbox_has_user_namespace(const struct sandbox *sandbox)
{
	return sandbox->policy->user_namespace && sandbox_has_layer(sandbox, LAYER_NAMESPACES);
}

static void close_fd(int *fd)
{
	cleanup_fd(fd);
	*fd = -1;
}

void sandbox_clear(struct sandbox *sandbox)
{
	int *fds[] = {&sandbox->state_dir,     &sandbox->ids.lock_fd,   &sandbox->init_fd,
		      &sandbox->control,       &sandbox->report,        &sandbox->control_inside,
		      &sandbox->report_inside, &sandbox->terminal,      &sandbox->proc,
		      &sandbox->sys,           &sandbox->root,          &sandbox->slave,
		      &sandbox->label,         &sandbox->child_signals, &sandbox->locked,
		      &sandbox->locked_inside, &sandbox->sysctls};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close_fd(fds[i]);
	rootfs_close(&sandbox->rootfs);
	bpf_code_clear(&sandbox->filter);
	bpf_code_clear(&sandbox->init_filter);
	cgroup_free(TAKE_PTR(sandbox->cgroup));
	fault_hold(sandbox->options->arguments, sandbox->options->arguments_size);
	(void)network_remove(&sandbox->network, NULL);
	storage_release(&sandbox->storage);
	audit_log_close(TAKE_PTR(sandbox->audit));
	state_close(&sandbox->state);
}

/* The way out of every process inside that cannot go on: tell the monitor, and end. */
static _Noreturn void give_up(const struct sandbox *sandbox, const struct error *err)
{
	(void)io_write_all(sandbox->report, err, sizeof(*err));
	_exit(EXIT_RUNTIME_FAILED);
}

static int life_of_command(void *argument)
{
	/* A copy: the memory is PID 1's too. */
	struct sandbox sandbox = *(const struct sandbox *)argument;
	struct error err = {0};

	close_fd(&sandbox.locked_inside);
	(void)stages_run(SIDE_COMMAND, &sandbox, &err);
	/* Only a failure comes back: the last stage is exec. */
	if (!err.code)
		(void)error_say(&err, EINVAL, "nothing was executed");
	give_up(&sandbox, &err);
}

/*
 * Fork CMD without a copy of the memory, which costs more than all of its stages: it shares PID 1's until its exec.
 * They do not meet there: CMD waits until PID 1 is locked down and sleeps in poll, works on a stack and a struct of
 * its own, and of PID 1's looks at locked_down alone.
 */
static pid_t fork_command(struct sandbox *sandbox)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));

	return clone(life_of_command, stack + sizeof(stack), CLONE_VM | SIGCHLD, sandbox);
}

static _Noreturn void life_of_init(struct sandbox *sandbox)
{
	struct error err = {0};

	if (stages_run(SIDE_INIT, sandbox, &err) < 0)
		give_up(sandbox, &err);

	sandbox->command = fork_command(sandbox);
	if (sandbox->command < 0) {
		(void)error_set(&err, errno, "fork of the command");
		give_up(sandbox, &err);
	}
	if (stages_run(SIDE_LOCK, sandbox, &err) < 0) {
		/* As the kernel does at an exit: first the descriptors are closed, some time later the others in here are killed. */
		if (fault_wished("break", FAULT_INIT_LINGERS)) {
			(void)close(sandbox->locked_inside);
			(void)waitpid(sandbox->command, NULL, 0);
		}
		give_up(sandbox, &err);
	}
	atomic_store(&sandbox->locked_down, true);
	init_serve(sandbox);
}

/* What is the other side's is closed on this one: an end that both hold never reads end of file. */
static void keep_inside(struct sandbox *sandbox)
{
	close_fd(&sandbox->control);
	close_fd(&sandbox->report);
	sandbox->control = TAKE_FD(sandbox->control_inside);
	sandbox->report = TAKE_FD(sandbox->report_inside);
	close_fd(&sandbox->state_dir);
	close_fd(&sandbox->ids.lock_fd);
	state_close(&sandbox->state);
}

static void keep_outside(struct sandbox *sandbox)
{
	close_fd(&sandbox->control_inside);
	close_fd(&sandbox->report_inside);
}

/*
 * A step of ours that failed because PID 1 was gone already is not the cause: what PID 1 reported before its end is.
 * It is in the pipe by now, whole (shorter than PIPE_BUF) or not at all.
 */
static void end_init(struct sandbox *sandbox, struct error *err)
{
	struct error cause;

	(void)kill(sandbox->init, SIGKILL);
	(void)waitpid(sandbox->init, NULL, 0);
	sandbox->init = 0;
	if (io_read_all(sandbox->report, &cause, sizeof(cause)) == (ssize_t)sizeof(cause))
		*err = cause;
}

int sandbox_start(struct sandbox *sandbox, struct error *err)
{
	int r = stages_run(SIDE_PREPARE, sandbox, err);
	if (r < 0)
		return r;

	int cgroup = sandbox->cgroup ? cgroup_clone_fd(sandbox->cgroup) : -1;
	pid_t pid = namespaces_clone(sandbox_has_user_namespace(sandbox), cgroup, &sandbox->init_fd, err);
	if (pid < 0) {
		error_stage(err, "clone");
		return (int)pid;
	}
	if (pid == 0) {
		keep_inside(sandbox);
		life_of_init(sandbox);
	}
	sandbox->init = pid;
	keep_outside(sandbox);
	r = stages_run(SIDE_RELEASE, sandbox, err);
	if (r < 0)
		end_init(sandbox, err);
	else
		rootfs_close(&sandbox->rootfs);
	return r;
}
