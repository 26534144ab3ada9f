/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup's directories: made, opened, joined. */
#include "enforce/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/cgroup_internal.h"

/* How often a parent that another start removes under our hands is made again: each round is somebody else's end. */
#define PARENT_ROUNDS 1000

#define BIT(controller) (1u << (controller))

/* --- The object ------------------------------------------------------------------------------------ */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void close_dir(struct cgroup_dir *dir)
{
	close_fd(&dir->fd);
	close_fd(&dir->leaf);
	close_fd(&dir->tasks);
}

static struct cgroup *new_cgroup(enum cgroup_use use)
{
	struct cgroup *cgroup = calloc(1, sizeof(*cgroup));

	if (!cgroup)
		return NULL;
	cgroup->use = use;
	cgroup->watch = (struct cgroup_watch){-1, -1};
	cgroup->oom_control = -1;
	memset(cgroup->dir_of, -1, sizeof(cgroup->dir_of));
	return cgroup;
}

void cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	for (size_t i = 0; i < cgroup->count; i++)
		close_dir(&cgroup->dirs[i]);
	close_fd(&cgroup->watch.memory);
	close_fd(&cgroup->watch.processes);
	close_fd(&cgroup->oom_control);
	free(cgroup);
}

/* "ID" or "ID/exec-N": it becomes a path, so nothing else may be in it. */
static int check_name(const char *name, struct error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./";
	size_t length = strlen(name);

	if (length == 0 || length >= CGROUP_NAME_MAX || name[strspn(name, allowed)] || cgroup_has_dots(name) ||
	    name[length - 1] == '/')
		return error_say(err, EINVAL, "\"%.80s\" cannot be the name of a cgroup", name);
	return 0;
}

/*
 * Put each wanted controller's hierarchy into the list once: v1 may have several in one mount, v2 has all in one.
 * Also the cgroup's name, whose prefix is the same everywhere: it depends on the parent's last part.
 */
static void plan(struct cgroup *cgroup, const struct cgroup_layout *layout, unsigned wanted, const char *name)
{
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		const struct cgroup_place *place = &layout->places[c];
		size_t at = 0;

		if (!(wanted & BIT(c)) || !place->available)
			continue;
		while (at < cgroup->count && strcmp(cgroup->dirs[at].parent, place->parent) != 0)
			at++;
		struct cgroup_dir *dir = &cgroup->dirs[at];
		if (at == cgroup->count) {
			*dir = (struct cgroup_dir){.v2 = place->v2, .fd = -1, .leaf = -1, .tasks = -1};
			memcpy(dir->parent, place->parent, sizeof(dir->parent));
			cgroup->count++;
		}
		dir->controllers |= BIT(c);
		cgroup->dir_of[c] = (signed char)at;
	}
	bool ours = cgroup->count == 0 || cgroup_parent_is_ours(cgroup->dirs[0].parent) ||
		    strncmp(name, CGROUP_OURS, strlen(CGROUP_OURS)) == 0;
	(void)snprintf(cgroup->name, sizeof(cgroup->name), "%s%s", ours ? "" : CGROUP_OURS "-", name);
}

/* --- Making ---------------------------------------------------------------------------------------- */

/*
 * v2: let children have the controllers.  Only ever in a directory that is ours.  Written also where they seem to have them: another start may be
 * giving them just now, and the children's files come a moment after the word.
 */
static int enable_for_children(const char *path, unsigned controllers)
{
	char text[64] = "";
	size_t used = 0;
	_cleanup_fd_ int dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dirfd < 0)
		return -errno;
	for (int c = 0; c <= CGROUP_PIDS; c++) {
		if (controllers & BIT(c))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s+%s", used ? " " : "",
						 cgroup_controller_name((enum cgroup_controller)c));
	}
	return used == 0 ? 0 : io_write_file(dirfd, "cgroup.subtree_control", text);
}

