/* SPDX-License-Identifier: Apache-2.0 */
/* The container's own files: little more than mount points. */
#include "adapters/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"

const char *const oci_host_directories[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", NULL};

const char *const oci_host_etc[] = {"/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf", "/etc/ssl/certs",
				    NULL};

struct directory {
	const char *path;
	mode_t mode;
};

/* runc gives a tmpfs the mode of the directory that it covers, whatever its mount options say. */
static const struct directory directories[] = {
	{"", 0755},      {"/proc", 0755},
	{"/sys", 0755},  {"/dev", 0755},
	{"/tmp", 01777}, {"/workspace", 01777},
	{"/etc", 0755},  {"/etc/ssl", 0755},
	{"/opt", 0755},  {"/opt/conformance", 0755},
};

struct etc_file {
	const char *path, *content;
};

static const struct etc_file etc_files[] = {
	{"/etc/passwd", "root:x:0:0:root:/workspace:/bin/sh\nagent:x:1000:1000:agent:/workspace:/bin/sh\n"
			"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
	{"/etc/group", "root:x:0:\ntty:x:5:\nagent:x:1000:\nnogroup:x:65534:\n"},
	{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
	{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
	{"/etc/resolv.conf", ""},
};

bool oci_host_has(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0 && (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode));
}

/* Owner and mode are set after the fact: neither may depend on the caller's umask. */
static int own(const char *path, uint32_t owner, mode_t mode, struct error *err)
{
	if (lchown(path, owner, owner) < 0)
		return error_set(err, errno, "chown %s", path);
	if (mode && chmod(path, mode) < 0)
		return error_set(err, errno, "chmod %s", path);
	return 0;
}

static int make_directory(const char *root, const char *name, mode_t mode, uint32_t owner, struct error *err)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s%s", root, name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "make directory %s", path);
	return own(path, owner, mode, err);
}

static int make_file(const char *root, const char *name, const char *content, uint32_t owner, struct error *err)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s%s", root, name);
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(err, errno, "create %s", path);
	int r = io_write_all(fd, content, strlen(content));
	return r < 0 ? error_set(err, -r, "write %s", path) : own(path, owner, 0644, err);
}

/* A host path becomes a mount point of its own type; /bin -> usr/bin on a merged host becomes the same link. */
static int make_counterpart(const char *root, const char *host, uint32_t owner, struct error *err)
{
	struct stat status;
	if (lstat(host, &status) < 0)
		return 0;
	if (S_ISDIR(status.st_mode))
		return make_directory(root, host, 0755, owner, err);
	if (S_ISREG(status.st_mode))
		return make_file(root, host, "", owner, err);
	if (!S_ISLNK(status.st_mode))
		return 0;
	char target[PATH_MAX], path[PATH_MAX];
	ssize_t length = readlink(host, target, sizeof(target) - 1);
	if (length < 0)
		return error_set(err, errno, "read link %s", host);
	target[length] = '\0';
	(void)snprintf(path, sizeof(path), "%s%s", root, host);
	return symlink(target, path) < 0 ? error_set(err, errno, "link %s", path) : own(path, owner, 0, err);
}

static int make_counterparts(const char *root, const char *const *paths, uint32_t owner, struct error *err)
{
	int r = 0;
	for (size_t i = 0; r >= 0 && paths[i]; i++)
		r = make_counterpart(root, paths[i], owner, err);
	return r;
}

int oci_bundle_lay(const char *bundle, uint32_t owner, struct error *err)
{
	char root[PATH_MAX];
	if (snprintf(root, sizeof(root), "%s/rootfs", bundle) >= PATH_MAX - NAME_MAX)
		return error_say(err, ENAMETOOLONG, "%s: too long", bundle);
	int r = 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(directories); i++)
		r = make_directory(root, directories[i].path, directories[i].mode, owner, err);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(etc_files); i++)
		r = make_file(root, etc_files[i].path, etc_files[i].content, owner, err);
	r = r < 0 ? r : make_counterparts(root, oci_host_directories, owner, err);
	return r < 0 ? r : make_counterparts(root, oci_host_etc, owner, err);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *position)
{
	(void)status;
	(void)position;
	(void)(type == FTW_DP || type == FTW_D || type == FTW_DNR ? rmdir(path) : unlink(path));
	return 0;
}

void oci_bundle_remove(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
