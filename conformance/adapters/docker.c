/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "docker": a dockerd of the run's own, and docker(1) as its client.
 *
 * The daemon makes its bridge and its rules where it runs, so it is started with the first sandbox, in that one's network namespace.  It
 * is the first process of a pid namespace: when it ends, however it ends, containerd, its shims and all containers end with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adapters/oci.h"
#include "adapters/peer.h"
#include "adapters/program.h"
#include "adapters/spawn.h"
#include "base/cleanup.h"
#include "base/io.h"

#define READY_MS   30000
#define END_MS     10000
#define COMMAND_MS 20000
#define REMAPPED   "conformance" /* whose subordinate ids the containers have */

struct docker {
	struct peer peer;
	char program[PATH_MAX]; /* dockerd */
	char path[PATH_MAX], notify[PATH_MAX]; /* "NAME=..." of the environment */
	char *environment[4];
	pid_t pid; /* of the daemon; 0: none */
	pid_t network_of; /* where it runs */
};

static char home[] = "HOME=/run";

/* --- The daemon's files ---------------------------------------------------------------------------- */

static int append(const char *path, const char *text, struct error *err)
{
	_cleanup_file_ FILE *file = fopen(path, "ae");
	return !file || fputs(text, file) < 0 || fflush(file) != 0 ? error_set(err, errno, "write %s", path) : 0;
}

/* Which ids the containers get stands beneath /etc: an overlay, so that the machine's stays as it is. */
static int lay(struct error *err)
{
	static const char *const directories[] = {PEER_ROOT "/etc", PEER_ROOT "/etc/upper", PEER_ROOT "/etc/work",
						  NULL};
	char account[128], range[64];
	for (size_t i = 0; directories[i]; i++)
		if (mkdir(directories[i], 0755) < 0)
			return error_set(err, errno, "make directory %s", directories[i]);
	if (mount("overlay", "/etc", "overlay", 0,
		  "lowerdir=/etc,upperdir=" PEER_ROOT "/etc/upper,workdir=" PEER_ROOT "/etc/work") < 0)
		return error_set(err, errno, "overlay over /etc");
	(void)snprintf(range, sizeof(range), REMAPPED ":%u:%u\n", OCI_ID_BASE, OCI_ID_SIZE);
	(void)snprintf(account, sizeof(account), REMAPPED ":x:%u:%u::/:/bin/false\n", OCI_ID_BASE, OCI_ID_BASE);
	int r = append("/etc/passwd", account, err);
	(void)snprintf(account, sizeof(account), REMAPPED ":x:%u:\n", OCI_ID_BASE);
	r = r < 0 ? r : append("/etc/group", account, err);
	r = r < 0 ? r : peer_write("/etc/subuid", range, err);
	r = r < 0 ? r : peer_write("/etc/subgid", range, err);
	return r < 0 ? r : peer_write(PEER_ROOT "/daemon.json", "{}\n", err);
}

/* --- The daemon ------------------------------------------------------------------------------------ */

/*
 * /proc is of the new pid namespace, which only the daemon's own mounts show.  Where dockerd itself switches forwarding on it also sets the
 * policy of FORWARD to drop, and with it cuts off whatever else the host forwards, such as the suite's control: here, as on
 * most machines with containers, forwarding is on already.
 */
static int prepare_daemon(void *data, struct error *err)
{
	int r = peer_enter(data, err);
	r = r < 0 ? r : peer_write("/proc/sys/net/ipv4/ip_forward", "1\n", err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0 || mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_set(err, errno, "mount /proc for dockerd");
	return 0;
}

/* sd_notify(3).  An abstract address would belong to one network namespace. */
static int open_notify(struct docker *docker, const char *work_dir, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", work_dir);
	if (length >= (int)sizeof(address.sun_path))
		return error_say(err, ENAMETOOLONG, "%s: too long for a socket", work_dir);
	(void)snprintf(docker->notify, sizeof(docker->notify), "NOTIFY_SOCKET=%s", address.sun_path);
	(void)unlink(address.sun_path);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "socket %s", address.sun_path);
	return TAKE_FD(fd);
}

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool says_ready(int notify)
{
	char message[256];
	ssize_t n = recv(notify, message, sizeof(message) - 1, 0);
	message[n > 0 ? n : 0] = '\0';
	return strstr(message, "READY=1") != NULL;
}

/* 0, -ECHILD when it ended, -ETIMEDOUT. */
static int await_ready(int notify, pid_t pid)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int64_t deadline = now_ms() + READY_MS;
	for (;;) {
		struct pollfd fds[] = {{notify, POLLIN, 0}, {pidfd, POLLIN, 0}};
		int64_t left = deadline - now_ms();
		int ready = left > 0 ? poll(fds, 2, (int)left) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return -ETIMEDOUT;
		if (fds[0].revents && says_ready(notify))
			return 0;
		if (fds[1].revents)
			return -ECHILD;
	}
}

