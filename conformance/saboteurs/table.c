/* SPDX-License-Identifier: Apache-2.0 */
/* The saboteurs that are made of a good OCI runtime, by the layer that they break. */
#include "saboteurs/saboteur.h"

#include "base/array.h"

/* clang-format off */
#define ALLOW(call)          {EDIT_SECCOMP_ALLOW, NULL, NULL, "\"" call "\""}
#define APPEND(path, value)  {EDIT_APPEND, path, NULL, value}
#define SET(path, value)     {EDIT_SET, path, NULL, value}
#define REMOVE(path)         {EDIT_REMOVE, path, NULL, NULL}
#define DROP(path, match)    {EDIT_DROP, path, match, NULL}
#define PATCH(path, match, value) {EDIT_PATCH, path, match, value}
#define TIMES(path, value)   {EDIT_TIMES, path, NULL, value}
#define PLUS(path, value)    {EDIT_PLUS, path, NULL, value}
#define RULES                "/linux/seccomp/syscalls"
#define MEMORY               "/linux/resources/memory"
#define CPU                  "/linux/resources/cpu"
#define PIDS                 "/linux/resources/pids"

/* The namespace goes, and with it the mounts that only its owner may make: the host's own is bound instead. */
#define SHARE(type)          DROP("/linux/namespaces", "{\"type\":\"" type "\"}")
#define BIND_INSTEAD(path)   PATCH("/mounts", "{\"destination\":\"" path "\"}", \
				   "{\"type\":\"bind\",\"source\":\"" path "\",\"options\":[\"rbind\",\"ro\",\"nosuid\",\"nodev\",\"noexec\"]}")

/* The ids of each suite. */
#define C(id) "capabilities.standard." id
#define D(id) "descriptors.standard." id
#define F(id) "filesystem.standard." id
#define L(id) "limits.standard." id
#define M(id) "namespaces.standard." id
#define N(id) "no_new_privs.standard." id
#define P(id) "processes.standard." id
#define R(id) "rlimits.standard." id
#define S(id) "seccomp.standard." id

