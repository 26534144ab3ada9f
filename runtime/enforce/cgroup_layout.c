/* SPDX-License-Identifier: Apache-2.0 */
/* Where the controllers are: from /proc/self/mountinfo and /proc/self/cgroup, proc(5) and cgroups(7). */
#include "enforce/cgroup_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define PROC_FILE_LIMIT (4u << 20)

static const char *const controller_names[CGROUP_CONTROLLER_COUNT] = {
	[CGROUP_MEMORY] = "memory",   [CGROUP_CPU] = "cpu",         [CGROUP_PIDS] = "pids",
	[CGROUP_CPUACCT] = "cpuacct", [CGROUP_FREEZER] = "freezer",
};

/* Controllers that a v2 tree must have enabled for us; the others belong to every v2 cgroup. */
#define ENABLED_ON_V2 (1u << CGROUP_MEMORY | 1u << CGROUP_CPU | 1u << CGROUP_PIDS)

/* A hierarchy's mount and where this process is in it. */
struct hierarchy {
	bool found;
	char point[CGROUP_PATH_MAX];
	char own[CGROUP_PATH_MAX]; /* directory of this process's own cgroup, or "" where the mount does not show it */
};

const char *cgroup_controller_name(enum cgroup_controller controller)
{
	return controller_names[controller];
}

/* "a/b" of two parts; false when it does not fit. */
static bool join_path(char path[CGROUP_PATH_MAX], const char *a, const char *b)
{
	char joined[2 * CGROUP_PATH_MAX];
	int n = snprintf(joined, sizeof(joined), "%s/%s", a, b);

	if (n < 0 || n >= CGROUP_PATH_MAX)
		return false;
	memcpy(path, joined, (size_t)n + 1);
	return true;
}

/* --- mountinfo ------------------------------------------------------------------------------------- */

/* One word of a line: copied with \040 and its like decoded, the position moved behind it.  False at the end of the line or when it does not fit. */
static bool take_word(const char **at, char *word, size_t size)
{
	const char *from = *at;
	size_t used = 0;

	while (*from == ' ')
		from++;
	for (; *from && *from != ' ' && *from != '\n'; used++) {
		if (used + 1 >= size)
			return false;
		bool octal = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && isdigit((unsigned char)from[2]) &&
			     isdigit((unsigned char)from[3]);
		word[used] = octal ? (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0')) : *from;
		from += octal ? 4 : 1;
	}
	word[used] = '\0';
	*at = from;
	return used > 0;
}

struct mount_line {
	char root[CGROUP_PATH_MAX], point[CGROUP_PATH_MAX], type[16], options[512];
};

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG]... - TYPE SOURCE SUPEROPTIONS" */
static bool parse_mount(const char *line, struct mount_line *mount)
{
	const char *separator = strstr(line, " - ");
	const char *end = strchrnul(line, '\n');
	char ignored[CGROUP_PATH_MAX];

	if (!separator || separator > end || strncmp(separator, " - cgroup", 9) != 0)
		return false;
	for (int i = 0; i < 3; i++) {
		if (!take_word(&line, ignored, sizeof(ignored)))
			return false;
	}
	if (!take_word(&line, mount->root, sizeof(mount->root)) ||
	    !take_word(&line, mount->point, sizeof(mount->point)))
		return false;
	line = separator + 3;
	return take_word(&line, mount->type, sizeof(mount->type)) && take_word(&line, ignored, sizeof(ignored)) &&
	       take_word(&line, mount->options, sizeof(mount->options));
}

/* The path of this process in the hierarchy, from a line "NUMBER:CONTROLLERS:PATH" (v2: "0::PATH"). */
static bool own_path(const char *self, const char *controller, char path[CGROUP_PATH_MAX])
{
	for (const char *line = self; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *list = strchr(line, ':');
		const char *tail = list ? strchr(list + 1, ':') : NULL;
		char names[512];

		if (!tail || (size_t)(tail - list) > sizeof(names))
			continue;
		memcpy(names, list + 1, (size_t)(tail - list - 1));
		names[tail - list - 1] = '\0';
		bool match = controller ? cgroup_has_word(names, controller) : strncmp(line, "0::", 3) == 0;
		size_t length = strcspn(tail + 1, "\n");
		if (!match || length >= CGROUP_PATH_MAX)
			continue;
		memcpy(path, tail + 1, length);
		path[length] = '\0';
		return true;
	}
	return false;
}