static void stop_daemon(struct docker *docker)
{
	if (docker->pid <= 0)
		return;
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, docker->pid, 0);
	struct pollfd fd = {pidfd, POLLIN, 0};
	(void)kill(docker->pid, SIGTERM);
	if (poll(&fd, 1, END_MS) <= 0)
		(void)kill(docker->pid, SIGKILL);
	(void)waitpid(docker->pid, NULL, 0);
	docker->pid = 0;
}

static int spawn_daemon(struct docker *docker, const struct adapter_launch *launch, const char *log, struct error *err)
{
	char *const argv[] = {docker->program,
			      (char[]){"--config-file=" PEER_ROOT "/daemon.json"},
			      (char[]){"--data-root=" PEER_ROOT "/data"},
			      (char[]){"--exec-root=" PEER_ROOT "/exec"},
			      (char[]){"--pidfile=" PEER_ROOT "/docker.pid"},
			      (char[]){"--host=unix://" PEER_ROOT "/docker.sock"},
			      (char[]){"--storage-driver=vfs"},
			      (char[]){"--userland-proxy=false"},
			      (char[]){"--userns-remap=" REMAPPED},
			      NULL};
	_cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int output = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (null < 0 || output < 0)
		return error_set(err, errno, "open %s", log);
	const struct spawn spawn = {
		.argv = argv,
		.envp = docker->environment,
		.stdin_fd = null,
		.stdout_fd = output,
		.stderr_fd = output,
		.namespaces = CLONE_NEWPID,
		.network_of = launch->network_of,
		.prepare = prepare_daemon,
		.data = &docker->peer,
	};
	return spawn_start(&spawn, &docker->pid, err);
}

/* An image without layers of anybody's: mount points and a minimal /etc. */
static int import_image(struct docker *docker, const struct adapter *adapter, struct error *err)
{
	char root[PATH_MAX], program[PATH_MAX], output[512];
	char script[] = "exec 2>&1; tar -C \"$1/rootfs\" -c . | \"$0\" --host unix://" PEER_ROOT
			"/docker.sock --config " PEER_ROOT "/config import - \"$2\"";
	char image[64];
	int status = 0;
	(void)snprintf(program, sizeof(program), "%s", adapter->program);
	(void)snprintf(root, sizeof(root), "%.4000s/image", adapter->options.work_dir);
	(void)snprintf(image, sizeof(image), "%s", peer_docker.image);
	if (mkdir(root, 0700) < 0)
		return error_set(err, errno, "make directory %s", root);
	char *const argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, script, program, root, image, NULL};
	const struct spawn spawn = {
		.argv = argv, .envp = docker->environment, .prepare = peer_enter, .data = &docker->peer};
	int r = oci_bundle_lay(root, 0, err);
	r = r < 0 ? r : spawn_capture_of(&spawn, COMMAND_MS, output, sizeof(output), &status, err);
	oci_bundle_remove(root);
	return r == 0 && status != 0 ? error_say(err, EIO, "docker import: %s", output) : r;
}

/* Why it ended: the last line of what it said. */
static int daemon_failed(const char *log, int code, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	if (io_read_file(AT_FDCWD, log, 1 << 20, &text, &length) < 0 || length == 0)
		return error_say(err, code, "dockerd: not ready");
	text[length - 1] = '\0';
	const char *line = strrchr(text, '\n');
	return error_say(err, code, "dockerd: %.300s", line ? line + 1 : text);
}

static int start_daemon(struct docker *docker, const struct adapter *adapter, const struct adapter_launch *launch,
			struct error *err)
{
	char log[PATH_MAX];
	if (docker->pid > 0 && docker->network_of == launch->network_of)
		return 0;
	if (docker->peer.containers)
		return error_say(err, EBUSY, "one dockerd is in one network namespace");
	stop_daemon(docker);
	(void)snprintf(log, sizeof(log), "%.4000s/dockerd.log", adapter->options.work_dir);
	_cleanup_fd_ int notify = open_notify(docker, adapter->options.work_dir, err);
	int r = notify < 0 ? notify : spawn_daemon(docker, launch, log, err);
	if (r < 0)
		return r;
	docker->network_of = launch->network_of;
	r = await_ready(notify, docker->pid);
	r = r < 0 ? daemon_failed(log, -r, err) : import_image(docker, adapter, err);
	if (r < 0)
		stop_daemon(docker);
	return r;
}

/* --- The adapter ----------------------------------------------------------------------------------- */

