/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of the monitor: before there is a sandbox, and beside PID 1. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit_log.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/mount_tree.h"
#include "enforce/seccomp_filter.h"
#include "recipe/faults.h"
#include "recipe/record.h"
#include "recipe/stages.h"

int stage_refuse(struct sandbox *sandbox, struct error *err)
{
	if (geteuid() != 0) {
		(void)error_say(err, EPERM, "started by user %u", (unsigned)geteuid());
		return error_hint(err,
				  "agentcore needs the host's root: ids, devices and idmapped mounts are its to give");
	}
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		struct stat st;
		/* A directory of the host in the sandbox's hands is a way out (CVE-2024-21626). */
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			return error_say(err, EISDIR, "descriptor %d is a directory of the host", fd);
	}
	if (sandbox_has_layer(sandbox, LAYER_NETWORK)) {
		int r = network_check(sandbox->policy, &sandbox->options->network, err);
		if (r < 0)
			return r;
	}
	struct mac_grant grants[BINDS_MAX];
	const struct mandatory wanted = run_options_mandatory(sandbox->options, grants);
	const struct mandatory *mandatory = sandbox_has_layer(sandbox, LAYER_MAC) ? &wanted : NULL;
	if (!sandbox_has_layer(sandbox, LAYER_CGROUPS))
		return layers_check(sandbox->policy, &sandbox->limits, NULL, mandatory, err);
	int r = cgroup_detect(&sandbox->layout, NULL, NULL, sandbox->options->cgroup_parent, err);
	return r < 0 ? r : layers_check(sandbox->policy, &sandbox->limits, &sandbox->layout, mandatory, err);
}

int stage_one_processor(struct sandbox *sandbox, struct error *err)
{
	cpu_set_t here;

	if (sched_getaffinity(0, sizeof(sandbox->processors), &sandbox->processors) < 0)
		return error_set(err, errno, "processors of the caller");
	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	/* Only a matter of speed: a machine with more processors than the set holds goes on without. */
	(void)sched_setaffinity(0, sizeof(here), &here);
	return 0;
}

int stage_state_directory(struct sandbox *sandbox, struct error *err)
{
	return state_open_directory(sandbox->options->state_dir, true, &sandbox->state_dir, err);
}

int stage_entry(struct sandbox *sandbox, struct error *err)
{
	return state_create(sandbox->state_dir, sandbox->options->id, &sandbox->state, err);
}

int stage_audit_log(struct sandbox *sandbox, struct error *err)
{
	struct error missing = {0};

	int r = audit_log_open(&sandbox->audit, sandbox->options->audit_dir, &missing);
	/* "refuse" takes a line that is written, not a directory that is there: the disk may be full. */
	if (r == 0 && sandbox->policy->audit_failure == AUDIT_FAILURE_REFUSE)
		r = record_intent(sandbox, &missing);
	if (r == 0)
		return 0;
	if (sandbox->policy->audit_failure == AUDIT_FAILURE_REFUSE) {
		*err = missing;
		return r;
	}
	record_complain(sandbox, &missing);
	return 0;
}

int stage_id_range(struct sandbox *sandbox, struct error *err)
{
	return id_range_take(sandbox->state_dir, &sandbox->ids, err);
}

int stage_filters(struct sandbox *sandbox, struct error *err)
{
	int r = seccomp_compile(sandbox->policy, &sandbox->filter, err);
	return r < 0 ? r : seccomp_compile_init(&sandbox->init_filter, err);
}

/* PID 1 is ours and comes on top of what the policy allows. */
#define SPARE_PROCESSES 1

int stage_cgroup(struct sandbox *sandbox, struct error *err)
{
	enum cgroup_use use = sandbox->options->detach ? CGROUP_CONTAINER : CGROUP_SANDBOX;
	unsigned spare = fault_wished("break", FAULT_PROCESSES_MORE) ? SPARE_PROCESSES + 8 : SPARE_PROCESSES;
	struct limits limits = sandbox->limits;

	fault_double(&limits);
	state_cgroup_name(sandbox->state.sandboxes, sandbox->options->id, sandbox->cgroup_name);
	if (fault_wished("break", FAULT_CGROUP_SHARED))
		(void)snprintf(sandbox->cgroup_name, sizeof(sandbox->cgroup_name), "%s", FAULT_CGROUP_SHARED);
	if (fault_wished("break", FAULT_CGROUP_SHARED) &&
	    cgroup_open(&sandbox->layout, sandbox->cgroup_name, use, &sandbox->cgroup, NULL) == 0)
		return 0;
	return cgroup_create(&sandbox->layout, sandbox->cgroup_name, use, &limits, spare, &sandbox->cgroup, err);
}

int stage_collect_trees(struct sandbox *sandbox, struct error *err)
{
	return rootfs_collect(&sandbox->spec, &sandbox->rootfs, err);
}

/* What FAULT_NO_QUOTA makes of the writable places; also for bench/compare-limits, which tells by it what the quota costs. */
static int storage_in_memory(struct storage *storage, struct error *err)
{
	static const struct mount_option options[] = {{"mode", "0755"}, {NULL, NULL}};

	*storage = STORAGE_NONE;
	storage->bytes = storage->inodes = UINT64_MAX;
	return mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &storage->tree, err);
}

#define STORAGE_INODES_MIN 1024u
#define STORAGE_INODES_MAX 65536u

int stage_storage(struct sandbox *sandbox, struct error *err)
{
	struct limits limits = sandbox->limits;

	fault_double(&limits);
	double megabytes = limits.set[LIMIT_STORAGE_MB] ? limits.value[LIMIT_STORAGE_MB] : 1024;
	uint64_t bytes = (uint64_t)megabytes << 20;
	/* One for each block of data: a small quota is no licence for files that hold nothing. */
	uint64_t inodes = bytes / 4096;
	if (inodes < STORAGE_INODES_MIN)
		inodes = STORAGE_INODES_MIN;
	if (inodes > STORAGE_INODES_MAX)
		inodes = STORAGE_INODES_MAX;
	if (fault_wished("break", FAULT_STORAGE_DOUBLED))
		bytes *= 2;
	if (fault_wished("break", FAULT_INODES_MORE))
		inodes = UINT64_C(2) * STORAGE_INODES_MAX;
	int r = fault_wished("break", FAULT_NO_QUOTA)
			? storage_in_memory(&sandbox->storage, err)
			: storage_create(sandbox->options->storage_dir, bytes, inodes, &sandbox->storage, err);
	sandbox->spec.scratch = sandbox->storage.tree;
	return r;
}

int stage_channels(struct sandbox *sandbox, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "control socket");
	sandbox->control = pair[0];
	sandbox->control_inside = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return error_set(err, errno, "report pipe");
	sandbox->report = pair[0];
	sandbox->report_inside = pair[1];
	return 0;
}

int stage_id_maps(struct sandbox *sandbox, struct error *err)
{
	return id_range_map(sandbox->init, &sandbox->ids, err);
}

int stage_shift_owners(struct sandbox *sandbox, struct error *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)sandbox->init);
	_cleanup_fd_ int user_namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (user_namespace < 0)
		return error_set(err, errno, "%s", path);
	int r = rootfs_shift(&sandbox->rootfs, user_namespace, &sandbox->ids, err);
	if (r == 0 && sandbox->storage.tree >= 0)
		r = mount_idmap(sandbox->storage.tree, user_namespace, "the writable file system", err);
	return r;
}

int stage_go(struct sandbox *sandbox, struct error *err)
{
	int r = io_write_all(sandbox->control, "", 1);
	return r < 0 ? error_set(err, -r, "control socket") : 0;
}
