/* SPDX-License-Identifier: Apache-2.0 */
/* Ending what lives in a cgroup, and seeing it gone. */
#include "enforce/cgroup_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define BATCH         128 /* processes at once: a descriptor each */
#define FREEZE_MS     50 /* for one round; who does not freeze by then (uninterruptible) is killed all the same */
#define FREEZE_YIELDS 64 /* looks without a pause: a sleeping process freezes within microseconds */
#define PASS_MS       2 /* between two rounds without a freezer: time to die, but not to multiply */
#define DEATH_MS      100 /* between two rounds with it, of which there is mostly one */

int64_t cgroup_clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int left(int64_t deadline_ms)
{
	int64_t ms = deadline_ms - cgroup_clock_ms();

	return ms < 0 ? 0 : (int)ms;
}

int cgroup_each_child(int dirfd, int (*visit)(int dirfd, const char *name, void *data), void *data)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir) {
		r = -errno;
		cleanup_fd(&fd);
		return r;
	}
	for (const struct dirent *entry = readdir(dir); entry && r >= 0; entry = readdir(dir)) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			r = visit(dirfd, entry->d_name, data);
	}
	return r < 0 ? r : 0;
}

/* --- The list of members --------------------------------------------------------------------------- */

/* The next pid of cgroup.procs, read through a small buffer.  0 at the end. */
struct members {
	int fd;
	size_t at, filled;
	char text[2048];
};

static int next_char(struct members *members)
{
	if (members->at == members->filled) {
		ssize_t n = read(members->fd, members->text, sizeof(members->text));
		if (n <= 0)
			return -1;
		members->filled = (size_t)n;
		members->at = 0;
	}
	return (unsigned char)members->text[members->at++];
}

static pid_t next_member(struct members *members)
{
	pid_t pid = 0;

	for (int c = next_char(members); c >= '0' && c <= '9'; c = next_char(members))
		pid = pid * 10 + (c - '0');
	return pid;
}

