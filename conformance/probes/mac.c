/* SPDX-License-Identifier: Apache-2.0 */
/* What a mandatory layer is for: labels, processes that are not among its own, sockets, mounts, and what is made in a writable place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "probes/probe.h"

/* Numbers of the common table; libc has not all of the names. */
#define NR_OPEN_TREE  428
#define NR_MOVE_MOUNT 429

#define LABEL_MAX 256
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

/* --- The label -------------------------------------------------------------------------------------- */

static int mount_of(int fd, uint64_t *id)
{
	struct statx status;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0)
		return -1;
	*id = status.stx_mnt_id;
	return 0;
}

/*
 * A file of one's own attributes, and no other: what is mounted over it, or another file system at /proc, would take a label and change nothing, or
 * tell one that is nobody's (CVE-2025-52881).
 */
static int open_attribute(const char *name, int flags)
{
	char path[PATH_MAX];
	struct statfs fs;
	uint64_t whole = 0, own = 0;
	(void)snprintf(path, sizeof(path), "/proc/thread-self/attr/%s", name);
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = open(path, flags | O_CLOEXEC);
	if (proc < 0 || fd < 0)
		return -1;
	if (fstatfs(fd, &fs) < 0 || mount_of(proc, &whole) < 0 || mount_of(fd, &own) < 0)
		return -1;
	if (fs.f_type == PROC_SUPER_MAGIC && whole == own)
		return fd;
	errno = EBADMSG;
	return -1;
}

static int run_label(int argc, char **argv, struct facts *facts)
{
	char label[LABEL_MAX];
	(void)argv;
	if (argc != 1)
		return 1;
	int fd = open_attribute("apparmor/current", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, label, sizeof(label) - 1);
	fact_result(facts, n);
	if (n < 0)
		return 0;
	label[n] = '\0';
	label[strcspn(label, "\n")] = '\0';
	fact_text(facts, "label", label);
	return 0;
}

static const struct probe label_probe = {"mac-label", "", "the label in effect, as proc has it", run_label};
PROBE(label_probe);

static int run_attribute(int argc, char **argv, struct facts *facts)
{
	if (argc != 3)
		return 1;
	int fd = open_attribute(argv[1], O_WRONLY);
	fact_text(facts, "step", fd < 0 ? "open" : "write");
	fact_result(facts, fd < 0 ? -1 : write(fd, argv[2], strlen(argv[2])));
	return 0;
}

static const struct probe attribute = {"mac-attribute", "FILE TEXT", "writes to an attribute of the probe's own child",
				       run_attribute};
PROBE(attribute);

/* --- Processes -------------------------------------------------------------------------------------- */

/* Seizing does not stop it, and ends with the probe. */
static long reach_trace(pid_t pid)
{
	return ptrace(PTRACE_SEIZE, pid, NULL, NULL);
}

/* Asks whether a signal could be sent. */
static long reach_signal(pid_t pid)
{
	return kill(pid, 0);
}

static int run_reach(int argc, char **argv, struct facts *facts)
{
	static const struct {
		const char *name;
		long (*run)(pid_t pid);
	} ways[] = {{"ptrace", reach_trace}, {"signal", reach_signal}};
	for (size_t i = 0; argc == 3 && i < COUNT(ways); i++) {
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		fact_result(facts, ways[i].run(atoi(argv[2])));
		return 0;
	}
	return 1;
}

static const struct probe reach = {"mac-reach", "ptrace|signal PID", "reaches for a process and lets it be", run_reach};
PROBE(reach);

/* --- Sockets ---------------------------------------------------------------------------------------- */

static int run_socket(int argc, char **argv, struct facts *facts)
{
	static const struct {
		const char *name;
		int family, type, protocol;
	} kinds[] = {
		{"inet", AF_INET, SOCK_STREAM, 0},    {"inet6", AF_INET6, SOCK_STREAM, 0},
		{"inet-raw", AF_INET, SOCK_RAW, 1},   {"packet", AF_PACKET, SOCK_DGRAM, 0},
		{"netlink", AF_NETLINK, SOCK_RAW, 0}, {"alg", AF_ALG, SOCK_SEQPACKET, 0},
		{"unix", AF_UNIX, SOCK_STREAM, 0},
	};
	for (size_t i = 0; argc == 2 && i < COUNT(kinds); i++) {
		if (strcmp(argv[1], kinds[i].name) != 0)
			continue;
		fact_result(facts, socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC, kinds[i].protocol));
		return 0;
	}
	return 1;
}

