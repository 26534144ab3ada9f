/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by every road that is charged: private and shared mappings, files of memory file systems, System V segments, many
 * processes that each take little; and the page cache, which must not count against the load.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/load.h"

#define MIB          ((size_t)1 << 20)
#define CHUNK        ((size_t)1 << 16)
#define MAIMED_MS    3000 /* how long a rest waits to be killed as well */
#define TREE_HOLD_MS 500
#define HOLD_STEPS   10 /* times that held memory is looked at */
#define FILL         0x5a

/* Touch memory a MiB at a time and tell each; pages would be charged two MiB at once otherwise. */
static void touch(char *memory, int64_t mib)
{
	(void)madvise(memory, (size_t)mib * MIB, MADV_NOHUGEPAGE);
	for (int64_t i = 0; i < mib; i++) {
		memset(memory + (size_t)i * MIB, FILL, MIB);
		load_reached("reached_mb", i + 1);
	}
}

/* Memory that is held must still be there: it is read again and again until the time is over. */
static bool hold(const char *memory, int64_t mib, int64_t ms)
{
	for (int step = 0; step < HOLD_STEPS && ms > 0; step++) {
		load_sleep_ms(ms / HOLD_STEPS);
		for (size_t at = 0; at < (size_t)mib * MIB; at += CHUNK)
			if (memory[at] != FILL)
				return false;
	}
	return true;
}

static int touch_mapping(int argc, char **argv, int flags)
{
	int64_t mib = load_argument(argv[1], LOAD_MEMORY_MAX_MB);
	int64_t hold_ms = argc > 2 ? load_argument(argv[2], LOAD_TIME_MAX_MS) : 0;
	char *memory =
		mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return load_refused("mmap");
	load_ready();
	touch(memory, mib);
	if (!hold(memory, mib, hold_ms)) {
		load_say("\"step\":\"hold\",\"lost\":1");
		return LOAD_MAIMED;
	}
	return load_through();
}

static int run_heap(int argc, char **argv)
{
	return touch_mapping(argc, argv, MAP_PRIVATE);
}

static const struct load heap = {"heap", "MIB [HOLD_MS]", "touches private memory, and holds it", 1, 2, run_heap};
LOAD(heap);

static int run_shared(int argc, char **argv)
{
	return touch_mapping(argc, argv, MAP_SHARED);
}

static const struct load shared = {"shared", "MIB [HOLD_MS]", "touches shared anonymous memory", 1, 2, run_shared};
LOAD(shared);

/* --- Files in memory ------------------------------------------------------------------------------- */

