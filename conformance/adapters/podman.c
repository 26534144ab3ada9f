/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "podman": the command line of podman(1), with the networks that it sets up itself.
 *
 * Podman changes the network namespace that it runs in (a bridge, iptables rules, ip_forward) and keeps state in /run.  It never runs
 * in the harness's own namespace: it runs on the test internet, or in an empty one; and all of its mounts, state and networks are in
 * a mount namespace that this adapter keeps by a descriptor, which also the cleanup needs to find the network namespaces in it.
 */
#include "adapters/podman.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/oci.h"
#include "adapters/program.h"
#include "adapters/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"

#define REMOVE_TIMEOUT_MS 20000
#define NAME_SIZE         64
#define PROCESSES_MAX     32768 /* conmon sets its own limit to this, and what it starts cannot have more */

/* A container that has been started and not finished. */
struct container {
	const struct adapter_launch *launch;
	char name[NAME_SIZE];
	char bundle[PATH_MAX];
	struct container *next;
};

struct podman {
	int mounts; /* the mount namespace; -1: not made yet */
	char mounts_path[48]; /* the same as others see it, whose descriptors are closed */
	char config[PATH_MAX + 32]; /* "CONTAINERS_CONF=..." */
	char cgroups[40];
	char *environment[4];
	ino_t network; /* the harness's own namespace, in which podman must not run */
	unsigned starts;
	struct container *containers;
};

static char search_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", home[] = "HOME=/run";

static ino_t network_namespace(void)
{
	struct stat status;
	return stat("/proc/self/ns/net", &status) == 0 ? status.st_ino : 0;
}

static int podman_open(struct adapter *adapter, struct error *err)
{
	int r = program_open(adapter, "podman", err);
	if (r < 0)
		return r;
	struct podman *podman = calloc(1, sizeof(*podman));
	if (!podman)
		return error_set(err, ENOMEM, "podman adapter");
	podman->mounts = -1;
	podman->network = network_namespace();
	(void)snprintf(podman->cgroups, sizeof(podman->cgroups), "/agentcore-conformance-%d", (int)getpid());
	(void)snprintf(podman->config, sizeof(podman->config), "CONTAINERS_CONF=%s/containers.conf",
		       adapter->options.work_dir ? adapter->options.work_dir : "/tmp");
	podman->environment[0] = podman->config;
	podman->environment[1] = search_path;
	podman->environment[2] = home;
	adapter->private_data = podman;
	return 0;
}

/* Only now can nobody be making a group below.  The name is ours alone. */
static void remove_cgroups(const char *name)
{
	static const struct {
		const char *before, *after;
	} rows[] = {{"/*", "/*"}, {"/*", ""}, {"", "/*"}, {"", ""}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char pattern[PATH_MAX];
		glob_t found = {0};
		(void)snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup%s%s%s", rows[i].before, name, rows[i].after);
		if (glob(pattern, 0, NULL, &found) == 0)
			for (size_t j = 0; j < found.gl_pathc; j++)
				(void)rmdir(found.gl_pathv[j]);
		globfree(&found);
	}
}

static void podman_close(struct adapter *adapter)
{
	struct podman *podman = adapter->private_data;
	if (podman->mounts >= 0) {
		(void)close(podman->mounts);
		(void)unlink(strchr(podman->config, '=') + 1);
		remove_cgroups(podman->cgroups);
	}
	free(podman);
	adapter->private_data = NULL;
}

static bool podman_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
			       size_t size)
{
	(void)adapter;
	const char *why = podman_cannot_say(launch);
	if (why)
		(void)snprintf(reason, size, "%s", why);
	return !why;
}

/* --- Where it runs --------------------------------------------------------------------------------- */

/* crun takes a v1 tree with a v2 one beside it for a broken layout: it shall not see the v2 one. */
static int lay_mounts(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(err, errno, "private mounts");
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return error_set(err, errno, "mount a private /run");
	if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return error_set(err, errno, "mount a private /dev/shm");
	if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return error_set(err, errno, "hide /sys/fs/cgroup/unified");
	return 0;
}