static int open_members(struct members *members, int dirfd)
{
	*members = (struct members){.fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
	return members->fd < 0 ? -errno : 0;
}

struct batch {
	size_t count;
	pid_t pids[BATCH];
	struct pollfd fds[BATCH]; /* pidfds */
};

static void close_batch(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		(void)close(batch->fds[i].fd);
	batch->count = 0;
}

/* The next BATCH members.  Their number, 0 at the end of the list, or a negative errno. */
static int fill_batch(struct batch *batch, struct members *members)
{
	batch->count = 0;
	while (batch->count < BATCH) {
		pid_t pid = next_member(members);
		int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
		if (pid <= 0)
			break;
		if (fd < 0 && errno == ESRCH)
			continue;
		if (fd < 0 && batch->count == 0)
			return -errno;
		if (fd < 0)
			break;
		batch->pids[batch->count] = pid;
		batch->fds[batch->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return (int)batch->count;
}

/* --- Waiting --------------------------------------------------------------------------------------- */

/* v2 has an event for the last one's end. */
static int wait_unpopulated(int dirfd, int64_t deadline_ms)
{
	char text[CGROUP_FILE_MAX + 1];
	_cleanup_fd_ int fd = openat(dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct pollfd events = {.fd = fd, .events = POLLPRI};

	if (fd < 0)
		return -errno;
	for (;;) {
		int r = cgroup_read_fd(fd, text);
		if (r < 0)
			return r == -ENODEV ? 0 : r;
		if (cgroup_find_key(text, "populated") == 0)
			return 0;
		if (left(deadline_ms) == 0)
			return -ETIMEDOUT;
		(void)poll(&events, 1, left(deadline_ms));
	}
}

int cgroup_wait_empty(int dirfd, bool v2, int64_t deadline_ms)
{
	struct members members;
	struct batch batch;

	if (v2)
		return wait_unpopulated(dirfd, deadline_ms);
	for (;;) {
		int r = open_members(&members, dirfd);
		if (r < 0)
			return r == -ENOENT || r == -ENODEV ? 0 : r;
		int n = fill_batch(&batch, &members);
		(void)close(members.fd);
		if (n <= 0)
			return n;
		for (size_t i = 0; i < batch.count; i++)
			(void)poll(&batch.fds[i], 1, left(deadline_ms));
		close_batch(&batch);
		if (left(deadline_ms) == 0)
			return -ETIMEDOUT;
	}
}

/* --- Killing member by member ---------------------------------------------------------------------- */

/*
 * A pid from the list may be somebody else's by the time it is used.  So: hold the process by a pidfd, read the list again, and
 * signal only whom it still names.  A pid is not given away before its process is reaped, and a signal that arrives shows that
 * this one was not: what the list named was then what the pidfd holds.
 */
static int signal_batch(struct batch *batch, int dirfd)
{
	struct members again;
	int r = open_members(&again, dirfd);

	if (r < 0)
		return r;
	for (pid_t pid = next_member(&again); pid > 0; pid = next_member(&again)) {
		for (size_t i = 0; i < batch->count; i++) {
			if (batch->pids[i] == pid && pidfd_send_signal(batch->fds[i].fd, SIGKILL, NULL, 0) < 0 &&
			    errno != ESRCH)
				r = -errno;
		}
	}
	(void)close(again.fd);
	return r;
}

static int kill_members(int dirfd, unsigned *seen)
{
	struct members members;
	struct batch batch;
	int r = open_members(&members, dirfd);

	if (r < 0)
		return r;
	for (int n = fill_batch(&batch, &members); r == 0 && n != 0; n = r < 0 ? 0 : fill_batch(&batch, &members)) {
		if (n < 0) {
			r = n;
			break;
		}
		*seen += batch.count;
		r = signal_batch(&batch, dirfd);
		close_batch(&batch);
	}
	(void)close(members.fd);
	return r;
}

/* What one walk through a cgroup and all below it does. */
struct walk {
	int (*each)(int dirfd, struct walk *walk);
	unsigned seen;
	int64_t deadline_ms;
};

static int walk_child(int dirfd, const char *name, void *data)
{
	struct walk *walk = data;
	_cleanup_fd_ int fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	int r = walk->each(fd, walk);
	return r < 0 ? r : cgroup_each_child(fd, walk_child, walk);
}

static int walk_all(const struct cgroup *cgroup, unsigned dirs, struct walk *walk)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < cgroup->count; i++) {
		if (dirs & 1u << i)
			r = walk_child(cgroup->dirs[i].fd, ".", walk);
	}
	return r;
}

static int kill_each(int dirfd, struct walk *walk)
{
	return kill_members(dirfd, &walk->seen);
}

static int wait_each(int dirfd, struct walk *walk)
{
	int r = cgroup_wait_empty(dirfd, false, walk->deadline_ms);

	return r == -ETIMEDOUT ? 0 : r; /* whoever is left shows in the next round */
}

/* --- The freezer of v1 ----------------------------------------------------------------------------- */

/*
 * Nobody forks any more once all are frozen.  There is no event for that: looking at the state is what makes the kernel work it
 * out.
 */
static void freeze(int dirfd)
{
	char state[CGROUP_FILE_MAX + 1];
	int64_t deadline = cgroup_clock_ms() + FREEZE_MS;

	if (io_write_file(dirfd, "freezer.state", "FROZEN") < 0)
		return;
	for (int look = 0; cgroup_read_file(dirfd, "freezer.state", state) == 0 && strcmp(state, "FROZEN") != 0;
	     look++) {
		if (left(deadline) == 0)
			return;
		if (look < FREEZE_YIELDS)
			(void)sched_yield();
		else
			(void)poll(NULL, 0, 1);
	}
}

/* Below too: one that was being killed when its monitor died has stayed frozen by itself. */
static int thaw_each(int dirfd, struct walk *walk)
{
	(void)walk;
	int r = io_write_file(dirfd, "freezer.state", "THAWED");
	return r == -ENOENT ? 0 : r;
}

/* --- All of it ------------------------------------------------------------------------------------- */

/* v1, and v2 before Linux 5.14. */
static int kill_in_rounds(const struct cgroup *cgroup, unsigned dirs, int64_t deadline_ms)
{
	const struct cgroup_dir *freezer = cgroup_dir_of(cgroup, CGROUP_FREEZER);
	unsigned frozen = freezer && !freezer->v2 ? 1u << (freezer - cgroup->dirs) : 0;

	for (;;) {
		struct walk walk = {.each = kill_each};
		if (frozen)
			freeze(freezer->fd);
		int r = walk_all(cgroup, dirs, &walk);
		unsigned seen = walk.seen;
		walk.each = thaw_each;
		int thawed = walk_all(cgroup, frozen, &walk);
		if (r < 0 || thawed < 0 || seen == 0)
			return r < 0 ? r : thawed;
		if (left(deadline_ms) == 0)
			return -ETIMEDOUT;
		int64_t round = cgroup_clock_ms() + (frozen ? DEATH_MS : PASS_MS);
		walk = (struct walk){.each = wait_each, .deadline_ms = round < deadline_ms ? round : deadline_ms};
		r = walk_all(cgroup, dirs, &walk);
		if (r < 0)
			return r;
	}
}

void cgroup_lift_cpu(const struct cgroup *cgroup)
{
	const struct cgroup_dir *dir = cgroup_dir_of(cgroup, CGROUP_CPU);

	if (dir && dir->v2)
		(void)io_write_file(dir->fd, "cpu.max", "max");
	else if (dir)
		(void)io_write_file(dir->fd, "cpu.cfs_quota_us", "-1");
}

int cgroup_kill(struct cgroup *cgroup, int timeout_ms, struct error *err)
{
	int64_t deadline = cgroup_clock_ms() + timeout_ms;
	unsigned killed = 0, all = (1u << cgroup->count) - 1;

	for (size_t i = 0; i < cgroup->count; i++) {
		if (cgroup->dirs[i].v2 && io_write_file(cgroup->dirs[i].fd, "cgroup.kill", "1") == 0)
			killed |= 1u << i;
	}
	cgroup_lift_cpu(cgroup);
	int r = kill_in_rounds(cgroup, all & ~killed, deadline);
	for (size_t i = 0; r == 0 && i < cgroup->count; i++) {
		if (killed & 1u << i)
			r = cgroup_wait_empty(cgroup->dirs[i].fd, true, deadline);
	}
	return r < 0 ? error_set(err, -r, "killing what is in cgroup %s", cgroup->name) : 0;
}
