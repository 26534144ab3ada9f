/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "oci": any runtime with crun's and runc's command line.  Each start is a bundle and a container of its own, under
 * work_dir and under a name of ours; finish removes both, and the control group that the runtime may have made.
 */
#include "adapters/oci.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/hostroot.h"
#include "adapters/program.h"
#include "adapters/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"

#define DELETE_TIMEOUT_MS 10000
#define PROFILE_LIMIT     ((size_t)4 << 20)

/* How a runtime's command line differs from the common one. */
struct dialect {
	const char *name;
	const char *option; /* before the subcommand, or NULL */
	const char *option_without; /* the same for a container that has no limits by cgroups */
	bool always_grouped; /* refuses to start without linux.cgroupsPath, and makes the groups */
	/* Takes a v1 tree with a v2 one beside it for a broken layout, and refuses: it shall not see the v2 one. */
	bool hide_unified;
};

/* Without limits crun shall make no groups: its device group would answer where a layer alone is asked. */
static const struct dialect dialects[] = {
	{"crun", "--cgroup-manager=cgroupfs", "--cgroup-manager=disabled", false, true},
	{"runc", NULL, NULL, true, false},
	{"runsc", "--platform=ptrace", "--platform=ptrace", true, false},
	{NULL, NULL, NULL, false, false}, /* any other: as the specification has it */
};

#define CONTAINER_ID_SIZE 64

/* A container that has been started and not finished. */
struct container {
	const struct adapter_launch *launch; /* by which finish finds it: the pid may be another's by then */
	pid_t pid; /* of the runtime */
	char id[CONTAINER_ID_SIZE];
	char bundle[PATH_MAX];
	struct container *next;
};

struct oci {
	const struct dialect *dialect;
	char cgroups[40]; /* below each hierarchy, one for all containers of this process */
	unsigned starts;
	struct container *containers;
};

/* By what the program says of itself ("crun version 1.8.1"): its file may have any name. */
static const struct dialect *dialect_of(const char *version)
{
	size_t length = strcspn(version, " ");
	const struct dialect *row = dialects;
	while (row->name && (strlen(row->name) != length || memcmp(row->name, version, length) != 0))
		row++;
	return row;
}

static int oci_open(struct adapter *adapter, struct error *err)
{
	int r = program_open(adapter, NULL, err);
	if (r < 0)
		return r;
	struct oci *oci = calloc(1, sizeof(*oci));
	if (!oci)
		return error_set(err, ENOMEM, "oci adapter");
	oci->dialect = dialect_of(adapter->version);
	(void)snprintf(oci->cgroups, sizeof(oci->cgroups), "agentcore-conformance-%d", (int)getpid());
	int length = snprintf(adapter->state_dir, sizeof(adapter->state_dir), "%s/state", adapter->options.work_dir);
	adapter->private_data = oci;
	return length < PATH_MAX - NAME_MAX ? 0
					    : error_say(err, ENAMETOOLONG, "%s: too long", adapter->options.work_dir);
}

/* Groups that still have members stay, and the names are ours alone: a runtime that was killed leaves its own. */
static void remove_cgroups(const char *name)
{
	char pattern[PATH_MAX];
	(void)snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/*/%s", name);
	glob_t found = {0};
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)rmdir(found.gl_pathv[i]);
	}
	globfree(&found);
	(void)snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/%s", name);
	(void)rmdir(pattern);
}

/* Only now can nobody be making a container's group below. */
static void oci_close(struct adapter *adapter)
{
	const struct oci *oci = adapter->private_data;
	remove_cgroups(oci->cgroups);
	free(adapter->private_data);
}

static bool oci_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
			    size_t size)
{
	(void)adapter;
	const char *why = NULL;
	if (launch->kind == SESSION_MAC_ALONE || launch->kind == SESSION_LANDLOCK_ALONE)
		why = "OCI cannot express Landlock, and this kernel has no AppArmor";
	else if (!oci_layers(launch->kind)->known)
		why = "the control is not the runtime's";
	else if (launch->policy->network == NETWORK_FULL ||
		 (launch->policy->network == NETWORK_RESTRICTED && launch->policy->allowed_hosts.count))
		why = "an OCI runtime does not set a network up: its caller does";
	if (why)
		(void)snprintf(reason, size, "%s", why);
	return !why;
}

/* ---- start ---- */

