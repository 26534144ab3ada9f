/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mess, and then an end: files and sockets wherever something can be written, shared memory, queues, and processes of every
 * kind that is hard to end.  What of it is refused is no matter: what was made is counted, and all of it has to be gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "probes/load.h"
#include "probes/load_family.h"

#define MIB     ((size_t)1 << 20)
#define LEFT_MS 8000 /* how long the processes would live if nobody ended them */

static const char *const directories[] = {"/tmp",      "/workspace", "/dev/shm", "/var/tmp",    "/run",
					  "/run/lock", "/root",      "/home",    "/dev/mqueue", "/var/lib"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool bind_at(int fd, const char *path, size_t length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (length > sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, length);
	return bind(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0 &&
	       listen(fd, 1) == 0;
}

/* Sockets stay open: a listener that nobody closes keeps its name. */
static int leave_sockets(const char *name)
{
	char path[108] = "";
	int made = 0, fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int length = snprintf(path + 1, sizeof(path) - 1, "%s", name);
	if (fd >= 0 && bind_at(fd, path, (size_t)length + 1))
		made++;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	length = snprintf(path, sizeof(path), "/tmp/%s.socket", name);
	if (fd >= 0 && bind_at(fd, path, (size_t)length))
		made++;
	return made;
}

static int leave_files(const char *name)
{
	char path[128];
	int made = 0;
	for (size_t i = 0; i < COUNT(directories); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directories[i], name);
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd >= 0 && write(fd, name, strlen(name)) > 0)
			made++;
		(void)snprintf(path, sizeof(path), "%s/%s.fifo", directories[i], name);
		made += mkfifo(path, 0644) == 0;
		(void)snprintf(path, sizeof(path), "%s/%s.d", directories[i], name);
		made += mkdir(path, 0755) == 0;
	}
	return made;
}

static int leave_objects(const char *name)
{
	char slash[80];
	(void)snprintf(slash, sizeof(slash), "/%s", name);
	int made = mq_open(slash, O_RDWR | O_CREAT, 0600, NULL) >= 0;
	made += shmget(IPC_PRIVATE, MIB, IPC_CREAT | 0600) >= 0;
	made += semget(IPC_PRIVATE, 1, IPC_CREAT | 0600) >= 0;
	made += msgget(IPC_PRIVATE, IPC_CREAT | 0600) >= 0;
	return made;
}

static int leave_family(void)
{
	static struct family family;
	family.until_ms = load_now_ms() + LEFT_MS;
	if (!family_open(&family))
		return 0;
	bool whole = family_add_daemons(&family, 3) && family_add_orphans(&family, 2) &&
		     family_add_stopped(&family, 2) && family_add_chain(&family, 10);
	return whole && family_gathered(&family) ? family.expected : 0;
}

static void lean_on_memory(int64_t mib)
{
	char *memory = mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int64_t i = 0; memory != MAP_FAILED && i < mib; i++) {
		memset(memory + (size_t)i * MIB, 1, MIB);
		load_reached("reached_mb", i + 1);
	}
}

static int run_mess(int argc, char **argv)
{
	char name[64];
	(void)snprintf(name, sizeof(name), "mess-%.48s", load_token());
	int files = leave_files(name), sockets = leave_sockets(name), objects = leave_objects(name);
	int processes = leave_family();
	load_say("\"files\":%d,\"sockets\":%d,\"objects\":%d,\"processes\":%d", files, sockets, objects, processes);
	if (files == 0 || processes == 0)
		return load_broken("mess");
	load_ready();
	if (argc > 2)
		lean_on_memory(load_argument(argv[2], LOAD_MEMORY_MAX_MB));
	load_sleep_ms(load_argument(argv[1], LOAD_TIME_MAX_MS));
	return load_through();
}

static const struct load mess = {"mess", "MS [MIB]", "leaves things everywhere, touches MIB of memory, and waits",
				 1,      2,          run_mess};
LOAD(mess);