static int docker_open(struct adapter *adapter, struct error *err)
{
	int r = program_open(adapter, "docker", err);
	if (r < 0)
		return r;
	struct docker *docker = calloc(1, sizeof(*docker));
	if (!docker)
		return error_set(err, ENOMEM, "docker adapter");
	if (program_find("dockerd", docker->program) < 0) {
		free(docker);
		return error_say(err, ENOENT, "dockerd: no such program");
	}
	const char *path = getenv("PATH");
	peer_init(&docker->peer);
	(void)snprintf(docker->path, sizeof(docker->path), "PATH=%.4000s",
		       path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	(void)snprintf(docker->notify, sizeof(docker->notify), "NOTIFY_SOCKET=");
	docker->environment[0] = docker->path;
	docker->environment[1] = home;
	docker->environment[2] = docker->notify;
	adapter->private_data = docker;
	/* The bridge is the daemon's: its version, not the client's. */
	char output[512];
	char *const argv[] = {docker->program, (char[]){"--version"}, NULL};
	int status;
	if (spawn_capture(argv, COMMAND_MS, output, sizeof(output), &status, NULL) == 0 && status == 0) {
		output[strcspn(output, "\n")] = '\0';
		(void)snprintf(adapter->version, sizeof(adapter->version), "dockerd: %.100s", output);
	}
	return 0;
}

static void docker_close(struct adapter *adapter)
{
	struct docker *docker = adapter->private_data;
	char path[PATH_MAX];
	stop_daemon(docker);
	if (docker->peer.mounts >= 0) {
		(void)snprintf(path, sizeof(path), "%.4000s/dockerd.log", adapter->options.work_dir);
		(void)unlink(path);
		(void)unlink(strchr(docker->notify, '=') + 1);
	}
	peer_clear(&docker->peer);
	free(docker);
	adapter->private_data = NULL;
}

static bool docker_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
			       size_t size)
{
	(void)adapter;
	const char *why = peer_cannot_say(launch);
	if (why)
		(void)snprintf(reason, size, "%s", why);
	return !why;
}

static int spawn_container(struct adapter *adapter, const struct adapter_launch *launch,
			   const struct peer_container *container, pid_t *pid, struct error *err)
{
	struct docker *docker = adapter->private_data;
	char **argv = peer_run_words(&(struct peer_input){
		.dialect = &peer_docker,
		.program = adapter->program,
		.launch = launch,
		.name = container->name,
		.bundle = container->bundle,
		.seccomp = container->seccomp,
		.cgroups = docker->peer.cgroups,
	});
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	const struct spawn spawn = {
		.argv = argv,
		.envp = docker->environment,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
		.network_of = launch->network_of,
		.prepare = peer_enter,
		.data = &docker->peer,
	};
	int r = spawn_start(&spawn, pid, err);
	spawn_free_argv(argv);
	return r;
}

static int docker_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	struct docker *docker = adapter->private_data;
	struct peer_container *container = NULL;
	const struct peer_ground ground = {.lay = lay, .cgroups = docker->peer.cgroups};
	int r = peer_make_ground(&docker->peer, adapter->options.work_dir, &ground, err);
	r = r < 0 ? r : start_daemon(docker, adapter, launch, err);
	r = r < 0 ? r : peer_lay_container(&docker->peer, adapter, launch, &container, err);
	if (r < 0)
		return r;
	r = spawn_container(adapter, launch, container, pid, err);
	if (r < 0)
		peer_forget(&docker->peer, container);
	else
		peer_keep(&docker->peer, container);
	return r;
}

/* One that ended by itself is gone already, which is an error that nobody minds. */
static void docker_remove(struct adapter *adapter, const struct adapter_launch *launch)
{
	struct docker *docker = adapter->private_data;
	const struct peer_container *container = peer_find(&docker->peer, launch);
	char output[512];
	int status;
	if (!container)
		return;
	const char *const words[] = {"rm", "--force", container->name, NULL};
	char **argv = peer_command(&peer_docker, adapter->program, words);
	if (!argv)
		return;
	const struct spawn spawn = {
		.argv = argv, .envp = docker->environment, .prepare = peer_enter, .data = &docker->peer};
	(void)spawn_capture_of(&spawn, COMMAND_MS, output, sizeof(output), &status, NULL);
	spawn_free_argv(argv);
}

static void docker_finish(struct adapter *adapter, const struct adapter_launch *launch, pid_t pid)
{
	struct docker *docker = adapter->private_data;
	struct peer_container *container = peer_find(&docker->peer, launch);
	(void)pid;
	if (!container)
		return;
	docker_remove(adapter, launch);
	peer_forget(&docker->peer, container);
}

static const struct adapter_class docker = {
	.name = "docker",
	.summary = "docker run, with a dockerd of its own and the bridge that it sets up",
	.runtimes = "docker",
	.shared_kernel = true,
	.limits = 1U << LIMIT_MEMORY_MB | 1U << LIMIT_CPU_CORES | 1U << LIMIT_PROCESSES | 1U << LIMIT_FILE_DESCRIPTORS,
	.networks = 1U << NETWORK_NONE | 1U << NETWORK_FULL,
	.open = docker_open,
	.can_express = docker_can_express,
	.start = docker_start,
	.remove = docker_remove,
	.finish = docker_finish,
	.close = docker_close,
};
ADAPTER(docker);
