/* SPDX-License-Identifier: Apache-2.0 */
/* The roads to a setuid or setgid file: a file of the probe's own in a directory of its own, removed at the end. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/facts.h"
#include "probes/probe.h"
#include "probes/syscall_raw.h"

struct place {
	char directory[64], file[96];
	int fd; /* of the file, where the road starts from an existing one */
	uint64_t mode;
};

#define POINTER(p) ((uint64_t)(uintptr_t)(p))
#define HERE       ((uint64_t)(int64_t)AT_FDCWD)

static long call(long number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	const uint64_t args[6] = {a0, a1, a2, a3};
	return syscall_libc_style(syscall_raw((uint64_t)number, args));
}

static long by_chmod(struct place *p)
{
	return call(SYS_chmod, POINTER(p->file), p->mode, 0, 0);
}

static long by_fchmod(struct place *p)
{
	return call(SYS_fchmod, (uint64_t)p->fd, p->mode, 0, 0);
}

static long by_fchmodat(struct place *p)
{
	return call(SYS_fchmodat, HERE, POINTER(p->file), p->mode, 0);
}

static long by_fchmodat2(struct place *p)
{
	return call(452, HERE, POINTER(p->file), p->mode, 0);
}

static long by_open(struct place *p)
{
	return call(SYS_open, POINTER(p->file), O_CREAT | O_EXCL | O_WRONLY, p->mode, 0);
}

static long by_openat(struct place *p)
{
	return call(SYS_openat, HERE, POINTER(p->file), O_CREAT | O_EXCL | O_WRONLY, p->mode);
}

static long by_creat(struct place *p)
{
	return call(SYS_creat, POINTER(p->file), p->mode, 0, 0);
}

static long by_mknod(struct place *p)
{
	return call(SYS_mknod, POINTER(p->file), S_IFREG | p->mode, 0, 0);
}

static long by_mknodat(struct place *p)
{
	return call(SYS_mknodat, HERE, POINTER(p->file), S_IFREG | p->mode, 0);
}

static long by_openat2(struct place *p)
{
	const struct open_how how = {.flags = O_CREAT | O_EXCL | O_WRONLY, .mode = p->mode & 07777};
	return call(SYS_openat2, HERE, POINTER(p->file), POINTER(&how), sizeof(how));
}

/* A file without a name takes its mode from the same argument, with no O_CREAT; linkat(2) could give it a name later. */
static long keep_unnamed(struct place *p, long fd)
{
	p->fd = (int)fd;
	return fd;
}

static long by_open_tmpfile(struct place *p)
{
	return keep_unnamed(p, call(SYS_open, POINTER(p->directory), O_TMPFILE | O_WRONLY, p->mode, 0));
}

static long by_openat_tmpfile(struct place *p)
{
	return keep_unnamed(p, call(SYS_openat, HERE, POINTER(p->directory), O_TMPFILE | O_WRONLY, p->mode));
}

static const struct road {
	const char *name;
	bool existing; /* starts from a file that is there */
	long (*take)(struct place *place);
} roads[] = {
	{"chmod", true, by_chmod},
	{"fchmod", true, by_fchmod},
	{"fchmodat", true, by_fchmodat},
	{"fchmodat2", true, by_fchmodat2},
	{"open", false, by_open},
	{"openat", false, by_openat},
	{"creat", false, by_creat},
	{"mknod", false, by_mknod},
	{"mknodat", false, by_mknodat},
	{"openat2", false, by_openat2},
	{"open-tmpfile", false, by_open_tmpfile},
	{"openat-tmpfile", false, by_openat_tmpfile},
};

static void report_file(const struct place *place, struct facts *facts)
{
	struct stat status = {0};
	if (stat(place->file, &status) != 0 && (place->fd < 0 || fstat(place->fd, &status) != 0))
		status.st_mode = 0;
	fact_number(facts, "mode", status.st_mode & 07777);
	fact_flag(facts, "special", (status.st_mode & (S_ISUID | S_ISGID)) != 0);
}

static int run_mode(int argc, char **argv, struct facts *facts)
{
	struct place place = {.directory = "/tmp/probe-mode-XXXXXX", .fd = -1};
	const struct road *road = NULL;
	for (size_t i = 0; argc == 3 && i < sizeof(roads) / sizeof(roads[0]); i++)
		if (strcmp(roads[i].name, argv[1]) == 0)
			road = &roads[i];
	if (!road || !syscall_parse_number(argv[2], &place.mode))
		return 1;
	(void)umask(0);
	bool ready = mkdtemp(place.directory) != NULL;
	(void)snprintf(place.file, sizeof(place.file), "%s/file", place.directory);
	if (ready && road->existing) {
		place.fd = open(place.file, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		ready = place.fd >= 0;
	}
	fact_flag(facts, "ready", ready);
	if (ready) {
		fact_result(facts, road->take(&place));
		report_file(&place, facts);
	}
	(void)unlink(place.file);
	(void)rmdir(place.directory);
	return 0;
}

static const struct probe mode = {"setuid-mode", "ROAD MODE",
				  "give a file of its own under /tmp this mode (chmod, open, mknod, ...), raw",
				  run_mode};
PROBE(mode);
