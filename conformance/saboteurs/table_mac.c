/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saboteurs of the mandatory layer, in the reference runtime's test build.  Those of Landlock are tried on Landlock alone, so that a kernel
 * with AppArmor finds them as well; those of AppArmor need one.
 */
#include "base/array.h"
#include "harness/requirement.h"
#include "saboteurs/saboteur.h"

/* clang-format off */
#define M(id) "mac.standard." id
#define K(id) "mac.standard.landlock." id
#define MINIMAL(id) "mac.minimal." id

static const struct saboteur rows[] = {
	/* --- Landlock --- */
	{.name = "mac-landlock-unrestricted", .breaks = "the ruleset is made, and nobody is held to it", .fault = "break:landlock-unrestricted", .needs = NEED_LANDLOCK,
	 .must = {K("write-etc-passwd"), K("make.etc.create"), K("read-root-.bashrc"), K("execute.dev-shm"), K("mount.tmpfs"), K("ptrace.init")},
	 .green = {K("works.tmp.create"), K("works.execute.usr")}},
	{.name = "mac-landlock-execute", .breaks = "whatever can be written can be executed", .fault = "break:landlock-execute", .needs = NEED_LANDLOCK,
	 .must = {K("execute.dev-shm")},
	 .green = {K("write-etc-passwd"), K("works.execute.usr")}},
	{.name = "mac-landlock-read", .breaks = "every file can be read", .fault = "break:landlock-read", .needs = NEED_LANDLOCK,
	 .must = {K("read-root-.bashrc"), K("read-var-lib-dpkg-status")},
	 .green = {K("write-root-.bashrc"), K("works.read-etc-passwd")}},
	{.name = "mac-landlock-write", .breaks = "every file can be opened for writing", .fault = "break:landlock-write", .needs = NEED_LANDLOCK,
	 .must = {K("write-etc-passwd"), K("write-usr-share-zoneinfo-utc"), K("write-root-.bashrc")},
	 .green = {K("truncate.etc-passwd"), K("make.etc.create"), K("read-root-.bashrc")}},
	{.name = "mac-landlock-make", .breaks = "entries can be made and removed everywhere", .fault = "break:landlock-make", .needs = NEED_LANDLOCK,
	 .must = {K("make.etc.mkdir"), K("make.usr.symlink"), K("make.slash.mkdir"), K("make.etc.mkfifo")},
	 .green = {K("write-etc-passwd"), K("works.tmp.mkdir")}},
	{.name = "mac-landlock-truncate", .breaks = "every file can be truncated", .fault = "break:landlock-truncate", .needs = NEED_LANDLOCK_TRUNCATE,
	 .must = {K("truncate.etc-passwd")},
	 .green = {K("write-etc-passwd")}},
	{.name = "mac-landlock-refer", .breaks = "nothing can be moved from one directory to another", .fault = "break:landlock-refer", .needs = NEED_LANDLOCK,
	 .must = {K("works.tmp.refer")},
	 .green = {K("works.tmp.rename"), K("make.etc.create")}},
	{.name = "mac-landlock-ioctl", .breaks = "the granted devices take no requests: no terminal works", .fault = "break:landlock-ioctl", .needs = NEED_LANDLOCK,
	 .must = {K("works.terminal")},
	 .green = {K("write-etc-passwd"), K("works.dev-null")}},
	{.name = "mac-landlock-scopes", .breaks = "signals leave the domain", .fault = "break:landlock-scopes", .needs = NEED_LANDLOCK_SIGNALS,
	 .must = {K("signal.init")},
	 .green = {K("ptrace.init"), K("write-etc-passwd")}},

	/* --- the rules that both are made of --- */
	{.name = "mac-row-workspace", .breaks = "the row of /workspace is lost", .fault = "drop:/workspace",
	 .must = {M("works.workspace.create"), M("works.execute.workspace"), K("works.workspace.create")},
	 .green = {M("works.tmp.create"), M("write-etc-passwd")}},
	{.name = "mac-row-urandom", .breaks = "the row of /dev/urandom is lost", .fault = "drop:/dev/urandom",
	 .must = {M("works.dev-urandom")},
	 .green = {M("works.dev-zero"), M("works.tmp.create")}},
	{.name = "mac-writable-root", .breaks = "the rows of a writable root count where it is read-only", .fault = "break:mac-writable-root",
	 .must = {M("write-etc-passwd"), M("make.usr.create"), M("read-root-.bashrc")},
	 .green = {M("make.slash.create"), M("mount.tmpfs"), M("works.tmp.create")}},

	{.name = "mac-written-executes", .breaks = "under minimal, a library that was written can be mapped", .fault = "break:written-executes",
	 .must = {"filesystem.minimal.mount.flags.*.noexec"},
	 .green = {MINIMAL("execute.tmp"), MINIMAL("full.map.dev-shm"), MINIMAL("write-etc-passwd")}},

	/* --- AppArmor --- */
	{.name = "mac-apparmor-complain", .breaks = "the profile only complains", .fault = "break:apparmor-complain", .needs = NEED_APPARMOR,
	 .must = {M("label.in-effect"), M("full.label.in-effect"), M("write-etc-passwd"), M("execute.dev-shm"), M("signal.init"), M("profile.current")},
	 /* The explicit denials of the template hold even then. */
	 .green = {M("mount.tmpfs"), M("works.tmp.create"), K("write-etc-passwd")}},
	{.name = "mac-apparmor-unapplied", .breaks = "the profile is loaded, and nobody is under it", .fault = "break:apparmor-unapplied", .needs = NEED_APPARMOR,
	 .must = {M("label.in-effect"), M("full.label.in-effect"), M("write-etc-passwd"), M("signal.init"), M("socket.packet"), M("profile.remove")},
	 .green = {M("works.tmp.create"), K("write-etc-passwd")}},
	{.name = "mac-apparmor-other", .breaks = "a profile that allows everything, by a good name", .fault = "break:apparmor-other", .needs = NEED_APPARMOR,
	 .must = {M("write-etc-passwd"), M("execute.dev-shm"), M("mount.tmpfs"), M("ptrace.init"), M("socket.packet"), M("profile.load"), M("label.in-effect")},
	 .green = {M("works.tmp.create"), K("write-etc-passwd")}},
	{.name = "mac-apparmor-deny", .breaks = "what the template denies it grants", .fault = "break:apparmor-deny", .needs = NEED_APPARMOR,
	 .must = {M("mount.tmpfs"), M("mount.move"), M("mount.remount"), M("mount.umount"), M("mount.pivot-root"), M("settings-proc-sys-kernel-hostname")},
	 .green = {M("write-etc-passwd"), M("ptrace.init"), M("label.in-effect")}},
	{.name = "mac-apparmor-network", .breaks = "every family of sockets, and the raw ones", .fault = "break:apparmor-network", .needs = NEED_APPARMOR,
	 .must = {M("socket.inet-raw"), M("socket.packet"), M("socket.alg")},
	 .green = {M("mount.tmpfs"), M("write-etc-passwd")}},
	{.name = "mac-apparmor-processes", .breaks = "signals and traces to everybody", .fault = "break:apparmor-processes", .needs = NEED_APPARMOR,
	 .must = {M("signal.init"), M("ptrace.init")},
	 .green = {M("mount.tmpfs"), M("socket.packet")}},
	{.name = "mac-apparmor-change", .breaks = "whoever is confined may choose another profile", .fault = "break:apparmor-change", .needs = NEED_APPARMOR,
	 .must = {M("profile.current"), M("profile.exec"), M("profile.legacy")},
	 .green = {M("write-etc-passwd"), M("profile.load")}},
	{.name = "mac-apparmor-execute", .breaks = "whatever can be read or written can be executed and mapped", .fault = "break:apparmor-execute", .needs = NEED_APPARMOR,
	 .must = {M("execute.dev-shm"), M("map.dev-shm")},
	 .green = {M("write-etc-passwd"), M("works.execute.usr")}},
	{.name = "mac-apparmor-attributes", .breaks = "every file can be changed", .fault = "break:apparmor-attributes", .needs = NEED_APPARMOR,
	 .must = {M("chmod.etc"), M("chown.usr"), M("write-etc-passwd"), M("truncate.etc-passwd")},
	 .green = {M("execute.dev-shm"), M("mount.tmpfs"), M("settings-proc-sys-kernel-hostname")}},
};
/* clang-format on */

const struct saboteur_table saboteurs_of_mac = {rows, ARRAY_SIZE(rows)};