/*
 * The own directory as the mount shows it.  A container's mount may begin at an inner cgroup (its root field); a path that is not below
 * it, or that begins with "/..", is out of sight.
 */
static void own_directory(struct hierarchy *h, const char *root, const char *path)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	h->own[0] = '\0';
	if (strncmp(path, root, length) != 0 || (path[length] && path[length] != '/') || strncmp(path, "/..", 3) == 0)
		return;
	path += length;
	path += *path == '/';
	if (!*path)
		memcpy(h->own, h->point, sizeof(h->own));
	else if (!join_path(h->own, h->point, path))
		h->own[0] = '\0';
}

/* controller NULL: the v2 hierarchy. */
static void find_hierarchy(struct hierarchy *h, const char *mountinfo, const char *self, const char *controller)
{
	struct mount_line mount;

	*h = (struct hierarchy){0};
	for (const char *line = mountinfo; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (!parse_mount(line, &mount))
			continue;
		bool v2 = strcmp(mount.type, "cgroup2") == 0;
		if (controller ? v2 || !cgroup_has_word(mount.options, controller) : !v2)
			continue;
		char path[CGROUP_PATH_MAX];
		h->found = true;
		memcpy(h->point, mount.point, sizeof(h->point));
		if (own_path(self, controller, path))
			own_directory(h, mount.root, path);
		return;
	}
}

/* --- Where our directories may be made ------------------------------------------------------------- */

bool cgroup_parent_is_ours(const char *parent)
{
	const char *slash = strrchr(parent, '/');

	return slash && strncmp(slash + 1, CGROUP_OURS, strlen(CGROUP_OURS)) == 0;
}

static bool writable(const char *directory)
{
	return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0;
}

/* The directory above; false at the mount's root. */
static bool go_up(char *directory, const char *root)
{
	char *slash = strrchr(directory, '/');

	if (strcmp(directory, root) == 0 || !slash)
		return false;
	*slash = '\0';
	return strlen(directory) >= strlen(root);
}

/*
 * The mount's root where it is ours to write, else what is delegated to this process: its own cgroup or the nearest above it that may
 * be written.
 */
static bool find_base(const struct hierarchy *h, char base[CGROUP_PATH_MAX])
{
	memcpy(base, h->point, CGROUP_PATH_MAX);
	if (writable(base))
		return true;
	if (!h->own[0])
		return false;
	memcpy(base, h->own, CGROUP_PATH_MAX);
	do {
		if (writable(base))
			return true;
	} while (go_up(base, h->point));
	return false;
}

/* --cgroup-parent: the directory, or where it is still to be made, and ours to make, the one above. */
static bool find_named(struct cgroup_place *place, char *why, size_t size, const struct hierarchy *h,
		       const char *parent, char base[CGROUP_PATH_MAX])
{
	struct stat st;

	if (!*parent) {
		memcpy(place->parent, h->point, CGROUP_PATH_MAX);
	} else if (!join_path(place->parent, h->point, parent)) {
		(void)snprintf(why, size, "the path of the cgroup parent is too long");
		return false;
	}
	memcpy(base, place->parent, CGROUP_PATH_MAX);
	bool there = stat(place->parent, &st) == 0;
	if (*parent && cgroup_parent_is_ours(place->parent))
		(void)go_up(base, h->point);
	else if (!there) {
		(void)snprintf(why, size, "%.100s does not exist, and only " CGROUP_OURS "* is made", place->parent);
		return false;
	}
	if (writable(there ? place->parent : base))
		return true;
	(void)snprintf(why, size, "%.120s cannot be written", there ? place->parent : base);
	return false;
}

static bool find_place(struct cgroup_place *place, char *why, size_t size, const struct hierarchy *h,
		       const char *parent, char base[CGROUP_PATH_MAX])
{
	if (parent)
		return find_named(place, why, size, h, parent, base);
	if (!find_base(h, base)) {
		(void)snprintf(why, size, "%.70s cannot be written, and no cgroup is delegated to this process",
			       h->point);
		return false;
	}
	if (!join_path(place->parent, base, CGROUP_OURS)) {
		(void)snprintf(why, size, "the path of this process's cgroup is too long");
		return false;
	}
	return true;
}

/* --- What a place offers --------------------------------------------------------------------------- */

