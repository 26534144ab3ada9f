/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/mac.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "base/array.h"
#include "base/fault.h"
#include "policy/suggest.h"

#define MINIMAL  (1U << MAC_MINIMAL)
#define STANDARD (1U << MAC_STANDARD)
#define DOCKER   (1U << MAC_DOCKER_DEFAULT)
#define EACH     (MINIMAL | STANDARD | DOCKER)

#define R    MAC_READ
#define W    MAC_WRITE
#define X    MAC_EXECUTE
#define DEV  MAC_DEVICE
#define LIST MAC_LIST

#define ROW(p, a, t, reason)                                                                                           \
	{                                                                                                              \
		.path = (p), .access = (a), .templates = (t), .why = (reason)                                          \
	}
#define WRITABLE(p, a, t, reason)                                                                                      \
	{                                                                                                              \
		.path = (p), .access = (a), .templates = (t), .writable_root = true, .why = (reason)                   \
	}

#define PROGRAMS "programs and libraries of the root"
#define DEVICES  "the devices that a sandbox has; any other node stays shut"
#define ROOT     "a writable root: every top-level directory but proc and sys"

/* clang-format off */
const struct mac_row mac_rows[] = {
ROW("/usr", R | X, EACH, PROGRAMS),
ROW("/bin", R | X, EACH, PROGRAMS),
ROW("/sbin", R | X, EACH, PROGRAMS),
ROW("/lib", R | X, EACH, PROGRAMS),
ROW("/lib32", R | X, EACH, PROGRAMS),
ROW("/lib64", R | X, EACH, PROGRAMS),
ROW("/libx32", R | X, EACH, PROGRAMS),
ROW("/etc", R | X, EACH, "configuration, and the scripts that Debian keeps beside it"),
ROW("/app", R | X, EACH, "the agent's own program"),
ROW("/opt", R | X, EACH, "programs that an image brings along"),

ROW("/", LIST, EACH, "names may be listed everywhere; what files hold is the other rows' matter"),
ROW("/proc", R, EACH, "what processes are like; settings beneath /proc/sys must not be written"),
ROW("/sys", R, STANDARD | DOCKER, "processor and memory layout, which language runtimes ask for"),

ROW("/dev/null", R | W | DEV, EACH, DEVICES),
ROW("/dev/zero", R | W | DEV, EACH, DEVICES),
ROW("/dev/full", R | W | DEV, EACH, DEVICES),
ROW("/dev/random", R | W | DEV, EACH, DEVICES),
ROW("/dev/urandom", R | W | DEV, EACH, DEVICES),
ROW("/dev/tty", R | W | DEV, EACH, DEVICES),
ROW("/dev/console", R | W | DEV, EACH, DEVICES),
ROW("/dev/ptmx", R | W | DEV, EACH, DEVICES),
ROW("/dev/pts", R | W | DEV, EACH, "terminals of the sandbox's own devpts"),
ROW("/dev/shm", R | W, EACH, "POSIX shared memory"),
ROW("/dev/mqueue", R | W, STANDARD | DOCKER, "POSIX message queues, where the system calls are allowed"),

ROW("/tmp", R | W, MINIMAL, "scratch space: what is written cannot be executed"),
ROW("/tmp", R | W | X, STANDARD | DOCKER, "scratch space; compilers run what they build there"),
ROW("/workspace", R | W, MINIMAL, "the agent's files: what is written cannot be executed"),
ROW("/workspace", R | W | X, STANDARD | DOCKER, "the agent's files and the programs it builds"),
/* Docker's default profile restricts /proc and /sys and leaves files to the mounts. */
ROW("/home", R | W | X, DOCKER, "files are left to the mounts"),
ROW("/root", R | W | X, DOCKER, "files are left to the mounts"),
ROW("/run", R | W | X, DOCKER, "files are left to the mounts"),
ROW("/srv", R | W | X, DOCKER, "files are left to the mounts"),
ROW("/var", R | W | X, DOCKER, "files are left to the mounts"),
ROW("/mnt", R | W | X, DOCKER, "files are left to the mounts"),
ROW("/media", R | W | X, DOCKER, "files are left to the mounts"),

/* New names directly below "/" are not among them: a grant on "/" would reach into /proc, /sys and /dev too. */
WRITABLE("/usr", W, EACH, ROOT), WRITABLE("/bin", W, EACH, ROOT), WRITABLE("/sbin", W, EACH, ROOT),
WRITABLE("/lib", W, EACH, ROOT), WRITABLE("/lib32", W, EACH, ROOT), WRITABLE("/lib64", W, EACH, ROOT),
WRITABLE("/libx32", W, EACH, ROOT), WRITABLE("/etc", W, EACH, ROOT), WRITABLE("/app", W, EACH, ROOT),
WRITABLE("/opt", W, EACH, ROOT), WRITABLE("/home", R | W | X, EACH, ROOT), WRITABLE("/root", R | W | X, EACH, ROOT),
WRITABLE("/run", R | W, EACH, ROOT), WRITABLE("/srv", R | W | X, EACH, ROOT), WRITABLE("/var", R | W | X, EACH, ROOT),
WRITABLE("/mnt", R | W | X, EACH, ROOT), WRITABLE("/media", R | W | X, EACH, ROOT),
WRITABLE("/boot", R | W, EACH, ROOT),
};
/* clang-format on */

