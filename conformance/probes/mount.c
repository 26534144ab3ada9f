/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting, by the old and the new interface.
 *
 * What succeeds is undone at once; calls that would change an existing mount carry arguments that the kernel
 * refuses, or that change nothing, after its permission check.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/probe.h"

/* Numbers of the common table; libc 2.36 has not all of the names. */
#define NR_OPEN_TREE     428
#define NR_FSOPEN        430
#define NR_FSPICK        433
#define NR_MOUNT_SETATTR 442

static long attempt_remount_root(void)
{
	return syscall(SYS_mount, NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long attempt_private_root(void)
{
	return syscall(SYS_mount, NULL, "/", NULL, MS_PRIVATE, NULL);
}

/* /usr is no mount point of the bare session: EINVAL comes after the permission check. */
static long attempt_umount(void)
{
	return syscall(SYS_umount2, "/usr/bin", MNT_DETACH | UMOUNT_NOFOLLOW);
}

static long attempt_open_tree(void)
{
	return syscall(NR_OPEN_TREE, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
}

static long attempt_fspick(void)
{
	return syscall(NR_FSPICK, AT_FDCWD, "/", 1 /* FSPICK_CLOEXEC */);
}

/* All zero: an attribute change that changes nothing. */
static long attempt_setattr(void)
{
	const uint64_t none[4] = {0};
	return syscall(NR_MOUNT_SETATTR, AT_FDCWD, "/", 0, none, sizeof(none));
}

static long attempt_pivot(void)
{
	return syscall(SYS_pivot_root, "/usr/bin", "/usr/bin");
}

static long attempt_chroot(void)
{
	return syscall(SYS_chroot, "/");
}

static const struct attempt {
	const char *name;
	long (*run)(void);
} attempts[] = {
	{"remount-root", attempt_remount_root},
	{"private-root", attempt_private_root},
	{"umount", attempt_umount},
	{"open-tree", attempt_open_tree},
	{"fspick", attempt_fspick},
	{"setattr", attempt_setattr},
	{"pivot-root", attempt_pivot},
	{"chroot", attempt_chroot},
};

static int run_attempt(int argc, char **argv, struct facts *facts)
{
	for (size_t i = 0; argc == 2 && i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(argv[1], attempts[i].name) != 0)
			continue;
		fact_result(facts, attempts[i].run());
		return 0;
	}
	return 1;
}

static const struct probe mount_call = {"mount-call", "NAME", "one mount call that changes nothing", run_attempt};
PROBE(mount_call);

/* Mount a file system of that type on a directory of our own and take it away again. */
static long mount_fresh(const char *type)
{
	char dir[] = "/tmp/.agentcore-mount-XXXXXX";
	if (!mkdtemp(dir))
		return -1;
	long r = syscall(SYS_mount, type, dir, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	int code = errno;
	if (r == 0)
		(void)umount2(dir, MNT_DETACH);
	(void)rmdir(dir);
	errno = code;
	return r;
}

static int run_fresh(int argc, char **argv, struct facts *facts)
{
	if (argc != 2)
		return 1;
	fact_result(facts, mount_fresh(argv[1]));
	return 0;
}

static const struct probe mount_fresh_probe = {"mount-fresh", "TYPE", "mounts a new file system on an own directory",
					       run_fresh};
PROBE(mount_fresh_probe);

static int run_fsopen(int argc, char **argv, struct facts *facts)
{
	if (argc != 2)
		return 1;
	fact_result(facts, syscall(NR_FSOPEN, argv[1], 1 /* FSOPEN_CLOEXEC */));
	return 0;
}

static const struct probe mount_fsopen = {"mount-fsopen", "TYPE", "opens a file system context, mounts nothing",
					  run_fsopen};
PROBE(mount_fsopen);

/*
 * A new user namespace gives every capability over the namespaces made with it.  A fresh procfs there
 * would show the sysctl files without the read-only mounts over them.
 */
static int run_userns(int argc, char **argv, struct facts *facts)
{
	int status;
	if (argc != 2)
		return 1;
	fact_text(facts, "step", "unshare");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC) < 0) {
		fact_result(facts, -1);
		return 0;
	}
	pid_t child = fork();
	if (child < 0) {
		fact_result(facts, -1);
		return 0;
	}
	if (child == 0) {
		fact_text(facts, "step", "mount");
		fact_result(facts, mount_fresh(argv[1]));
		_exit(0);
	}
	(void)waitpid(child, &status, 0);
	return 0;
}

static const struct probe mount_userns = {"mount-userns", "TYPE", "mounts a new file system in new namespaces",
					  run_userns};
PROBE(mount_userns);

static int run_flags(int argc, char **argv, struct facts *facts)
{
	static const struct {
		unsigned long bit;
		const char *name;
	} flags[] = {{ST_RDONLY, "ro"}, {ST_NOSUID, "nosuid"}, {ST_NODEV, "nodev"}, {ST_NOEXEC, "noexec"}};
	struct statvfs vfs;
	if (argc != 2)
		return 1;
	int r = statvfs(argv[1], &vfs);
	fact_result(facts, r);
	for (size_t i = 0; r == 0 && i < sizeof(flags) / sizeof(flags[0]); i++)
		fact_text(facts, flags[i].name, vfs.f_flag & flags[i].bit ? "yes" : "no");
	return 0;
}

static const struct probe mount_flags = {"mount-flags", "PATH", "ro, nosuid, nodev, noexec of the mount", run_flags};
PROBE(mount_flags);
