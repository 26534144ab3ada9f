/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A copy, not a link: the set-user-id mode must not reach the original. */
static int copy_file(const char *from, const char *to, mode_t mode, struct error *err)
{
	struct stat status;
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0 || fstat(in, &status) < 0)
		return error_set(err, errno, "%s", from);
	_cleanup_fd_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return error_set(err, errno, "%s", to);
	for (off_t left = status.st_size; left > 0;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);
		if (n <= 0)
			return error_set(err, n < 0 ? errno : EIO, "copy %s to %s", from, to);
		left -= n;
	}
	/* After the writing, which would clear the set-user-id bit; and whatever the umask is. */
	return fchmod(out, mode) < 0 ? error_set(err, errno, "%s", to) : 0;
}

static int make_directory(const char *path, struct error *err)
{
	/* chmod: the umask must not keep other ids of the sandbox out. */
	return mkdir(path, 0755) < 0 || chmod(path, 0755) < 0 ? error_set(err, errno, "%s", path) : 0;
}

static int copy_tree(const char *from, const char *to, struct error *err);

static int copy_entry(const char *from, const char *to, const char *name, struct error *err)
{
	char source[PATH_MAX], target[PATH_MAX];
	struct stat status;
	if (snprintf(source, sizeof(source), "%s/%s", from, name) >= (int)sizeof(source) ||
	    snprintf(target, sizeof(target), "%s/%s", to, name) >= (int)sizeof(target))
		return error_set(err, ENAMETOOLONG, "%s/%s", from, name);
	if (lstat(source, &status) < 0)
		return error_set(err, errno, "%s", source);
	if (S_ISDIR(status.st_mode))
		return copy_tree(source, target, err);
	if (!S_ISREG(status.st_mode))
		return error_say(err, EINVAL, "%s: neither a file nor a directory", source);
	return copy_file(source, target, status.st_mode & 0111 ? 0755 : 0644, err);
}

static int copy_tree(const char *from, const char *to, struct error *err)
{
	_cleanup_dir_ DIR *dir = opendir(from);
	if (!dir)
		return error_set(err, errno, "%s", from);
	int r = make_directory(to, err);
	struct dirent *entry;
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = copy_entry(from, to, entry->d_name, err);
	return r;
}

static int fill_tools(const struct workdir *workdir, const char *probe, const char *fixtures, struct error *err)
{
	char path[PATH_MAX], workloads[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/probe", workdir->tools);
	int r = copy_file(probe, path, 0755, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/probe-suid", workdir->tools);
	r = copy_file(probe, path, 04755, err);
	if (r < 0)
		return r;
	(void)snprintf(workloads, sizeof(workloads), "%s/workloads", fixtures);
	(void)snprintf(path, sizeof(path), "%s/workloads", workdir->tools);
	return access(workloads, F_OK) == 0 ? copy_tree(workloads, path, err) : 0;
}

struct place {
	char *path;
	size_t size;
	const char *name;
};

int workdir_make(struct workdir *workdir, const char *probe, const char *fixtures, struct error *err)
{
	const char *tmp = getenv("TMPDIR");
	/* Paths of the runtimes' sockets and states lie below this, and some of them must be short. */
	if (!tmp || tmp[0] != '/' || strlen(tmp) > 24)
		tmp = "/tmp";
	(void)snprintf(workdir->path, sizeof(workdir->path), "%s/conformance.XXXXXX", tmp);
	if (!mkdtemp(workdir->path)) {
		int r = error_set(err, errno, "%s", workdir->path);
		workdir->path[0] = '\0';
		return r;
	}
	/* Others may pass through to the tools but not look around. */
	(void)chmod(workdir->path, 0711);

	const struct place places[] = {
		{workdir->tools, sizeof(workdir->tools), "tools"},
		{workdir->runtime, sizeof(workdir->runtime), "runtime"},
		{workdir->control, sizeof(workdir->control), "control"},
		{workdir->policies, sizeof(workdir->policies), "policies"},
	};
	int r = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && r == 0; i++) {
		(void)snprintf(places[i].path, places[i].size, "%s/%s", workdir->path, places[i].name);
		r = make_directory(places[i].path, err);
	}
	r = r < 0 ? r : fill_tools(workdir, probe, fixtures, err);
	if (r < 0)
		workdir_remove(workdir);
	return r;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	/* What cannot be removed stays, and with it its directories; the rest still goes. */
	(void)remove(path);
	return 0;
}

void workdir_remove(struct workdir *workdir)
{
	if (workdir->path[0])
		(void)nftw(workdir->path, remove_entry, 16, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
	workdir->path[0] = '\0';
}
