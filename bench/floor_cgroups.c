/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own work for the limits of one sandbox (cgroup v1 and hybrid: memory, cpu, pids, cpuacct): a directory in each
 * hierarchy, the limits, the event of memory, the joining, the removal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "bench/floor.h"

static const struct {
	const char *hierarchy;
	struct {
		const char *file, *value;
	} writes[2];
} rows[] = {
	{"memory", {{"memory.limit_in_bytes", "536870912"}, {"memory.memsw.limit_in_bytes", "536870912"}}},
	{"cpu", {{"cpu.cfs_quota_us", "100000"}, {NULL, NULL}}},
	{"pids", {{"pids.max", "101"}, {NULL, NULL}}},
	{"cpuacct", {{NULL, NULL}, {NULL, NULL}}},
};

#define PATH_SIZE 96

static char path[ARRAY_SIZE(rows)][PATH_SIZE];
static int directory[ARRAY_SIZE(rows)], tasks[ARRAY_SIZE(rows)];

static void write_text(int fd, const char *text, const char *what)
{
	size_t length = 0;

	while (text[length])
		length++;
	floor_check(write(fd, text, length) == (ssize_t)length ? 0 : -1, what);
}

static int open_in(size_t row, const char *file, int flags)
{
	int fd = openat(directory[row], file, flags | O_CLOEXEC);

	floor_check(fd, file);
	return fd;
}

static void watch_memory(void)
{
	char text[64];
	int event = eventfd(0, EFD_CLOEXEC), control = open_in(0, "memory.oom_control", O_RDONLY);

	floor_check(event, "eventfd");
	(void)snprintf(text, sizeof(text), "%d %d", event, control);
	int fd = open_in(0, "cgroup.event_control", O_WRONLY);
	write_text(fd, text, "cgroup.event_control");
	(void)close(fd);
}

void floor_make_cgroups(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(path[i], PATH_SIZE, "/sys/fs/cgroup/%s/agentcore-bench-%d", rows[i].hierarchy,
			       (int)getpid());
		floor_check(mkdir(path[i], 0755), path[i]);
		directory[i] = open(path[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		floor_check(directory[i], path[i]);
		for (size_t j = 0; j < ARRAY_SIZE(rows[i].writes) && rows[i].writes[j].file; j++) {
			int fd = open_in(i, rows[i].writes[j].file, O_WRONLY);
			write_text(fd, rows[i].writes[j].value, rows[i].writes[j].file);
			(void)close(fd);
		}
		tasks[i] = open_in(i, "tasks", O_WRONLY);
	}
	watch_memory();
}

void floor_join_cgroups(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		write_text(tasks[i], "0", "tasks");
}

void floor_remove_cgroups(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		floor_check(rmdir(path[i]), path[i]);
}
