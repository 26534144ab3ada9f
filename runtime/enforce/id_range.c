/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/id_range.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

int id_range_take(int state_dir, struct id_range *range, struct error *err)
{
	_cleanup_fd_ int fd = openat(state_dir, "id-pool", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(err, errno, "id-pool in the state directory");

	/* Start somewhere else each time: neighbours then rarely meet at the same slot. */
	uint32_t start = (uint32_t)getpid() * 2654435761u % ID_POOL_SLOTS;
	for (uint32_t i = 0; i < ID_POOL_SLOTS; i++) {
		uint32_t slot = (start + i) % ID_POOL_SLOTS;
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1};
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			*range =
				(struct id_range){.first = ID_POOL_BASE + slot * ID_RANGE_SIZE, .lock_fd = TAKE_FD(fd)};
			return 0;
		}
		if (errno != EAGAIN && errno != EACCES)
			return error_set(err, errno, "lock on id-pool");
	}
	(void)error_say(err, EBUSY, "no free id range: %u sandboxes are alive", ID_POOL_SLOTS);
	return error_hint(err, "end some, or wait");
}

static int write_map(pid_t pid, const char *map, uint32_t inside, uint32_t outside, uint32_t count, struct error *err)
{
	char path[64], text[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, map);
	(void)snprintf(text, sizeof(text), "%u %u %u", inside, outside, count);
	int r = io_write_file(AT_FDCWD, path, text);
	return r < 0 ? error_set(err, -r, "%s of a user namespace to \"%s\"", map, text) : 0;
}

int id_range_map(pid_t pid, const struct id_range *range, struct error *err)
{
	int r = write_map(pid, "uid_map", 0, range->first, ID_RANGE_SIZE, err);
	return r < 0 ? r : write_map(pid, "gid_map", 0, range->first, ID_RANGE_SIZE, err);
}

/* A process that only holds a new user namespace open: it waits for its end. */
static pid_t hold_user_namespace(void)
{
	struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	return pid;
}

int id_range_owner_namespace(uid_t uid, gid_t gid, const struct id_range *range, int *fd, struct error *err)
{
	pid_t pid = hold_user_namespace();
	if (pid < 0)
		return error_set(err, errno, "user namespace for an idmapped mount");

	int r = write_map(pid, "uid_map", uid, range->first, 1, err);
	if (r == 0)
		r = write_map(pid, "gid_map", gid, range->first, 1, err);
	if (r == 0) {
		char path[64];
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		*fd = open(path, O_RDONLY | O_CLOEXEC);
		if (*fd < 0)
			r = error_set(err, errno, "%s", path);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return r;
}