/* In the child of make_mounts: tells how it went, and waits until its namespace has been opened. */
static _Noreturn void mounts_child(int tell, int wait)
{
	struct error err = {0};
	char byte;
	(void)lay_mounts(&err);
	(void)io_write_all(tell, &err, sizeof(err));
	(void)io_read_all(wait, &byte, 1);
	_exit(0);
}

/* A child makes them, so that the harness keeps its own. */
static int open_mounts(struct podman *podman, struct error *err)
{
	int told[2], held[2];
	if (pipe2(told, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	_cleanup_fd_ int told_read = told[0], told_write = told[1];
	if (pipe2(held, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	_cleanup_fd_ int held_read = held[0], held_write = held[1];
	pid_t pid = fork();
	if (pid < 0)
		return error_set(err, errno, "fork");
	if (pid == 0) {
		(void)close(held_write);
		mounts_child(told_write, held_read);
	}
	(void)close(TAKE_FD(told_write));
	struct error failure = {0};
	char path[48];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	bool heard = io_read_all(told_read, &failure, sizeof(failure)) == (ssize_t)sizeof(failure);
	podman->mounts = heard && !failure.code ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int r = podman->mounts < 0 ? -errno : 0;
	(void)close(TAKE_FD(held_write));
	(void)waitpid(pid, NULL, 0);
	if (failure.code)
		return error_say(err, failure.code, "%s", failure.text);
	(void)snprintf(podman->mounts_path, sizeof(podman->mounts_path), "/proc/%d/fd/%d", (int)getpid(),
		       podman->mounts);
	return r < 0 ? error_set(err, -r, "%s", path) : 0;
}

static int make_ground(struct adapter *adapter, struct error *err)
{
	struct podman *podman = adapter->private_data;
	if (podman->mounts >= 0)
		return 0;
	if (strncmp(adapter->options.work_dir, "/run/", 5) == 0)
		return error_say(err, EINVAL, "%s: podman does not see the machine's /run; set TMPDIR elsewhere",
				 adapter->options.work_dir);
	/* Ids of the container walk through it. */
	if (chmod(adapter->options.work_dir, 0711) < 0)
		return error_set(err, errno, "chmod %s", adapter->options.work_dir);
	int r = podman_write_config(strchr(podman->config, '=') + 1, err);
	return r < 0 ? r : open_mounts(podman, err);
}

/* In podman's process. */
static int prepare(void *data, struct error *err)
{
	const struct podman *podman = data;
	_cleanup_fd_ int mounts = open(podman->mounts_path, O_RDONLY | O_CLOEXEC);
	if (mounts < 0 || setns(mounts, CLONE_NEWNS) < 0)
		return error_set(err, errno, "enter podman's mounts");
	/* A session of its own has no test internet around it: an empty namespace. */
	if (network_namespace() == podman->network && unshare(CLONE_NEWNET) < 0)
		return error_set(err, errno, "network namespace");
	ino_t own = network_namespace();
	return own && own != podman->network ? 0
					     : error_say(err, EPERM, "podman would change this machine's own network");
}

/* --- Start ----------------------------------------------------------------------------------------- */

static int lay_bundle(const struct adapter *adapter, const struct adapter_launch *launch, struct container *container,
		      char seccomp[PATH_MAX], struct error *err)
{
	struct podman *podman = adapter->private_data;
	if (launch->name)
		(void)snprintf(container->name, sizeof(container->name), "%s", launch->name);
	else
		(void)snprintf(container->name, sizeof(container->name), "%s-%u", podman->cgroups + 1,
			       podman->starts++);
	(void)snprintf(container->bundle, sizeof(container->bundle), "%.3900s/%s", adapter->options.work_dir,
		       container->name);
	(void)snprintf(seccomp, PATH_MAX, "%.4000s/seccomp.json", container->bundle);
	if (mkdir(container->bundle, 0711) < 0 || chmod(container->bundle, 0711) < 0)
		return error_set(err, errno, "make directory %s", container->bundle);
	json_t *profile = oci_profile_generate(adapter, launch, container->bundle, err);
	if (!profile)
		return -err->code;
	int r = json_dump_file(profile, seccomp, 0);
	json_decref(profile);
	if (r < 0)
		return error_say(err, EIO, "%s: cannot be written", seccomp);
	return oci_bundle_lay(container->bundle, launch->policy->user_namespace ? OCI_ID_BASE : 0, err);
}

static rlim_t processes_allowed(void)
{
	struct rlimit limit;
	bool less = getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_max < PROCESSES_MAX;
	return less ? limit.rlim_max : PROCESSES_MAX;
}

static int spawn_container(struct adapter *adapter, const struct adapter_launch *launch,
			   const struct container *container, const char *seccomp, pid_t *pid, struct error *err)
{
	struct podman *podman = adapter->private_data;
	char **argv = podman_run_words(&(struct podman_input){
		.program = adapter->program,
		.launch = launch,
		.name = container->name,
		.bundle = container->bundle,
		.seccomp = seccomp,
		.cgroups = podman->cgroups,
		.processes = processes_allowed(),
	});
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	const struct spawn spawn = {
		.argv = argv,
		.envp = podman->environment,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
		.network_of = launch->network_of,
		.prepare = prepare,
		.data = podman,
	};
	int r = spawn_start(&spawn, pid, err);
	spawn_free_argv(argv);
	return r;
}

static int podman_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	struct podman *podman = adapter->private_data;
	char seccomp[PATH_MAX];
	struct error local = {0};
	struct container *container = calloc(1, sizeof(*container));
	if (!container)
		return error_set(err, ENOMEM, "container");
	int r = make_ground(adapter, &local);
	r = r < 0 ? r : lay_bundle(adapter, launch, container, seccomp, &local);
	r = r < 0 ? r : spawn_container(adapter, launch, container, seccomp, pid, &local);
	if (r < 0) {
		if (container->bundle[0])
			oci_bundle_remove(container->bundle);
		free(container);
		return error_say(err, -r, "%s", local.text);
	}
	container->launch = launch;
	container->next = podman->containers;
	podman->containers = container;
	return 0;
}

/* --- Finish ---------------------------------------------------------------------------------------- */

static struct container **find_container(struct podman *podman, const struct adapter_launch *launch)
{
	struct container **link = &podman->containers;
	while (*link && (*link)->launch != launch)
		link = &(*link)->next;
	return link;
}

/* One that ended by itself is gone already: then there is nothing to do, which --ignore allows. */
static void podman_remove(struct adapter *adapter, const struct adapter_launch *launch)
{
	struct podman *podman = adapter->private_data;
	const struct container *container = *find_container(podman, launch);
	char output[512];
	int status;
	if (!container)
		return;
	const char *const words[] = {"rm", "--force", "--ignore", "--time=0", container->name, NULL};
	char **argv = podman_command(adapter->program, words);
	if (!argv)
		return;
	const struct spawn spawn = {.argv = argv,
				    .envp = podman->environment,
				    .network_of = launch->network_of,
				    .prepare = prepare,
				    .data = podman};
	(void)spawn_capture_of(&spawn, REMOVE_TIMEOUT_MS, output, sizeof(output), &status, NULL);
	spawn_free_argv(argv);
}

static void podman_finish(struct adapter *adapter, const struct adapter_launch *launch, pid_t pid)
{
	struct podman *podman = adapter->private_data;
	struct container **link = find_container(podman, launch), *container = *link;
	(void)pid;
	if (!container)
		return;
	podman_remove(adapter, launch);
	*link = container->next;
	oci_bundle_remove(container->bundle);
	free(container);
}

static const struct adapter_class podman = {
	.name = "podman",
	.summary = "podman run, with the networks that it sets up itself",
	.runtimes = "podman",
	.shared_kernel = true,
	.limits = 1U << LIMIT_MEMORY_MB | 1U << LIMIT_CPU_CORES | 1U << LIMIT_PROCESSES | 1U << LIMIT_FILE_DESCRIPTORS,
	.networks = 1U << NETWORK_NONE | 1U << NETWORK_FULL,
	.open = podman_open,
	.can_express = podman_can_express,
	.start = podman_start,
	.remove = podman_remove,
	.finish = podman_finish,
	.close = podman_close,
};
ADAPTER(podman);
