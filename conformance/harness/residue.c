/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/residue.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "harness/members.h"
#include "harness/residue_private.h"

/* What one look sees. */
struct look {
	const struct residue *residue;
	enum residue_scope scope;
	json_t *set;
};

static bool has_name(struct look *look, const char *text)
{
	const struct residue *residue = look->residue;
	size_t first = look->scope == RESIDUE_EXECUTION ? residue->name_count - 1 : 0;
	for (size_t i = first; i < residue->name_count; i++)
		if (strstr(text, residue->names[i]))
			return true;
	return false;
}

/* --- Lists ------------------------------------------------------------------------------------------ */

static void list_cgroups(struct look *look)
{
	cgroup_directories(look->set);
}

static void take_mount_line(char *line, void *data)
{
	struct look *look = data;
	set_add(look->set, line, "");
}

static void list_mounts(struct look *look)
{
	for_lines(AT_FDCWD, "/proc/self/mountinfo", take_mount_line, look);
}

static void list_loops(struct look *look)
{
	loop_devices(look->set);
}

static void list_interfaces(struct look *look)
{
	_cleanup_dir_ DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			set_add(look->set, entry->d_name, "");
}

/* Where loads leave files, as far as their sandbox lets them reach the host's. */
static const char *const places[] = {"/tmp", "/workspace", "/dev/shm", "/dev/mqueue", "/var/tmp",
				     "/run", "/run/lock",  "/root",    "/home",       "/var/lib"};

static void list_directory(struct look *look, const char *place)
{
	char path[PATH_MAX];
	_cleanup_dir_ DIR *dir = opendir(place);
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (!has_name(look, entry->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", place, entry->d_name);
		set_add(look->set, path, "");
	}
}

static void list_files(struct look *look)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		list_directory(look, places[i]);
	if (look->residue->state_dir && *look->residue->state_dir)
		list_directory(look, look->residue->state_dir);
}

static void take_process(int proc, const char *pid, void *data)
{
	struct look *look = data;
	(void)proc;
	set_add(look->set, pid, "");
}

static void list_processes(struct look *look)
{
	const struct residue *residue = look->residue;
	size_t first = look->scope == RESIDUE_EXECUTION ? residue->name_count - 1 : 0;
	const struct members members = {residue->names + first, residue->name_count - first, NULL};
	members_visit(&members, take_process, look);
}

static void take_namespaces(struct look *look, int proc, const char *pid)
{
	static const char *const files[] = {"pid", "user"};
	char path[64], link[64], detail[48];
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%.16s/ns/%s", pid, files[i]);
		ssize_t length = readlinkat(proc, path, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		if (!set_has(look->residue->namespaces, link))
			continue;
		(void)snprintf(detail, sizeof(detail), "held by %.16s", pid);
		set_add(look->set, link, detail);
	}
}

static void list_namespaces(struct look *look)
{
	if (json_object_size(look->residue->namespaces) == 0)
		return;
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			take_namespaces(look, dirfd(dir), entry->d_name);
}

/* --- Whose ------------------------------------------------------------------------------------------ */

static bool is_empty_cgroup(const char *path)
{
	char file[PATH_MAX], byte;
	(void)snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	_cleanup_fd_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &byte, 1) == 0;
}

/* The cgroup that an execution was seen in may be its sandbox's, in which others live. */
static bool owns_cgroup(struct look *look, const char *path)
{
	bool held = set_has(look->residue->cgroups, path);
	if (look->scope == RESIDUE_EXECUTION)
		return held && is_empty_cgroup(path);
	return held || has_name(look, path);
}

static bool owns_mount(struct look *look, const char *line)
{
	const char *key;
	json_t *value;
	struct mount_line mount;
	if (has_name(look, line))
		return true;
	/* A namespace that is kept alive by a bind mount: "net:[4026532201]" is its root. */
	json_object_foreach(look->residue->namespaces, key, value)
	{
		if (strstr(line, key))
			return true;
	}
	_cleanup_free_ char *copy = strdup(line);
	return copy && mount_parse(copy, &mount) && set_has(look->residue->held_devices, mount.device);
}

/* A device that is bound anew is another's, which may have made its node anew as well. */
static bool owns_loop(struct look *look, const char *key)
{
	const char *bound;
	json_t *value;
	size_t length = strlen(key);
	if (!set_has(look->residue->loops, key))
		return false;
	json_object_foreach(look->set, bound, value)
	{
		if (strncmp(bound, key, length) == 0 && bound[length] == ' ' && !set_has(look->residue->loops, bound))
			return false;
	}
	return true;
}