static const struct probe socket_probe = {"mac-socket", "KIND", "makes a socket, and sends nothing", run_socket};
PROBE(socket_probe);

/* --- Mounts ----------------------------------------------------------------------------------------- */

static long mount_bind(const char *dir)
{
	return syscall(SYS_mount, "/tmp", dir, NULL, MS_BIND, NULL);
}

/* A copy of a mount by the new interface: it is the attaching that the kernel's modules are asked about. */
static long mount_move(const char *dir)
{
	int tree = (int)syscall(NR_OPEN_TREE, AT_FDCWD, "/tmp", 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
	if (tree < 0)
		return -1;
	return syscall(NR_MOVE_MOUNT, tree, "", AT_FDCWD, dir, 4 /* MOVE_MOUNT_F_EMPTY_PATH */);
}

/* The first call for a mount only marks it (EAGAIN, umount2(2)); whoever walks through it takes the mark away. */
static long mount_expire(const char *dir)
{
	struct stat st;
	(void)dir;
	long r = umount2("/dev/shm", MNT_EXPIRE);
	int code = errno;
	(void)stat("/dev/shm/.agentcore", &st);
	errno = code;
	return r;
}

static int run_mount(int argc, char **argv, struct facts *facts)
{
	static const struct {
		const char *name;
		long (*run)(const char *dir);
	} ways[] = {{"bind", mount_bind}, {"move", mount_move}, {"umount", mount_expire}};
	for (size_t i = 0; argc == 2 && i < COUNT(ways); i++) {
		char dir[] = "/tmp/.agentcore-mount-XXXXXX";
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		if (!mkdtemp(dir)) {
			fact_text(facts, "step", "mkdtemp");
			return 0;
		}
		fact_result(facts, ways[i].run(dir));
		(void)umount2(dir, MNT_DETACH);
		(void)rmdir(dir);
		return 0;
	}
	return 1;
}

static const struct probe mount_probe = {"mac-mount", "bind|move|umount", "changes the mounts, and undoes it",
					 run_mount};
PROBE(mount_probe);

/* --- What is made in a writable place ---------------------------------------------------------------- */

/* Executable memory out of a file of one's own: what ld.so does with a library. */
static long made_map(const char *path)
{
	char page[4096] = {0};
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
		return -1;
	void *memory = mmap(NULL, sizeof(page), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	return memory == MAP_FAILED ? -1 : 0;
}

/* A device node of one's own (the zero device's) and a request that every terminal knows: elsewhere ENOTTY. */
static long made_device(const char *path)
{
	char room[256];
	if (mknod(path, S_IFCHR | 0600, makedev(1, 5)) < 0)
		return -1;
	int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -1 : ioctl(fd, 0x5401 /* TCGETS */, room);
}

/* A terminal of one's own, by a request to the device that makes them. */
static int run_terminal(int argc, char **argv, struct facts *facts)
{
	int number = 0;
	(void)argv;
	if (argc != 1)
		return 1;
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	fact_result(facts, fd < 0 ? -1 : ioctl(fd, TIOCGPTN, &number));
	return 0;
}

static const struct probe terminal = {"mac-terminal", "", "makes a terminal, and asks for its number", run_terminal};
PROBE(terminal);

/* From one directory to another. */
static long made_refer(const char *path)
{
	char from[PATH_MAX], to[PATH_MAX];
	(void)snprintf(from, sizeof(from), "%s/from", path);
	(void)snprintf(to, sizeof(to), "%s-to", path);
	if (mkdir(path, 0700) < 0 || mkdir(from, 0700) < 0)
		return -1;
	long r = rename(from, to);
	int code = errno;
	(void)rmdir(from);
	(void)rmdir(to);
	errno = code;
	return r;
}

static int run_made(int argc, char **argv, struct facts *facts)
{
	static const struct {
		const char *name;
		long (*run)(const char *path);
	} ways[] = {{"map", made_map}, {"device", made_device}, {"refer", made_refer}};
	char path[PATH_MAX];
	for (size_t i = 0; argc == 3 && i < COUNT(ways); i++) {
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/.agentcore-made-%d", argv[2], (int)getpid());
		fact_result(facts, ways[i].run(path));
		if (unlink(path) < 0)
			(void)rmdir(path);
		return 0;
	}
	return 1;
}

static const struct probe made = {"mac-made", "map|device|refer DIR",
				  "maps, or asks a device, or moves what the probe made in DIR", run_made};
PROBE(made);
