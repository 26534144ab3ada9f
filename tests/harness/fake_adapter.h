/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime that isolates nothing: it runs the probe of this build, or another program in its place, as a
 * child of the test.
 */
#ifndef TESTS_FAKE_ADAPTER_H
#define TESTS_FAKE_ADAPTER_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/adapter.h"

/* What is run instead of the probe: argv, or NULL. */
static char *const *fake_command;

static bool fake_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
			     size_t size)
{
	(void)adapter;
	if (launch->kind != SESSION_MAC_ALONE && launch->kind != SESSION_USER)
		return true;
	(void)snprintf(reason, size, "not by a fake");
	return false;
}

static int fake_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	(void)adapter;
	pid_t child = fork();
	if (child < 0)
		return error_set(err, errno, "fork");
	if (child == 0) {
		(void)dup2(launch->stdin_fd, 0);
		(void)dup2(launch->stdout_fd, 1);
		(void)dup2(launch->stderr_fd, 2);
		if (fake_command)
			execv(fake_command[0], fake_command);
		else
			execv(BUILD_DIR "/probe", launch->command);
		_exit(127);
	}
	*pid = child;
	return 0;
}

static const struct adapter_class fake_class = {
	.name = "fake",
	.summary = "a test's own",
	.runtimes = "fake",
	.shared_kernel = true,
	.can_express = fake_can_express,
	.start = fake_start,
};

#endif
