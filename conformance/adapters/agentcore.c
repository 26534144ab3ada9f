/* SPDX-License-Identifier: Apache-2.0 */
/* "agentcore": the reference runtime by its own command line, which reads the policy itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "adapters/program.h"
#include "adapters/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "harness/adapter.h"

/* What a kind of session adds to the command line. */
struct kind_row {
	bool user; /* CMD as 1000:1000 */
	const char *layer; /* --only-layer, or NULL */
	bool known;
};

static const struct kind_row kinds[SESSION_COUNT] = {
	[SESSION_FULL] = {.known = true},
	[SESSION_USER] = {.known = true, .user = true},
	[SESSION_SECCOMP_ALONE] = {.known = true, .layer = "seccomp"},
	[SESSION_CAPABILITIES_ALONE] = {.known = true, .layer = "capabilities"},
	[SESSION_NO_NEW_PRIVS_ALONE] = {.known = true, .layer = "no_new_privs", .user = true},
	[SESSION_MAC_ALONE] = {.known = true, .layer = "mac"},
	[SESSION_RLIMITS_ALONE] = {.known = true, .layer = "rlimits"},
};

static int agentcore_open(struct adapter *adapter, struct error *err)
{
	if (!adapter->options.runtime)
		adapter->options.runtime = adapter->options.agentcore;
	/* A bare "agentcore" means the one that was built with this suite, before any that PATH has. */
	else if (strcmp(adapter->options.runtime, "agentcore") == 0 && adapter->options.agentcore)
		adapter->options.runtime = adapter->options.agentcore;
	return program_open(adapter, "agentcore", err);
}

static bool agentcore_can_express(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
				  size_t size)
{
	(void)adapter;
	if (kinds[launch->kind].known)
		return true;
	(void)snprintf(reason, size, "the control is not the runtime's");
	return false;
}

static int agentcore_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	const struct kind_row *kind = &kinds[launch->kind];
	_cleanup_free_ char *bind = NULL;
	if (asprintf(&bind, "%s:%s:ro", launch->tools_dir, SPAWN_TOOLS_INSIDE) < 0) {
		bind = NULL;
		return error_set(err, ENOMEM, "argument vector");
	}
	const char *words[16] = {adapter->program, "run", "--policy", launch->policy_file, "--bind", bind};
	size_t count = 6;
	if (kind->user) {
		words[count++] = "--user";
		words[count++] = "1000:1000";
	}
	if (kind->layer) {
		words[count++] = "--only-layer";
		words[count++] = kind->layer;
	}
	words[count++] = "--";
	char **argv = spawn_build_argv(words, count, SPAWN_TOOLS_INSIDE, launch->command);
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	struct spawn spawn = {
		.argv = argv,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
	};
	int r = spawn_start(&spawn, pid, err);
	spawn_free_argv(argv);
	return r;
}

static const struct adapter_class agentcore = {
	.name = "agentcore",
	.summary = "the reference runtime: agentcore run --policy FILE",
	.runtimes = "agentcore",
	.shared_kernel = true,
	.open = agentcore_open,
	.can_express = agentcore_can_express,
	.start = agentcore_start,
};
ADAPTER(agentcore);
