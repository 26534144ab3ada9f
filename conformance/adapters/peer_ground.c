/* SPDX-License-Identifier: Apache-2.0 */
/* Where podman and docker run: never in the harness's network namespace, and with a /run that nobody else sees. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/oci.h"
#include "adapters/peer.h"
#include "adapters/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/signals.h"

#define GUARD_TELL 3
#define GUARD_WAIT 4
#define LAST_MS    20000
#define LOOKS      100 /* at control groups whose members are dying */
#define LOOK_MS    50

static ino_t network_namespace(void)
{
	struct stat status;
	return stat("/proc/self/ns/net", &status) == 0 ? status.st_ino : 0;
}

void peer_init(struct peer *peer)
{
	*peer = (struct peer){.mounts = -1, .guard_fd = -1, .network = network_namespace()};
	(void)snprintf(peer->cgroups, sizeof(peer->cgroups), "/agentcore-conformance-%d", (int)getpid());
}

/* --- Mounts ---------------------------------------------------------------------------------------- */

/* crun takes a v1 tree with a v2 one beside it for a broken layout: it shall not see the v2 one. */
static int lay_mounts(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(err, errno, "private mounts");
	if (mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return error_set(err, errno, "mount a private /run");
	if (mkdir(PEER_ROOT, 0711) < 0)
		return error_set(err, errno, "make directory %s", PEER_ROOT);
	if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return error_set(err, errno, "mount a private /dev/shm");
	if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return error_set(err, errno, "hide /sys/fs/cgroup/unified");
	return 0;
}

int peer_write(const char *path, const char *text, struct error *err)
{
	_cleanup_file_ FILE *file = fopen(path, "we");
	return !file || fputs(text, file) < 0 || fflush(file) != 0 ? error_set(err, errno, "write %s", path) : 0;
}

/* --- The guard ------------------------------------------------------------------------------------- */

/* The name is ours alone; groups with members stay.  false: something is left. */
static bool remove_cgroups(const char *name)
{
	static const struct {
		const char *before, *after;
	} rows[] = {{"/*", "/*"}, {"/*", ""}, {"", "/*"}, {"", ""}};
	bool left = false;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char pattern[PATH_MAX];
		glob_t found = {0};
		(void)snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup%s%s%s", rows[i].before, name, rows[i].after);
		if (glob(pattern, 0, NULL, &found) == 0)
			for (size_t j = 0; j < found.gl_pathc; j++)
				left = (rmdir(found.gl_pathv[j]) < 0 && errno == EBUSY) || left;
		globfree(&found);
	}
	return !left;
}

/*
 * The child that made the mounts stays until the harness is gone, however it goes: a container whose runtime was killed with the harness
 * waits for ever.  It must hold nothing of the harness's: the other ends of a sandbox's pipes are among that.
 */
static int keep_only(int tell, int wait)
{
	int fds[] = {open("/dev/null", O_RDWR | O_CLOEXEC), tell, wait};
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 16)) < 0)
			return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(fds[0], fd) < 0)
			return -errno;
	if (dup3(fds[1], GUARD_TELL, O_CLOEXEC) < 0 || dup3(fds[2], GUARD_WAIT, O_CLOEXEC) < 0)
		return -errno;
	if (close_range(GUARD_WAIT + 1, ~0U, 0) < 0 || setsid() < 0)
		return -errno;
	return signals_reset();
}

/* In a network namespace of its own: that of the containers is gone as well. */
static void clear_up(const struct peer_ground *ground)
{
	int status;
	const struct spawn spawn = {.argv = ground->last, .envp = ground->environment};
	if (ground->last && unshare(CLONE_NEWNET) == 0)
		(void)spawn_wait(&spawn, LAST_MS, &status, NULL);
	for (int i = 0; i < LOOKS && !remove_cgroups(ground->cgroups); i++)
		(void)poll(NULL, 0, LOOK_MS);
}

static _Noreturn void guard_main(int tell, int wait, const struct peer_ground *ground)
{
	struct error err = {0};
	char byte;
	int r = keep_only(tell, wait);
	if (r < 0)
		(void)error_set(&err, -r, "descriptors of the guard");
	r = r < 0 ? r : lay_mounts(&err);
	if (r == 0 && ground->lay)
		(void)ground->lay(&err);
	(void)io_write_all(GUARD_TELL, &err, sizeof(err));
	(void)close(GUARD_TELL);
	(void)io_read_all(GUARD_WAIT, &byte, 1);
	if (!err.code)
		clear_up(ground);
	_exit(0);
}

