/* SPDX-License-Identifier: Apache-2.0 */
/* Files: what can be changed, what can be read, which devices are there, and that no way leads to the host. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "harness/judges.h"
#include "suites/filesystem_host.h"
#include "suites/outcomes.h"
#include "suites/rows.h"
#include "suites/table.h"

#define AREA "filesystem"

#define REFUSED "EROFS|EACCES|EPERM"

/* Every way to change a file system that the probe file-change knows. */
static const struct way {
	const char *name;
	bool must_work; /* where writing is allowed: the rest may be refused for reasons of its own */
} ways[] = {
	{"create", true}, {"mkdir", true},  {"symlink", true}, {"mkfifo", false},     {"link", true},
	{"rename", true}, {"unlink", true}, {"rmdir", true},   {"open-write", false}, {"truncate", true},
	{"chmod", true},  {"chown", false}, {"utimes", true},  {"setxattr", false},
};

struct path {
	const char *kind, *path, *existing, *tags, *why;
	char id[64];
};

/* One way to change a directory: refused, or working. */
static void add_change(struct plan *plan, const struct path *path, const struct way *way, bool refused)
{
	struct requirement *row =
		plan_add(plan, AREA, "%s.%s.%s", refused ? "read-only" : "writable", path->id, way->name);
	(void)snprintf(row->probe, sizeof(row->probe), "file-change %s %s %s", way->name, path->path, path->existing);
	(void)snprintf(row->expected, sizeof(row->expected), refused ? REFUSED : "it works");
	row->judge = refused ? judge_refused : judge_works;
	rows_control(row, "=");
	rows_describe(row, &(struct rows_text){path->why,
					       refused ? "mount the root read-only" : "mount a writable place there",
					       path->tags});
}

static void add_read_only(struct plan *plan, const struct path *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		/* A directory cannot be opened for writing nor truncated at all. */
		bool of_file = strcmp(ways[i].name, "open-write") == 0 || strcmp(ways[i].name, "truncate") == 0;
		if (!of_file || strcmp(path->path, "/") != 0)
			add_change(plan, path, &ways[i], true);
	}
}

static void add_writable(struct plan *plan, const struct path *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (ways[i].must_work)
			add_change(plan, path, &ways[i], false);
}

/* A root that may be written is still not the host's: what is made in it must not appear there. */
static void add_root(struct plan *plan, const struct path *path)
{
	if (plan->policy->read_only_filesystem) {
		add_read_only(plan, path);
		return;
	}
	/* Who grants making entries in / by Landlock grants it in /proc and /sys too: that much is not asked for. */
	if (strcmp(path->path, "/") == 0)
		return;
	add_writable(plan, path);
	filesystem_host_add_left(plan, path->path, path->id, path->tags);
}

/* The bare session has the tools read-only too, so the control changes a directory that it can write. */
static void add_mounted(struct plan *plan, const struct path *path)
{
	size_t first = plan->count;
	add_read_only(plan, path);
	for (size_t i = first; i < plan->count; i++) {
		char way[32];
		(void)sscanf(plan->rows[i].probe, "file-change %31s", way);
		(void)snprintf(plan->rows[i].control_probe, sizeof(plan->rows[i].control_probe),
			       "file-change %s /usr /usr/lib/os-release", way);
	}
}

static void add_no_write(struct plan *plan, const struct path *path)
{
	struct requirement *row = plan_add(plan, AREA, "no-write.%s", path->id);
	(void)snprintf(row->probe, sizeof(row->probe), "file-open %s w", path->path);
	(void)snprintf(row->expected, sizeof(row->expected), REFUSED "|ENOENT");
	row->judge = judge_absent;
	row->number2 = 1;
	rows_control(row, "=");
	rows_describe(row, &(struct rows_text){path->why, "mount it read-only, or do not mount it", path->tags});
}

static void add_hidden(struct plan *plan, const struct path *path)
{
	bool masked = strcmp(path->kind, "masked") == 0;
	struct requirement *row = plan_add(plan, AREA, "%s.%s", masked ? "masked" : "host-path", path->id);
	(void)snprintf(row->probe, sizeof(row->probe), "file-read %s", path->path);
	(void)snprintf(row->expected, sizeof(row->expected), "nothing to read");
	row->judge = judge_hidden;
	rows_control(row, "=");
	rows_describe(row,
		      &(struct rows_text){
			      path->why,
			      masked ? "bind /dev/null over the file, or an empty read-only tmpfs over the directory"
				     : "make a root of the sandbox's own and leave it out",
			      path->tags});
}

static const struct {
	const char *kind;
	void (*add)(struct plan *plan, const struct path *path);
} kinds[] = {
	{"root", add_root},         {"mounted", add_mounted}, {"writable", add_writable},
	{"no-write", add_no_write}, {"masked", add_hidden},   {"hidden", add_hidden},
};

static int add_path(struct plan *plan, const struct table *table, const struct table_line *line, struct error *err)
{
	struct path path = {
		.kind = table_cell(table, line, "kind"),
		.path = table_cell(table, line, "path"),
		.existing = table_cell(table, line, "existing"),
		.tags = table_cell(table, line, "tags"),
		.why = table_cell(table, line, "why"),
	};
	rows_path_id(path.path, path.id, sizeof(path.id));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, path.kind) == 0) {
			kinds[i].add(plan, &path);
			return 0;
		}
	}
	return error_say(err, EINVAL, "%s:%zu: unknown kind %s", table->path, line->number, path.kind);
}

static int plan_filesystem(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	const struct table *table;
	const char *canary;
	int r = table_get(&table, fixtures_dir, "golden/paths.tsv", err);
	for (size_t i = 0; r == 0 && i < table->line_count; i++)
		r = add_path(plan, table, &table->lines[i], err);
	r = r < 0 ? r : filesystem_host_canary(&canary, err);
	if (r < 0)
		return r;
	const struct rows_word words[] = {{"canary", canary}, {NULL, NULL}};
	r = rows_add(plan, AREA, fixtures_dir, "golden/devices.tsv", NULL, err);
	r = r < 0 ? r : rows_add(plan, AREA, fixtures_dir, "golden/mounts.tsv", words, err);
	return r < 0 ? r : filesystem_host_add_canaries(plan, err);
}

static const struct suite filesystem = {
	.name = AREA,
	.summary = "read-only root, writable places, settings, masked paths, devices, mounts, ways to the host",
	.plan = plan_filesystem,
};
SUITE(filesystem);
