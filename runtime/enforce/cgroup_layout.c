/* SPDX-License-Identifier: Apache-2.0 */
/* Which controllers there are for us, and below which directory: cgroups(7), "delegation" included. */
#include "enforce/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define PROC_FILE_LIMIT (4u << 20)

/* Controllers that a v2 tree must have enabled for us; the others belong to every v2 cgroup. */
#define ENABLED_ON_V2 (1u << CGROUP_MEMORY | 1u << CGROUP_CPU | 1u << CGROUP_PIDS)

struct search {
	struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES];
	const char *parent; /* --cgroup-parent without its first slash, or NULL */
	const char *self; /* /proc/self/cgroup; NULL: not read yet */
	char *self_read;
};

/* One controller of it. */
struct candidate {
	enum cgroup_controller controller;
	int hierarchy;
	struct cgroup_hierarchy *h;
	struct cgroup_place *place;
	char base[CGROUP_PATH_MAX]; /* the nearest directory that is not ours to configure */
	char *why;
	size_t why_size;
};

#define REFUSE(candidate, ...) ((void)snprintf((candidate)->why, (candidate)->why_size, __VA_ARGS__), false)

bool cgroup_parent_is_ours(const char *parent)
{
	const char *slash = strrchr(parent, '/');

	return slash && strncmp(slash + 1, CGROUP_OURS, strlen(CGROUP_OURS)) == 0;
}

static bool writable(const char *directory)
{
	return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0;
}

/* To the directory above; false at the mount's root. */
static bool go_up(char *directory, const char *root)
{
	char *slash = strrchr(directory, '/');

	if (!slash || strcmp(directory, root) == 0)
		return false;
	*slash = '\0';
	return true;
}

/* The caller's own directory; read late, as the kernel takes the lock of all cgroups for it and mostly it is not needed. */
static const char *own_directory(struct search *search, const struct candidate *candidate)
{
	if (!search->self &&
	    io_read_file(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_LIMIT, &search->self_read, NULL) == 0)
		search->self = search->self_read;
	if (search->self && !candidate->h->own[0])
		cgroup_find_own(candidate->h, candidate->hierarchy, search->self);
	return candidate->h->own;
}

/* --- Where our directories may be made ------------------------------------------------------------- */

/*
 * The mount's root where that may be written, else what is delegated: the own cgroup or the nearest above it that may be.
 * No directory of ours in between: it would be made and removed with each sandbox that is alone, which costs as much as the
 * sandbox's own.
 */
static bool find_default(struct search *search, struct candidate *candidate)
{
	const char *point = candidate->h->point;

	memcpy(candidate->base, point, CGROUP_PATH_MAX);
	if (!writable(point)) {
		memcpy(candidate->base, own_directory(search, candidate), CGROUP_PATH_MAX);
		while (candidate->base[0] && !writable(candidate->base)) {
			if (!go_up(candidate->base, point))
				candidate->base[0] = '\0';
		}
	}
	if (!candidate->base[0])
		return REFUSE(candidate, "%.80s cannot be written, and no cgroup is delegated to this process", point);
	memcpy(candidate->place->parent, candidate->base, CGROUP_PATH_MAX);
	return true;
}

/* --cgroup-parent: the directory itself, or what is above it where it is ours. */
static bool find_named(const struct search *search, struct candidate *candidate)
{
	char *parent = candidate->place->parent;
	const char *point = candidate->h->point;
	struct stat st;

	memcpy(parent, point, CGROUP_PATH_MAX);
	if (*search->parent && !cgroup_join_path(parent, point, search->parent))
		return REFUSE(candidate, "the path of the cgroup parent is too long");
	bool there = stat(parent, &st) == 0;
	memcpy(candidate->base, parent, CGROUP_PATH_MAX);
	if (*search->parent && cgroup_parent_is_ours(parent))
		(void)go_up(candidate->base, point);
	else if (!there)
		return REFUSE(candidate, "%.80s does not exist, and only " CGROUP_OURS "* is made", parent);
	const char *needed = there ? parent : candidate->base;
	return writable(needed) || REFUSE(candidate, "%.120s cannot be written", needed);
}

/* --- What a place offers --------------------------------------------------------------------------- */

