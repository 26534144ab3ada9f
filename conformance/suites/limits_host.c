/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's cgroup files say of a live sandbox.  Swap shows in no behaviour where a machine has none, and
 * the machine that has some is the one where it matters.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "harness/judges.h"
#include "harness/session.h"
#include "suites/limits.h"
#include "suites/rows.h"

#define FILE_BYTES_MAX (1 << 20)
#define MIB            ((int64_t)1 << 20)
#define UNLIMITED      ((int64_t)1 << 60) /* v1 says so by the largest number of pages, v2 by "max" */

/* Where one version of the memory controller keeps what is asked for. */
struct memory_files {
	const char *filesystem; /* of the mount */
	const char *option; /* that the mount has, or "" */
	const char *line; /* of /proc/PID/cgroup, after the number */
	const char *limit, *swap;
	bool swap_includes_memory;
};

static const struct memory_files versions[] = {
	{" - cgroup ", "memory", ":memory:", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", true},
	{" - cgroup2 ", "", "0::", "memory.max", "memory.swap.max", false},
};

static bool has_option(const char *options, const char *option)
{
	size_t length = strlen(option);
	if (length == 0)
		return true;
	for (const char *at = options; (at = strstr(at, option)); at += length)
		if (at[-1] == ',' && strchr(", \n", at[length]))
			return true;
	return false;
}

/* The directory of that version's mount, from the text of mountinfo, which is cut up. */
static bool find_mount(char *mountinfo, const struct memory_files *files, char *path, size_t size)
{
	char *rest = mountinfo;
	for (char *line; (line = strsep(&rest, "\n"));) {
		const char *type = strstr(line, files->filesystem);
		char root[PATH_MAX], point[PATH_MAX];
		if (!type || !has_option(type, files->option))
			continue;
		/* A bind of one of its directories would not have the others. */
		if (sscanf(line, "%*d %*d %*s %4095s %4095s", root, point) == 2 && strcmp(root, "/") == 0)
			return snprintf(path, size, "%s", point) < (int)size;
	}
	return false;
}

/* The process's cgroup in that version's hierarchy. */
static bool find_cgroup(const char *text, const struct memory_files *files, char *path, size_t size)
{
	const char *at = strstr(text, files->line);
	if (!at)
		return false;
	at += strlen(files->line);
	return snprintf(path, size, "%.*s", (int)strcspn(at, "\n"), at) < (int)size;
}

/* Bytes; "max" is the largest number. */
static bool read_bytes(const char *directory, const char *name, int64_t *value)
{
	char path[PATH_MAX];
	_cleanup_free_ char *text = NULL;
	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path) ||
	    io_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &text, NULL) < 0)
		return false;
	*value = strncmp(text, "max", 3) == 0 ? INT64_MAX : strtoll(text, NULL, 10);
	return true;
}

/* A kernel without an account of swap has no file for it; then, and without a limit of memory, nothing holds swap back. */
static const char *swap_allowed(const char *directory, const struct memory_files *files, int64_t limit)
{
	int64_t swap;
	if (limit >= UNLIMITED || !read_bytes(directory, files->swap, &swap))
		return "without limit";
	return swap == (files->swap_includes_memory ? limit : 0) ? "none" : "some";
}

static bool read_version(const char *self, const char *cgroup, const struct memory_files *files, json_t *facts)
{
	char mount[PATH_MAX], below[PATH_MAX], directory[PATH_MAX];
	int64_t limit;
	_cleanup_free_ char *mountinfo = strdup(self);
	if (!mountinfo || !find_mount(mountinfo, files, mount, sizeof(mount)) ||
	    !find_cgroup(cgroup, files, below, sizeof(below)) ||
	    snprintf(directory, sizeof(directory), "%s%s", mount, below) >= (int)sizeof(directory) ||
	    !read_bytes(directory, files->limit, &limit))
		return false;
	(void)json_object_set_new(facts, "memory_mb", json_integer(limit / MIB));
	(void)json_object_set_new(facts, "swap", json_string(swap_allowed(directory, files, limit)));
	return true;
}

static json_t *look(const struct host_context *context, const struct requirement *requirement, struct error *err)
{
	char path[64];
	_cleanup_free_ char *mountinfo = NULL, *cgroup = NULL;
	(void)requirement;
	if (context->probe_pid <= 0) {
		(void)error_say(err, ESRCH, "the probe was not found among the host's processes");
		return NULL;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)context->probe_pid);
	int r = io_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &cgroup, NULL);
	r = r < 0 ? r : io_read_file(AT_FDCWD, "/proc/self/mountinfo", FILE_BYTES_MAX, &mountinfo, NULL);
	if (r < 0) {
		(void)error_set(err, -r, "%s", path);
		return NULL;
	}
	json_t *facts = json_object();
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (read_version(mountinfo, cgroup, &versions[i], facts))
			return facts;
	json_decref(facts);
	(void)error_say(err, ENOENT, "no memory cgroup of the probe's can be read");
	return NULL;
}

static struct requirement *add_look(struct plan *plan, const char *id, const char *fact, const struct rows_text *text)
{
	struct requirement *row = plan_add(plan, "limits", "%s", id);
	row->needs = NEED_SHARED_KERNEL;
	row->host = look;
	row->judge = judge_fact_equals;
	row->fact = fact;
	rows_describe(row, text);
	return row;
}

void limits_add_readback(struct plan *plan)
{
	static const struct rows_text memory = {"the policy's own limit, without any laid over it",
						"write max_memory_mb to memory.limit_in_bytes or memory.max", NULL};
	static const struct rows_text swap = {
		"memory beyond the limit must not move to swap, where it is slow for everybody",
		"memory.memsw.limit_in_bytes = the limit, or memory.swap.max = 0", "CIS-5.10"};
	double megabytes;
	if (!policy_limit(plan->policy, LIMIT_MEMORY_MB, &megabytes))
		return;
	struct requirement *row = add_look(plan, "memory.readback.limit", "memory_mb", &memory);
	(void)snprintf(row->expected, sizeof(row->expected), "%.0f", megabytes);
	row = add_look(plan, "memory.readback.swap", "swap", &swap);
	(void)snprintf(row->expected, sizeof(row->expected), "none");
}
