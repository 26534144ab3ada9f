/* SPDX-License-Identifier: Apache-2.0 */
/* The way of an execution into its sandbox. */
#include "recipe/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/join.h"
#include "enforce/privileges.h"
#include "enforce/seccomp_filter.h"
#include "recipe/commands.h"
#include "recipe/control.h"
#include "recipe/faults.h"
#include "recipe/stages.h"

#define REMOVAL_MS 5000

struct step {
	const char *name;
	int (*run)(struct execution *execution, struct error *err);
};

static int run_steps(const struct step *steps, size_t count, struct execution *execution, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = steps[i].run(execution, err);
		if (r < 0) {
			error_stage(err, steps[i].name);
			return r;
		}
	}
	return 0;
}

/* --- The monitor's steps, up to the clone ---------------------------------------------------------------- */

static int step_refuse(struct execution *execution, struct error *err)
{
	const struct state_record *record = &execution->target->record;
	const struct policy *policy = execution->sandbox.policy;
	int r = target_must_run(execution->target, err);

	if (r < 0)
		return r;
	if (!record->cgroup || record->cgroup_use != CGROUP_CONTAINER) {
		(void)error_say(err, EOPNOTSUPP, "sandbox %s takes no executions", record->id);
		return error_hint(err, "start it with agentcore run --detach");
	}
	r = join_has_user_namespace(record->init, &execution->joins_user_namespace, err);
	if (r < 0)
		return r;
	/* The capability counts in the host's user namespace then, and there it opens what is not dumpable. */
	if (!execution->joins_user_namespace && policy->capabilities >> CAP_SYS_PTRACE & 1) {
		(void)error_say(err, EPERM,
				"a sandbox with CAP_SYS_PTRACE and without a user namespace could trace what joins it");
		return error_hint(err, "set user_namespace to true");
	}
	return 0;
}

/* The profile may have been taken away or replaced since the sandbox started. */
static int step_mandatory(struct execution *execution, struct error *err)
{
	struct mac_grant grants[BINDS_MAX];
	const struct mandatory mandatory = run_options_mandatory(execution->sandbox.options, grants);

	return mandatory_check(execution->sandbox.policy, &mandatory, err);
}

static int step_announce(struct execution *execution, struct error *err)
{
	const struct control_request request = {.kind = CONTROL_EXECUTE};
	struct control_answer answer = {0};
	int r = control_connect(execution->target->directory, &execution->connection, err);

	if (r == 0)
		r = control_ask(execution->connection, &request, &answer, err);
	if (r < 0)
		return r;
	execution->number = answer.number;
	(void)snprintf(execution->cgroup_name, sizeof(execution->cgroup_name), "%.128s/exec-%u",
		       execution->target->record.cgroup, execution->number);
	return 0;
}

static int step_cgroup(struct execution *execution, struct error *err)
{
	int r = cgroup_detect(&execution->layout, NULL, NULL, execution->target->record.cgroup_parent, err);

	if (r == 0)
		r = cgroup_create(&execution->layout, execution->cgroup_name, CGROUP_EXECUTION, &execution->limits, 0,
				  &execution->cgroup, err);
	return r;
}

static int step_filter(struct execution *execution, struct error *err)
{
	return seccomp_compile(execution->sandbox.policy, &execution->sandbox.filter, err);
}

static int step_processors(struct execution *execution, struct error *err)
{
	struct sandbox *sandbox = &execution->sandbox;

	if (sched_getaffinity(0, sizeof(sandbox->processors), &sandbox->processors) < 0)
		return error_set(err, errno, "processors of the caller");
	return 0;
}

static int step_channels(struct execution *execution, struct error *err)
{
	struct sandbox *sandbox = &execution->sandbox;
	int pair[2];
	/* Over the control socket comes the terminal alone. */
	int r = stage_channels(sandbox, err);

	if (r < 0)
		return r;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	execution->alive_inside = pair[0];
	execution->alive = pair[1];
	/* The stage that waits for PID 1's lock finds it done: a pipe that has ended. */
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	sandbox->locked = pair[0];
	sandbox->locked_down = true;
	sandbox->init_locked_down = &sandbox->locked_down;
	return close(pair[1]) < 0 ? error_set(err, errno, "pipe") : 0;
}

static int step_hide(struct execution *execution, struct error *err)
{
	static const char left[] = "agentcore exec";
	const struct run_options *options = execution->sandbox.options;

	/* Our command line names files of the host, and can be read inside, dumpable or not: the child is born with this one. */
	explicit_bzero(options->arguments, options->arguments_size);
	if (options->arguments_size > sizeof(left))
		memcpy(options->arguments, left, sizeof(left));
	return join_hide(err);
}

static const struct step outside[] = {
	{"refuse", step_refuse},
	/* Before the cgroup is made: from the first moment there is somebody else to remove it. */
	{"mac", step_mandatory},
	{"announce", step_announce},
	{"cgroup", step_cgroup},
	{"filter", step_filter},
	{"processors", step_processors},
	{"channels", step_channels},
	/* Last before the clone: the sandbox sees the child from its birth on. */
	{"hide", step_hide},
};

/* --- The child's steps, up to the stages that it shares with CMD ------------------------------------------ */

