/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup hierarchies that are mounted, and where this process is in them, from the texts of proc(5). */
#include "enforce/cgroup_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MARK " - cgroup" /* behind it, in a line of mountinfo: the rest of the type, the source, the options */

static const char *const controller_names[CGROUP_CONTROLLER_COUNT] = {
	[CGROUP_MEMORY] = "memory",   [CGROUP_CPU] = "cpu",         [CGROUP_PIDS] = "pids",
	[CGROUP_CPUACCT] = "cpuacct", [CGROUP_FREEZER] = "freezer",
};

const char *cgroup_controller_name(enum cgroup_controller controller)
{
	return controller_names[controller];
}

bool cgroup_join_path(char path[CGROUP_PATH_MAX], const char *a, const char *b)
{
	char joined[2 * CGROUP_PATH_MAX];
	int n = snprintf(joined, sizeof(joined), "%s/%s", a, b);

	if (n < 0 || n >= CGROUP_PATH_MAX)
		return false;
	memcpy(path, joined, (size_t)n + 1);
	return true;
}

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
static bool parse_mount(const char *line, const char *mark, struct mount_line *mount)
{
	char ignored[CGROUP_PATH_MAX];

	for (int i = 0; i < 3; i++) {
		if (!take_word(&line, ignored, sizeof(ignored)))
			return false;
	}
	if (!take_word(&line, mount->root, sizeof(mount->root)) ||
	    !take_word(&line, mount->point, sizeof(mount->point)))
		return false;
	if (line > mark || mount->root[0] != '/' || mount->point[0] != '/')
		return false;
	line = mark + strlen(" - ");
	return take_word(&line, mount->type, sizeof(mount->type)) && take_word(&line, ignored, sizeof(ignored)) &&
	       take_word(&line, mount->options, sizeof(mount->options));
}

/* The path of this process in the hierarchy, from a line "NUMBER:CONTROLLERS:PATH" (v2: "0::PATH"). */
static bool own_path(const char *self, int hierarchy, char path[CGROUP_PATH_MAX])
{
	for (const char *line = self; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char names[512];
		const char *list = line + strcspn(line, ":\n");
		list += *list == ':';
		size_t length = strcspn(list, ":\n");
		if (list[length] != ':' || length >= sizeof(names))
			continue;
		memcpy(names, list, length);
		names[length] = '\0';
		if (hierarchy == CGROUP_V2 ? length > 0 : !cgroup_has_word(names, controller_names[hierarchy]))
			continue;
		const char *own = list + length + 1;
		length = strcspn(own, "\n");
		if (length >= CGROUP_PATH_MAX)
			return false;
		memcpy(path, own, length);
		path[length] = '\0';
		return true;
	}
	return false;
}

void cgroup_find_own(struct cgroup_hierarchy *h, int hierarchy, const char *self)
{
	char path[CGROUP_PATH_MAX];
	size_t length = strcmp(h->root, "/") == 0 ? 0 : strlen(h->root);

	h->own[0] = '\0';
	/* A container's mount may begin at an inner cgroup: its root field.  "/..": outside of our cgroup namespace. */
	if (!own_path(self, hierarchy, path) || strncmp(path, "/..", 3) == 0)
		return;
	if (strncmp(path, h->root, length) != 0 || (path[length] && path[length] != '/'))
		return;
	const char *below = path + length + (path[length] == '/');
	if (!*below)
		memcpy(h->own, h->point, sizeof(h->own));
	else if (!cgroup_join_path(h->own, h->point, below))
		h->own[0] = '\0';
}

static bool serves(const struct mount_line *mount, int controller)
{
	bool v2 = strcmp(mount->type, "cgroup2") == 0;

	return controller == CGROUP_V2 ? v2 : !v2 && cgroup_has_word(mount->options, controller_names[controller]);
}

/* The first mount of each. */
void cgroup_find_hierarchies(struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES], const char *mountinfo)
{
	struct mount_line mount;

	for (const char *mark = strstr(mountinfo, MARK); mark; mark = strstr(mark + 1, MARK)) {
		const char *line = memrchr(mountinfo, '\n', (size_t)(mark - mountinfo));
		if (!parse_mount(line ? line + 1 : mountinfo, mark, &mount))
			continue;
		for (int c = 0; c <= CGROUP_V2; c++) {
			struct cgroup_hierarchy *h = &hierarchies[c];
			if (h->found || !serves(&mount, c))
				continue;
			h->found = true;
			memcpy(h->point, mount.point, sizeof(h->point));
			memcpy(h->root, mount.root, sizeof(h->root));
		}
	}
}
