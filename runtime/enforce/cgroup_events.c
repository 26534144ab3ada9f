/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a cgroup: limits that are hit, and how much was used. */
#include "enforce/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "enforce/cgroup_internal.h"

/* --- Watching -------------------------------------------------------------------------------------- */

static int open_file(const struct cgroup_dir *dir, const char *file)
{
	int fd = openat(dir->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* A file that polls as changed.  It does so from the first poll on if it was not read before. */
static int watch_file(const struct cgroup_dir *dir, const char *file)
{
	char text[CGROUP_FILE_MAX + 1];
	_cleanup_fd_ int fd = open_file(dir, file);
	int r = fd < 0 ? fd : cgroup_read_fd(fd, text);

	return r < 0 ? r : TAKE_FD(fd);
}

/* v1: "EVENTFD FILE" to cgroup.event_control (cgroup-v1/memory.rst, 10). */
static int watch_oom(struct cgroup *cgroup, const struct cgroup_dir *dir)
{
	char text[32];
	_cleanup_fd_ int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	_cleanup_fd_ int oom = open_file(dir, "memory.oom_control");
	_cleanup_fd_ int control = openat(dir->fd, "cgroup.event_control", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (event < 0 || control < 0)
		return -errno;
	if (oom < 0)
		return oom;
	int length = snprintf(text, sizeof(text), "%d %d", event, oom);
	if (write(control, text, (size_t)length) < 0)
		return -errno;
	cgroup->oom_control = TAKE_FD(oom);
	return TAKE_FD(event);
}

/*
 * v2: the events of this cgroup's own limit.  In memory.events those of the cgroups below are counted too, and the end of an
 * execution is not its container's.
 */
#define MEMORY_EVENTS "memory.events.local"

int cgroup_watch(struct cgroup *cgroup, struct cgroup_watch *watch, struct error *err)
{
	const struct cgroup_dir *memory = cgroup_dir_of(cgroup, CGROUP_MEMORY);
	const struct cgroup_dir *pids = cgroup_dir_of(cgroup, CGROUP_PIDS);

	if (memory && cgroup->watch.memory < 0) {
		int fd = memory->v2 ? watch_file(memory, MEMORY_EVENTS) : watch_oom(cgroup, memory);
		if (fd < 0)
			return error_set(err, -fd, "watching memory of cgroup %s/%s", memory->parent, cgroup->name);
		cgroup->watch.memory = fd;
	}
	if (pids && cgroup->watch.processes < 0) {
		int fd = watch_file(pids, "pids.events");
		if (fd < 0)
			return error_set(err, -fd, "watching processes of cgroup %s/%s", pids->parent, cgroup->name);
		cgroup->watch.processes = fd;
	}
	*watch = cgroup->watch;
	return 0;
}

/* --- Counters -------------------------------------------------------------------------------------- */

/* By the descriptor that is watched, which has to be read to poll as changed again; else by name. */
static int read_watched(int fd, const struct cgroup_dir *dir, const char *file, char *text)
{
	return fd >= 0 ? cgroup_read_fd(fd, text) : cgroup_read_file(dir->fd, file, text);
}

static int read_memory_kills(struct cgroup *cgroup, uint64_t *kills)
{
	const struct cgroup_dir *dir = cgroup_dir_of(cgroup, CGROUP_MEMORY);
	char text[CGROUP_FILE_MAX + 1];
	uint64_t events = 0;
	int r;

	if (!dir)
		return 0;
	if (dir->v2) {
		r = read_watched(cgroup->watch.memory, dir, MEMORY_EVENTS, text);
		/* A kill counts where its victim was, which may be the leaf; the group's end counts here. */
		uint64_t killed = r < 0 ? 0 : cgroup_find_key(text, "oom_kill");
		uint64_t groups = r < 0 ? 0 : cgroup_find_key(text, "oom_group_kill");
		*kills = killed > groups ? killed : groups;
		return r;
	}
	if (cgroup->watch.memory >= 0 && read(cgroup->watch.memory, &events, sizeof(events)) == sizeof(events))
		cgroup->oom_events += events;
	r = read_watched(cgroup->oom_control, dir, "memory.oom_control", text);
	if (r < 0)
		return r;
	/* The event comes before the kill is counted, and a kill in an inner cgroup is counted there alone. */
	uint64_t counted = cgroup_find_key(text, "oom_kill");
	*kills = counted > cgroup->oom_events ? counted : cgroup->oom_events;
	return 0;
}

static int read_throttling(const struct cgroup *cgroup, struct cgroup_events *events)
{
	const struct cgroup_dir *dir = cgroup_dir_of(cgroup, CGROUP_CPU);
	char text[CGROUP_FILE_MAX + 1];
	int r = dir ? cgroup_read_file(dir->fd, "cpu.stat", text) : 0;

	if (!dir || r < 0)
		return r;
	events->throttled_periods = cgroup_find_key(text, "nr_throttled");
	events->throttled_us =
		dir->v2 ? cgroup_find_key(text, "throttled_usec") : cgroup_find_key(text, "throttled_time") / 1000;
	return 0;
}

int cgroup_read_events(struct cgroup *cgroup, struct cgroup_events *events)
{
	const struct cgroup_dir *pids = cgroup_dir_of(cgroup, CGROUP_PIDS);
	struct cgroup_events found = {0};
	char text[CGROUP_FILE_MAX + 1];
	int r = read_memory_kills(cgroup, &found.memory_kills);

	if (r == 0 && pids) {
		r = read_watched(cgroup->watch.processes, pids, "pids.events", text);
		found.process_refusals = r < 0 ? 0 : cgroup_find_key(text, "max");
	}
	if (r == 0)
		r = read_throttling(cgroup, &found);
	if (r == 0)
		*events = found;
	return r;
}

/* --- Usage ----------------------------------------------------------------------------------------- */

/* One number of struct cgroup_usage: where it is read. */
struct usage_row {
	enum cgroup_controller controller;
	const char *v1, *v2; /* NULL: not kept */
	size_t offset;
};

#define FIELD(name) offsetof(struct cgroup_usage, name)
static const struct usage_row usage_rows[] = {
	{CGROUP_MEMORY, "memory.max_usage_in_bytes", "memory.peak", FIELD(memory_peak_bytes)},
	/* v1: memory and swap together, until the memory peak is taken off. */
	{CGROUP_MEMORY, "memory.memsw.max_usage_in_bytes", "memory.swap.peak", FIELD(swap_peak_bytes)},
	{CGROUP_PIDS, "pids.peak", "pids.peak", FIELD(processes_peak)},
	{CGROUP_CPUACCT, "cpuacct.usage", NULL, FIELD(cpu_us)},
};

static int read_rows(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
	for (size_t i = 0; i < ARRAY_SIZE(usage_rows); i++) {
		const struct usage_row *row = &usage_rows[i];
		const struct cgroup_dir *dir = cgroup_dir_of(cgroup, row->controller);
		const char *file = !dir ? NULL : dir->v2 ? row->v2 : row->v1;
		uint64_t value = 0;

		int r = file ? cgroup_read_number(dir->fd, file, &value) : -ENOENT;
		/* Older kernels do not keep every peak. */
		if (r < 0 && r != -ENOENT)
			return r;
		if (r < 0)
			continue;
		*(uint64_t *)((char *)usage + row->offset) = value == UINT64_MAX ? 0 : value;
		usage->processes_peak_known |= row->offset == FIELD(processes_peak);
		usage->cpu_known |= row->offset == FIELD(cpu_us);
	}
	return 0;
}

int cgroup_usage(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
	const struct cgroup_dir *memory = cgroup_dir_of(cgroup, CGROUP_MEMORY);
	const struct cgroup_dir *cpu = cgroup_dir_of(cgroup, CGROUP_CPUACCT);
	struct cgroup_usage found = {0};
	char text[CGROUP_FILE_MAX + 1];
	int r = read_rows(cgroup, &found);

	if (r == 0 && cpu && cpu->v2) {
		r = cgroup_read_file(cpu->fd, "cpu.stat", text);
		found.cpu_us = r < 0 ? 0 : cgroup_find_key(text, "usage_usec");
		found.cpu_known = r == 0;
	} else if (found.cpu_known)
		found.cpu_us /= 1000; /* v1 counts nanoseconds */
	if (memory && !memory->v2)
		found.swap_peak_bytes -= found.swap_peak_bytes < found.memory_peak_bytes ? found.swap_peak_bytes
											 : found.memory_peak_bytes;
	if (r == 0)
		*usage = found;
	return r;
}
