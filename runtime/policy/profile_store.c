/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/profile_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

/* Open name beneath parent, making it if need be; shown is its name in messages.  The descriptor, or a negative errno. */
static int open_own_directory(int parent, const char *name, const char *shown, struct error *err)
{
	struct stat status;

	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "%s", shown);
	_cleanup_fd_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "%s", shown);
	/* Asked of the descriptor: what the name says may change, what is open does not. */
	if (fstat(fd, &status) < 0)
		return error_set(err, errno, "%s", shown);
	if (status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH)) {
		(void)error_say(err, EPERM, "%s: owner %u, mode %04o: others could put files there", shown,
				(unsigned)status.st_uid, (unsigned)status.st_mode & 07777);
		return error_hint(err, "remove it, or choose another directory with --output");
	}
	return TAKE_FD(fd);
}

/* A fresh file beside the final one; the name goes to temporary. */
static int create_temporary(int dir, char *temporary, size_t size)
{
	unsigned long long random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	(void)snprintf(temporary, size, ".%016llx", random);
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

static int write_renamed(int dir, const char *name, const char *text)
{
	char temporary[32];
	_cleanup_fd_ int fd = create_temporary(dir, temporary, sizeof(temporary));

	if (fd < 0)
		return fd;
	int r = io_write_all(fd, text, strlen(text));
	if (r == 0 && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, temporary, 0);
	return r;
}

int profile_store(const struct policy *policy, const char *directory, const char *kind, const char *extension,
		  const char *text, char *path, size_t path_size, struct error *err)
{
	char name[160], folder[512];

	(void)snprintf(folder, sizeof(folder), "%s/%s", directory, kind);
	(void)snprintf(name, sizeof(name), "%s-%s.%s", policy->agent_id, profile_name(policy->profile), extension);
	if (strlen(directory) + strlen(kind) + 2 > sizeof(folder) || strlen(folder) + strlen(name) + 2 > path_size)
		return error_set(err, ENAMETOOLONG, "%s", directory);

	_cleanup_fd_ int top = open_own_directory(AT_FDCWD, directory, directory, err);
	if (top < 0)
		return top;
	_cleanup_fd_ int dir = open_own_directory(top, kind, folder, err);
	if (dir < 0)
		return dir;
	int r = write_renamed(dir, name, text);
	if (r < 0)
		return error_set(err, -r, "%s/%s", folder, name);
	(void)snprintf(path, path_size, "%s/%s", folder, name);
	return 0;
}
