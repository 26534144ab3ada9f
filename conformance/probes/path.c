/* SPDX-License-Identifier: Apache-2.0 */
/* Where the process stands, and whether it can climb out. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/probe.h"

/*
 * The kernel writes "(unreachable)" before the path of a directory that lies outside the root: getcwd(2).
 * "leave" makes the control: a process that changed its root and stayed outside.
 */
static int run_cwd(int argc, char **argv, struct facts *facts)
{
	char path[PATH_MAX] = "";
	struct stat by_dot, by_path;
	if (argc == 2 && strcmp(argv[1], "leave") == 0)
		(void)!(chdir("/") == 0 && chroot("/usr") == 0);
	else if (argc != 1)
		return 1;
	/* Not the library's getcwd: it turns an unreachable path into ENOENT. */
	long r = syscall(SYS_getcwd, path, sizeof(path));
	bool inside = path[0] == '/' && stat(".", &by_dot) == 0 && stat(path, &by_path) == 0 &&
		      by_dot.st_dev == by_path.st_dev && by_dot.st_ino == by_path.st_ino;
	fact_result(facts, r);
	fact_text(facts, "cwd", path);
	fact_text(facts, "place", inside ? "inside" : "outside");
	return 0;
}

static const struct probe path_cwd = {"path-cwd", "[leave]",
				      "whether the working directory can be reached from the root", run_cwd};
PROBE(path_cwd);

/* The classic: a handle names an inode of the file system, whatever the mount shows of it. */
static int run_handle(int argc, char **argv, struct facts *facts)
{
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	int mount_id;
	if (argc != 2)
		return 1;

	int mount = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount < 0 || name_to_handle_at(AT_FDCWD, argv[1], &handle.head, &mount_id, 0) < 0) {
		fact_text(facts, "step", mount < 0 ? "open" : "name_to_handle_at");
		fact_result(facts, -1);
		return 0;
	}
	fact_text(facts, "step", "open_by_handle_at");
	fact_result(facts, open_by_handle_at(mount, &handle.head, O_RDONLY | O_CLOEXEC));
	return 0;
}

static const struct probe path_handle = {"path-handle", "DIR", "opens DIR by its file handle", run_handle};
PROBE(path_handle);

static int run_setuid_bit(int argc, char **argv, struct facts *facts)
{
	char path[] = "/tmp/.agentcore-mode-XXXXXX";
	struct stat st = {0};
	if (argc != 2)
		return 1;
	mode_t mode = (mode_t)strtoul(argv[1], NULL, 8);
	int fd = mkstemp(path);
	int r = fd < 0 ? -1 : fchmod(fd, mode);
	fact_result(facts, r);
	fact_text(facts, "mode_kept",
		  fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID)) ? "yes" : "no");
	(void)unlink(path);
	return 0;
}

static const struct probe path_mode = {"path-mode", "OCTAL", "gives a file of its own in /tmp that mode",
				       run_setuid_bit};
PROBE(path_mode);
