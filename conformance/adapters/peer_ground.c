/* SPDX-License-Identifier: Apache-2.0 */
/* Where podman and docker run: never in the harness's network namespace, and with a /run that nobody else sees. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
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
#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"

static ino_t network_namespace(void)
{
	struct stat status;
	return stat("/proc/self/ns/net", &status) == 0 ? status.st_ino : 0;
}

void peer_init(struct peer *peer)
{
	*peer = (struct peer){.mounts = -1, .network = network_namespace()};
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

/* In the child of open_mounts: tells how it went, and waits until its namespace has been opened. */
static _Noreturn void mounts_child(int tell, int wait, peer_lay *lay)
{
	struct error err = {0};
	char byte;
	if (lay_mounts(&err) == 0 && lay)
		(void)lay(&err);
	(void)io_write_all(tell, &err, sizeof(err));
	(void)io_read_all(wait, &byte, 1);
	_exit(0);
}

/* A child makes them, so that the harness keeps its own. */
static int open_mounts(struct peer *peer, peer_lay *lay, struct error *err)
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
		mounts_child(told_write, held_read, lay);
	}
	(void)close(TAKE_FD(told_write));
	struct error failure = {0};
	char path[48];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	bool heard = io_read_all(told_read, &failure, sizeof(failure)) == (ssize_t)sizeof(failure);
	peer->mounts = heard && !failure.code ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int r = peer->mounts < 0 ? -errno : 0;
	(void)close(TAKE_FD(held_write));
	(void)waitpid(pid, NULL, 0);
	if (failure.code)
		return error_say(err, failure.code, "%s", failure.text);
	(void)snprintf(peer->mounts_path, sizeof(peer->mounts_path), "/proc/%d/fd/%d", (int)getpid(), peer->mounts);
	return r < 0 ? error_set(err, -r, "%s", path) : 0;
}

int peer_make_ground(struct peer *peer, const char *work_dir, peer_lay *lay, struct error *err)
{
	if (peer->mounts >= 0)
		return 0;
	if (strncmp(work_dir, "/run/", 5) == 0)
		return error_say(err, EINVAL, "%s: the machine's /run is not seen there; set TMPDIR elsewhere",
				 work_dir);
	/* Ids of the container walk through it. */
	if (chmod(work_dir, 0711) < 0)
		return error_set(err, errno, "chmod %s", work_dir);
	return open_mounts(peer, lay, err);
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

void peer_clear(struct peer *peer)
{
	if (peer->mounts < 0)
		return;
	(void)close(peer->mounts);
	peer->mounts = -1;
	remove_cgroups(peer->cgroups);
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
