/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage by every road: plain bytes, files that have no name any more, holes filled later, blocks reserved without a size,
 * mapped pages; and what is not bytes: inodes, names, extended attributes.  PLACES is one directory or several with commas
 * between.  What is made lies in a directory of its own in each, and is removed at the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/load.h"

#define PLACES_MAX   4
#define MIB          ((int64_t)1 << 20)
#define CHUNK        ((size_t)1 << 16)
#define BLOCK        ((size_t)4096)
#define INODES_MAX   100000
#define NAMES_MAX    60000
#define NAME_LENGTH  250
#define VALUE_LENGTH 3900 /* nearly a block, which is the most that ext4 takes */

struct place {
	char path[PATH_MAX];
	int dir;
	bool full;
};

static struct place places[PLACES_MAX];
static int place_count;

static void empty(int dir)
{
	int copy = dup(dir);
	DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	if (!entries)
		return;
	rewinddir(entries);
	for (const struct dirent *entry; (entry = readdir(entries));)
		(void)unlinkat(dir, entry->d_name, 0);
	(void)closedir(entries);
}

static void leave_places(void)
{
	for (int i = 0; i < place_count; i++) {
		empty(places[i].dir);
		(void)rmdir(places[i].path);
	}
}

static bool enter_places(char *list)
{
	char *rest = list;
	for (char *path; place_count < PLACES_MAX && (path = strsep(&rest, ","));) {
		struct place *place = &places[place_count];
		(void)snprintf(place->path, sizeof(place->path), "%s/load-XXXXXX", path);
		if (!mkdtemp(place->path))
			return false;
		place->dir = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (place->dir < 0)
			return false;
		place_count++;
	}
	return place_count > 0;
}

