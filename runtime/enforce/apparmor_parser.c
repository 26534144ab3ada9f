/* SPDX-License-Identifier: Apache-2.0 */
/* apparmor_parser(8), which reads a profile from its standard input. */
#include "enforce/apparmor.h"
#include "enforce/apparmor_parser.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define PARSER "/usr/sbin/apparmor_parser"
/* Features of a kernel to compile for where there is none to ask; part of the same package. */
#define FEATURES "/etc/apparmor.d/abi/3.0"

/* Words of the parser's that an error can hold: the last lines, where it says what it was. */
static void say_output(int fd, struct error *err)
{
	char text[200] = "";
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = size > (off_t)sizeof(text) - 1 ? size - ((off_t)sizeof(text) - 1) : 0;
	ssize_t n = pread(fd, text, sizeof(text) - 1, from);

	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	while (n > 0 && text[n - 1] == ' ')
		text[--n] = '\0';
	(void)error_say(err, EINVAL, "apparmor_parser: %s", n > 0 ? text : "failed and said nothing");
}

static int memory_file(const char *name, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "memory file");
	int r = io_write_all(fd, text, strlen(text));
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, r < 0 ? -r : errno, "memory file");
	return TAKE_FD(fd);
}

static int spawn_parser(char *const argv[], int input, int output, pid_t *pid)
{
	/* A name in its environment could lead it to other files. */
	char *const environment[] = {(char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, (char[]){"LC_ALL=C"}, NULL};
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	if (r == 0)
		r = posix_spawn(pid, PARSER, &actions, NULL, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int run_parser(char *const argv[], const char *text, struct error *err)
{
	int status = 0;
	pid_t pid = 0;

	_cleanup_fd_ int input = memory_file("profile", text, err);
	if (input < 0)
		return input;
	_cleanup_fd_ int output = memory_file("output", "", err);
	if (output < 0)
		return output;
	int r = spawn_parser(argv, input, output, &pid);
	if (r == -ENOENT) {
		(void)error_set(err, ENOENT, "%s", PARSER);
		(void)error_hint(err, "install it: package apparmor");
		return r;
	}
	if (r < 0)
		return error_set(err, -r, "%s", PARSER);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "%s", PARSER);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	say_output(output, err);
	return -EINVAL;
}

int apparmor_parser_load(const char *text, struct error *err)
{
	/* Replace, and neither read nor write a cache: what is loaded is this text. */
	char *const argv[] = {(char[]){PARSER}, (char[]){"--replace"}, (char[]){"--skip-cache"}, NULL};

	return run_parser(argv, text, err);
}

int apparmor_lint(const char *text, struct error *err)
{
	char features[] = "--features-file=" FEATURES;
	char *const argv[] = {(char[]){PARSER}, (char[]){"--skip-kernel-load"}, (char[]){"--skip-cache"},
			      apparmor_enabled() ? NULL : features, NULL};

	return run_parser(argv, text, err);
}
