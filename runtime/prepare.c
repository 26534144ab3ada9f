/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of the monitor: before there is a sandbox, and while PID 1 waits. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/seccomp_filter.h"
#include "recipe/stages.h"

int stage_refuse(struct sandbox *sandbox, struct error *err)
{
	if (geteuid() != 0) {
		(void)error_say(err, EPERM, "started by user %u", (unsigned)geteuid());
		return error_hint(err,
				  "agentcore needs the host's root: ids, devices and idmapped mounts are its to give");
	}
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		struct stat st;
		/* A directory of the host in the sandbox's hands is a way out (CVE-2024-21626). */
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			return error_say(err, EISDIR, "descriptor %d is a directory of the host", fd);
	}
	return layers_check(sandbox->policy, err);
}

int stage_one_processor(struct sandbox *sandbox, struct error *err)
{
	cpu_set_t here;

	if (sched_getaffinity(0, sizeof(sandbox->processors), &sandbox->processors) < 0)
		return error_set(err, errno, "processors of the caller");
	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	/* Only a matter of speed: a machine with more processors than the set holds goes on without. */
	(void)sched_setaffinity(0, sizeof(here), &here);
	return 0;
}

int stage_state_directory(struct sandbox *sandbox, struct error *err)
{
	const char *path = sandbox->options->state_dir;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "state directory %s", path);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "state directory %s", path);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "state directory %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		(void)error_say(err, EPERM, "state directory %s belongs to someone else, or others can write to it",
				path);
		return error_hint(err, "name another with --root");
	}
	sandbox->state_dir = TAKE_FD(fd);
	return 0;
}

int stage_id_range(struct sandbox *sandbox, struct error *err)
{
	return id_range_take(sandbox->state_dir, &sandbox->ids, err);
}

int stage_filters(struct sandbox *sandbox, struct error *err)
{
	int r = seccomp_compile(sandbox->policy, &sandbox->filter, err);
	return r < 0 ? r : seccomp_compile_init(&sandbox->init_filter, err);
}

int stage_collect_trees(struct sandbox *sandbox, struct error *err)
{
	return rootfs_collect(&sandbox->spec, &sandbox->rootfs, err);
}

int stage_channels(struct sandbox *sandbox, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "control socket");
	sandbox->control = pair[0];
	sandbox->control_inside = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_set(err, errno, "report pipe");
	sandbox->report = pair[0];
	sandbox->report_inside = pair[1];
	return 0;
}

int stage_id_maps(struct sandbox *sandbox, struct error *err)
{
	return id_range_map(sandbox->init, &sandbox->ids, err);
}

int stage_shift_owners(struct sandbox *sandbox, struct error *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)sandbox->init);
	_cleanup_fd_ int user_namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (user_namespace < 0)
		return error_set(err, errno, "%s", path);
	return rootfs_shift(&sandbox->rootfs, user_namespace, &sandbox->ids, err);
}

int stage_go(struct sandbox *sandbox, struct error *err)
{
	int r = io_write_all(sandbox->control, "", 1);
	return r < 0 ? error_set(err, -r, "control socket") : 0;
}
