/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits' events.  Memory: where the kernel kills one process only (cgroup v1), the monitor ends the rest.  Processes and
 * storage: the workload sees the error, the record says so.  The CPU's throttling is told once, at the end.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "recipe/faults.h"
#include "recipe/monitor_private.h"

/* A file system tells nobody that it is full, and pids.events of cgroup v1 wakes nobody: they are looked at this often. */
#define LOOK_NS 500000000L

#define STORAGE_LITTLE (128 * 1024)

static uint64_t microseconds_since(const struct timespec *start)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - start->tv_sec) * 1000000L + (now.tv_nsec - start->tv_nsec) / 1000);
}

static void take_usage(const struct monitor *monitor, struct record_usage *usage)
{
	struct sandbox *sandbox = monitor->sandbox;

	*usage = (struct record_usage){.duration_us = microseconds_since(&monitor->since)};
	/* The events first: unread, a watched file wakes us for ever. */
	usage->cgroup_known = sandbox->cgroup && cgroup_read_events(sandbox->cgroup, &usage->events) == 0 &&
			      cgroup_usage(sandbox->cgroup, &usage->cgroup) == 0;
	usage->storage_known = sandbox->storage.tree >= 0 && storage_usage(&sandbox->storage, &usage->storage) == 0;
}

/* Each kind of breach is on record once; how often it happened is told at the end. */
static void breach(struct monitor *monitor, enum breach kind, const struct record_usage *usage)
{
	if (monitor->breached[kind])
		return;
	monitor->breached[kind] = true;
	record_breach(monitor->sandbox, kind, usage);
}

static void on_memory(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct record_usage usage;

	(void)source;
	(void)events;
	/* First the end, then the words about it. */
	if (!fault_wished("break", FAULT_MEMORY_NO_KILL))
		monitor_kill(monitor);
	take_usage(monitor, &usage);
	breach(monitor, BREACH_MEMORY, &usage);
}

/* memory.events of cgroup v2 changes for other reasons too: reclaim at the limit is no breach. */
static void on_memory_events(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct cgroup_events counts;

	if (cgroup_read_events(monitor->sandbox->cgroup, &counts) < 0 || counts.memory_kills > 0)
		on_memory(monitor, source, events);
}

/*
 * A write that does not fit is refused although a little is free: the page cache takes large folios whole.  So "full" is less
 * than that little.
 */
static bool is_full(const struct storage_usage *usage)
{
	uint64_t little = usage->bytes_limit / 64 > STORAGE_LITTLE ? usage->bytes_limit / 64 : STORAGE_LITTLE;

	return usage->bytes + little >= usage->bytes_limit || usage->inodes >= usage->inodes_limit;
}

/* What was refused to the workload, which goes on. */
static void note_refusals(struct monitor *monitor, const struct record_usage *usage)
{
	if (usage->events.process_refusals > 0)
		breach(monitor, BREACH_PROCESSES, usage);
	if (usage->storage_known && is_full(&usage->storage))
		breach(monitor, BREACH_STORAGE, usage);
}

static void on_processes(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct record_usage usage;

	(void)source;
	(void)events;
	take_usage(monitor, &usage);
	note_refusals(monitor, &usage);
}

static void look(struct monitor *monitor, struct source *source, uint32_t events)
{
	uint64_t expirations;

	(void)!read(source->fd, &expirations, sizeof(expirations));
	on_processes(monitor, source, events);
}

static int start_looking(struct monitor *monitor)
{
	const struct timespec often = {.tv_nsec = LOOK_NS};
	const struct itimerspec when = {.it_interval = often, .it_value = often};

	monitor->look = (struct source){timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), look, NULL};
	if (monitor->look.fd < 0 || timerfd_settime(monitor->look.fd, 0, &when, NULL) < 0)
		return -errno;
	return monitor_watch(monitor, &monitor->look, EPOLLIN);
}

int limit_events_watch(struct monitor *monitor)
{
	struct sandbox *sandbox = monitor->sandbox;
	struct cgroup_watch watch = {-1, -1};
	int r = sandbox->cgroup ? cgroup_watch(sandbox->cgroup, &watch, monitor->err) : 0;
	bool counts = sandbox->layout.places[CGROUP_MEMORY].v2;

	monitor->memory = (struct source){watch.memory, counts ? on_memory_events : on_memory, NULL};
	monitor->processes = (struct source){watch.processes, on_processes, NULL};
	if (r == 0 && watch.memory >= 0)
		r = monitor_watch(monitor, &monitor->memory, counts ? EPOLLPRI : EPOLLIN);
	if (r == 0 && watch.processes >= 0)
		r = monitor_watch(monitor, &monitor->processes, EPOLLPRI);
	return r < 0 ? r : start_looking(monitor);
}

void limit_events_conclude(struct monitor *monitor, int status)
{
	struct record_usage usage;

	take_usage(monitor, &usage);
	if (monitor->timed_out)
		breach(monitor, BREACH_WALL_TIME, &usage);
	if (usage.events.memory_kills > 0)
		breach(monitor, BREACH_MEMORY, &usage);
	note_refusals(monitor, &usage);
	if (usage.events.throttled_periods > 0)
		breach(monitor, BREACH_CPU, &usage);
	record_exit(monitor->sandbox, status, &usage);
}

void limit_events_close(struct monitor *monitor)
{
	/* The cgroup's descriptors are its own. */
	cleanup_fd(&monitor->look.fd);
}
