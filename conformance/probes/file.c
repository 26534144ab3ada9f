/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, reading and executing files by path.  Paths may begin with "{tools}". */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/probe.h"
#include "probes/tools_dir.h"

/* Devices and fifos must neither block nor become the controlling terminal. */
#define HARMLESS_FLAGS (O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static const struct {
	const char *name;
	int flags;
} open_modes[] = {
	{"r", O_RDONLY},
	{"w", O_WRONLY},
	{"rw", O_RDWR},
	{"path", O_PATH},
};

static int run_open(int argc, char **argv, struct facts *facts)
{
	char path[PATH_MAX];
	if (argc != 3 || tools_dir_expand(argv[1], path, sizeof(path)) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		if (strcmp(argv[2], open_modes[i].name) != 0)
			continue;
		fact_result(facts, open(path, open_modes[i].flags | HARMLESS_FLAGS));
		return 0;
	}
	return 1;
}

static const struct probe file_open = {"file-open", "PATH r|w|rw|path", "opens and closes, moves no byte", run_open};
PROBE(file_open);

static int run_exists(int argc, char **argv, struct facts *facts)
{
	char path[PATH_MAX];
	struct stat st;
	if (argc != 2 || tools_dir_expand(argv[1], path, sizeof(path)) < 0)
		return 1;
	fact_result(facts, stat(path, &st));
	return 0;
}

static const struct probe file_exists = {"file-exists", "PATH", "stat(2), links followed", run_exists};
PROBE(file_exists);

static int count_entries(int fd)
{
	DIR *dir = fdopendir(fd);
	if (!dir)
		return -1;
	int count = 0;
	errno = 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count++;
	return errno ? -1 : count;
}

/* "yields" says in one word what a reader gets: absent, refused, nothing, bytes or entries. */
static int run_read(int argc, char **argv, struct facts *facts)
{
	char path[PATH_MAX], bytes[4096];
	struct stat st;
	if (argc != 2 || tools_dir_expand(argv[1], path, sizeof(path)) < 0)
		return 1;

	int fd = open(path, O_RDONLY | HARMLESS_FLAGS);
	if (fd < 0 || fstat(fd, &st) < 0) {
		fact_text(facts, "yields", errno == ENOENT || errno == ENOTDIR ? "absent" : "refused");
		fact_result(facts, -1);
		return 0;
	}
	bool directory = S_ISDIR(st.st_mode);
	ssize_t got = directory ? count_entries(fd) : read(fd, bytes, sizeof(bytes));
	fact_result(facts, got);
	fact_text(facts, "yields", got < 0 ? "refused" : got == 0 ? "nothing" : directory ? "entries" : "bytes");
	return 0;
}

static const struct probe file_read = {"file-read", "PATH", "what reading a file or listing a directory yields",
				       run_read};
PROBE(file_read);

/* Leaves the file: the host looks for it afterwards.  Only for sessions whose root is the sandbox's own. */
static int run_leave(int argc, char **argv, struct facts *facts)
{
	if (argc != 2)
		return 1;
	fact_result(facts, open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	return 0;
}

static const struct probe file_leave = {"file-leave", "PATH", "creates an empty file and leaves it", run_leave};
PROBE(file_leave);

static int copy_self(const char *path)
{
	struct stat st;
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return -1;
	for (off_t at = 0; at < st.st_size;)
		if (sendfile(out, in, &at, (size_t)(st.st_size - at)) <= 0)
			return -1;
	/* An open writer would make execve fail with ETXTBSY. */
	return close(out);
}

/* execve's errno comes back through a pipe that a successful execve closes. */
static int run_copy(const char *path)
{
	int report[2], code = 0, status;
	if (pipe2(report, O_CLOEXEC) < 0)
		return -1;
	pid_t child = fork();
	if (child < 0)
		return -1;
	if (child == 0) {
		char *const argv[] = {(char[]){"probe"}, (char[]){"noop"}, NULL};
		(void)close(STDOUT_FILENO); /* where its answer would go */
		(void)execv(path, argv);
		code = errno;
		_exit(write(report[1], &code, sizeof(code)) == sizeof(code) ? 1 : 2);
	}
	(void)close(report[1]);
	bool failed = read(report[0], &code, sizeof(code)) == sizeof(code);
	(void)waitpid(child, &status, 0);
	if (!failed)
		return 0;
	errno = code;
	return -1;
}

static int run_execute(int argc, char **argv, struct facts *facts)
{
	char path[PATH_MAX];
	if (argc != 2)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/.agentcore-exec-%d", argv[1], (int)getpid());
	int copied = copy_self(path);
	fact_flag(facts, "copied", copied == 0);
	fact_result(facts, copied < 0 ? -1 : run_copy(path));
	(void)unlink(path);
	return 0;
}

static const struct probe file_execute = {"file-execute", "DIR", "copies the probe into DIR and runs the copy",
					  run_execute};
PROBE(file_execute);
