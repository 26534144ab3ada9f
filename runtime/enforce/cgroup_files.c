/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and control files; those are read whole, and from the beginning each time. */
#include "enforce/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

const struct cgroup_dir *cgroup_dir_of(const struct cgroup *cgroup, enum cgroup_controller controller)
{
	return cgroup->dir_of[controller] < 0 ? NULL : &cgroup->dirs[cgroup->dir_of[controller]];
}

void cgroup_make_path(char path[CGROUP_DIR_PATH_MAX], const struct cgroup *cgroup, const struct cgroup_dir *dir)
{
	(void)snprintf(path, CGROUP_DIR_PATH_MAX, "%s/%s", dir->parent, cgroup->name);
}

int cgroup_fail(const struct cgroup *cgroup, const struct cgroup_dir *dir, const char *what, int code,
		struct error *err)
{
	return error_set(err, code, "%s cgroup %s/%s", what, dir->parent, cgroup->name);
}

int cgroup_read_fd(int fd, char *text)
{
	ssize_t n = pread(fd, text, CGROUP_FILE_MAX, 0);

	if (n < 0)
		return -errno;
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return 0;
}

int cgroup_read_file(int dirfd, const char *file, char *text)
{
	_cleanup_fd_ int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : cgroup_read_fd(fd, text);
}

int cgroup_read_number(int dirfd, const char *file, uint64_t *value)
{
	/* v1 shows "no limit" as the largest whole number of pages in a long. */
	static const uint64_t V1_UNLIMITED = (uint64_t)1 << 62;
	char text[CGROUP_FILE_MAX + 1];
	int r = cgroup_read_file(dirfd, file, text);

	if (r < 0)
		return r;
	if (strcmp(text, "max") == 0) {
		*value = UINT64_MAX;
		return 0;
	}
	char *end = NULL;
	errno = 0;
	uint64_t number = strtoull(text, &end, 10);
	if (errno || end == text)
		return -EBADMSG;
	*value = number >= V1_UNLIMITED ? UINT64_MAX : number;
	return 0;
}

uint64_t cgroup_find_key(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return strtoull(line + length, NULL, 10);
	}
	return 0;
}

bool cgroup_has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += length) {
		bool begins = at == text || strchr(" ,\n", at[-1]);
		if (begins && (!at[length] || strchr(" ,\n", at[length])))
			return true;
	}
	return false;
}

bool cgroup_has_dots(const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");
		if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
			return true;
		path += length;
		path += *path == '/';
	}
	return false;
}