/* Ids of the container walk through work_dir, which is the harness's alone by default. */
static int make_bundle(const struct adapter *adapter, const char *name, struct container *container, struct error *err)
{
	struct oci *oci = adapter->private_data;
	const char *work = adapter->options.work_dir;
	if (name)
		(void)snprintf(container->id, sizeof(container->id), "%s", name);
	else
		(void)snprintf(container->id, sizeof(container->id), "%s-%u", oci->cgroups, oci->starts++);
	(void)snprintf(container->bundle, sizeof(container->bundle), "%s/%s", work, container->id);
	/* Two runtimes that start at once would both make it, and one would fail. */
	if (mkdir(adapter->state_dir, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "make directory %s", adapter->state_dir);
	if (chmod(work, 0711) < 0)
		return error_set(err, errno, "chmod %s", work);
	if (mkdir(container->bundle, 0711) < 0 || chmod(container->bundle, 0711) < 0)
		return error_set(err, errno, "make directory %s", container->bundle);
	return 0;
}

static int write_config(const struct adapter *adapter, const struct adapter_launch *launch,
			const struct container *container, json_t *seccomp, struct error *err)
{
	const struct oci *oci = adapter->private_data;
	bool grouped = oci->dialect->always_grouped || oci_layers(launch->kind)->cgroups;
	char cgroups[2 * CONTAINER_ID_SIZE + 4], path[PATH_MAX + 16];
	(void)snprintf(cgroups, sizeof(cgroups), "/%s/%s", oci->cgroups, container->id);
	struct oci_config_input input = {
		.launch = launch,
		.bundle = container->bundle,
		.cgroups_path = grouped ? cgroups : NULL,
		.cgroup_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0,
		.seccomp = seccomp,
	};
	json_t *config = oci_config_build(&input, err);
	if (!config)
		return -err->code;
	(void)snprintf(path, sizeof(path), "%s/config.json", container->bundle);
	int r = json_dump_file(config, path, JSON_INDENT(1));
	json_decref(config);
	return r < 0 ? error_say(err, EIO, "%s: cannot be written", path) : 0;
}

static int lay_bundle(const struct adapter *adapter, const struct adapter_launch *launch, struct container *container,
		      struct error *err)
{
	const struct oci_layers *layers = oci_layers(launch->kind);
	int r = make_bundle(adapter, launch->name, container, err);
	if (r < 0)
		return r;
	json_t *seccomp = NULL;
	if (layers->seccomp && !(seccomp = oci_profile_generate(adapter, launch, container->bundle, err)))
		return -err->code;
	if (layers->sandbox)
		r = oci_bundle_lay(container->bundle, launch->policy->user_namespace ? OCI_ID_BASE : 0, err);
	r = r < 0 ? r : write_config(adapter, launch, container, seccomp, err);
	json_decref(seccomp);
	return r;
}

struct runtime_child {
	const struct adapter_launch *launch;
	const struct container *container;
	const struct dialect *dialect;
};

/* In the runtime's process: mounts of its own, so that the host's stay as they are. */
static int prepare_mounts(const struct dialect *dialect, struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(err, errno, "private mounts");
	if (dialect->hide_unified && umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0 && errno != EINVAL &&
	    errno != ENOENT)
		return error_set(err, errno, "hide /sys/fs/cgroup/unified");
	return 0;
}

static int prepare_delete(void *data, struct error *err)
{
	return prepare_mounts(data, err);
}

static int prepare(void *data, struct error *err)
{
	const struct runtime_child *child = data;
	int r = prepare_mounts(child->dialect, err);
	if (r < 0)
		return r;
	const struct policy *policy = child->launch->policy;
	if (oci_layers(child->launch->kind)->sandbox)
		return policy->read_only_filesystem
			       ? 0
			       : oci_writable_lay(child->container->bundle, policy->user_namespace, err);
	/* The tmpfs of the bare root covers the bundle, whose config.json the runtime has yet to read. */
	char config[PATH_MAX + 16];
	(void)snprintf(config, sizeof(config), "%s/config.json", child->container->bundle);
	_cleanup_free_ char *document = NULL;
	size_t length;
	r = io_read_file(AT_FDCWD, config, PROFILE_LIMIT, &document, &length);
	if (r < 0)
		return error_set(err, -r, "read %s", config);
	r = hostroot_lay(child->container->bundle, child->launch->tools_dir, err);
	if (r < 0)
		return r;
	_cleanup_file_ FILE *copy = fopen(config, "we");
	if (!copy || fwrite(document, 1, length, copy) != length || fflush(copy) != 0)
		return error_set(err, errno, "copy %s", config);
	return 0;
}

/* The words before the subcommand; how many.  option is a buffer for those that are the dialect's. */
static size_t global_words(struct adapter *adapter, enum session_kind kind, char option[64], char **words)
{
	const struct oci *oci = adapter->private_data;
	const char *own = oci_layers(kind)->cgroups ? oci->dialect->option : oci->dialect->option_without;
	char *const always[] = {adapter->program, (char[]){"--root"}, adapter->state_dir};
	size_t count = ARRAY_SIZE(always);
	memcpy(words, always, sizeof(always));
	if (!own)
		return count;
	(void)snprintf(option, 64, "%s", own);
	words[count++] = option;
	return count;
}

static int spawn_runtime(struct adapter *adapter, const struct adapter_launch *launch, struct container *container,
			 struct error *err)
{
	const struct oci *oci = adapter->private_data;
	char option[64], *argv[10] = {NULL};
	size_t count = global_words(adapter, launch->kind, option, argv);
	char *rest[] = {(char[]){"run"}, (char[]){"--bundle"}, container->bundle, container->id};
	memcpy(&argv[count], rest, sizeof(rest));
	struct runtime_child child = {launch, container, oci->dialect};
	struct spawn spawn = {
		.argv = argv,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
		.network_of = launch->network_of,
		.prepare = prepare,
		.data = &child,
	};
	return spawn_start(&spawn, &container->pid, err);
}

static int oci_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	struct oci *oci = adapter->private_data;
	struct error local = {0};
	struct container *container = calloc(1, sizeof(*container));
	if (!container)
		return error_set(err, ENOMEM, "container");
	int r = lay_bundle(adapter, launch, container, &local);
	r = r < 0 ? r : spawn_runtime(adapter, launch, container, &local);
	if (r < 0) {
		oci_bundle_remove(container->bundle);
		free(container);
		return error_say(err, -r, "%s", local.text);
	}
	container->launch = launch;
	container->next = oci->containers;
	oci->containers = container;
	*pid = container->pid;
	return 0;
}

