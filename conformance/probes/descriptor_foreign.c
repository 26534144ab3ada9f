/* SPDX-License-Identifier: Apache-2.0 */
/* What can be reached through other processes' entries in /proc. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/probe.h"

/* -1 where it cannot be read. */
static int parent_of(int pid)
{
	char path[64], text[512];
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		(void)close(fd);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	/* The command's name may hold anything, a parenthesis too. */
	const char *after = strrchr(text, ')');
	int parent = -1;
	return after && sscanf(after, ") %*c %d", &parent) == 1 ? parent : -1;
}

/* The command under test, this probe, and whatever else the command started for us. */
static bool is_ours(int pid)
{
	return pid == getpid() || pid == getppid() || parent_of(pid) == getppid();
}

/* A process of our own that is foreign to is_ours: running argv0's copy where there is one, else just waiting. */
static pid_t spawn(const char *copy, int *hold)
{
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		char *const argv[] = {(char[]){"probe"}, (char[]){"serve"}, (char[]){"child"}, NULL};
		(void)dup2(pipes[0], STDIN_FILENO);
		(void)close(pipes[1]);
		if (copy)
			(void)execv(copy, argv);
		char byte;
		_exit(read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1);
	}
	(void)close(pipes[0]);
	*hold = pipes[1];
	return child;
}

static void spawn_end(pid_t child, int hold)
{
	(void)close(hold);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
}

typedef void visit_function(int pid, void *data);

static int each_foreign(visit_function *visit, void *data)
{
	DIR *dir = opendir("/proc");
	if (!dir)
		return -1;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		int pid = atoi(entry->d_name);
		if (pid > 0 && !is_ours(pid))
			visit(pid, data);
	}
	return closedir(dir);
}

static void count_readable(int pid, void *data)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return;
	bool any = false;
	for (const struct dirent *entry; (entry = readdir(dir));)
		any = any || entry->d_name[0] != '.';
	(void)closedir(dir);
	*(int *)data += any;
}

static int run_foreign(int argc, char **argv, struct facts *facts)
{
	bool control = argc == 2 && strcmp(argv[1], "spawn") == 0;
	int hold = -1, readable = 0;
	if (argc != 1 && !control)
		return 1;
	pid_t child = control ? spawn(NULL, &hold) : -1;
	fact_result(facts, each_foreign(count_readable, &readable));
	fact_text(facts, "readable", readable ? "some" : "none");
	fact_number(facts, "processes", readable);
	if (control)
		spawn_end(child, hold);
	return 0;
}

static const struct probe descriptor_foreign = {
	"descriptor-foreign", "[spawn]", "processes not the command's whose descriptors can be listed", run_foreign};
PROBE(descriptor_foreign);

/*
 * A running program cannot be opened for writing (ETXTBSY), so the attack keeps a descriptor of it and
 * writes once the process is gone.  ETXTBSY is therefore as bad as a success.
 */
static void try_write(int pid, void *data)
{
	bool *writable = data;
	char path[64];
	struct stat exe, own;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	int keep = open(path, O_PATH | O_CLOEXEC);
	if (keep < 0)
		return;
	if (fstat(keep, &exe) == 0 && stat("/proc/self/exe", &own) == 0 &&
	    (exe.st_dev != own.st_dev || exe.st_ino != own.st_ino)) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", keep);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		*writable = *writable || fd >= 0 || errno == ETXTBSY;
		if (fd >= 0)
			(void)close(fd);
	}
	(void)close(keep);
}

static int copy_self(char *path)
{
	struct stat st;
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = mkostemp(path, O_CLOEXEC);
	if (in < 0 || out < 0 || fstat(in, &st) < 0 || fchmod(out, 0700) < 0)
		return -1;
	for (off_t at = 0; at < st.st_size;)
		if (sendfile(out, in, &at, (size_t)(st.st_size - at)) <= 0)
			return -1;
	(void)close(in);
	return close(out);
}

static int run_exe(int argc, char **argv, struct facts *facts)
{
	bool control = argc == 2 && strcmp(argv[1], "spawn") == 0, writable = false;
	char copy[] = "/tmp/.agentcore-exe-XXXXXX";
	int hold = -1;
	if (argc != 1 && !control)
		return 1;
	pid_t child = control && copy_self(copy) == 0 ? spawn(copy, &hold) : -1;
	fact_result(facts, each_foreign(try_write, &writable));
	fact_text(facts, "writable", writable ? "some" : "none");
	if (control) {
		spawn_end(child, hold);
		(void)unlink(copy);
	}
	return 0;
}

static const struct probe descriptor_exe = {
	"descriptor-exe", "[spawn]", "other processes' programs that open for writing, now or when idle", run_exe};
PROBE(descriptor_exe);
