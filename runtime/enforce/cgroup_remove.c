/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a cgroup's directories: children first, then what is ours above. */
#include "enforce/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static int remove_tree(int parent_fd, const char *name, bool v2, int64_t deadline);

struct removal {
	bool v2;
	int64_t deadline;
};

static int remove_child(int dirfd, const char *name, void *data)
{
	const struct removal *removal = data;

	return remove_tree(dirfd, name, removal->v2, removal->deadline);
}

/* Busy: it has children, or members that are not gone yet. */
static int empty_out(int parent_fd, const char *name, bool v2, int64_t deadline)
{
	_cleanup_fd_ int fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct removal removal = {v2, deadline};

	if (fd < 0)
		return -errno;
	int r = cgroup_each_child(fd, remove_child, &removal);
	return r < 0 ? r : cgroup_wait_empty(fd, v2, deadline);
}

static int remove_tree(int parent_fd, const char *name, bool v2, int64_t deadline)
{
	while (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0) {
		if (errno == ENOENT || errno == ENODEV)
			return 0;
		if (errno != EBUSY && errno != ENOTEMPTY)
			return -errno;
		int r = empty_out(parent_fd, name, v2, deadline);
		if (r < 0)
			return r;
		if (cgroup_clock_ms() >= deadline)
			return -EBUSY;
	}
	return 0;
}

int cgroup_remove(struct cgroup *cgroup, int timeout_ms, struct error *err)
{
	int64_t deadline = cgroup_clock_ms() + timeout_ms;
	char path[CGROUP_DIR_PATH_MAX];
	int result = 0;

	for (size_t i = 0; i < cgroup->count; i++) {
		struct cgroup_dir *dir = &cgroup->dirs[i];
		if (!dir->there)
			continue;
		if (dir->leaf >= 0)
			(void)unlinkat(dir->fd, CGROUP_LEAF, AT_REMOVEDIR);
		cgroup_make_path(path, cgroup, dir);
		int r = remove_tree(AT_FDCWD, path, dir->v2, deadline);
		if (r < 0) {
			(void)cgroup_fail(cgroup, dir, "removing", -r, err);
			result = result < 0 ? result : r;
		} else if (cgroup->use != CGROUP_EXECUTION && cgroup_parent_is_ours(dir->parent))
			(void)rmdir(dir->parent); /* refused as long as somebody else is in it */
	}
	return result;
}

int cgroup_reclaim(const struct cgroup_layout *layout, const char *name, struct error *err)
{
	enum cgroup_use use = strchr(name, '/') ? CGROUP_EXECUTION : CGROUP_CONTAINER;
	struct cgroup *cgroup = NULL;
	struct error missing = {0};
	int r = cgroup_open(layout, name, use, &cgroup, &missing);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		if (err)
			*err = missing;
		return r;
	}
	r = cgroup_kill(cgroup, CGROUP_RECLAIM_MS, err);
	if (r == 0)
		r = cgroup_remove(cgroup, CGROUP_RECLAIM_MS, err);
	cgroup_free(cgroup);
	return r;
}
