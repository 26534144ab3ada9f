/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces and ids as the host numbers them. */
#include "suites/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "harness/session.h"

#define AREA "namespaces"

/* Ids below are those of the host's own accounts and services (login.defs: SUB_UID_MIN is above). */
#define LOWEST_SANDBOX_ID 65536

static int read_link(pid_t pid, const char *kind, char *text, size_t size, struct error *err)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	ssize_t length = readlink(path, text, size - 1);
	if (length < 0)
		return error_set(err, errno, "%s", path);
	text[length] = '\0';
	return 0;
}

static bool has_probe(const struct host_context *context, struct error *err)
{
	if (context->probe_pid > 0)
		return true;
	(void)error_say(err, ESRCH, "the probe's process was not found from the host");
	return false;
}

static json_t *observe_links(const struct host_context *context, const struct requirement *row, struct error *err)
{
	char inside[64], outside[64];
	if (!has_probe(context, err) || read_link(context->probe_pid, row->fact, inside, sizeof(inside), err) < 0 ||
	    read_link(getpid(), row->fact, outside, sizeof(outside), err) < 0)
		return NULL;
	return json_pack("{s:s, s:s}", "inside", inside, "outside", outside);
}

/* The lowest id of the host in a map; every line is: inside, outside, count. */
static int64_t lowest_outside(const char *map)
{
	int64_t lowest = INT64_MAX;
	long inside, outside, count;
	for (const char *line = map; sscanf(line, "%ld %ld %ld", &inside, &outside, &count) == 3;) {
		lowest = outside < lowest ? outside : lowest;
		line = strchr(line, '\n');
		if (!line)
			break;
		line++;
	}
	return lowest == INT64_MAX ? -1 : lowest;
}

/* fact: "Uid:" or "Gid:", the field of /proc/PID/status; the map's file goes with it. */
static json_t *observe_ids(const struct host_context *context, const struct requirement *row, struct error *err)
{
	char path[64];
	long id = -1;
	_cleanup_free_ char *map = NULL;
	_cleanup_free_ char *status = NULL;
	if (!has_probe(context, err))
		return NULL;
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", context->probe_pid,
		       row->fact[0] == 'U' ? "uid_map" : "gid_map");
	int r = io_read_file(AT_FDCWD, path, 65536, &map, NULL);
	if (r == 0 && map) {
		(void)snprintf(path, sizeof(path), "/proc/%d/status", context->probe_pid);
		r = io_read_file(AT_FDCWD, path, 65536, &status, NULL);
	}
	if (r < 0 || !map || !status) {
		(void)error_set(err, r < 0 ? -r : EIO, "%s", path);
		return NULL;
	}
	const char *field = strstr(status, row->fact);
	if (!field || sscanf(field + strlen(row->fact), "%ld", &id) != 1) {
		(void)error_say(err, EPROTO, "%s: no %s", path, row->fact);
		return NULL;
	}
	return json_pack("{s:I, s:I}", "id", (json_int_t)id, "lowest", (json_int_t)lowest_outside(map));
}

static const struct kind {
	const char *name, *rationale, *remediation, *tags;
} kinds[] = {
	{"user", "Root inside is nobody outside", "Start with CLONE_NEWUSER and map a range of unprivileged ids",
	 "CIS-2.9"},
	{"mnt", "Mounts of the host are neither seen nor changed", "Start with CLONE_NEWNS", NULL},
	{"pid", "Processes of the host are neither seen nor signalled", "Start with CLONE_NEWPID", "CIS-5.16"},
	{"net", "Interfaces, ports and abstract sockets of the host are out of reach", "Start with CLONE_NEWNET",
	 "CIS-5.10 CVE-2020-15257"},
	{"ipc", "System V objects and POSIX queues of the host are out of reach", "Start with CLONE_NEWIPC",
	 "CIS-5.17"},
	{"uts", "The host's name is neither seen nor changed", "Start with CLONE_NEWUTS", "CIS-5.21"},
	{"cgroup", "The host's cgroup tree is not seen", "Unshare the cgroup namespace after joining the cgroup",
	 "CIS-5.25"},
};

/* A policy without a user namespace: the rows are there and say so. */
static void not_asked_for(struct requirement *row)
{
	row->judge = judge_not_asked_for;
	(void)snprintf(row->expected, sizeof(row->expected), "the policy does without a user namespace");
}

static void plan_links(struct plan *plan)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct requirement *row = plan_add(plan, AREA, "own.%s", kinds[i].name);
		row->needs = NEED_SHARED_KERNEL;
		row->host = observe_links;
		row->judge = judge_other_namespace;
		row->fact = kinds[i].name;
		(void)snprintf(row->expected, sizeof(row->expected), "another than the harness's");
		row->rationale = kinds[i].rationale;
		row->remediation = kinds[i].remediation;
		row->tags = kinds[i].tags;
		if (i == 0 && !plan->policy->user_namespace)
			not_asked_for(row);
	}
}

static void plan_ids(struct plan *plan)
{
	static const struct {
		const char *id, *fact;
	} rows[] = {{"uid", "Uid:"}, {"gid", "Gid:"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct requirement *row = plan_add(plan, AREA, "user.%s_range", rows[i].id);
		row->needs = NEED_SHARED_KERNEL;
		row->host = observe_ids;
		row->judge = judge_host_ids;
		row->fact = rows[i].fact;
		row->number = LOWEST_SANDBOX_ID;
		(void)snprintf(row->expected, sizeof(row->expected), "no id of the host below %d", LOWEST_SANDBOX_ID);
		row->rationale = "An escaped process must own nothing on the host";
		row->remediation = "Map a range of ids that no account of the host has";
		row->tags = "CIS-2.9";
		if (!plan->policy->user_namespace)
			not_asked_for(row);
	}
}

void namespaces_plan_links(struct plan *plan)
{
	plan_links(plan);
	plan_ids(plan);
}