/* v2: children of base get the controllers of its subtree_control, which is not ours to change. */
static bool enabled_on_v2(const struct hierarchy *h, const char *base, enum cgroup_controller controller, char *why,
			  size_t size)
{
	char text[CGROUP_FILE_MAX + 1];
	const char *name = controller_names[controller];
	_cleanup_fd_ int fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (!(ENABLED_ON_V2 & 1u << controller))
		return true;
	if (fd >= 0 && cgroup_read_file(fd, "cgroup.subtree_control", text) == 0 && cgroup_has_word(text, name))
		return true;
	if (fd < 0 || cgroup_read_file(fd, "cgroup.controllers", text) < 0 || !cgroup_has_word(text, name))
		(void)snprintf(why, size,
			       "not among cgroup.controllers of %.60s: enable it above, or boot without cgroup v1",
			       base);
	else if (strcmp(base, h->own) == 0 && strcmp(base, h->point) != 0)
		(void)snprintf(why, size,
			       "not enabled below %.50s, which holds this process: delegate, and start it in a child",
			       base);
	else
		(void)snprintf(why, size, "not in %.60s/cgroup.subtree_control: write +%s to it", base, name);
	return false;
}

/* v1 memory: without memsw the limit would not count what is swapped out. */
static bool counts_swap(const char *base, char *why, size_t size)
{
	char path[CGROUP_PATH_MAX];

	if (join_path(path, base, "memory.memsw.limit_in_bytes") && access(path, F_OK) == 0)
		return true;
	if (!cgroup_swap_supported())
		return true;
	(void)snprintf(why, size,
		       "%.50s has no memory.memsw files, so swap would escape a limit: boot with swapaccount=1", base);
	return false;
}

static void detect_one(struct cgroup_layout *layout, enum cgroup_controller controller, const struct hierarchy *h,
		       bool v2, const char *parent)
{
	struct cgroup_place *place = &layout->places[controller];
	char *why = layout->why_not[controller];
	size_t size = sizeof(layout->why_not[controller]);
	char base[CGROUP_PATH_MAX];

	if (!h->found) {
		(void)snprintf(why, size, "no cgroup hierarchy has it mounted");
		return;
	}
	place->v2 = v2;
	if (!find_place(place, why, size, h, parent, base))
		return;
	if (v2 && !enabled_on_v2(h, base, controller, why, size))
		return;
	if (!v2 && controller == CGROUP_MEMORY && !counts_swap(base, why, size))
		return;
	place->available = true;
}

static void detect_all(struct cgroup_layout *layout, const char *mountinfo, const char *self, const char *parent)
{
	struct hierarchy v2, v1;

	find_hierarchy(&v2, mountinfo, self, NULL);
	layout->mounted_v2 = v2.found;
	for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
		find_hierarchy(&v1, mountinfo, self, controller_names[c]);
		layout->mounted_v1 |= v1.found;
		/* CPU time comes with the tree that limits it; a v2 tree beside v1 is not joined for that alone. */
		bool on_v2 = !v1.found && (c != CGROUP_CPUACCT || !layout->mounted_v1);
		detect_one(layout, (enum cgroup_controller)c, on_v2 ? &v2 : &v1, on_v2, parent);
	}
}

int cgroup_detect(struct cgroup_layout *layout, const char *mountinfo, const char *self_cgroup, const char *parent,
		  struct error *err)
{
	_cleanup_free_ char *mounts = NULL, *self = NULL;
	struct cgroup_layout found = {0};
	int r = 0;

	if (!mountinfo && (r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_LIMIT, &mounts, NULL)) < 0)
		return error_set(err, -r, "/proc/self/mountinfo");
	if (!self_cgroup && (r = io_read_file(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_LIMIT, &self, NULL)) < 0)
		return error_set(err, -r, "/proc/self/cgroup");
	while (parent && *parent == '/')
		parent++;
	if (parent && (cgroup_has_dots(parent) || strchr(parent, '\n')))
		return error_say(err, EINVAL, "cgroup parent \"%s\": not a plain path", parent);

	detect_all(&found, mountinfo ? mountinfo : mounts, self_cgroup ? self_cgroup : self, parent);
	if (!found.mounted_v1 && !found.mounted_v2) {
		(void)error_say(err, ENODEV, "no cgroup file system with a controller that is needed is mounted");
		return error_hint(err, "mount -t cgroup2 none /sys/fs/cgroup");
	}
	*layout = found;
	return 0;
}

const char *cgroup_layout_name(const struct cgroup_layout *layout)
{
	static const char *const names[2][2] = {{"none", "v2"}, {"v1", "hybrid"}};

	return names[layout->mounted_v1][layout->mounted_v2];
}
