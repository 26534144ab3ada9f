/* SPDX-License-Identifier: Apache-2.0 */
/* "podman": the command line of podman(1), with the networks that it sets up itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/peer.h"
#include "adapters/program.h"
#include "adapters/spawn.h"
#include "base/cleanup.h"

#define REMOVE_TIMEOUT_MS 20000
#define PROCESSES_MAX     32768 /* conmon sets its own limit to this, and what it starts cannot have more */

static char search_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", home[] = "HOME=/run",
	    config[] = "CONTAINERS_CONF=" PEER_ROOT "/containers.conf";
static char *const environment[] = {search_path, home, config, NULL};

/* containers.conf(5), in the place of every other of that name: nobody's own settings are judged.  No log, no events: nothing reads them. */
static const char config_text[] = "[containers]\n"
				  "log_driver = \"none\"\n"
				  "[engine]\n"
				  "cgroup_manager = \"cgroupfs\"\n"
				  "events_logger = \"none\"\n"
				  "lock_type = \"file\"\n"
				  "runtime = \"crun\"\n"
				  "[network]\n"
				  "network_backend = \"netavark\"\n"
				  "network_config_dir = \"" PEER_ROOT "/networks\"\n";

static int lay(struct error *err)
{
	return peer_write(PEER_ROOT "/containers.conf", config_text, err);
}

static int podman_open(struct adapter *adapter, struct error *err)
{
	int r = program_open(adapter, "podman", err);
	if (r < 0)
		return r;
	struct peer *peer = calloc(1, sizeof(*peer));
	if (!peer)
		return error_set(err, ENOMEM, "podman adapter");
	peer_init(peer);
	adapter->private_data = peer;
	return 0;
}

static void podman_close(struct adapter *adapter)
{
	peer_clear(adapter->private_data);
	free(adapter->private_data);
	adapter->private_data = NULL;
}

static bool podman_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
			       size_t size)
{
	(void)adapter;
	const char *why = peer_cannot_say(launch);
	if (why)
		(void)snprintf(reason, size, "%s", why);
	return !why;
}

/* --- Start ----------------------------------------------------------------------------------------- */

static rlim_t processes_allowed(void)
{
	struct rlimit limit;
	bool less = getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_max < PROCESSES_MAX;
	return less ? limit.rlim_max : PROCESSES_MAX;
}

static int spawn_container(struct adapter *adapter, const struct adapter_launch *launch,
			   const struct peer_container *container, pid_t *pid, struct error *err)
{
	struct peer *peer = adapter->private_data;
	char **argv = peer_run_words(&(struct peer_input){
		.dialect = &peer_podman,
		.program = adapter->program,
		.launch = launch,
		.name = container->name,
		.bundle = container->bundle,
		.seccomp = container->seccomp,
		.cgroups = peer->cgroups,
		.processes = processes_allowed(),
	});
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	const struct spawn spawn = {
		.argv = argv,
		.envp = environment,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
		.network_of = launch->network_of,
		.prepare = peer_enter,
		.data = peer,
	};
	int r = spawn_start(&spawn, pid, err);
	spawn_free_argv(argv);
	return r;
}

static int make_ground(struct adapter *adapter, struct error *err)
{
	struct peer *peer = adapter->private_data;
	const char *const words[] = {"rm", "--all", "--force", "--time=0", NULL};
	char **last = peer_command(&peer_podman, adapter->program, words);
	if (!last)
		return error_set(err, ENOMEM, "argument vector");
	const struct peer_ground ground = {
		.lay = lay, .cgroups = peer->cgroups, .last = last, .environment = environment};
	int r = peer_make_ground(peer, adapter->options.work_dir, &ground, err);
	spawn_free_argv(last);
	return r;
}

static int podman_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	struct peer *peer = adapter->private_data;
	struct peer_container *container = NULL;
	int r = make_ground(adapter, err);
	r = r < 0 ? r : peer_lay_container(peer, adapter, launch, &container, err);
	if (r < 0)
		return r;
	r = spawn_container(adapter, launch, container, pid, err);
	if (r < 0)
		peer_forget(peer, container);
	else
		peer_keep(peer, container);
	return r;
}

/* --- Finish ---------------------------------------------------------------------------------------- */

/* One that ended by itself is gone already: then there is nothing to do, which --ignore allows. */
static void podman_remove(struct adapter *adapter, const struct adapter_launch *launch)
{
	struct peer *peer = adapter->private_data;
	const struct peer_container *container = peer_find(peer, launch);
	char output[512];
	int status;
	if (!container)
		return;
	const char *const words[] = {"rm", "--force", "--ignore", "--time=0", container->name, NULL};
	char **argv = peer_command(&peer_podman, adapter->program, words);
	if (!argv)
		return;
	const struct spawn spawn = {.argv = argv,
				    .envp = environment,
				    .network_of = launch->network_of,
				    .prepare = peer_enter,
				    .data = peer};
	(void)spawn_capture_of(&spawn, REMOVE_TIMEOUT_MS, output, sizeof(output), &status, NULL);
	spawn_free_argv(argv);
}

static void podman_finish(struct adapter *adapter, const struct adapter_launch *launch, pid_t pid)
{
	struct peer *peer = adapter->private_data;
	struct peer_container *container = peer_find(peer, launch);
	(void)pid;
	if (!container)
		return;
	podman_remove(adapter, launch);
	peer_forget(peer, container);
}

static const struct adapter_class podman = {
	.name = "podman",
	.summary = "podman run, with the networks that it sets up itself",
	.runtimes = "podman",
	.shared_kernel = true,
	.limits = 1U << LIMIT_MEMORY_MB | 1U << LIMIT_CPU_CORES | 1U << LIMIT_PROCESSES | 1U << LIMIT_FILE_DESCRIPTORS,
	.networks = 1U << NETWORK_NONE | 1U << NETWORK_FULL,
	.open = podman_open,
	.can_express = podman_can_express,
	.start = podman_start,
	.remove = podman_remove,
	.finish = podman_finish,
	.close = podman_close,
};
ADAPTER(podman);
