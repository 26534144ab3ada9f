/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/members.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"

#define COMMAND_LINE_MAX 4096
#define AGAIN_MS         5

static bool is_listed(const struct members *members, const char *word)
{
	for (size_t i = 0; i < members->count; i++)
		if (strcmp(members->words[i], word) == 0)
			return true;
	return false;
}

/* A zombie has no command line any more. */
static bool has_word(const struct members *members, int proc, const char *pid)
{
	char path[32], text[COMMAND_LINE_MAX];
	(void)snprintf(path, sizeof(path), "%.16s/cmdline", pid);
	_cleanup_fd_ int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : io_read_all(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return false;
	text[length] = '\0';
	for (const char *word = text; word < text + length; word += strlen(word) + 1)
		if (is_listed(members, word))
			return true;
	return false;
}

static bool is_dead(int proc, const char *pid)
{
	char path[32];
	_cleanup_free_ char *text = NULL;
	(void)snprintf(path, sizeof(path), "%.16s/stat", pid);
	if (io_read_file(proc, path, 4096, &text, NULL) < 0)
		return true;
	const char *state = strrchr(text, ')');
	return !state || state[1] != ' ' || state[2] == 'Z' || state[2] == 'X';
}

static bool in_namespace(const struct members *members, int proc, const char *pid)
{
	char path[32], link[64];
	if (!members->namespaces || json_object_size(members->namespaces) == 0)
		return false;
	(void)snprintf(path, sizeof(path), "%.16s/ns/pid", pid);
	ssize_t length = readlinkat(proc, path, link, sizeof(link) - 1);
	if (length <= 0)
		return false;
	link[length] = '\0';
	return json_object_get(members->namespaces, link) && !is_dead(proc, pid);
}

void members_visit(const struct members *members, member_function *function, void *data)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		const char *pid = entry->d_name;
		if (!isdigit((unsigned char)pid[0]) || (pid_t)atoi(pid) == getpid())
			continue;
		if (has_word(members, dirfd(dir), pid) || in_namespace(members, dirfd(dir), pid))
			function(dirfd(dir), pid, data);
	}
}

static void count_one(int proc, const char *pid, void *data)
{
	unsigned *count = data;
	(void)proc;
	(void)pid;
	(*count)++;
}

unsigned members_count(const struct members *members)
{
	unsigned count = 0;
	members_visit(members, count_one, &count);
	return count;
}

struct inside {
	const struct members *members;
	bool any;
};

static void look_inside(int proc, const char *pid, void *data)
{
	struct inside *inside = data;
	inside->any |= json_object_size(inside->members->namespaces) == 0 || in_namespace(inside->members, proc, pid);
}

bool members_any_inside(const struct members *members)
{
	const struct members bearers = {members->words, members->count, NULL};
	struct inside inside = {members, false};
	members_visit(&bearers, look_inside, &inside);
	return inside.any;
}

static void end_one(int proc, const char *pid, void *data)
{
	unsigned *count = data;
	(void)proc;
	(*count)++;
	(void)kill((pid_t)atoi(pid), SIGKILL);
}

unsigned members_kill(const struct members *members, int wait_ms)
{
	for (int waited = 0;; waited += AGAIN_MS) {
		unsigned count = 0;
		members_visit(members, end_one, &count);
		if (count == 0 || waited >= wait_ms)
			return count;
		(void)poll(NULL, 0, AGAIN_MS);
	}
}