const size_t mac_row_count = ARRAY_SIZE(mac_rows);

bool mac_row_counts(const struct mac_row *row, enum mac_template template_, bool writable_root)
{
	if (fault_wished("drop", row->path))
		return false;
	writable_root |= fault_wished("break", "mac-writable-root");
	return row->templates >> template_ & 1 && (writable_root || !row->writable_root);
}

static bool written_executes(enum mac_template template_)
{
	return template_ != MAC_MINIMAL || fault_wished("break", "written-executes");
}

unsigned mac_grant_access(const struct mac_grant *grant, enum mac_template template_)
{
	if (!grant->writable)
		return MAC_READ | MAC_EXECUTE;
	return MAC_READ | MAC_WRITE | (written_executes(template_) ? MAC_EXECUTE : 0u);
}

/* --- What is no file ------------------------------------------------------------------------------ */

#define DENY(t, reason)                                                                                                \
	{                                                                                                              \
		.text = "deny " t, .templates = EACH, .why = (reason)                                                  \
	}
#define DENY_CAPABILITY(t, number, reason)                                                                             \
	{                                                                                                              \
		.text = "deny capability " t, .templates = EACH, .when = MAC_UNLESS_GRANTED, .capability = (number),   \
		.why = (reason)                                                                                        \
	}
#define ALLOW(t, reason)                                                                                               \
	{                                                                                                              \
		.text = (t), .templates = EACH, .why = (reason)                                                        \
	}
#define NETWORK(t, at, cond, cap, reason)                                                                              \
	{                                                                                                              \
		.text = "network " t, .templates = (at), .when = (cond), .capability = (cap), .why = (reason)          \
	}

#define HOST "what tells of the host, or moves it"
#define OWN  "among the sandbox's own processes"