static bool write_chunk(int fd, size_t bytes)
{
	static char chunk[CHUNK];
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, chunk, bytes - done < CHUNK ? bytes - done : CHUNK);
		if (n < 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static int grow_file(int fd, int64_t mib)
{
	load_ready();
	for (int64_t i = 0; i < mib; i++) {
		if (!write_chunk(fd, MIB))
			return load_refused("write");
		load_reached("reached_mb", i + 1);
	}
	return load_through();
}

static int run_shm(int argc, char **argv)
{
	(void)argc;
	char path[] = "/dev/shm/load-XXXXXX";
	int fd = mkstemp(path);
	if (fd < 0)
		return load_broken("mkstemp");
	/* Without a name it is nobody's residue, and costs the same. */
	(void)unlink(path);
	return grow_file(fd, load_argument(argv[1], LOAD_MEMORY_MAX_MB));
}

static const struct load shm = {"shm", "MIB", "writes a file in /dev/shm", 1, 1, run_shm};
LOAD(shm);

static int run_memfd(int argc, char **argv)
{
	(void)argc;
	int fd = memfd_create("load", MFD_CLOEXEC);
	return fd < 0 ? load_broken("memfd_create") : grow_file(fd, load_argument(argv[1], LOAD_MEMORY_MAX_MB));
}

static const struct load memfd = {"memfd", "MIB", "writes an anonymous file", 1, 1, run_memfd};
LOAD(memfd);

/* Marked for removal at once: the segment goes with its last attachment. */
static int run_sysv(int argc, char **argv)
{
	(void)argc;
	int64_t mib = load_argument(argv[1], LOAD_MEMORY_MAX_MB);
	int id = shmget(IPC_PRIVATE, (size_t)mib * MIB, IPC_CREAT | 0600);
	if (id < 0)
		return load_broken("shmget");
	char *memory = shmat(id, NULL, 0);
	int code = errno;
	(void)shmctl(id, IPC_RMID, NULL);
	if (memory == (char *)-1) {
		errno = code;
		return load_broken("shmat");
	}
	load_ready();
	touch(memory, mib);
	return load_through();
}

static const struct load sysv = {"sysv", "MIB", "touches a System V segment", 1, 1, run_sysv};
LOAD(sysv);

/* --- Many processes -------------------------------------------------------------------------------- */

struct shares {
	int64_t total; /* MiB that all have touched */
	bool maimed; /* one of them was killed: the others touch no more, so that total stays what it was then */
};

/* A MiB at a time, so that none of them is ever large.  In sessions of their own, out of reach of a signal to the group. */
static void take_share(int64_t mib, int64_t hold_ms, struct shares *shares)
{
	(void)setsid();
	char *memory = mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		_exit(LOAD_REFUSED);
	(void)madvise(memory, (size_t)mib * MIB, MADV_NOHUGEPAGE);
	for (int64_t i = 0; i < mib && !__atomic_load_n(&shares->maimed, __ATOMIC_RELAXED); i++) {
		memset(memory + (size_t)i * MIB, FILL, MIB);
		load_reached("reached_mb", __atomic_add_fetch(&shares->total, 1, __ATOMIC_RELAXED));
	}
	load_sleep_ms(hold_ms);
	_exit(LOAD_THROUGH);
}

/* The parent touches nothing and lives on: whoever kills only the process that is too large leaves it. */
static int watch_shares(int count, struct shares *shares)
{
	for (int i = 0; i < count; i++) {
		int status = 0;
		(void)wait(&status);
		if (WIFEXITED(status) && WEXITSTATUS(status) == LOAD_THROUGH)
			continue;
		if (!__atomic_exchange_n(&shares->maimed, true, __ATOMIC_RELAXED))
			load_reached("child_signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	if (!shares->maimed)
		return load_through();
	load_sleep_ms(MAIMED_MS);
	load_say("\"outlived_ms\":%d", MAIMED_MS);
	return LOAD_MAIMED;
}

static int run_tree(int argc, char **argv)
{
	(void)argc;
	int count = (int)load_argument(argv[1], 64);
	int64_t mib = load_argument(argv[2], count ? LOAD_MEMORY_MAX_MB / count : 0);
	struct shares *shares = mmap(NULL, sizeof(*shares), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shares == MAP_FAILED)
		return load_broken("mmap");
	load_ready();
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		if (child < 0)
			return load_broken("fork");
		if (child == 0)
			take_share(mib, TREE_HOLD_MS, shares);
	}
	return watch_shares(count, shares);
}

static const struct load tree = {"tree", "PROCESSES MIB", "each process touches MIB; the parent lives on", 2,
				 2,      run_tree};
LOAD(tree);

/* --- The page cache -------------------------------------------------------------------------------- */

static int64_t read_back(int fd)
{
	static char chunk[CHUNK];
	int64_t bytes = 0;
	ssize_t n;
	(void)lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		bytes += n;
	return bytes;
}

static int run_cache(int argc, char **argv)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/load-XXXXXX", argc > 2 ? argv[2] : "/tmp");
	int fd = mkstemp(path);
	if (fd < 0)
		return load_broken("mkstemp");
	(void)unlink(path);
	int end = grow_file(fd, load_argument(argv[1], LOAD_MEMORY_MAX_MB));
	load_say("\"bytes_read\":%lld", (long long)read_back(fd));
	return end;
}

static const struct load cache = {"cache", "MIB [DIR]", "writes a file of that size and reads it back",
				  1,       2,           run_cache};
LOAD(cache);