/* ---- finish ---- */

static struct container **find_container(struct oci *oci, const struct adapter_launch *launch)
{
	struct container **link = &oci->containers;
	while (*link && (*link)->launch != launch)
		link = &(*link)->next;
	return link;
}

static void delete_container(struct adapter *adapter, const struct container *container)
{
	struct oci *oci = adapter->private_data;
	char option[64], output[256], id[CONTAINER_ID_SIZE], *argv[10] = {NULL};
	size_t count = global_words(adapter, container->launch->kind, option, argv);
	(void)snprintf(id, sizeof(id), "%s", container->id);
	char *rest[] = {(char[]){"delete"}, (char[]){"--force"}, id};
	memcpy(&argv[count], rest, sizeof(rest));
	struct dialect dialect = *oci->dialect;
	int status;
	const struct spawn spawn = {.argv = argv, .prepare = prepare_delete, .data = &dialect};
	(void)spawn_capture_of(&spawn, DELETE_TIMEOUT_MS, output, sizeof(output), &status, NULL);
}

static void oci_remove(struct adapter *adapter, const struct adapter_launch *launch)
{
	const struct container *container = *find_container(adapter->private_data, launch);
	if (container)
		delete_container(adapter, container);
}

static void oci_finish(struct adapter *adapter, const struct adapter_launch *launch, pid_t pid)
{
	(void)pid;
	struct oci *oci = adapter->private_data;
	struct container **link = find_container(oci, launch), *container = *link;
	if (!container)
		return;
	*link = container->next;
	char path[PATH_MAX + CONTAINER_ID_SIZE + 2];
	(void)snprintf(path, sizeof(path), "%s/%s", adapter->state_dir, container->id);
	/* A container that ended by itself has removed its state: then there is nothing to delete. */
	if (access(path, F_OK) == 0)
		delete_container(adapter, container);
	(void)snprintf(path, sizeof(path), "%s/%s", oci->cgroups, container->id);
	remove_cgroups(path);
	oci_bundle_remove(container->bundle);
	free(container);
}

#define OCI_CALLS                                                                                                      \
	.limits =                                                                                                      \
		1U << LIMIT_MEMORY_MB | 1U << LIMIT_CPU_CORES | 1U << LIMIT_PROCESSES | 1U << LIMIT_FILE_DESCRIPTORS,  \
	.open = oci_open, .can_express = oci_can_express, .start = oci_start, .remove = oci_remove,                    \
	.finish = oci_finish, .close = oci_close

static const struct adapter_class oci = {
	.name = "oci",
	.summary = "an OCI runtime: config.json written from the policy",
	.runtimes = "crun runc",
	.shared_kernel = true,
	.networks = 1U << NETWORK_NONE,
	OCI_CALLS,
};
ADAPTER(oci);

static const struct adapter_class oci_own_kernel = {
	.name = "oci-own-kernel",
	.summary = "the same for a runtime with a kernel of its own",
	.runtimes = "runsc",
	.shared_kernel = false,
	OCI_CALLS,
};
ADAPTER(oci_own_kernel);
