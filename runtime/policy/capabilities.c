/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/capabilities.h"

#include <linux/capability.h>
#include <stdio.h>
#include <strings.h>

#define STANDARD_UP (1U << PROFILE_STANDARD | 1U << PROFILE_PRIVILEGED)

/* # must see the name before it turns into its number, so none of these goes through another. */
#define DEFAULT(n, text)                                                                                               \
	{                                                                                                              \
		.name = #n, .number = (n), .profiles = STANDARD_UP, .allows = (text)                                   \
	}
#define CUSTOM(n, text)                                                                                                \
	{                                                                                                              \
		.name = #n, .number = (n), .allows = (text)                                                            \
	}
#define DANGEROUS(n, text, reason)                                                                                     \
	{                                                                                                              \
		.name = #n, .number = (n), .allows = (text), .danger = (reason)                                        \
	}

/* clang-format off */
const struct capability_row capability_rows[CAPABILITY_COUNT] = {
DEFAULT(CAP_CHOWN, "change owner and group of files"),
DEFAULT(CAP_DAC_OVERRIDE, "pass permission checks on files"),
DANGEROUS(CAP_DAC_READ_SEARCH, "pass read and search checks; open files by handle",
	  "reads every file in reach, and by handle past the root directory (Shocker)"),
DEFAULT(CAP_FOWNER, "act as the owner of files: chmod, utimes, delete in sticky directories"),
CUSTOM(CAP_FSETID, "keep setuid and setgid bits when a file changes"),
CUSTOM(CAP_KILL, "signal processes of the sandbox's other users"),
DEFAULT(CAP_SETGID, "change group ids and supplementary groups"),
DEFAULT(CAP_SETUID, "change user ids"),
DANGEROUS(CAP_SETPCAP, "change the bounding set and secure bits",
	  "loosens what keeps capabilities down after the start"),
CUSTOM(CAP_LINUX_IMMUTABLE, "set the immutable and append-only attributes"),
DEFAULT(CAP_NET_BIND_SERVICE, "bind to ports below 1024"),
CUSTOM(CAP_NET_BROADCAST, "nothing: the kernel does not use it"),
DANGEROUS(CAP_NET_ADMIN, "configure interfaces, routes, firewall",
	  "rewrites the sandbox's own network filtering, and reaches much rarely tested kernel code"),
DANGEROUS(CAP_NET_RAW, "raw and packet sockets", "forges packets: ARP and address spoofing towards neighbours"),
CUSTOM(CAP_IPC_LOCK, "lock memory beyond the limit"),
CUSTOM(CAP_IPC_OWNER, "pass permission checks on System V IPC objects"),
DANGEROUS(CAP_SYS_MODULE, "load and unload kernel modules", "runs code in the kernel"),
DANGEROUS(CAP_SYS_RAWIO, "ports, /dev/mem, device commands", "reaches devices and physical memory directly"),
DANGEROUS(CAP_SYS_CHROOT, "change the root directory; enter mount namespaces",
	  "a classic step out of a root directory"),
DANGEROUS(CAP_SYS_PTRACE, "trace and read other processes",
	  "takes over any process of the sandbox, whatever its user"),
DANGEROUS(CAP_SYS_PACCT, "switch process accounting", "writes a file of the kernel's for the whole machine"),
DANGEROUS(CAP_SYS_ADMIN, "mount, quotas, namespaces and a hundred things more", "almost the same as being root"),
DANGEROUS(CAP_SYS_BOOT, "reboot, load another kernel", "stops the machine"),
CUSTOM(CAP_SYS_NICE, "raise priorities, choose CPUs for others"),
DANGEROUS(CAP_SYS_RESOURCE, "pass resource limits", "lifts the limits that the policy sets"),
DANGEROUS(CAP_SYS_TIME, "set the clock", "the clock belongs to the whole machine"),
CUSTOM(CAP_SYS_TTY_CONFIG, "hang up and configure terminals"),
DANGEROUS(CAP_MKNOD, "make device nodes", "a node for a disk is the disk, where device access is not limited"),
CUSTOM(CAP_LEASE, "take leases on files of others"),
CUSTOM(CAP_AUDIT_WRITE, "write to the kernel's audit log"),
DANGEROUS(CAP_AUDIT_CONTROL, "change audit rules", "hides what happens from the machine's audit log"),
CUSTOM(CAP_SETFCAP, "give files capabilities"),
DANGEROUS(CAP_MAC_OVERRIDE, "pass mandatory access control (Smack)", "undoes a layer of the sandbox"),
DANGEROUS(CAP_MAC_ADMIN, "change mandatory access control", "undoes a layer of the sandbox"),
DANGEROUS(CAP_SYSLOG, "read and clear the kernel log, see kernel addresses",
	  "kernel addresses help to defeat address randomisation"),
CUSTOM(CAP_WAKE_ALARM, "set timers that wake the machine"),
CUSTOM(CAP_BLOCK_SUSPEND, "keep the machine from suspending"),
DANGEROUS(CAP_AUDIT_READ, "read the audit log by netlink", "shows what happens on the whole machine"),
DANGEROUS(CAP_PERFMON, "performance events, also of the kernel", "observes the kernel and other processes"),
DANGEROUS(CAP_BPF, "load BPF programs and maps", "puts programs into the kernel"),
DANGEROUS(CAP_CHECKPOINT_RESTORE, "choose pids, read memory maps of others",
	  "sees into processes as a tracer does"),
};
/* clang-format on */

int capability_number(const char *name)
{
	char full[64];

	(void)snprintf(full, sizeof(full), "%s%s", strncasecmp(name, "CAP_", 4) == 0 ? "" : "CAP_", name);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		if (strcasecmp(capability_rows[i].name, full) == 0)
			return capability_rows[i].number;
	return -1;
}

uint64_t capability_defaults(enum profile profile)
{
	uint64_t set = 0;

	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		if (capability_rows[i].profiles & 1U << profile)
			set |= UINT64_C(1) << capability_rows[i].number;
	return set;
}