static bool owns_all(struct look *look, const char *key)
{
	(void)look;
	(void)key;
	return true;
}

struct kind {
	const char *name;
	void (*list)(struct look *look);
	bool (*owns)(struct look *look, const char *key);
	bool of_execution; /* can be told from what the sandbox around it holds */
};

static const struct kind kinds[RESIDUE_KINDS] = {
	[RESIDUE_CGROUP] = {"cgroup", list_cgroups, owns_cgroup, true},
	[RESIDUE_MOUNT] = {"mount", list_mounts, owns_mount, false},
	[RESIDUE_LOOP] = {"", list_loops, owns_loop, false}, /* the device's name says it */
	[RESIDUE_INTERFACE] = {"interface", list_interfaces, owns_all, false},
	[RESIDUE_FILE] = {"file", list_files, owns_all,
			  true}, /* the last three list nothing that is not the sandbox's */
	[RESIDUE_PROCESS] = {"process", list_processes, owns_all, true},
	[RESIDUE_NAMESPACE] = {"namespace", list_namespaces, owns_all, false},
};

/* --- The interface ---------------------------------------------------------------------------------- */

static void take_device(char *line, void *data)
{
	struct mount_line mount;
	if (mount_parse(line, &mount))
		set_add(data, mount.device, "");
}

static void look_at(const struct residue *residue, enum residue_scope scope, size_t kind, json_t *set)
{
	struct look look = {residue, scope, set};
	kinds[kind].list(&look);
}

int residue_begin(struct residue *residue, const char *const *names, size_t count, const char *state_dir)
{
	json_t **sets[] = {&residue->devices, &residue->cgroups, &residue->namespaces, &residue->held_devices,
			   &residue->loops};
	*residue = (struct residue){.state_dir = state_dir};
	for (size_t i = 0; i < count && i < RESIDUE_NAMES_MAX; i++)
		residue->names[residue->name_count++] = names[i];
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (!(*sets[i] = json_object()))
			return -ENOMEM;
	for (size_t i = 0; i < RESIDUE_KINDS; i++) {
		if (!(residue->before[i] = json_object()))
			return -ENOMEM;
		look_at(residue, RESIDUE_ALL, i, residue->before[i]);
	}
	for_lines(AT_FDCWD, "/proc/self/mountinfo", take_device, residue->devices);
	return 0;
}

static void report(struct look *look, const struct kind *kind, const json_t *before, char *text, size_t size)
{
	const char *key;
	json_t *value;
	json_object_foreach(look->set, key, value)
	{
		size_t used = strlen(text);
		const char *detail = json_string_value(value);
		if (set_has(before, key) || !kind->owns(look, key))
			continue;
		(void)snprintf(text + used, size - used, "%s%s%s%s%s%s%s", used ? "; " : "", kind->name,
			       *kind->name ? " " : "", key, *detail ? " (" : "", detail, *detail ? ")" : "");
	}
}

bool residue_look(const struct residue *residue, enum residue_scope scope, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < RESIDUE_KINDS; i++) {
		if (scope == RESIDUE_EXECUTION && !kinds[i].of_execution)
			continue;
		struct look look = {residue, scope, json_object()};
		kinds[i].list(&look);
		report(&look, &kinds[i], residue->before[i], text, size);
		json_decref(look.set);
	}
	return text[0] == '\0';
}

/* A child sorts behind its parent, and goes first. */
static int compare_backwards(const void *a, const void *b)
{
	return strcmp(*(const char *const *)b, *(const char *const *)a);
}

void residue_remove_cgroups(const struct residue *residue)
{
	struct look look = {residue, RESIDUE_ALL, json_object()};
	const char **paths, *key;
	json_t *value;
	size_t count = 0;
	list_cgroups(&look);
	paths = calloc(json_object_size(look.set) + 1, sizeof(*paths));
	json_object_foreach(look.set, key, value)
	{
		if (paths && has_name(&look, key))
			paths[count++] = key;
	}
	if (paths)
		qsort(paths, count, sizeof(*paths), compare_backwards);
	for (size_t i = 0; i < count; i++)
		(void)rmdir(paths[i]);
	free(paths);
	json_decref(look.set);
}

void residue_clear(struct residue *residue)
{
	for (size_t i = 0; i < RESIDUE_KINDS; i++)
		json_decref(residue->before[i]);
	for (size_t i = 0; i < residue->kept_count; i++)
		(void)close(residue->kept[i]);
	json_decref(residue->devices);
	json_decref(residue->cgroups);
	json_decref(residue->namespaces);
	json_decref(residue->held_devices);
	json_decref(residue->loops);
	*residue = (struct residue){0};
}