static unsigned controllers_at(const struct cgroup_layout *layout, const char *parent)
{
	unsigned controllers = 0;

	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		if (layout->places[c].available && strcmp(layout->places[c].parent, parent) == 0)
			controllers |= BIT(c);
	}
	return controllers;
}

/* The directory itself, and the parent where it is ours and not there.  -EEXIST: a dead sandbox's is in the way. */
static int make_below_parent(const struct cgroup *cgroup, const struct cgroup_dir *dir)
{
	bool ours = cgroup->use != CGROUP_EXECUTION && cgroup_parent_is_ours(dir->parent);
	char path[CGROUP_DIR_PATH_MAX];

	cgroup_make_path(path, cgroup, dir);
	/* By path and not through a descriptor of the parent: that would cost an open more in each hierarchy. */
	for (int round = 0; mkdir(path, 0755) < 0; round++) {
		if (!ours || (errno != ENOENT && errno != ENODEV) || round >= PARENT_ROUNDS)
			return -errno;
		if (mkdir(dir->parent, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int open_dir(const struct cgroup *cgroup, struct cgroup_dir *dir)
{
	char path[CGROUP_DIR_PATH_MAX];

	cgroup_make_path(path, cgroup, dir);
	dir->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir->fd < 0)
		return -errno;
	dir->there = true;
	if (!dir->v2) {
		dir->tasks = openat(dir->fd, "tasks", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		return dir->tasks < 0 ? -errno : 0;
	}
	if (cgroup->use != CGROUP_CONTAINER)
		return 0;
	dir->leaf = openat(dir->fd, CGROUP_LEAF, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return dir->leaf < 0 && errno != ENOENT ? -errno : 0;
}

/* v2: controllers come to a directory by the subtree_control of the one above.  The child is there already, so that neither can vanish. */
static int prepare_v2(const struct cgroup *cgroup, const struct cgroup_dir *dir, unsigned controllers)
{
	char path[CGROUP_DIR_PATH_MAX];
	int r = 0;

	if (cgroup->use != CGROUP_EXECUTION && cgroup_parent_is_ours(dir->parent))
		r = enable_for_children(dir->parent, controllers);
	if (r < 0 || cgroup->use != CGROUP_CONTAINER)
		return r;
	cgroup_make_path(path, cgroup, dir);
	r = enable_for_children(path, controllers);
	(void)strncat(path, "/" CGROUP_LEAF, sizeof(path) - strlen(path) - 1);
	return r < 0 || mkdir(path, 0755) == 0 ? r : -errno;
}

static int make_dir(const struct cgroup *cgroup, struct cgroup_dir *dir, const struct cgroup_layout *layout,
		    struct error *err)
{
	int r = make_below_parent(cgroup, dir);

	if (r == -EEXIST)
		return r;
	dir->there = r == 0;
	if (r == 0 && dir->v2)
		r = prepare_v2(cgroup, dir, controllers_at(layout, dir->parent));
	if (r == 0)
		r = open_dir(cgroup, dir);
	return r < 0 ? cgroup_fail(cgroup, dir, "making", -r, err) : 0;
}

/* What this use needs of the hierarchies, beside what its limits need. */
static unsigned wanted_by_use(enum cgroup_use use)
{
	static const unsigned wanted[] = {
		[CGROUP_SANDBOX] = BIT(CGROUP_CPUACCT),
		/* A limit may come with `update`, and an execution's directory lies in its container's. */
		[CGROUP_CONTAINER] = BIT(CGROUP_CONTROLLER_COUNT) - 1,
		/* v1: whoever is in no directory of a hierarchy is outside of the container's limit there. */
		[CGROUP_EXECUTION] = BIT(CGROUP_CONTROLLER_COUNT) - 1,
	};

	return wanted[use];
}

static int check_available(const struct cgroup_layout *layout, unsigned needed, struct error *err)
{
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		if (!(needed & BIT(c)) || layout->places[c].available)
			continue;
		(void)error_say(err, ENOTSUP, "no %s cgroup: %s", cgroup_controller_name((enum cgroup_controller)c),
				layout->why_not[c]);
		(void)error_hint(
			err, "without it the limit cannot be enforced: leave the limit out, or enable the controller");
		return -ENOTSUP;
	}
	return 0;
}

static int make_all(struct cgroup *cgroup, const struct cgroup_layout *layout, const struct limits *limits,
		    unsigned spare_processes, struct error *err)
{
	for (size_t i = 0; i < cgroup->count; i++) {
		int r = make_dir(cgroup, &cgroup->dirs[i], layout, err);
		if (r < 0)
			return r;
	}
	return cgroup_write_limits(cgroup, limits, spare_processes, err);
}

int cgroup_create(const struct cgroup_layout *layout, const char *name, enum cgroup_use use,
		  const struct limits *limits, unsigned spare_processes, struct cgroup **cgroup, struct error *err)
{
	unsigned needed = cgroup_controllers_needed(limits);
	int r = check_name(name, err);

	if (r == 0)
		r = check_available(layout, needed, err);
	for (int round = 0; r == 0; round++) {
		struct cgroup *made = new_cgroup(use);
		if (!made)
			return error_set(err, ENOMEM, "cgroup %s", name);
		plan(made, layout, needed | wanted_by_use(use), name);
		r = make_all(made, layout, limits, spare_processes, err);
		if (r == 0) {
			*cgroup = made;
			return 0;
		}
		(void)cgroup_remove(made, CGROUP_RECLAIM_MS, NULL);
		cgroup_free(made);
		if (r == -EEXIST && round == 0)
			r = cgroup_reclaim(layout, name, err);
		else if (r == -EEXIST)
			(void)error_set(err, EEXIST, "cgroup %s", name);
	}
	return r;
}

int cgroup_open(const struct cgroup_layout *layout, const char *name, enum cgroup_use use, struct cgroup **cgroup,
		struct error *err)
{
	int r = check_name(name, err);
	if (r < 0)
		return r;
	struct cgroup *all = new_cgroup(use), *found = new_cgroup(use);
	if (!all || !found) {
		cgroup_free(all);
		cgroup_free(found);
		return error_set(err, ENOMEM, "cgroup %s", name);
	}
	plan(all, layout, BIT(CGROUP_CONTROLLER_COUNT) - 1, name);

	for (size_t i = 0; r == 0 && i < all->count; i++) {
		struct cgroup_dir *dir = &all->dirs[i];
		r = open_dir(all, dir);
		if (r < 0 && r != -ENOENT && r != -ENODEV) {
			(void)cgroup_fail(all, dir, "opening", -r, err);
			break;
		}
		if (r == 0) {
			for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
				if (dir->controllers & BIT(c))
					found->dir_of[c] = (signed char)found->count;
			}
			found->dirs[found->count++] = *dir;
			*dir = (struct cgroup_dir){.fd = -1, .leaf = -1, .tasks = -1};
		}
		r = 0;
	}
	if (r == 0 && found->count == 0)
		r = error_set(err, ENOENT, "cgroup %s", name);
	if (r == 0) {
		memcpy(found->name, all->name, sizeof(found->name));
		*cgroup = TAKE_PTR(found);
	}
	cgroup_free(all);
	cgroup_free(found);
	return r;
}

/* --- Joining --------------------------------------------------------------------------------------- */

int cgroup_clone_fd(const struct cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->count; i++) {
		if (cgroup->dirs[i].v2)
			return cgroup->dirs[i].leaf >= 0 ? cgroup->dirs[i].leaf : cgroup->dirs[i].fd;
	}
	return -1;
}

int cgroup_join(const struct cgroup *cgroup, struct error *err)
{
	for (size_t i = 0; i < cgroup->count; i++) {
		const struct cgroup_dir *dir = &cgroup->dirs[i];
		/* "0" is the writer; the rights that count are those of who opened the file. */
		if (!dir->v2 && write(dir->tasks, "0", 1) < 0)
			return cgroup_fail(cgroup, dir, "joining", errno, err);
	}
	return 0;
}