static const struct saboteur rows[] = {
	/* --- seccomp --- */
	{.name = "allow-mount", .breaks = "seccomp lets mount through", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("mount")},
	 .must = {S("deny.mount"), S("alone.mount"), S("installed.mount")},
	 .may = {S("high-half.mount.*"), S("effect.mount"), S("alone.effect.mount")}},
	{.name = "allow-unshare", .breaks = "seccomp lets unshare through", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("unshare")},
	 .must = {S("deny.unshare"), S("alone.unshare"), S("installed.unshare")},
	 .may = {S("high-half.unshare.*"), S("effect.unshare"), S("alone.effect.unshare"), S("namespace.unshare.*"), S("alone.namespace.unshare.*"), M("create.unshare.*")}},
	{.name = "allow-setns", .breaks = "seccomp lets setns through", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("setns")},
	 .must = {S("deny.setns"), S("alone.setns"), S("installed.setns")},
	 .may = {S("high-half.setns.*"), S("effect.setns"), S("alone.effect.setns"), S("namespace.setns.*"), S("alone.namespace.setns.*")}},
	{.name = "allow-ptrace", .breaks = "seccomp lets ptrace through", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("ptrace")},
	 .must = {S("deny.ptrace"), S("alone.ptrace"), S("installed.ptrace")},
	 .may = {S("high-half.ptrace.*"), S("effect.ptrace"), S("alone.effect.ptrace")}},
	{.name = "allow-keyctl", .breaks = "seccomp lets keyctl through", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("keyctl")},
	 .must = {S("deny.keyctl"), S("alone.keyctl"), S("installed.keyctl")},
	 .may = {S("high-half.keyctl.*"), S("effect.keyctl"), S("alone.effect.keyctl")}},
	{.name = "allow-bpf", .breaks = "seccomp lets bpf through", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("bpf")},
	 .must = {S("deny.bpf"), S("alone.bpf"), S("installed.bpf")},
	 .may = {S("high-half.bpf.*"), S("effect.bpf"), S("alone.effect.bpf"), C("alone.bpf")}},
	{.name = "allow-io-uring", .breaks = "seccomp lets io_uring_setup through", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("io_uring_setup")},
	 .must = {S("deny.io_uring_setup"), S("alone.io_uring_setup"), S("installed.io_uring_setup")},
	 .may = {S("high-half.io_uring_setup.*"), S("effect.io_uring_setup"), S("alone.effect.io_uring_setup"), S("effect.io_uring*"), S("alone.effect.io_uring*")}},
	{.name = "no-seccomp", .breaks = "no seccomp filter at all", .seccomp = true, .layers_alone = true,
	 .edits = {REMOVE("/linux/seccomp")},
	 .must = {S("installed.*"), S("deny.*"), S("alone.*"), S("effect.*"), S("argument.*")},
	 .may = {S("*"), M("create.*"), F("mode.*"), F("mount.userns.*")}},
	{.name = "seccomp-log", .breaks = "what is not allowed is logged and let through", .seccomp = true, .layers_alone = true,
	 .edits = {SET("/linux/seccomp/defaultAction", "\"SCMP_ACT_LOG\""), REMOVE("/linux/seccomp/defaultErrnoRet"),
		   PATCH(RULES, "{\"action\":\"SCMP_ACT_ERRNO\"}", "{\"action\":\"SCMP_ACT_LOG\",\"errnoRet\":null}")},
	 .must = {S("deny.*"), S("alone.*"), S("installed.*"), S("effect.*"), S("argument.*")},
	 .may = {S("unknown.*"), S("high-half.*"), S("namespace.*"), F("mode.*"), S("tiocsti.*"), S("x32.*"), S("mode.*"), M("create.*"), F("mount.userns.*")}},
	/* The generated profile leaves clone3 out: libc falls back from ENOSYS alone, and else no thread starts. */
	{.name = "default-log", .breaks = "calls that the profile does not name are let through", .seccomp = true, .layers_alone = true,
	 .edits = {SET("/linux/seccomp/defaultAction", "\"SCMP_ACT_LOG\""), REMOVE("/linux/seccomp/defaultErrnoRet")},
	 .must = {S("installed.[0-9]*"), S("installed.open_tree_attr")},
	 .may = {M("create.clone3.user"), S("namespace.clone3.user"), S("deny.open_tree_attr"), S("alone.open_tree_attr"), S("mode.openat2.*")}},
	{.name = "default-kill", .breaks = "calls that the profile does not name kill the process", .seccomp = true, .layers_alone = true,
	 .edits = {SET("/linux/seccomp/defaultAction", "\"SCMP_ACT_KILL_PROCESS\""), REMOVE("/linux/seccomp/defaultErrnoRet")},
	 .must = {S("clone3.plain"), S("installed.[0-9]*"), S("installed.open_tree_attr"), S("unknown.*")},
	 .may = {C("late_thread.*"), N("late_thread.*"), S("namespace.unshare.*.thread"), S("alone.namespace.unshare.*.thread"),
		 M("create.clone3.*"), S("namespace.clone3.*"),
		 S("deny.open_tree_attr"), S("alone.open_tree_attr"), S("mode.openat2.*")}},
	{.name = "wrong-default-errno", .breaks = "unknown calls get EPERM where libc needs ENOSYS to fall back", .seccomp = true, .layers_alone = true,
	 .edits = {SET("/linux/seccomp/defaultErrnoRet", "1")},
	 .must = {S("clone3.plain"), S("unknown.*"), S("installed.[0-9]*")},
	 .may = {C("late_thread.*"), N("late_thread.*"), S("namespace.unshare.*.thread"), S("alone.namespace.unshare.*.thread"),
		 M("create.clone3.*"), S("namespace.clone3.*")}},
	{.name = "tiocsti-high-bits", .breaks = "ioctl is filtered on all 64 bits of the request", .seccomp = true, .layers_alone = true,
	 .edits = {DROP(RULES, "{\"names\":[\"ioctl\"]}"),
		   APPEND(RULES, "{\"names\":[\"ioctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,\"value\":21522,\"op\":\"SCMP_CMP_NE\"}]}")},
	 .must = {S("tiocsti.*"), S("argument.ioctl.tiocsti.high-*"), S("alone.argument.ioctl.tiocsti.high-*"), S("alone.tiocsti.*"), S("installed.ioctl.tiocsti.high-*")},
	 .may = {S("*ioctl.tioclinux*")}},
	{.name = "allow-socket-families", .breaks = "sockets of every family are allowed, AF_VSOCK too", .seccomp = true, .layers_alone = true,
	 .edits = {ALLOW("socket")},
	 .must = {S("argument.socket.*"), S("installed.socket.*")},
	 .may = {S("alone.argument.socket.*"), S("effect.vsock*")}},
	{.name = "allow-i386", .breaks = "the i386 ABI is let in through int 0x80", .seccomp = true, .layers_alone = true,
	 .edits = {APPEND("/linux/seccomp/architectures", "\"SCMP_ARCH_X86\"")},
	 .must = {S("installed.i386.*")},
	 .may = {S("i386.*")}},

	/* --- capabilities --- */
	{.name = "bounding-sys-admin", .breaks = "CAP_SYS_ADMIN stays in the bounding set", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/bounding", "\"CAP_SYS_ADMIN\"")},
	 .must = {C("bounding.cap_sys_admin"), C("after_exec.bounding"), C("late_thread.bounding"), C("after_setuid.bounding")},
	 .may = {C("alone.raise"), C("alone.sethostname"), C("alone.bpf")}},
	{.name = "effective-net-raw", .breaks = "CAP_NET_RAW is held", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/bounding", "\"CAP_NET_RAW\""),
		   APPEND("/process/capabilities/permitted", "\"CAP_NET_RAW\""),
		   APPEND("/process/capabilities/effective", "\"CAP_NET_RAW\"")},
	 .must = {C("effective.cap_net_raw"), C("permitted.cap_net_raw"), C("bounding.cap_net_raw"), C("after_exec.effective"), C("after_exec.permitted"), C("late_thread.effective"), C("effect.raw_socket"), C("alone.raw_socket"), C("alone.packet_socket")},
	 .may = {C("*.bounding"), C("late_thread.permitted")}},
	{.name = "effective-sys-ptrace", .breaks = "CAP_SYS_PTRACE is held", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/bounding", "\"CAP_SYS_PTRACE\""),
		   APPEND("/process/capabilities/permitted", "\"CAP_SYS_PTRACE\""),
		   APPEND("/process/capabilities/effective", "\"CAP_SYS_PTRACE\"")},
	 .must = {C("effective.cap_sys_ptrace"), C("permitted.cap_sys_ptrace"), C("bounding.cap_sys_ptrace"), C("after_exec.effective"), C("after_exec.permitted"), C("late_thread.effective"), C("alone.ptrace")},
	 .may = {C("*.bounding"), C("late_thread.permitted")}},
	{.name = "missing-chown", .breaks = "CAP_CHOWN, which the policy grants, is not held", .layers_alone = true,
	 .edits = {DROP("/process/capabilities/permitted", "\"CAP_CHOWN\""),
		   DROP("/process/capabilities/effective", "\"CAP_CHOWN\""),
		   DROP("/process/capabilities/bounding", "\"CAP_CHOWN\"")},
	 .must = {C("effective.cap_chown"), C("permitted.cap_chown"), C("bounding.cap_chown"), C("after_exec.effective"), C("after_exec.permitted"), C("late_thread.effective"), C("effect.chown"), C("alone.chown")},
	 .may = {C("*.bounding"), C("late_thread.permitted"), C("effect.fowner"), C("alone.fowner"), C("alone.fsetid"), C("alone.lease")}},
	{.name = "inheritable", .breaks = "the inheritable set is not empty", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/inheritable", "\"CAP_CHOWN\"")},
	 .must = {C("inheritable.cap_chown"), C("after_exec.inheritable"), C("late_thread.inheritable"), C("after_setuid.inheritable")}},
	{.name = "ambient", .breaks = "the inheritable and ambient sets are not empty", .layers_alone = true,
	 .edits = {APPEND("/process/capabilities/inheritable", "\"CAP_CHOWN\""),
		   APPEND("/process/capabilities/ambient", "\"CAP_CHOWN\"")},
	 .must = {C("ambient.cap_chown"), C("inheritable.cap_chown"), C("after_exec.ambient"), C("late_thread.ambient")},
	 .may = {C("*.inheritable")}},

	/* --- no_new_privs --- */
	{.name = "no-no-new-privs", .breaks = "no_new_privs is not set", .layers_alone = true,
	 .edits = {SET("/process/noNewPrivileges", "false")},
	 .must = {N("set.prctl"), N("set.status"), N("after_exec.*"), N("late_thread.*"), N("not_cleared"), N("alone.set.*"), N("alone.suid.*"), N("alone.suid_thread.*")}},

	/* --- file system --- */
	{.name = "writable-root", .breaks = "the root file system is writable",
	 .edits = {SET("/root/readonly", "false")},
	 .must = {F("read-only.slash.*"), F("read-only.etc.*")}},
	{.name = "unmask-interrupts", .breaks = "/proc/interrupts is not masked",
	 .edits = {DROP("/linux/maskedPaths", "\"/proc/interrupts\"")},
	 .must = {F("masked.proc-interrupts")}},
	{.name = "unmask-firmware", .breaks = "/sys/firmware is not masked",
	 .edits = {DROP("/linux/maskedPaths", "\"/sys/firmware\"")},
	 .must = {F("masked.sys-firmware")}},
	{.name = "writable-proc-sys", .breaks = "/proc/sys is not read-only",
	 .edits = {DROP("/linux/readonlyPaths", "\"/proc/sys\"")},
	 .must = {F("no-write.proc-sys-kernel-*")},
	 .may = {F("no-write.proc-sys-*")}},
	{.name = "writable-sys", .breaks = "/sys is writable",
	 .edits = {PATCH("/mounts", "{\"destination\":\"/sys\"}", "{\"options\":[\"nosuid\",\"noexec\",\"nodev\"]}")},
	 .must = {F("no-write.sys-class-net-lo-mtu")}},
	{.name = "host-root-bound", .breaks = "the host's root directory is visible at /mnt",
	 .edits = {APPEND("/mounts", "{\"destination\":\"/mnt\",\"type\":\"bind\",\"source\":\"/\",\"options\":[\"bind\",\"ro\",\"nosuid\",\"nodev\"]}")},
	 .must = {F("host-path.mnt")}},
	{.name = "host-tmp-bound", .breaks = "the host's /tmp is the sandbox's",
	 .edits = {PATCH("/mounts", "{\"destination\":\"/tmp\"}", "{\"type\":\"bind\",\"source\":\"/tmp\",\"options\":[\"bind\",\"nosuid\",\"nodev\"]}")},
	 .must = {F("canary-on-host.tmp")},
	 .may = {F("mount.flags.tmp.nosuid"), F("mount.flags.tmp.nodev")}},
	{.name = "extra-device", .breaks = "the host's /dev/kmsg is a device of the sandbox",
	 .edits = {APPEND("/mounts", "{\"destination\":\"/dev/kmsg\",\"type\":\"bind\",\"source\":\"/dev/kmsg\",\"options\":[\"bind\",\"ro\",\"nosuid\"]}")},
	 .must = {F("device.only"), F("device.absent.kmsg")}},

	/* --- namespaces --- */
	{.name = "share-pid", .breaks = "the host's pid namespace",
	 .edits = {SHARE("pid"), BIND_INSTEAD("/proc")},
	 .must = {M("own.pid"), M("pid.others"), M("pid.host_process"), M("pid.init")},
	 .may = {M("pid.init_survives"), D("others.listed"), P("init.*")}},
	{.name = "share-network", .breaks = "the host's network namespace",
	 .edits = {SHARE("network"), BIND_INSTEAD("/sys")},
	 .must = {M("own.net"), M("net.interfaces"), M("net.host_abstract"), M("net.host_loopback")},
	 .may = {M("net.route"), C("effect.bind")}},
	{.name = "share-ipc", .breaks = "the host's ipc namespace",
	 .edits = {SHARE("ipc"), DROP("/mounts", "{\"destination\":\"/dev/mqueue\"}")},
	 .must = {M("own.ipc"), M("ipc.host_shm"), M("ipc.host_msg"), M("ipc.host_mq")},
	 .may = {F("device.mqueue"), F("mount.*.mqueue")}},
	{.name = "share-uts", .breaks = "the host's uts namespace", .edits = {SHARE("uts"), REMOVE("/hostname")},
	 .must = {M("own.uts"), M("uts.hostname")}},
	{.name = "share-cgroup", .breaks = "the host's cgroup namespace", .edits = {SHARE("cgroup")},
	 .must = {M("own.cgroup"), M("cgroup.paths")}},
	{.name = "no-user-namespace", .breaks = "no user namespace: root inside is the host's root",
	 .edits = {SHARE("user"), REMOVE("/linux/uidMappings"), REMOVE("/linux/gidMappings")},
	 .must = {M("own.user"), M("user.uid_range"), M("user.gid_range")}},
	{.name = "identity-uid-map", .breaks = "a user namespace that maps root to the host's root",
	 .edits = {PATCH("/linux/uidMappings", "{\"containerID\":0}", "{\"hostID\":0}"),
		   PATCH("/linux/gidMappings", "{\"containerID\":0}", "{\"hostID\":0}")},
	 .must = {M("user.uid_range"), M("user.gid_range")}},

	/* --- rlimits, descriptors, environment --- */
	{.name = "nofile-doubled", .breaks = "RLIMIT_NOFILE is twice what the policy says", .layers_alone = true,
	 .edits = {PATCH("/process/rlimits", "{\"type\":\"RLIMIT_NOFILE\"}", "{\"soft\":2048,\"hard\":2048}")},
	 .must = {R("nofile.soft"), R("nofile.hard"), R("nofile.reached"), R("alone.nofile.*")}},
	{.name = "nofile-unset", .breaks = "RLIMIT_NOFILE is the host's", .layers_alone = true,
	 .edits = {DROP("/process/rlimits", "{\"type\":\"RLIMIT_NOFILE\"}")},
	 .must = {R("nofile.soft"), R("nofile.hard"), R("nofile.reached"), R("alone.nofile.*")}},
	{.name = "core-unlimited", .breaks = "core dumps are not off", .layers_alone = true,
	 .edits = {PATCH("/process/rlimits", "{\"type\":\"RLIMIT_CORE\"}", "{\"soft\":4096,\"hard\":4096}")},
	 .must = {R("core.hard"), R("core.dump"), R("alone.core.hard"), R("alone.core.dump")}},
	{.name = "leaked-descriptor", .breaks = "a descriptor of the host's root directory is open (CVE-2024-21626)", .leak_descriptor = true,
	 .must = {D("open.swept"), D("open.listed"), D("open.objects")}},
	{.name = "leaked-environment", .breaks = "a variable of the caller's environment gets in",
	 .edits = {APPEND("/process/env", "\"AGENTCORE_LEAKED=1\"")},
	 .must = {D("environment*")}},

	/* --- limits, in the bundle --- */
	{.name = "memory-doubled", .breaks = "twice the memory",
	 .edits = {TIMES(MEMORY "/limit", "2"), TIMES(MEMORY "/swap", "2")},
	 .must = {L("memory.readback.limit"), L("memory.heap"), L("memory.shm")},
	 .green = {L("memory.readback.swap"), L("processes.threads")}},
	{.name = "memory-unlimited", .breaks = "no limit of memory",
	 .edits = {REMOVE(MEMORY)},
	 .must = {L("memory.readback.limit"), L("memory.readback.swap"), L("memory.heap")},
	 .green = {L("processes.threads")}},
	{.name = "swap-left-on", .breaks = "memory beyond the limit may go to swap",
	 .edits = {SET(MEMORY "/swap", "-1")},
	 .must = {L("memory.readback.swap")},
	 .green = {L("memory.readback.limit"), L("memory.memfd")}},
	{.name = "swap-as-large", .breaks = "as much swap as memory, which is what runtimes do by themselves",
	 .edits = {TIMES(MEMORY "/swap", "2")},
	 .must = {L("memory.readback.swap")},
	 .green = {L("memory.readback.limit"), L("memory.memfd")}},
	{.name = "processes-unlimited", .breaks = "no limit of processes",
	 .edits = {REMOVE(PIDS)},
	 .must = {L("processes.fork"), L("processes.threads"), L("processes.mix")},
	 .green = {L("memory.memfd")}},
	{.name = "processes-doubled", .breaks = "twice the processes",
	 .edits = {TIMES(PIDS "/limit", "2")},
	 .must = {L("processes.fork"), L("processes.threads"), L("two.processes")},
	 .green = {L("memory.memfd")}},
	{.name = "one-process-more", .breaks = "one process more than the policy says",
	 .edits = {PLUS(PIDS "/limit", "1")},
	 .must = {L("processes.fork"), L("processes.threads"), L("processes.racing")},
	 .green = {L("memory.memfd")}},
	{.name = "one-process-less", .breaks = "one process less than the policy grants",
	 .edits = {PLUS(PIDS "/limit", "-1")},
	 .must = {L("processes.fork"), L("processes.threads")},
	 .green = {L("descriptors.open")}},
	{.name = "cpu-doubled", .breaks = "twice the processor time",
	 .edits = {TIMES(CPU "/quota", "2")},
	 .must = {L("cpu.quarter")},
	 .green = {L("memory.memfd")}},
	{.name = "cpu-unlimited", .breaks = "no limit of processor time",
	 .edits = {REMOVE(CPU)},
	 .must = {L("cpu.quarter")},
	 .green = {L("memory.memfd")}},
	{.name = "cpu-little-more", .breaks = "two and a half per cent of a core more than the policy says",
	 .edits = {PLUS(CPU "/quota", "2500")},
	 .must = {L("cpu.quarter")},
	 .green = {L("memory.memfd")}},
	{.name = "cpu-long-period", .breaks = "the right share, but over a second: a tenth of it at once",
	 .edits = {TIMES(CPU "/quota", "10"), TIMES(CPU "/period", "10")},
	 .must = {L("cpu.burst")},
	 .green = {L("memory.memfd")}},
	{.name = "descriptors-raised", .breaks = "the limit of descriptors is soft: whoever likes raises it",
	 .edits = {PATCH("/process/rlimits", "{\"type\":\"RLIMIT_NOFILE\"}", "{\"hard\":2048}")},
	 .must = {R("nofile.hard"), L("descriptors.open"), L("descriptors.dup")},
	 .green = {L("memory.memfd"), L("processes.threads")}},
};
/* clang-format on */

const struct saboteur_table saboteurs_of_bundles = {rows, ARRAY_SIZE(rows)};