/* A child makes them, so that the harness keeps its own. */
static int start_guard(struct peer *peer, const struct peer_ground *ground, struct error *err)
{
	int told[2], held[2];
	if (pipe2(told, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	_cleanup_fd_ int told_read = told[0], told_write = told[1];
	if (pipe2(held, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	_cleanup_fd_ int held_read = held[0], held_write = held[1];
	peer->guard = fork();
	if (peer->guard < 0)
		return error_set(err, errno, "fork");
	if (peer->guard == 0)
		guard_main(told_write, held_read, ground);
	(void)close(TAKE_FD(told_write));
	struct error failure = {0};
	char path[48];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)peer->guard);
	bool heard = io_read_all(told_read, &failure, sizeof(failure)) == (ssize_t)sizeof(failure);
	if (!heard || failure.code)
		return error_say(err, heard ? failure.code : EPROTO, "%s", heard ? failure.text : "no guard");
	peer->mounts = open(path, O_RDONLY | O_CLOEXEC);
	if (peer->mounts < 0)
		return error_set(err, errno, "%s", path);
	(void)snprintf(peer->mounts_path, sizeof(peer->mounts_path), "/proc/%d/fd/%d", (int)getpid(), peer->mounts);
	peer->guard_fd = TAKE_FD(held_write);
	return 0;
}

/* It ends once nobody holds the other end of its pipe. */
static void end_guard(struct peer *peer)
{
	if (peer->guard <= 0)
		return;
	if (peer->guard_fd >= 0)
		(void)close(peer->guard_fd);
	peer->guard_fd = -1;
	(void)waitpid(peer->guard, NULL, 0);
	peer->guard = 0;
}

int peer_make_ground(struct peer *peer, const char *work_dir, const struct peer_ground *ground, struct error *err)
{
	if (peer->mounts >= 0)
		return 0;
	if (strncmp(work_dir, "/run/", 5) == 0)
		return error_say(err, EINVAL, "%s: the machine's /run is not seen there; set TMPDIR elsewhere",
				 work_dir);
	/* Ids of the container walk through it. */
	if (chmod(work_dir, 0711) < 0)
		return error_set(err, errno, "chmod %s", work_dir);
	int r = start_guard(peer, ground, err);
	if (r < 0)
		end_guard(peer);
	return r;
}

int peer_enter(void *data, struct error *err)
{
	const struct peer *peer = data;
	_cleanup_fd_ int mounts = open(peer->mounts_path, O_RDONLY | O_CLOEXEC);
	if (mounts < 0 || setns(mounts, CLONE_NEWNS) < 0)
		return error_set(err, errno, "enter the runtime's mounts");
	/* A session of its own has no test internet around it: an empty namespace. */
	if (network_namespace() == peer->network && unshare(CLONE_NEWNET) < 0)
		return error_set(err, errno, "network namespace");
	ino_t own = network_namespace();
	return own && own != peer->network
		       ? 0
		       : error_say(err, EPERM, "the runtime would change this machine's own network");
}

void peer_clear(struct peer *peer)
{
	end_guard(peer);
	if (peer->mounts >= 0)
		(void)close(peer->mounts);
	peer->mounts = -1;
}

/* --- Containers ------------------------------------------------------------------------------------ */

static int lay_files(const struct adapter *adapter, const struct adapter_launch *launch,
		     const struct peer_container *container, struct error *err)
{
	if (mkdir(container->bundle, 0711) < 0 || chmod(container->bundle, 0711) < 0)
		return error_set(err, errno, "make directory %s", container->bundle);
	json_t *profile = oci_profile_generate(adapter, launch, container->bundle, err);
	if (!profile)
		return -err->code;
	int r = json_dump_file(profile, container->seccomp, 0);
	json_decref(profile);
	if (r < 0)
		return error_say(err, EIO, "%s: cannot be written", container->seccomp);
	return oci_bundle_lay(container->bundle, launch->policy->user_namespace ? OCI_ID_BASE : 0, err);
}

int peer_lay_container(struct peer *peer, const struct adapter *adapter, const struct adapter_launch *launch,
		       struct peer_container **container, struct error *err)
{
	struct error local = {0};
	struct peer_container *made = calloc(1, sizeof(*made));
	if (!made)
		return error_set(err, ENOMEM, "container");
	made->launch = launch;
	if (launch->name)
		(void)snprintf(made->name, sizeof(made->name), "%s", launch->name);
	else
		(void)snprintf(made->name, sizeof(made->name), "%s-%u", peer->cgroups + 1, peer->starts++);
	(void)snprintf(made->bundle, sizeof(made->bundle), "%.3900s/%s", adapter->options.work_dir, made->name);
	(void)snprintf(made->seccomp, sizeof(made->seccomp), "%.4000s/seccomp.json", made->bundle);
	int r = lay_files(adapter, launch, made, &local);
	if (r < 0) {
		oci_bundle_remove(made->bundle);
		free(made);
		return error_say(err, -r, "%s", local.text);
	}
	*container = made;
	return 0;
}

void peer_keep(struct peer *peer, struct peer_container *container)
{
	container->next = peer->containers;
	peer->containers = container;
}

struct peer_container *peer_find(const struct peer *peer, const struct adapter_launch *launch)
{
	struct peer_container *container = peer->containers;
	while (container && container->launch != launch)
		container = container->next;
	return container;
}

void peer_forget(struct peer *peer, struct peer_container *container)
{
	struct peer_container **link = &peer->containers;
	while (*link && *link != container)
		link = &(*link)->next;
	if (*link)
		*link = container->next;
	oci_bundle_remove(container->bundle);
	free(container);
}
