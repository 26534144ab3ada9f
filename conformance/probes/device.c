/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes: which are there, what they are, and whether they work. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probes/probe.h"

#define DEPTH_MAX 4

struct listing {
	char text[1000]; /* what a fact can hold */
	size_t used;
	int count;
	bool truncated;
};

static void listing_add(struct listing *listing, const char *path, mode_t mode)
{
	char word[PATH_MAX];
	int length = snprintf(word, sizeof(word), "%s%c:%s", listing->used ? " " : "", S_ISBLK(mode) ? 'b' : 'c', path);
	listing->count++;
	if (listing->used + (size_t)length >= sizeof(listing->text)) {
		listing->truncated = true;
		return;
	}
	memcpy(listing->text + listing->used, word, (size_t)length + 1);
	listing->used += (size_t)length;
}

/* Links are not followed: /dev/fd leads into /proc. */
static void list_nodes(const char *path, const char *shown, int depth, struct listing *listing)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	if (!dir)
		return;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char full[PATH_MAX], name[PATH_MAX];
		struct stat st;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(full, sizeof(full), "%s/%s", path, entry->d_name) >= (int)sizeof(full) ||
		    snprintf(name, sizeof(name), "%s%s%s", shown, *shown ? "/" : "", entry->d_name) >=
			    (int)sizeof(name) ||
		    lstat(full, &st) < 0)
			continue;
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			listing_add(listing, name, st.st_mode);
		else if (S_ISDIR(st.st_mode))
			list_nodes(full, name, depth + 1, listing);
	}
	(void)closedir(dir);
}

static int run_list(int argc, char **argv, struct facts *facts)
{
	struct listing listing = {.used = 0};
	if (argc != 2)
		return 1;
	list_nodes(argv[1], "", 0, &listing);
	fact_text(facts, "nodes", listing.text);
	fact_number(facts, "count", listing.count);
	fact_flag(facts, "truncated", listing.truncated);
	return 0;
}

static const struct probe device_list = {"device-list", "DIR", "the device nodes below DIR, as b:NAME or c:NAME",
					 run_list};
PROBE(device_list);

static int run_node(int argc, char **argv, struct facts *facts)
{
	char text[64] = "absent";
	struct stat st;
	if (argc != 2)
		return 1;
	int r = stat(argv[1], &st);
	if (r == 0)
		(void)snprintf(text, sizeof(text), S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? "%c %u:%u" : "%c",
			       S_ISCHR(st.st_mode)   ? 'c'
			       : S_ISBLK(st.st_mode) ? 'b'
			       : S_ISDIR(st.st_mode) ? 'd'
						     : '-',
			       major(st.st_rdev), minor(st.st_rdev));
	fact_text(facts, "node", text);
	fact_result(facts, r);
	return 0;
}

static const struct probe device_node = {"device-node", "PATH", "type and number: \"c 1:3\", \"d\", \"absent\"",
					 run_node};
PROBE(device_node);

/* "content" sums a read up: nothing, zeros, or data. */
static int run_read(int argc, char **argv, struct facts *facts)
{
	unsigned char bytes[64] = {0};
	if (argc != 2)
		return 1;
	int fd = open(argv[1], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	fact_result(facts, got);
	bool zeros = true;
	for (ssize_t i = 0; i < got; i++)
		zeros = zeros && bytes[i] == 0;
	fact_text(facts, "content", got < 0 ? "error" : got == 0 ? "nothing" : zeros ? "zeros" : "data");
	return 0;
}

static const struct probe device_read = {"device-read", "PATH", "reads 64 bytes", run_read};
PROBE(device_read);

static int run_write(int argc, char **argv, struct facts *facts)
{
	if (argc != 2)
		return 1;
	int fd = open(argv[1], O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t put = fd < 0 ? -1 : write(fd, "agentcore", 9);
	int code = put < 0 ? errno : 0;
	fact_result(facts, put);
	fact_text(facts, "wrote", put == 9 ? "all" : put >= 0 ? "part" : code == ENOSPC ? "ENOSPC" : "error");
	return 0;
}

static const struct probe device_write = {"device-write", "PATH", "writes 9 bytes; for null, zero and full only",
					  run_write};
PROBE(device_write);

/* A pair of our own: what is written to the terminal comes out of its master. */
static int run_pty(int argc, char **argv, struct facts *facts)
{
	(void)argv;
	char name[PATH_MAX], back[8] = "";
	if (argc != 1)
		return 1;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof(name)) != 0) {
		fact_text(facts, "step", "master");
		fact_result(facts, -1);
		return 0;
	}
	fact_text(facts, "step", "terminal");
	int terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	long r = terminal < 0 || write(terminal, "ok", 2) != 2 ? -1 : read(master, back, 2);
	fact_result(facts, r);
	fact_text(facts, "echo", back);
	return 0;
}

static const struct probe device_pty = {"device-pty", "", "makes a pseudoterminal and passes two bytes through it",
					run_pty};
PROBE(device_pty);

/* The node is removed at once; a node of a disk is never opened. */
static int run_mknod(int argc, char **argv, struct facts *facts)
{
	char path[PATH_MAX];
	if (argc != 5 || (argv[2][0] != 'c' && argv[2][0] != 'b'))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/.agentcore-node-%d", argv[1], (int)getpid());
	mode_t type = argv[2][0] == 'b' ? S_IFBLK : S_IFCHR;
	int r = mknod(path, type | 0600, makedev((unsigned)atoi(argv[3]), (unsigned)atoi(argv[4])));
	fact_result(facts, r);
	(void)unlink(path);
	return 0;
}

static const struct probe device_mknod = {"device-mknod", "DIR c|b MAJOR MINOR", "makes a device node and removes it",
					  run_mknod};
PROBE(device_mknod);
