/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a program under test: descriptors, signals and lifetime as every adapter wants them. */
#ifndef ADAPTERS_SPAWN_H
#define ADAPTERS_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "harness/adapter.h"

struct spawn {
	char *const *argv; /* argv[0] is a path: PATH is not searched */
	char *const *envp; /* NULL: the caller's environment */
	int stdin_fd, stdout_fd, stderr_fd;
	uint64_t namespaces; /* CLONE_NEW* for the child, clone(2); 0: none */
	pid_t network_of; /* whose network namespace the child enters; 0: nobody's */
	/*
	 * Runs in the child, all descriptors but 0, 1, 2 and the error pipe closed, before exec; NULL: nothing.
	 * Returning 0 goes on to exec; a negative errno with err set makes spawn_start fail with it.
	 */
	int (*prepare)(void *data, struct error *err);
	void *data;
};

/* The error pipe in the child: the first number after the standard ones, close-on-exec.  A prepare that forks must
 * close it on the side that does not exec. */
#define SPAWN_ERROR_FD 3

/*
 * Start the program in a session of its own; it gets SIGKILL when the caller dies.  Returns once exec has
 * happened: 0 with *pid, or the negative errno of whatever failed in the child, which is then reaped.
 */
int spawn_start(const struct spawn *spawn, pid_t *pid, struct error *err);

/*
 * Run a program to its end, its output and errors caught (at most size - 1 bytes, NUL-terminated, the rest is dropped).
 * After timeout_ms it is killed: -ETIMEDOUT.  0 with the wait status in *status.
 */
int spawn_capture(char *const *argv, int timeout_ms, char *output, size_t size, int *status, struct error *err);

/* The same for any spawn, whose standard descriptors are set here. */
int spawn_capture_of(const struct spawn *spawn, int timeout_ms, char *output, size_t size, int *status,
		     struct error *err);

/*
 * Run a program to its end with the descriptors that the spawn gives, and wait at most timeout_ms: then it is killed, -ETIMEDOUT.
 * Descendants may live on with the descriptors.  0 with the wait status in *status.
 */
int spawn_wait(const struct spawn *spawn, int timeout_ms, int *status, struct error *err);

/* The environment that every command inside a sandbox starts with; NULL-terminated. */
extern char *const spawn_inside_environment[];

/* Where tools_dir is seen inside. */
#define SPAWN_TOOLS_INSIDE "/opt/conformance"

/*
 * A fresh argv: the count words of prefix, then the launch's command with command[0] made
 * TOOLS/command[0].  NULL when memory ran out.  Release with spawn_free_argv.
 */
char **spawn_build_argv(const char *const *prefix, size_t count, const char *tools, char *const *command);
void spawn_free_argv(char **argv);

#endif
