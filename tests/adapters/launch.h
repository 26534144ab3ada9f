/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a shell command through an adapter and catching what it prints.  The host's /usr/bin serves as tools. */
#ifndef TESTS_ADAPTERS_LAUNCH_H
#define TESTS_ADAPTERS_LAUNCH_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "harness/adapter.h"

struct launched {
	int result; /* of adapter->start */
	int status; /* wait status */
	char output[16384]; /* standard output and errors */
	struct error err;
};

/* Run script with sh as the given kind; the adapter is finished with when it returns. */
static inline void launch_script(struct adapter *adapter, enum session_kind kind, const struct policy *policy,
				 const char *script, struct launched *launched)
{
	*launched = (struct launched){0};
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char *command[] = {strdup("sh"), strdup("-c"), strdup(script), NULL};
	struct adapter_launch launch = {
		.kind = kind,
		.policy = policy,
		.policy_file = "policy.json",
		.tools_dir = "/usr/bin",
		.command = command,
		.stdin_fd = null,
		.stdout_fd = ends[1],
		.stderr_fd = ends[1],
	};
	pid_t pid;
	launched->result = adapter->class->start(adapter, &launch, &pid, &launched->err);
	(void)close(ends[1]);
	(void)close(null);
	if (launched->result == 0) {
		ssize_t got = io_read_all(ends[0], launched->output, sizeof(launched->output) - 1);
		launched->output[got > 0 ? got : 0] = '\0';
		(void)waitpid(pid, &launched->status, 0);
		if (adapter->class->finish)
			adapter->class->finish(adapter, &launch, pid);
	}
	(void)close(ends[0]);
	for (size_t i = 0; command[i]; i++)
		free(command[i]);
}

#endif
