/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of CMD, up to its exec. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/signals.h"
#include "enforce/apparmor.h"
#include "enforce/landlock.h"
#include "enforce/privileges.h"
#include "enforce/rlimits.h"
#include "enforce/seccomp_filter.h"
#include "policy/apparmor_profile.h"
#include "policy/mac.h"
#include "recipe/stages.h"

int stage_session(struct sandbox *sandbox, struct error *err)
{
	if (setsid() < 0)
		return error_set(err, errno, "new session");
	/* The monitor complains to its caller until CMD runs; CMD itself holds nothing of the caller's. */
	if (sandbox->options->detach && dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		return error_set(err, errno, "standard error");
	if (sandbox->slave < 0)
		return 0;
	if (ioctl(sandbox->slave, TIOCSCTTY, 0) < 0)
		return error_set(err, errno, "controlling terminal");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(sandbox->slave, fd) < 0)
			return error_set(err, errno, "terminal as descriptor %d", fd);
	if (fchown(sandbox->slave, sandbox->options->uid, (gid_t)-1) < 0)
		return error_set(err, errno, "owner of the terminal");
	return 0;
}

int stage_processors(struct sandbox *sandbox, struct error *err)
{
	if (sched_setaffinity(0, sizeof(sandbox->processors), &sandbox->processors) < 0)
		return error_set(err, errno, "processors of the command");
	return 0;
}

int stage_working_directory(struct sandbox *sandbox, struct error *err)
{
	const char *cwd = sandbox->options->cwd;
	char real[4096];

	if (!cwd)
		return chdir("/workspace") == 0 || chdir("/") == 0 ? 0 : error_set(err, errno, "/");
	if (chdir(cwd) < 0)
		return error_set(err, errno, "--cwd %s", cwd);
	/* A path such as /proc/self/fd/7 can lead to a directory that is not below the root. */
	if (!getcwd(real, sizeof(real)) || real[0] != '/')
		return error_say(err, EXDEV, "--cwd %s lies outside the root file system", cwd);
	if (!strcmp(real, "/proc") || !strncmp(real, "/proc/", 6)) {
		(void)error_say(err, EPERM, "--cwd %s lies in /proc", cwd);
		return error_hint(err, "its links lead out of the sandbox: choose another");
	}
	return 0;
}

int stage_signals(struct sandbox *sandbox, struct error *err)
{
	(void)sandbox;
	int r = signals_reset();
	return r < 0 ? error_set(err, -r, "signals to their defaults") : 0;
}

int stage_rlimits(struct sandbox *sandbox, struct error *err)
{
	return rlimits_apply(&sandbox->limits, err);
}

int stage_no_new_privs(struct sandbox *sandbox, struct error *err)
{
	return sandbox->policy->no_new_privileges ? privileges_no_new(err) : 0;
}

int stage_mac(struct sandbox *sandbox, struct error *err)
{
	struct mac_grant grants[BINDS_MAX];
	const struct mandatory mandatory = run_options_mandatory(sandbox->options, grants);
	enum mac_template template_;

	if (sandbox->mandatory != MANDATORY_LANDLOCK)
		return 0;
	int r = mac_template_from_name(&template_, sandbox->policy->apparmor_profile, err);
	if (r < 0)
		return r;
	return landlock_confine(template_, !sandbox->policy->read_only_filesystem, grants, mandatory.grant_count, err);
}

int stage_own_program(struct sandbox *sandbox, struct error *err)
{
	/* Whom Landlock holds already may execute in fewer places than these. */
	const bool needed = sandbox->mandatory == MANDATORY_APPARMOR ||
			    (sandbox->mandatory == MANDATORY_NONE && !sandbox_has_user_namespace(sandbox));

	return needed && landlock_abi() > 0 ? landlock_execute_inside(err) : 0;
}

int stage_label(struct sandbox *sandbox, struct error *err)
{
	if (sandbox->mandatory != MANDATORY_APPARMOR)
		return 0;
	sandbox->label = apparmor_open_label(err);
	return sandbox->label < 0 ? sandbox->label : 0;
}

int stage_apparmor(struct sandbox *sandbox, struct error *err)
{
	char name[APPARMOR_NAME_MAX];

	if (sandbox->mandatory != MANDATORY_APPARMOR)
		return 0;
	apparmor_profile_name(sandbox->policy, name);
	return apparmor_confine(name, sandbox->label, err);
}

int stage_bounding_set(struct sandbox *sandbox, struct error *err)
{
	return privileges_bound(sandbox->policy->capabilities, err);
}

/* The filter binds from here on, also this process: it must allow what the next stages call. */
int stage_filter_with_admin(struct sandbox *sandbox, struct error *err)
{
	return sandbox->policy->no_new_privileges ? 0 : seccomp_install(&sandbox->filter, err);
}

int stage_user(struct sandbox *sandbox, struct error *err)
{
	const struct run_options *options = sandbox->options;

	return options->uid == 0 && options->gid == 0 ? 0 : privileges_become_user(options->uid, options->gid, err);
}

int stage_capabilities(struct sandbox *sandbox, struct error *err)
{
	/* The change of user has taken them all already, and capset cannot give any back. */
	return privileges_set(sandbox->options->uid == 0 ? sandbox->policy->capabilities : 0, err);
}

int stage_await_lock(struct sandbox *sandbox, struct error *err)
{
	char nothing;
	ssize_t n = io_read_all(sandbox->locked, &nothing, 1);

	if (n != 0)
		return error_set(err, n < 0 ? (int)-n : EPROTO, "waiting for PID 1");
	/* The pipe ends with PID 1 too, and only some time later the kernel kills who is left. */
	if (!sandbox->init_locked_down || !atomic_load(sandbox->init_locked_down))
		return error_say(err, ECANCELED, "PID 1 ended before it was locked down");
	return 0;
}

int stage_descriptors(struct sandbox *sandbox, struct error *err)
{
	(void)sandbox;
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return error_set(err, errno, "close-on-exec for all descriptors above 2");
	return 0;
}

int stage_filter(struct sandbox *sandbox, struct error *err)
{
	/* Without no_new_privs it is in force since stage_filter_with_admin. */
	return sandbox->policy->no_new_privileges ? seccomp_install(&sandbox->filter, err) : 0;
}

int stage_execute(struct sandbox *sandbox, struct error *err)
{
	char **command = sandbox->options->command;

	/* execvp searches the PATH of its own environment. */
	environ = sandbox->options->environment;
	(void)execvp(command[0], command);
	(void)error_set(err, errno, "%s", command[0]);
	if (errno == ENOENT && !strchr(command[0], '/'))
		return error_hint(err, "not found in PATH inside the sandbox");
	return -err->code;
}