/* clang-format off */
const struct mac_rule mac_rules[] = {
DENY_CAPABILITY("sys_admin", CAP_SYS_ADMIN, "mounts, namespaces, and much that nobody has listed"),
DENY_CAPABILITY("sys_boot", CAP_SYS_BOOT, "the machine's restart"),
DENY_CAPABILITY("sys_module", CAP_SYS_MODULE, "code for the kernel"),
DENY_CAPABILITY("sys_rawio", CAP_SYS_RAWIO, "ports and memory of devices"),
DENY_CAPABILITY("sys_chroot", CAP_SYS_CHROOT, "what chroot takes"),
DENY_CAPABILITY("mac_admin", CAP_MAC_ADMIN, "loading profiles"),
DENY_CAPABILITY("mac_override", CAP_MAC_OVERRIDE, "going round a mandatory layer"),
DENY("/proc/sys/** wl", "the kernel's settings"),
DENY("/sys/** wl", "devices' and modules' settings"),
DENY("/sys/firmware/** rwkl", HOST),
DENY("/sys/devices/virtual/powercap/** rwkl", HOST),
DENY("/sys/kernel/security/** rwkl", HOST),
DENY("/proc/kcore rwkl", HOST),
DENY("/proc/sysrq-trigger rwkl", HOST),
DENY("mount", "what lies where is the runtime's matter"),
DENY("remount", "a read-only place stays read-only"),
DENY("umount", "what a mount hides stays hidden"),
DENY("pivot_root", "the root stays the root"),

ALLOW("signal (send, receive) peer=%s", OWN),
ALLOW("signal (receive) peer=unconfined", "PID 1 and the monitor end the sandbox"),
ALLOW("ptrace (trace, read, tracedby, readby) peer=%s", OWN),
ALLOW("unix (create, bind, listen, getattr, setattr, getopt, setopt, shutdown)",
      "sockets of its own"),
ALLOW("unix (accept, connect, send, receive) peer=(label=%s)", OWN),
ALLOW("unix (send, receive) peer=(label=unconfined)",
      "what was handed in as standard input and output"),

NETWORK("inet stream", MINIMAL, MAC_IF_NETWORK, 0, "where there is a network"),
NETWORK("inet dgram", MINIMAL, MAC_IF_NETWORK, 0, "where there is a network"),
NETWORK("inet stream", STANDARD | DOCKER, MAC_ALWAYS, 0, "loopback at least"),
NETWORK("inet dgram", STANDARD | DOCKER, MAC_ALWAYS, 0, "loopback at least"),
NETWORK("inet6 stream", STANDARD | DOCKER, MAC_ALWAYS, 0, "loopback at least"),
NETWORK("inet6 dgram", STANDARD | DOCKER, MAC_ALWAYS, 0, "loopback at least"),
NETWORK("netlink raw", STANDARD | DOCKER, MAC_ALWAYS, 0, "asking for addresses and routes"),
NETWORK("inet raw", EACH, MAC_IF_GRANTED, CAP_NET_RAW, "the policy grants CAP_NET_RAW"),
NETWORK("inet6 raw", EACH, MAC_IF_GRANTED, CAP_NET_RAW, "the policy grants CAP_NET_RAW"),
NETWORK("packet", EACH, MAC_IF_GRANTED, CAP_NET_RAW, "the policy grants CAP_NET_RAW"),
};
/* clang-format on */

const size_t mac_rule_count = ARRAY_SIZE(mac_rules);

bool mac_rule_counts(const struct mac_rule *rule, enum mac_template template_, const struct policy *policy)
{
	const bool granted = policy->capabilities >> rule->capability & 1;

	if (!(rule->templates >> template_ & 1))
		return false;
	switch (rule->when) {
	case MAC_UNLESS_GRANTED:
		return !granted;
	case MAC_IF_GRANTED:
		return granted;
	case MAC_IF_NETWORK:
		return policy->network != NETWORK_NONE;
	default:
		return true;
	}
}

static const char *const names[MAC_TEMPLATE_COUNT] = {
	[MAC_MINIMAL] = "agentcore-minimal",
	[MAC_STANDARD] = "agentcore-standard",
	[MAC_DOCKER_DEFAULT] = "docker-default",
	[MAC_UNCONFINED] = "unconfined",
};

const char *mac_template_name(enum mac_template template_)
{
	return names[template_];
}

int mac_template_from_name(enum mac_template *template_, const char *name, struct error *err)
{
	for (size_t i = 0; i < MAC_TEMPLATE_COUNT; i++) {
		if (strcmp(name, names[i]) == 0) {
			*template_ = (enum mac_template)i;
			return 0;
		}
	}

	struct suggestion suggestion = suggest_for(name);
	for (size_t i = 0; i < MAC_TEMPLATE_COUNT; i++)
		suggest_offer(&suggestion, names[i]);
	int r = error_say(err, EINVAL, "\"%s\" is not an AppArmor template", name);
	suggest_hint(&suggestion, err, "use agentcore-minimal, agentcore-standard, docker-default or unconfined");
	return r;
}

bool mac_written_executes(const struct policy *policy)
{
	enum mac_template template_;

	return mac_template_from_name(&template_, policy->apparmor_profile, NULL) == 0 && written_executes(template_);
}