static int step_join_cgroup(struct execution *execution, struct error *err)
{
	struct cgroup *cgroup = execution->cgroup;

	if (fault_wished("break", FAULT_EXEC_UNGROUPED))
		(void)cgroup_open(&execution->layout, execution->target->record.cgroup, CGROUP_CONTAINER, &cgroup, err);
	return cgroup_join(cgroup, err);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Close all but what the later steps use.  The connection's copy goes with the rest: it must not outlive the monitor. */
static int step_descriptors(struct execution *execution, struct error *err)
{
	struct sandbox *sandbox = &execution->sandbox;
	unsigned from = STDERR_FILENO + 1;
	int keep[] = {sandbox->control, sandbox->report_inside, sandbox->locked, execution->alive_inside,
		      execution->target->record.init_fd};

	qsort(keep, ARRAY_SIZE(keep), sizeof(keep[0]), by_number);
	for (size_t i = 0; i < ARRAY_SIZE(keep); from = (unsigned)keep[i++] + 1)
		if ((unsigned)keep[i] > from && close_range(from, (unsigned)keep[i] - 1, 0) < 0)
			return error_set(err, errno, "descriptors %u to %d", from, keep[i] - 1);
	return close_range(from, ~0U, 0) < 0 ? error_set(err, errno, "descriptors from %u", from) : 0;
}

/*
 * The sandbox's monitor has killed this cgroup already if ours died before we were in it.  If it dies later, we are
 * among those who are killed.
 */
static int step_monitor_lives(struct execution *execution, struct error *err)
{
	struct pollfd end = {.fd = execution->alive_inside};

	if (poll(&end, 1, 0) != 0)
		return error_say(err, ECANCELED, "the monitor of the execution has died");
	cleanup_fd(&execution->alive_inside);
	execution->alive_inside = -1;
	return 0;
}

static int step_namespaces(struct execution *execution, struct error *err)
{
	int pidfd = execution->target->record.init_fd;
	int r = join_namespaces(pidfd, execution->joins_user_namespace, err);

	(void)close(pidfd);
	return r;
}

static int step_become_root(struct execution *execution, struct error *err)
{
	int r = execution->joins_user_namespace ? privileges_become_root(err) : 0;

	/* The kernel sets it anew, to fs.suid_dumpable, when the ids change. */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = error_set(err, errno, "not dumpable");
	return r;
}

static int step_terminal(struct execution *execution, struct error *err)
{
	int r = stage_terminal(&execution->sandbox, err);

	/* It leads to a process of the host. */
	cleanup_fd(&execution->sandbox.control);
	execution->sandbox.control = -1;
	return r;
}

static const struct step inside[] = {
	/* First of all: from here everything is charged to the execution, and dies with it. */
	{"join-cgroup", step_join_cgroup},
	/* While only the host can look. */
	{"descriptors", step_descriptors},
	{"monitor-lives", step_monitor_lives},
	/* Behind the joining, which takes files of the host; the cgroup namespace is the sandbox's. */
	{"namespaces", step_namespaces},
	{"become-root", step_become_root},
	/* From the sandbox's own devpts; the master goes out. */
	{"terminal", step_terminal},
};

static _Noreturn void life_of_command(struct execution *execution)
{
	struct sandbox *sandbox = &execution->sandbox;
	struct error err = {0};

	sandbox->control = TAKE_FD(sandbox->control_inside);
	if (run_steps(inside, ARRAY_SIZE(inside), execution, &err) == 0)
		(void)stages_run(SIDE_COMMAND, sandbox, &err);
	/* Only a failure comes back: the last stage is exec. */
	(void)io_write_all(sandbox->report_inside, &err, sizeof(err));
	_exit(EXIT_RUNTIME_FAILED);
}

/* --- Start and end ---------------------------------------------------------------------------------------- */

/*
 * Nothing wider than the container's: the kernel would hold it anyway, but cgroup v1 refuses a cpu quota above the
 * parent's.  The processes of the container's limit include PID 1's, which is not written here.
 */
static struct limits limits_within(const struct limits *execution, const struct limits *container)
{
	struct limits limits = *execution;

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (limits.set[i] && container->set[i] && limits.value[i] > container->value[i])
			limits.value[i] = container->value[i];
	return limits;
}

void execution_init(struct execution *execution, const struct run_options *options, const struct target *target)
{
	*execution = (struct execution){
		.target = target,
		.limits = limits_within(&options->policy.execution, &options->policy.container),
		.connection = -1,
		.alive = -1,
		.alive_inside = -1,
		.command_fd = -1,
	};
	sandbox_init(&execution->sandbox, options);
}

static void close_fd(int *fd)
{
	cleanup_fd(fd);
	*fd = -1;
}

int execution_start(struct execution *execution, struct error *err)
{
	struct sandbox *sandbox = &execution->sandbox;
	int r = run_steps(outside, ARRAY_SIZE(outside), execution, err);

	if (r < 0)
		return r;
	pid_t pid = join_clone(execution->target->record.init_fd, cgroup_clone_fd(execution->cgroup),
			       &execution->command_fd, err);
	if (pid < 0) {
		error_stage(err, "clone");
		return (int)pid;
	}
	if (pid == 0)
		life_of_command(execution);
	execution->command = pid;
	/* An end that both sides hold never reads end of file. */
	close_fd(&sandbox->control_inside);
	close_fd(&sandbox->report_inside);
	close_fd(&execution->alive_inside);
	return 0;
}

void execution_clear(struct execution *execution)
{
	struct error err = {0};

	if (execution->cgroup && !fault_wished("break", FAULT_EXEC_LEFTOVERS) &&
	    cgroup_remove(execution->cgroup, REMOVAL_MS, &err) < 0)
		error_print(&err, "agentcore", STDERR_FILENO);
	cgroup_free(TAKE_PTR(execution->cgroup));
	close_fd(&execution->alive);
	close_fd(&execution->alive_inside);
	close_fd(&execution->command_fd);
	/* Last: with it the sandbox's monitor looks for what is left. */
	close_fd(&execution->connection);
	sandbox_clear(&execution->sandbox);
}