/* v2: what is below base gets the controllers of its subtree_control, which is not ours to change. */
static bool enabled_on_v2(struct search *search, struct candidate *candidate)
{
	char text[CGROUP_FILE_MAX + 1];
	const char *base = candidate->base, *name = cgroup_controller_name(candidate->controller);
	_cleanup_fd_ int fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && cgroup_read_file(fd, "cgroup.subtree_control", text) == 0 && cgroup_has_word(text, name))
		return true;
	if (fd < 0 || cgroup_read_file(fd, "cgroup.controllers", text) < 0 || !cgroup_has_word(text, name))
		return REFUSE(candidate,
			      "not in cgroup.controllers of %.60s: enable it above that, or take it from cgroup v1",
			      base);
	/* Only the real root has no cgroup.events; any other with members cannot hand controllers down. */
	if (faccessat(fd, "cgroup.events", F_OK, 0) == 0 && strcmp(base, own_directory(search, candidate)) == 0)
		return REFUSE(candidate,
			      "%.55s holds this process, so nothing below it gets controllers: start in a child of a "
			      "delegated one",
			      base);
	return REFUSE(candidate, "not in cgroup.subtree_control of %.80s: write +%s to it", base, name);
}

/* v1: without memsw a limit would not count what is swapped out. */
static bool counts_swap(struct candidate *candidate)
{
	char path[CGROUP_PATH_MAX];

	if (cgroup_join_path(path, candidate->base, "memory.memsw.limit_in_bytes") && access(path, F_OK) == 0)
		return true;
	return !cgroup_swap_supported() ||
	       REFUSE(candidate,
		      "%.50s has no memory.memsw files, so swap would escape a limit: boot with swapaccount=1",
		      candidate->base);
}

static bool usable(struct search *search, struct candidate *candidate)
{
	if (!candidate->h->found)
		return REFUSE(candidate, "no cgroup hierarchy with it is mounted");
	if (!(search->parent ? find_named(search, candidate) : find_default(search, candidate)))
		return false;
	if (candidate->place->v2)
		return !(ENABLED_ON_V2 & 1u << candidate->controller) || enabled_on_v2(search, candidate);
	return candidate->controller != CGROUP_MEMORY || counts_swap(candidate);
}

static void detect_all(struct cgroup_layout *layout, struct search *search, const char *mountinfo)
{
	cgroup_find_hierarchies(search->hierarchies, mountinfo);
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++)
		layout->mounted_v1 |= search->hierarchies[c].found;
	layout->mounted_v2 = search->hierarchies[CGROUP_V2].found;

	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		struct cgroup_place *place = &layout->places[c];
		/* CPU time comes with the tree that limits it: a v2 tree beside v1 is not joined for that alone. */
		bool on_v2 = !search->hierarchies[c].found && (c != CGROUP_CPUACCT || !layout->mounted_v1);
		struct candidate candidate = {
			.controller = (enum cgroup_controller)c,
			.hierarchy = on_v2 ? CGROUP_V2 : c,
			.h = &search->hierarchies[on_v2 ? CGROUP_V2 : c],
			.place = place,
			.why = layout->why_not[c],
			.why_size = sizeof(layout->why_not[c]),
		};
		place->v2 = on_v2;
		place->available = usable(search, &candidate);
	}
}

int cgroup_detect(struct cgroup_layout *layout, const char *mountinfo, const char *self_cgroup, const char *parent,
		  struct error *err)
{
	_cleanup_free_ char *mounts = NULL;
	struct cgroup_layout found = {0};
	struct search search = {.parent = parent, .self = self_cgroup};

	while (search.parent && *search.parent == '/')
		search.parent++;
	if (parent && (cgroup_has_dots(search.parent) || strchr(parent, '\n')))
		return error_say(err, EINVAL, "cgroup parent \"%s\" is not a plain path", parent);
	int r = mountinfo ? 0 : io_read_file(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_LIMIT, &mounts, NULL);
	if (r < 0)
		return error_set(err, -r, "/proc/self/mountinfo");

	detect_all(&found, &search, mountinfo ? mountinfo : mounts);
	free(search.self_read);
	if (!found.mounted_v1 && !found.mounted_v2) {
		(void)error_say(err, ENODEV, "no cgroup file system with a controller that limits need is mounted");
		(void)error_hint(err, "mount -t cgroup2 none /sys/fs/cgroup");
		return -ENODEV;
	}
	*layout = found;
	return 0;
}

const char *cgroup_layout_name(const struct cgroup_layout *layout)
{
	static const char *const names[2][2] = {{"none", "v2"}, {"v1", "hybrid"}};

	return names[layout->mounted_v1][layout->mounted_v2];
}
