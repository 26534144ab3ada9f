/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/namespaces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

/* A size that no other segment is likely to have. */
#define SEGMENT_SIZE 28673
/* Field 22 of /proc/PID/stat; the first after the name is number 3. */
#define STARTED_AFTER_NAME 20

static struct host_objects objects;

static bool reachable(int family, const void *address, socklen_t length)
{
	_cleanup_fd_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, address, length) == 0;
}

/* The listeners stay open: what is tried from inside must be alive. */
static void make_abstract(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(objects.abstract.name, sizeof(objects.abstract.name), "agentcore-conformance-%d", getpid());
	size_t name = strlen(objects.abstract.name);
	memcpy(address.sun_path + 1, objects.abstract.name, name);
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	objects.abstract.ready = fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
				 listen(fd, SOMAXCONN) == 0 && reachable(AF_UNIX, &address, length);
}

static void make_tcp(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	objects.tcp.ready = fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
			    listen(fd, SOMAXCONN) == 0 && getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
			    reachable(AF_INET, &address, length);
	objects.tcp.port = ntohs(address.sin_port);
}

/* Marked for removal while attached, a segment keeps its number and ends with the harness however that ends. */
static void make_shm(void)
{
	struct shmid_ds segment;
	objects.shm.size = SEGMENT_SIZE;
	objects.shm.id = shmget(IPC_PRIVATE, SEGMENT_SIZE, IPC_CREAT | 0666);
	if (objects.shm.id < 0)
		return;
	bool attached = (long)shmat(objects.shm.id, NULL, SHM_RDONLY) != -1;
	(void)shmctl(objects.shm.id, IPC_RMID, NULL);
	objects.shm.ready = attached && shmctl(objects.shm.id, IPC_STAT, &segment) == 0;
}

/* A session keyring of our own: one that was inherited from a login could be anybody's. */
static void make_keyring(void)
{
	long serial = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	objects.keyring.ready = serial > 0;
	objects.keyring.serial = serial;
}

/* When a process of the host started, in clock ticks since boot: with its number, its identity.  -1: unknown. */
static int64_t started(pid_t pid)
{
	char path[32];
	_cleanup_free_ char *stat = NULL;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (io_read_file(AT_FDCWD, path, 4096, &stat, NULL) < 0)
		return -1;
	char *at = strrchr(stat, ')');
	for (int i = 0; at && i < STARTED_AFTER_NAME; i++)
		at = strchr(at + 1, ' ');
	return at ? atoll(at) : -1;
}

const struct host_objects *host_objects(void)
{
	if (objects.harness == 0) {
		objects.harness = getpid();
		make_abstract();
		make_tcp();
		make_shm();
		make_keyring();
		objects.harness_started = started(objects.harness);
		objects.init_started = started(1);
	}
	return &objects;
}
