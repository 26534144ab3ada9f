/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/filesystem_host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "harness/judges.h"
#include "harness/session.h"
#include "suites/rows.h"

/*
 * Directories for canaries: the first is looked for from inside, so it lies on the root file system, which the
 * bare session shows; the host's /tmp it does not show.
 */
static struct canary {
	const char *parents[4]; /* the first that is on the root file system; else the last */
	char directory[64], path[80];
} canaries[] = {{.parents = {"/var/tmp", "/var/lib", "/root"}}, {.parents = {"/tmp"}}};

static const char *choose_parent(const struct canary *canary)
{
	struct stat root, at;
	const char *last = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(canary->parents) && canary->parents[i]; i++) {
		last = canary->parents[i];
		if (stat("/", &root) == 0 && stat(last, &at) == 0 && at.st_dev == root.st_dev)
			break;
	}
	return last;
}

static pid_t owner; /* a forked child must not remove the files when it ends */

static void remove_canaries(void)
{
	if (owner != getpid())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(canaries); i++) {
		if (!canaries[i].path[0])
			continue;
		(void)unlink(canaries[i].path);
		(void)rmdir(canaries[i].directory);
	}
}

static int make_canary(struct canary *canary, struct error *err)
{
	if (canary->path[0])
		return 0;
	if (!owner) {
		owner = getpid();
		(void)atexit(remove_canaries);
	}
	const char *parent = choose_parent(canary);
	(void)snprintf(canary->directory, sizeof(canary->directory), "%s/agentcore-canary-XXXXXX", parent);
	if (!mkdtemp(canary->directory))
		return error_set(err, errno, "make a directory for a canary in %s", parent);
	(void)snprintf(canary->path, sizeof(canary->path), "%s/canary", canary->directory);
	_cleanup_fd_ int fd = open(canary->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? error_set(err, errno, "make %s", canary->path) : 0;
}

int filesystem_host_canary(const char **path, struct error *err)
{
	int r = make_canary(&canaries[0], err);
	if (r == 0)
		*path = canaries[0].path;
	return r;
}

static const char *place_of(bool host, bool inside)
{
	return host && inside ? "both" : host ? "host only" : inside ? "inside only" : "nowhere";
}

/* Where the file is that the row's request names: on the host, in the sandbox's root directory, or both. */
static json_t *look(const struct host_context *context, const struct requirement *requirement, struct error *err)
{
	char inside[PATH_MAX];
	const char *path = requirement->probe;
	struct stat st;
	if (context->probe_pid <= 0) {
		(void)error_say(err, ESRCH, "the sandbox's process was not found");
		return NULL;
	}
	(void)snprintf(inside, sizeof(inside), "/proc/%d/root/", (int)context->probe_pid);
	if (stat(inside, &st) < 0) {
		(void)error_set(err, errno, "%s", inside);
		return NULL;
	}
	(void)snprintf(inside, sizeof(inside), "/proc/%d/root%s", (int)context->probe_pid, path);
	return json_pack("{s:s}", "place", place_of(lstat(path, &st) == 0, lstat(inside, &st) == 0));
}

/* The file is ours: where the sandbox let it through, it must not stay on the host. */
static json_t *look_and_remove(const struct host_context *context, const struct requirement *requirement,
			       struct error *err)
{
	json_t *facts = look(context, requirement, err);
	(void)unlink(requirement->probe);
	return facts;
}

static void add_look(struct requirement *row, host_probe_function *host, const char *path, const char *expected,
		     const struct rows_text *text)
{
	row->host = host;
	row->needs = NEED_SHARED_KERNEL;
	row->judge = judge_fact_equals;
	row->fact = "place";
	(void)snprintf(row->probe, sizeof(row->probe), "%s", path);
	(void)snprintf(row->expected, sizeof(row->expected), "%s", expected);
	rows_describe(row, text);
}

int filesystem_host_add_canaries(struct plan *plan, struct error *err)
{
	static const struct rows_text text = {"the host's directories for temporary files are full of other people's",
					      "mount file systems of the sandbox's own there", NULL};
	for (size_t i = 0; i < ARRAY_SIZE(canaries); i++) {
		char id[32];
		int r = make_canary(&canaries[i], err);
		if (r < 0)
			return r;
		rows_path_id(choose_parent(&canaries[i]), id, sizeof(id));
		struct requirement *row = plan_add(plan, "filesystem", "canary-on-host.%s", id);
		add_look(row, look, canaries[i].path, "host only", &text);
	}
	return 0;
}

void filesystem_host_add_left(struct plan *plan, const char *directory, const char *id, const char *tags)
{
	const struct rows_text text = {"a writable root is the sandbox's own: nothing made in it reaches the host",
				       "lay a private overlay over the host's directories", tags};
	char path[256];
	/* With the id: /bin and /usr/bin may be one directory. */
	(void)snprintf(path, sizeof(path), "%s/.agentcore-left-%s-%s-%d", directory, id, plan->profile, (int)getpid());

	struct requirement *made = plan_add(plan, "filesystem", "left.%s.made", id);
	(void)snprintf(made->probe, sizeof(made->probe), "file-leave %s", path);
	(void)snprintf(made->expected, sizeof(made->expected), "it works");
	made->judge = judge_works;
	rows_describe(made, &text);

	struct requirement *seen = plan_add(plan, "filesystem", "left.%s.on-host", id);
	add_look(seen, look_and_remove, path, "inside only", &text);
}
