/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/hostpid.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"

#define COMMAND_LINE_MAX 4096
#define SERVE            "serve"

/*
 * The verb is the second word and the token the last, and of `serve` there is none between: the runtime's own command line holds the same words among others, and so does the
 * moment between its fork and its exec.
 */
static bool is_probe(int proc, const char *pid, const char *verb, const char *token)
{
	char path[32], text[COMMAND_LINE_MAX];
	(void)snprintf(path, sizeof(path), "%.16s/cmdline", pid);
	_cleanup_fd_ int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : io_read_all(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return false;
	text[length] = '\0';

	const char *word = text + strlen(text) + 1, *last = text + length - strlen(token) - 1;
	if (word + strlen(verb) + 1 > last || strcmp(word, verb) != 0 || strcmp(last, token) != 0 || last[-1] != '\0')
		return false;
	return strcmp(verb, SERVE) != 0 || last == word + strlen(verb) + 1;
}

/* Field 22 of /proc/PID/stat; the command in field 2 may hold anything but ends at the last parenthesis. */
static unsigned long long start_time(int proc, const char *pid)
{
	char path[32];
	_cleanup_free_ char *text = NULL;
	(void)snprintf(path, sizeof(path), "%.16s/stat", pid);
	if (io_read_file(proc, path, 4096, &text, NULL) < 0)
		return 0;
	const char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

typedef void visit_function(int proc, const char *pid, void *data);

static void visit(const char *verb, const char *token, visit_function *function, void *data)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && is_probe(dirfd(dir), entry->d_name, verb, token))
			function(dirfd(dir), entry->d_name, data);
}

struct oldest {
	pid_t pid;
	unsigned long long start;
};

/* The serving probe is older than every child that it forks. */
static void take_older(int proc, const char *pid, void *data)
{
	struct oldest *oldest = data;
	unsigned long long start = start_time(proc, pid);
	pid_t number = (pid_t)atoi(pid);
	if (start == 0)
		return;
	if (oldest->pid == 0 || start < oldest->start || (start == oldest->start && number < oldest->pid))
		*oldest = (struct oldest){number, start};
}

static void end(int proc, const char *pid, void *data)
{
	unsigned *count = data;
	(void)proc;
	if (kill((pid_t)atoi(pid), SIGKILL) == 0)
		(*count)++;
}

static pid_t find(const char *verb, const char *token)
{
	struct oldest oldest = {0, 0};
	visit(verb, token, take_older, &oldest);
	return oldest.pid;
}

pid_t hostpid_find(const char *token)
{
	return find(SERVE, token);
}

pid_t hostpid_find_load(const char *token)
{
	return find("load", token);
}

unsigned hostpid_kill(const char *token)
{
	unsigned count = 0;
	visit(SERVE, token, end, &count);
	return count;
}
