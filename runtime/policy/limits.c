/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/limits.h"

/* One default for every profile. */
#define SAME(v)                                                                                                        \
	{                                                                                                              \
		(v), (v), (v)                                                                                          \
	}
#define NONE (-1)

const struct limit_row limit_rows[LIMIT_COUNT] = {
	[LIMIT_MEMORY_MB] =
		{
			.limit = LIMIT_MEMORY_MB,
			.container_key = "max_memory_mb",
			.execution_key = "max_memory_mb",
			.execution_scale = 1,
			.minimum = 1,
			.maximum = 16777216, /* 16 TiB */
			.integer = true,
			.defaults = SAME(512),
			.unit = "MiB",
			.mechanism = "memory cgroup, no swap",
			.at_the_limit = "the whole sandbox is killed, exit status 137",
		},
	[LIMIT_CPU_CORES] =
		{
			.limit = LIMIT_CPU_CORES,
			.container_key = "max_cpu_cores",
			.execution_key = "max_cpu_percent",
			.execution_scale = 0.01, /* 100 % is one core */
			.minimum = 0.01, /* the kernel's least quota: 1 ms of 100 */
			.maximum = 4096,
			.defaults = SAME(1),
			.unit = "cores",
			.mechanism = "cpu cgroup, period 100 ms",
			.at_the_limit = "throttled",
		},
	[LIMIT_WALL_SECONDS] =
		{
			.limit = LIMIT_WALL_SECONDS,
			.container_key = "max_execution_time_seconds",
			.execution_key = "max_execution_time_seconds",
			.execution_scale = 1,
			.minimum = 0.001,
			.maximum = 31536000, /* a year */
			.defaults = SAME(300),
			.unit = "seconds",
			.mechanism = "a timer of the monitor",
			.at_the_limit = "every process is killed, exit status 124",
		},
	[LIMIT_FILE_DESCRIPTORS] =
		{
			.limit = LIMIT_FILE_DESCRIPTORS,
			.container_key = "max_file_descriptors",
			.execution_key = "max_file_descriptors",
			.execution_scale = 1,
			.minimum = 4, /* standard input, output, error and the one that the loader opens */
			.maximum = 1048576, /* fs.nr_open as the kernel sets it */
			.integer = true,
			.defaults = SAME(1024),
			.unit = "descriptors",
			.mechanism = "RLIMIT_NOFILE, soft and hard",
			.at_the_limit = "EMFILE",
		},
	[LIMIT_PROCESSES] =
		{
			.limit = LIMIT_PROCESSES,
			.execution_key = "max_processes",
			.execution_scale = 1,
			.minimum = 1,
			.maximum = 4194304, /* PID_MAX_LIMIT */
			.integer = true,
			.defaults = SAME(100),
			.unit = "processes and threads",
			.mechanism = "pids cgroup",
			.at_the_limit = "EAGAIN from fork and clone",
		},
	[LIMIT_STORAGE_MB] =
		{
			.limit = LIMIT_STORAGE_MB,
			.container_key = "storage_quota_mb",
			.execution_scale = 1,
			.minimum = 1,
			.maximum = 16777216,
			.integer = true,
			.defaults = SAME(1024),
			.unit = "MiB",
			.mechanism = "one file system for all writable places",
			.at_the_limit = "ENOSPC",
		},
	[LIMIT_NETWORK_REQUESTS] =
		{
			.limit = LIMIT_NETWORK_REQUESTS,
			.execution_key = "max_network_requests",
			.execution_scale = 1,
			.minimum = 0, /* 0: no network at all */
			.maximum = 1000000,
			.integer = true,
			.defaults = SAME(NONE),
			.unit = "admitted new flows",
			.mechanism = "a counter in the packet filter",
			.at_the_limit = "rejected",
		},
};
