/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to change a file system, without changing it.
 *
 * Where the directory can be written, the object is a scratch file of the probe's own that is removed
 * again.  Where it cannot, the operation aims at what is already there and would leave it as it is (the
 * same mode, the same size), or at a name that does not exist: a read-only mount answers EROFS before it
 * looks the name up.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/probe.h"
#include "probes/tools_dir.h"

struct target {
	char object[PATH_MAX]; /* the scratch file, or an existing entry */
	char fresh[PATH_MAX]; /* a name that does not exist */
	bool own; /* object is the scratch file */
};

static long change_create(const struct target *target)
{
	return open(target->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static long change_mkdir(const struct target *target)
{
	return mkdir(target->fresh, 0700);
}

static long change_symlink(const struct target *target)
{
	return symlink("agentcore", target->fresh);
}

static long change_mkfifo(const struct target *target)
{
	return mkfifo(target->fresh, 0600);
}

static long change_link(const struct target *target)
{
	return link(target->object, target->fresh);
}

static long change_rename(const struct target *target)
{
	char other[PATH_MAX + 4];
	(void)snprintf(other, sizeof(other), "%s.to", target->fresh);
	if (!target->own)
		return rename(target->fresh, other);
	return rename(target->object, target->fresh);
}

static long change_unlink(const struct target *target)
{
	return unlink(target->own ? target->object : target->fresh);
}

static long change_rmdir(const struct target *target)
{
	if (target->own && mkdir(target->fresh, 0700) < 0)
		return -1;
	return rmdir(target->fresh);
}

static long change_open_write(const struct target *target)
{
	return open(target->object, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static long change_truncate(const struct target *target)
{
	struct stat st;
	if (stat(target->object, &st) < 0)
		return -1;
	return truncate(target->object, st.st_size);
}

static long change_chmod(const struct target *target)
{
	struct stat st;
	if (stat(target->object, &st) < 0)
		return -1;
	return chmod(target->object, st.st_mode & 0777);
}

static long change_chown(const struct target *target)
{
	return chown(target->object, (uid_t)-1, (gid_t)-1);
}

static long change_utimes(const struct target *target)
{
	struct stat st;
	if (stat(target->object, &st) < 0)
		return -1;
	const struct timespec same[2] = {st.st_atim, st.st_mtim};
	return utimensat(AT_FDCWD, target->object, same, 0);
}

static long change_setxattr(const struct target *target)
{
	int r = setxattr(target->object, "user.agentcore", "1", 1, XATTR_CREATE);
	if (r == 0)
		(void)removexattr(target->object, "user.agentcore");
	return r;
}

static const struct change {
	const char *name;
	long (*run)(const struct target *target);
} changes[] = {
	{"create", change_create},     {"mkdir", change_mkdir},       {"symlink", change_symlink},
	{"mkfifo", change_mkfifo},     {"link", change_link},         {"rename", change_rename},
	{"unlink", change_unlink},     {"rmdir", change_rmdir},       {"open-write", change_open_write},
	{"truncate", change_truncate}, {"chmod", change_chmod},       {"chown", change_chown},
	{"utimes", change_utimes},     {"setxattr", change_setxattr},
};

static const struct change *change_find(const char *name)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (strcmp(changes[i].name, name) == 0)
			return &changes[i];
	return NULL;
}

static void target_set(struct target *target, const char *dir, const char *existing)
{
	(void)snprintf(target->fresh, sizeof(target->fresh), "%s/.agentcore-fresh-%d", dir, (int)getpid());
	(void)snprintf(target->object, sizeof(target->object), "%s/.agentcore-own-%d", dir, (int)getpid());
	int fd = open(target->object, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	target->own = fd >= 0;
	if (fd >= 0)
		(void)close(fd);
	else
		(void)snprintf(target->object, sizeof(target->object), "%s", existing);
}

static void target_clear(const struct target *target)
{
	if (target->own)
		(void)unlink(target->object);
	if (unlink(target->fresh) < 0)
		(void)rmdir(target->fresh);
}

static int run_change(int argc, char **argv, struct facts *facts)
{
	const struct change *change = argc == 4 ? change_find(argv[1]) : NULL;
	char dir[PATH_MAX / 2], existing[PATH_MAX / 2];
	struct target target;
	if (!change || tools_dir_expand(argv[2], dir, sizeof(dir)) < 0 ||
	    tools_dir_expand(argv[3], existing, sizeof(existing)) < 0)
		return 1;

	target_set(&target, dir, existing);
	fact_flag(facts, "own", target.own);
	fact_result(facts, change->run(&target));
	target_clear(&target);
	return 0;
}

static const struct probe file_change = {"file-change", "OP DIR EXISTING",
					 "changes a scratch file in DIR, or EXISTING to what it is already",
					 run_change};
PROBE(file_change);
