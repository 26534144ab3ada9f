/* SPDX-License-Identifier: Apache-2.0 */
/* What a living sandbox holds, by what /proc says of its processes. */
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

#define LOOP_MAJOR 7

static const char *const namespace_files[] = {"mnt", "pid", "net", "ipc", "uts", "user", "cgroup"};

struct held {
	struct residue *residue;
	char path[64]; /* scratch */
	const char *below; /* a cgroup, from its mount point */
};

/* --- cgroups ---------------------------------------------------------------------------------------- */

static void take_cgroup_at(const char *point, void *data)
{
	const struct held *held = data;
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s%s", point, held->below) >= (int)sizeof(path))
		return;
	/* One that was there before the start is not the sandbox's; it lives in it as its caller does. */
	if (access(path, F_OK) == 0 && !set_has(held->residue->before[RESIDUE_CGROUP], path))
		set_add(held->residue->cgroups, path, "");
}

/* "4:memory:/agentcore/ID": the same path is looked for in every hierarchy. */
static void take_cgroup(char *line, void *data)
{
	struct held *held = data;
	const char *colon = strchr(line, ':');
	held->below = colon ? strchr(colon + 1, ':') : NULL;
	if (!held->below || strcmp(++held->below, "/") == 0)
		return;
	for_cgroup_mounts(take_cgroup_at, held);
}

/* --- Namespaces and mounts -------------------------------------------------------------------------- */

static bool read_namespace(int proc, const char *pid, const char *name, char *link, size_t size)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "%.16s/ns/%s", pid, name);
	ssize_t length = readlinkat(proc, path, link, size - 1);
	link[length > 0 ? length : 0] = '\0';
	return length > 0;
}

static bool take_namespaces(const struct held *held, int proc, const char *pid)
{
	char link[64], own[64];
	bool own_mounts = false;
	for (size_t i = 0; i < ARRAY_SIZE(namespace_files); i++) {
		if (!read_namespace(proc, pid, namespace_files[i], link, sizeof(link)) ||
		    !read_namespace(proc, "self", namespace_files[i], own, sizeof(own)) || strcmp(link, own) == 0)
			continue;
		set_add(held->residue->namespaces, link, "");
		own_mounts |= i == 0;
	}
	return own_mounts;
}

static void take_mount(char *line, void *data)
{
	const struct held *held = data;
	struct mount_line mount;
	char *end;
	if (!mount_parse(line, &mount) || set_has(held->residue->devices, mount.device))
		return;
	set_add(held->residue->held_devices, mount.device, "");
	if (strtoul(mount.device, &end, 10) == LOOP_MAJOR && *end == ':')
		loop_device(held->residue->loops, (unsigned)strtoul(end + 1, NULL, 10));
}

static void take_member(int proc, const char *pid, void *data)
{
	struct held *held = data;
	(void)snprintf(held->path, sizeof(held->path), "%.16s/cgroup", pid);
	for_lines(proc, held->path, take_cgroup, held);
	if (!take_namespaces(held, proc, pid))
		return;
	(void)snprintf(held->path, sizeof(held->path), "%.16s/mountinfo", pid);
	for_lines(proc, held->path, take_mount, held);
}

void residue_learn(struct residue *residue, const char *const *words, size_t count)
{
	const struct members members = {words, count, NULL};
	struct held held = {.residue = residue};
	members_visit(&members, take_member, &held);
}
