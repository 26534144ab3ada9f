/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of PID 1. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/masks.h"
#include "enforce/mount_tree.h"
#include "enforce/namespaces.h"
#include "enforce/privileges.h"
#include "enforce/seccomp_filter.h"
#include "recipe/faults.h"
#include "recipe/stages.h"

int stage_join_cgroup(struct sandbox *sandbox, struct error *err)
{
	return sandbox->cgroup ? cgroup_join(sandbox->cgroup, err) : error_say(err, ENOENT, "no cgroup was made");
}

int stage_cgroup_namespace(struct sandbox *sandbox, struct error *err)
{
	(void)sandbox;
	return namespaces_cgroup(err);
}

int stage_await_go(struct sandbox *sandbox, struct error *err)
{
	char go;
	ssize_t n = io_read_all(sandbox->control, &go, 1);

	return n == 1 ? 0 : error_set(err, n < 0 ? (int)-n : ECANCELED, "waiting for the monitor");
}

int stage_become_root(struct sandbox *sandbox, struct error *err)
{
	(void)sandbox;
	return privileges_become_root(err);
}

int stage_die_with_monitor(struct sandbox *sandbox, struct error *err)
{
	(void)sandbox;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_set(err, errno, "parent-death signal");
	/* A monitor that died before this line is seen by init_serve: its end of the control socket is closed. */
	return 0;
}

int stage_kernel_filesystems(struct sandbox *sandbox, struct error *err)
{
	return kernel_filesystems_new(&sandbox->proc, sandbox->spec.kind == ROOTFS_BARE ? NULL : &sandbox->sys, err);
}

int stage_enter_root(struct sandbox *sandbox, struct error *err)
{
	int r = rootfs_enter(&sandbox->spec, &sandbox->rootfs, sandbox->proc, sandbox->sys, &sandbox->root, err);
	if (r < 0)
		return r;
	if (fault_wished("break", FAULT_TMP_APART) &&
	    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return error_set(err, errno, "/tmp");
	sandbox->sysctls = openat(sandbox->proc, "sys/user", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return sandbox->sysctls < 0 ? error_set(err, errno, "/proc/sys/user") : 0;
}

int stage_forbid_namespaces(struct sandbox *sandbox, struct error *err)
{
	return namespaces_forbid(sandbox->sysctls, err);
}

int stage_masks(struct sandbox *sandbox, struct error *err)
{
	return masks_apply(sandbox->root, err);
}

int stage_seal_root(struct sandbox *sandbox, struct error *err)
{
	return rootfs_seal(&sandbox->spec, sandbox->root, err);
}

int stage_loopback(struct sandbox *sandbox, struct error *err)
{
	(void)sandbox;
	return namespaces_loopback_up(err);
}

int stage_host_name(struct sandbox *sandbox, struct error *err)
{
	static const char name[] = "sandbox";

	(void)sandbox;
	if (sethostname(name, strlen(name)) < 0)
		return error_set(err, errno, "host name");
	if (setdomainname("", 0) < 0)
		return error_set(err, errno, "domain name");
	return 0;
}

int stage_terminal(struct sandbox *sandbox, struct error *err)
{
	if (!sandbox->options->terminal)
		return 0;

	int unlocked = 0;
	_cleanup_fd_ int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return error_set(err, errno, "pseudo-terminal");
	sandbox->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (sandbox->slave < 0)
		return error_set(err, errno, "pseudo-terminal");
	int r = io_send_descriptors(sandbox->control, &master, 1);
	return r < 0 ? error_set(err, -r, "handing the terminal over") : 0;
}

int stage_hide_init(struct sandbox *sandbox, struct error *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_set(err, errno, "not dumpable");
	if (prctl(PR_SET_NAME, "agentcore-init", 0, 0, 0) < 0)
		return error_set(err, errno, "process name");
	/* Not dumpable does not cover the command line, which names files of the host. */
	explicit_bzero(sandbox->options->arguments, sandbox->options->arguments_size);
	return 0;
}

int stage_lock_pipe(struct sandbox *sandbox, struct error *err)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_set(err, errno, "lock pipe");
	sandbox->locked = pair[0];
	sandbox->locked_inside = pair[1];
	sandbox->init_locked_down = &sandbox->locked_down;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Close all but the few that init_serve uses; the report pipe stays until the lock is done. */
int stage_init_descriptors(struct sandbox *sandbox, struct error *err)
{
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	sandbox->child_signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sandbox->child_signals < 0)
		return error_set(err, errno, "signalfd");

	int keep[] = {sandbox->control, sandbox->report, sandbox->locked_inside, sandbox->child_signals};
	unsigned from = 0;
	qsort(keep, ARRAY_SIZE(keep), sizeof(keep[0]), by_number);
	for (size_t i = 0; i < ARRAY_SIZE(keep); from = (unsigned)keep[i++] + 1)
		if ((unsigned)keep[i] > from && close_range(from, (unsigned)keep[i] - 1, 0) < 0)
			return error_set(err, errno, "descriptors %u to %d", from, keep[i] - 1);
	return close_range(from, ~0U, 0) < 0 ? error_set(err, errno, "descriptors from %u", from) : 0;
}

int stage_init_capabilities(struct sandbox *sandbox, struct error *err)
{
	(void)sandbox;
	int r = privileges_no_new(err);
	return r < 0 ? r : privileges_set(UINT64_C(1) << CAP_KILL, err);
}

int stage_init_filter(struct sandbox *sandbox, struct error *err)
{
	return seccomp_install(&sandbox->init_filter, err);
}
