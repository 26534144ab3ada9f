/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/paths.h"

#include "base/array.h"

#define MASKED_FILE(p, reason)                                                                                         \
	{                                                                                                              \
		.path = (p), .treatment = PATH_MASKED, .why = (reason)                                                 \
	}
#define MASKED_DIR(p, reason)                                                                                          \
	{                                                                                                              \
		.path = (p), .treatment = PATH_MASKED, .directory = true, .why = (reason)                              \
	}
#define READ_ONLY_FILE(p, reason)                                                                                      \
	{                                                                                                              \
		.path = (p), .treatment = PATH_READ_ONLY, .why = (reason)                                              \
	}
#define READ_ONLY_DIR(p, reason)                                                                                       \
	{                                                                                                              \
		.path = (p), .treatment = PATH_READ_ONLY, .directory = true, .why = (reason)                           \
	}

/* Docker's lists (daemon/pkg/oci), each with its reason.  A path that the kernel does not have is passed over. */
const struct path_row path_rows[] = {
	MASKED_DIR("/proc/acpi", "switches hardware of the host"),
	MASKED_DIR("/proc/asound", "sound devices of the host: another user's activity shows"),
	MASKED_FILE("/proc/interrupts", "interrupt counts tell keystroke and network timing of the host"),
	MASKED_FILE("/proc/kcore", "the kernel's memory"),
	MASKED_FILE("/proc/keys", "keys of every user of the kernel: not kept apart by namespaces"),
	MASKED_FILE("/proc/latency_stats", "latencies of all processes, by kernel function"),
	MASKED_FILE("/proc/sched_debug", "names and pids of all processes of the host"),
	MASKED_DIR("/proc/scsi", "takes commands for devices of the host"),
	MASKED_FILE("/proc/timer_list", "timers of all processes, with kernel addresses"),
	MASKED_FILE("/proc/timer_stats", "timers of all processes of the host"),
	MASKED_DIR("/sys/devices/virtual/powercap",
		   "energy counters tell secrets by power analysis (PLATYPUS, CVE-2020-8694)"),
	MASKED_DIR("/sys/firmware", "tables and variables of the host's firmware"),
	READ_ONLY_DIR("/proc/bus", "configuration space of the host's devices"),
	READ_ONLY_DIR("/proc/fs", "settings of the host's file systems"),
	READ_ONLY_DIR("/proc/irq", "where the host's interrupts go"),
	READ_ONLY_DIR("/proc/sys",
		      "settings of the kernel: core_pattern, modprobe and their kind run programs as root"),
	READ_ONLY_FILE("/proc/sysrq-trigger", "commands to the kernel: reboot, crash, kill all"),
};

const size_t path_row_count = ARRAY_SIZE(path_rows);