static int create(const struct place *place, const char *name)
{
	return openat(place->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

/* Different bytes in each block: nothing may be saved by finding two that are alike. */
static const char *fresh_chunk(void)
{
	static char chunk[CHUNK];
	static uint64_t serial;
	for (size_t at = 0; at < CHUNK; at += BLOCK) {
		serial++;
		memcpy(chunk + at, &serial, sizeof(serial));
	}
	return chunk;
}

static int finish(const char *step, int64_t count, int64_t most, const char *fact, int code)
{
	load_say("\"%s\":%lld,\"step\":\"%s\",\"errno\":%d,\"at_ms\":%lld", fact, (long long)count, step, code,
		 (long long)load_since_ready_ms());
	leave_places();
	return count < most ? LOAD_REFUSED : load_through();
}

/* --- Bytes ----------------------------------------------------------------------------------------- */

/* Write a chunk; where only a part of it fits, what fits.  The bytes written, or -1 with errno. */
static ssize_t write_some(int fd, int64_t left)
{
	size_t size = left < (int64_t)CHUNK ? (size_t)left : CHUNK;
	ssize_t n = write(fd, fresh_chunk(), size);
	return n == 0 ? -1 : n;
}

static int run_fill(int argc, char **argv)
{
	int64_t most = load_argument(argv[2], LOAD_MEMORY_MAX_MB) * MIB, total = 0;
	int64_t hold_ms = argc > 3 ? load_argument(argv[3], LOAD_TIME_MAX_MS) : 0;
	int files[PLACES_MAX] = {0}, code = 0, full = 0;
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	for (int i = 0; i < place_count; i++)
		if ((files[i] = create(&places[i], "data")) < 0)
			return load_broken("open");
	load_ready();
	for (int at = 0; total < most && full < place_count; at = (at + 1) % place_count) {
		if (places[at].full)
			continue;
		ssize_t n = write_some(files[at], most - total);
		if (n > 0) {
			total += n;
			continue;
		}
		code = errno;
		places[at].full = true;
		full++;
	}
	load_reached("bytes", total);
	load_sleep_ms(hold_ms);
	return finish("write", total, most, "bytes", code);
}

static const struct load fill = {"fill",  "PLACES MIB [HOLD_MS]", "writes files in turn until none takes more", 2, 3,
				 run_fill};
LOAD(fill);

/* A file for each MiB; its name goes before its bytes come, and the descriptor stays. */
static int run_deleted(int argc, char **argv)
{
	(void)argc;
	int64_t most = load_argument(argv[2], LOAD_MEMORY_MAX_MB) * MIB, total = 0;
	int fd = -1, code = 0;
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	load_ready();
	for (int at = 0; total < most;) {
		if (fd < 0 || total % MIB == 0) {
			fd = create(&places[at], "data");
			if (fd >= 0)
				(void)unlinkat(places[at].dir, "data", 0);
			at = (at + 1) % place_count;
		}
		ssize_t n = fd < 0 ? -1 : write_some(fd, MIB - total % MIB);
		if (n < 0) {
			code = errno;
			break;
		}
		total += n;
	}
	return finish("write", total, most, "bytes", code);
}

static const struct load deleted = {"deleted", "PLACES MIB", "writes files that have no name any more", 2,
				    2,         run_deleted};
LOAD(deleted);

/* A file that seems to be sixteen times as large as what is written into it. */
static int run_holes(int argc, char **argv)
{
	enum { STRIDE = 16 };
	(void)argc;
	int64_t most = load_argument(argv[2], LOAD_MEMORY_MAX_MB) * MIB, total = 0;
	int code = 0;
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	int fd = create(&places[0], "data");
	if (fd < 0 || ftruncate(fd, most * STRIDE) < 0)
		return load_broken("ftruncate");
	load_ready();
	while (total < most) {
		ssize_t n = pwrite(fd, fresh_chunk(), BLOCK, total * STRIDE);
		if (n < 0) {
			code = errno;
			break;
		}
		total += n;
	}
	return finish("pwrite", total, most, "bytes", code);
}

static const struct load holes = {"holes", "PLACE MIB", "fills the holes of a sparse file", 2, 2, run_holes};
LOAD(holes);

/* keep: blocks beyond the end of a file that stays empty. */
static int run_fallocate(int argc, char **argv)
{
	bool keep = argc > 3 && strcmp(argv[3], "keep") == 0;
	int64_t most = load_argument(argv[2], LOAD_MEMORY_MAX_MB) * MIB, total = 0;
	int code = 0;
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	int fd = create(&places[0], "data");
	if (fd < 0)
		return load_broken("open");
	load_ready();
	while (total < most) {
		if (fallocate(fd, keep ? FALLOC_FL_KEEP_SIZE : 0, total, (off_t)CHUNK) < 0) {
			code = errno;
			break;
		}
		total += (int64_t)CHUNK;
	}
	return finish("fallocate", total, most, "bytes", code);
}

static const struct load fallocate_load = {"fallocate", "PLACE MIB [keep]", "reserves blocks", 2, 3, run_fallocate};
LOAD(fallocate_load);

static sigjmp_buf refused_page;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(refused_page, 1);
}

/* A page that cannot be had is no errno but SIGBUS. */
static int64_t touch_pages(char *memory, int64_t most)
{
	static volatile int64_t total;
	struct sigaction action = {.sa_handler = on_bus_error};
	(void)sigaction(SIGBUS, &action, NULL);
	total = 0;
	if (sigsetjmp(refused_page, 1) == 0)
		for (; total < most; total += (int64_t)BLOCK)
			memory[total] = 1;
	return total;
}

static int run_mapped(int argc, char **argv)
{
	(void)argc;
	int64_t most = load_argument(argv[2], LOAD_MEMORY_MAX_MB) * MIB;
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	int fd = create(&places[0], "data");
	if (fd < 0 || ftruncate(fd, most) < 0)
		return load_broken("ftruncate");
	char *memory = mmap(NULL, (size_t)most, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return load_broken("mmap");
	load_ready();
	int64_t total = touch_pages(memory, most);
	return finish("touch", total, most, "bytes", total < most ? ENOSPC : 0);
}

static const struct load mapped = {"mapped", "PLACE MIB", "writes through a mapping of a sparse file",
				   2,        2,           run_mapped};
LOAD(mapped);

/* --- What is not bytes ----------------------------------------------------------------------------- */

static int run_inodes(int argc, char **argv)
{
	(void)argc;
	int64_t most = load_argument(argv[2], INODES_MAX), made = 0;
	int code = 0, full = 0;
	char name[32];
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	load_ready();
	for (int at = 0; made < most && full < place_count; at = (at + 1) % place_count) {
		if (places[at].full)
			continue;
		(void)snprintf(name, sizeof(name), "%lld", (long long)made);
		int fd = create(&places[at], name);
		if (fd >= 0) {
			(void)close(fd);
			made++;
			continue;
		}
		code = errno;
		places[at].full = true;
		full++;
	}
	return finish("create", made, most, "inodes", code);
}

static const struct load inodes = {"inodes", "PLACES MOST", "creates empty files", 2, 2, run_inodes};
LOAD(inodes);

/* Names cost blocks of the directory, and no inode. */
static int run_names(int argc, char **argv)
{
	(void)argc;
	int64_t most = load_argument(argv[2], NAMES_MAX), made = 0;
	int code = 0;
	char name[NAME_LENGTH + 1];
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	int fd = create(&places[0], "data");
	if (fd < 0)
		return load_broken("open");
	load_ready();
	for (; made < most; made++) {
		(void)snprintf(name, sizeof(name), "%0*lld", NAME_LENGTH, (long long)made);
		if (linkat(places[0].dir, "data", places[0].dir, name, 0) < 0) {
			code = errno;
			break;
		}
	}
	return finish("link", made, most, "names", code);
}

static const struct load names = {"names", "PLACE MOST", "gives one file many long names", 2, 2, run_names};
LOAD(names);

/* Each value is another: equal ones are stored once. */
static int run_attributes(int argc, char **argv)
{
	static char value[VALUE_LENGTH];
	(void)argc;
	int64_t most = load_argument(argv[2], LOAD_MEMORY_MAX_MB) * MIB, total = 0;
	int code = 0;
	char name[32];
	if (!enter_places(argv[1]))
		return load_broken("mkdir");
	load_ready();
	for (int64_t made = 0; total < most; made++, total += VALUE_LENGTH) {
		(void)snprintf(name, sizeof(name), "%lld", (long long)made);
		(void)snprintf(value, sizeof(value), "%lld", (long long)made);
		int fd = create(&places[0], name);
		int r = fd < 0 ? -1 : fsetxattr(fd, "user.load", value, sizeof(value), 0);
		code = r < 0 ? errno : 0;
		if (fd >= 0)
			(void)close(fd);
		if (r < 0)
			break;
	}
	return finish("setxattr", total, most, "bytes", code);
}

static const struct load attributes = {"attributes",  "PLACE MIB", "hangs extended attributes on files", 2, 2,
				       run_attributes};
LOAD(attributes);
