/* SPDX-License-Identifier: Apache-2.0 */
/* The saboteurs, by the layer that they break. */
#include "saboteurs/saboteur.h"

#include "base/array.h"

/* clang-format off */
#define ALLOW(call)          {EDIT_SECCOMP_ALLOW, NULL, NULL, "\"" call "\""}
#define APPEND(path, value)  {EDIT_APPEND, path, NULL, value}
#define SET(path, value)     {EDIT_SET, path, NULL, value}
#define REMOVE(path)         {EDIT_REMOVE, path, NULL, NULL}
#define DROP(path, match)    {EDIT_DROP, path, match, NULL}
#define PATCH(path, match, value) {EDIT_PATCH, path, match, value}
#define RULES                "/linux/seccomp/syscalls"

/* The namespace goes, and with it the mounts that only its owner may make: the host's own is bound instead. */
#define SHARE(type)          DROP("/linux/namespaces", "{\"type\":\"" type "\"}")
#define BIND_INSTEAD(path)   PATCH("/mounts", "{\"destination\":\"" path "\"}", \
				   "{\"type\":\"bind\",\"source\":\"" path "\",\"options\":[\"rbind\",\"ro\",\"nosuid\",\"nodev\",\"noexec\"]}")

const struct saboteur saboteur_rows[] = {
	/* --- seccomp --- */
	{.name = "allow-mount", .breaks = "seccomp lets mount through", .layers_alone = true,
	 .edits = {ALLOW("mount")}},
	{.name = "allow-unshare", .breaks = "seccomp lets unshare through", .layers_alone = true,
	 .edits = {ALLOW("unshare")}},
	{.name = "allow-setns", .breaks = "seccomp lets setns through", .layers_alone = true,
	 .edits = {ALLOW("setns")}},
	{.name = "allow-ptrace", .breaks = "seccomp lets ptrace through", .layers_alone = true,
	 .edits = {ALLOW("ptrace")}},
	{.name = "allow-keyctl", .breaks = "seccomp lets keyctl through", .layers_alone = true,
	 .edits = {ALLOW("keyctl")}},
	{.name = "allow-bpf", .breaks = "seccomp lets bpf through", .layers_alone = true,
	 .edits = {ALLOW("bpf")}},
	{.name = "allow-io-uring", .breaks = "seccomp lets io_uring_setup through", .layers_alone = true,
	 .edits = {ALLOW("io_uring_setup")}},
	{.name = "no-seccomp", .breaks = "no seccomp filter at all", .layers_alone = true,
	 .edits = {REMOVE("/linux/seccomp")}},
	{.name = "seccomp-log", .breaks = "what is not allowed is logged and let through", .layers_alone = true,
	 .edits = {SET("/linux/seccomp/defaultAction", "\"SCMP_ACT_LOG\"")}},
	{.name = "wrong-default-errno", .breaks = "unknown calls get EPERM where libc needs ENOSYS to fall back", .layers_alone = true,
	 .edits = {SET("/linux/seccomp/defaultErrnoRet", "1")}},
	{.name = "tiocsti-high-bits", .breaks = "ioctl is filtered on all 64 bits of the request", .layers_alone = true,
	 .edits = {DROP(RULES, "{\"names\":[\"ioctl\"]}"),
		   APPEND(RULES, "{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,\"value\":21522,\"op\":\"SCMP_CMP_NE\"}]}")}},
	{.name = "allow-vsock", .breaks = "sockets of AF_VSOCK are allowed", .layers_alone = true,
	 .edits = {APPEND(RULES, "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":40,\"op\":\"SCMP_CMP_EQ\"}]}")}},
	{.name = "allow-i386", .breaks = "the i386 ABI is let in through int 0x80", .layers_alone = true,
	 .edits = {APPEND("/linux/seccomp/architectures", "\"SCMP_ARCH_X86\"")}},

	/* --- capabilities --- */
	{.name = "bounding-sys-admin", .breaks = "CAP_SYS_ADMIN stays in the bounding set", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/bounding", "\"CAP_SYS_ADMIN\"")}},
	{.name = "effective-net-raw", .breaks = "CAP_NET_RAW is held", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/bounding", "\"CAP_NET_RAW\""),
		   APPEND("/process/capabilities/permitted", "\"CAP_NET_RAW\""),
		   APPEND("/process/capabilities/effective", "\"CAP_NET_RAW\"")}},
	{.name = "effective-sys-ptrace", .breaks = "CAP_SYS_PTRACE is held", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/bounding", "\"CAP_SYS_PTRACE\""),
		   APPEND("/process/capabilities/permitted", "\"CAP_SYS_PTRACE\""),
		   APPEND("/process/capabilities/effective", "\"CAP_SYS_PTRACE\"")}},
	{.name = "missing-chown", .breaks = "CAP_CHOWN, which the policy grants, is not held", .layers_alone = true,
	 .edits = {DROP("/process/capabilities/permitted", "\"CAP_CHOWN\""),
		   DROP("/process/capabilities/effective", "\"CAP_CHOWN\""),
		   DROP("/process/capabilities/bounding", "\"CAP_CHOWN\"")}},
	{.name = "inheritable", .breaks = "the inheritable set is not empty", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/inheritable", "\"CAP_CHOWN\"")}},
	{.name = "ambient", .breaks = "the inheritable and ambient sets are not empty", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/inheritable", "\"CAP_CHOWN\""),
		   APPEND("/process/capabilities/ambient", "\"CAP_CHOWN\"")}},

	/* --- no_new_privs --- */
	{.name = "no-no-new-privs", .breaks = "no_new_privs is not set", .layers_alone = true,
	 .edits = {SET("/process/noNewPrivileges", "false")}},

	/* --- file system --- */
	{.name = "writable-root", .breaks = "the root file system is writable",
	 .edits = {SET("/root/readonly", "false")}},
	{.name = "unmask-kcore", .breaks = "/proc/kcore is not masked",
	 .edits = {DROP("/linux/maskedPaths", "\"/proc/kcore\"")}},
	{.name = "unmask-firmware", .breaks = "/sys/firmware is not masked",
	 .edits = {DROP("/linux/maskedPaths", "\"/sys/firmware\"")}},
	{.name = "writable-proc-sys", .breaks = "/proc/sys is not read-only",
	 .edits = {DROP("/linux/readonlyPaths", "\"/proc/sys\"")}},
	{.name = "writable-sys", .breaks = "/sys is writable",
	 .edits = {PATCH("/mounts", "{\"destination\":\"/sys\"}", "{\"options\":[\"nosuid\",\"noexec\",\"nodev\"]}")}},
	{.name = "host-root-bound", .breaks = "the host's root directory is visible at /mnt",
	 .edits = {APPEND("/mounts", "{\"destination\":\"/mnt\",\"type\":\"bind\",\"source\":\"/\",\"options\":[\"bind\",\"ro\",\"nosuid\",\"nodev\"]}")}},
	{.name = "host-tmp-bound", .breaks = "the host's /tmp is the sandbox's",
	 .edits = {PATCH("/mounts", "{\"destination\":\"/tmp\"}", "{\"type\":\"bind\",\"source\":\"/tmp\",\"options\":[\"bind\",\"rw\",\"nosuid\",\"nodev\"]}")}},
	{.name = "extra-device", .breaks = "the host's /dev/kmsg is a device of the sandbox",
	 .edits = {APPEND("/mounts", "{\"destination\":\"/dev/kmsg\",\"type\":\"bind\",\"source\":\"/dev/kmsg\",\"options\":[\"bind\",\"ro\",\"nosuid\"]}")}},

	/* --- namespaces --- */
	{.name = "share-pid", .breaks = "the host's pid namespace",
	 .edits = {SHARE("pid"), BIND_INSTEAD("/proc")}},
	{.name = "share-network", .breaks = "the host's network namespace",
	 .edits = {SHARE("network"), BIND_INSTEAD("/sys")}},
	{.name = "share-ipc", .breaks = "the host's ipc namespace",
	 .edits = {SHARE("ipc"), DROP("/mounts", "{\"destination\":\"/dev/mqueue\"}")}},
	{.name = "share-uts", .breaks = "the host's uts namespace", .edits = {SHARE("uts")}},
	{.name = "share-cgroup", .breaks = "the host's cgroup namespace", .edits = {SHARE("cgroup")}},
	{.name = "no-user-namespace", .breaks = "no user namespace: root inside is the host's root",
	 .edits = {SHARE("user"), REMOVE("/linux/uidMappings"), REMOVE("/linux/gidMappings")}},
	{.name = "identity-uid-map", .breaks = "a user namespace that maps root to the host's root",
	 .edits = {PATCH("/linux/uidMappings", "{\"containerID\":0}", "{\"hostID\":0}"),
		   PATCH("/linux/gidMappings", "{\"containerID\":0}", "{\"hostID\":0}")}},

	/* --- rlimits, descriptors, environment --- */
	{.name = "nofile-doubled", .breaks = "RLIMIT_NOFILE is twice what the policy says", .layers_alone = true,
	 .edits = {PATCH("/process/rlimits", "{\"type\":\"RLIMIT_NOFILE\"}", "{\"soft\":2048,\"hard\":2048}")}},
	{.name = "nofile-unset", .breaks = "RLIMIT_NOFILE is the host's", .layers_alone = true,
	 .edits = {DROP("/process/rlimits", "{\"type\":\"RLIMIT_NOFILE\"}")}},
	{.name = "core-unlimited", .breaks = "core dumps are not off", .layers_alone = true,
	 .edits = {PATCH("/process/rlimits", "{\"type\":\"RLIMIT_CORE\"}", "{\"soft\":4096,\"hard\":4096}")}},
	{.name = "leaked-descriptor", .breaks = "a descriptor of the host's root directory is open (CVE-2024-21626)", .leak_descriptor = true},
	{.name = "leaked-environment", .breaks = "a variable of the caller's environment gets in",
	 .edits = {APPEND("/process/env", "\"AGENTCORE_LEAKED=1\"")}},
};
/* clang-format on */

const size_t saboteur_count = ARRAY_SIZE(saboteur_rows);
