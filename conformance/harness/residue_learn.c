/* SPDX-License-Identifier: Apache-2.0 */
/* What a living sandbox holds, by what /proc says of its processes. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness/members.h"
#include "harness/residue_private.h"

#define LOOP_MAJOR 7

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

static bool read_link(int directory, const char *path, char *link, size_t size)
{
	ssize_t length = readlinkat(directory, path, link, size - 1);
	link[length > 0 ? length : 0] = '\0';
	return length > 0;
}

static bool is_own(int proc, const char *name, const char *link)
{
	char path[32], own[64];
	(void)snprintf(path, sizeof(path), "self/ns/%.8s", name);
	return read_link(proc, path, own, sizeof(own)) && strcmp(link, own) == 0;
}

static void take_namespace(struct residue *residue, int proc, const char *pid, const char *name)
{
	char path[64], link[64];
	(void)snprintf(path, sizeof(path), "%.16s/ns/%.8s", pid, name);
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)snprintf(path, sizeof(path), "self/fd/%d", fd);
	if (residue->kept_count == RESIDUE_KEPT_MAX || !read_link(proc, path, link, sizeof(link)) ||
	    is_own(proc, name, link) || set_has(residue->namespaces, link)) {
		(void)close(fd);
		return;
	}
	residue->kept[residue->kept_count++] = fd;
	set_add(residue->namespaces, link, "");
}

/* Of those that can be kept without keeping anything else: a mount or a network namespace holds devices. */
static void take_namespaces(struct residue *residue, int proc, const char *pid)
{
	take_namespace(residue, proc, pid, "pid");
	take_namespace(residue, proc, pid, "user");
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
	take_namespaces(held->residue, proc, pid);
	char link[64];
	(void)snprintf(held->path, sizeof(held->path), "%.16s/ns/mnt", pid);
	if (!read_link(proc, held->path, link, sizeof(link)) || is_own(proc, "mnt", link))
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
