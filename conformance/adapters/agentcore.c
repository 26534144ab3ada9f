/* SPDX-License-Identifier: Apache-2.0 */
/* "agentcore": the reference runtime by its own command line, which reads the policy itself. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/agentcore_profile.h"
#include "adapters/program.h"
#include "adapters/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "harness/adapter.h"

#define WORDS_MAX 24
#define START_MS  15000
#define DELETE_MS 10000

/* private_data. */
struct agentcore_private {
	char *audit; /* the directory of the audit log, so that a run of the suite leaves nothing in the machine's own */
	struct loaded_profiles profiles;
};

static char *audit_of(const struct adapter *adapter)
{
	return ((struct agentcore_private *)adapter->private_data)->audit;
}

static void agentcore_close(struct adapter *adapter)
{
	struct agentcore_private *own = adapter->private_data;

	if (!own)
		return;
	agentcore_profile_unload(adapter, &own->profiles);
	free(own->audit);
	free(own);
	adapter->private_data = NULL;
}

/* Without --root. */
#define STATE_ROOT "/run/agentcore"

/* What a kind of session adds to the command line. */
struct kind_row {
	bool user; /* CMD as 1000:1000 */
	const char *layer; /* --only-layer, or NULL */
	const char *mac; /* --mac, or NULL: what the machine has */
	bool known;
};

static const struct kind_row kinds[SESSION_COUNT] = {
	[SESSION_FULL] = {.known = true},
	[SESSION_USER] = {.known = true, .user = true},
	[SESSION_SECCOMP_ALONE] = {.known = true, .layer = "seccomp"},
	[SESSION_CAPABILITIES_ALONE] = {.known = true, .layer = "capabilities"},
	[SESSION_NO_NEW_PRIVS_ALONE] = {.known = true, .layer = "no_new_privs", .user = true},
	[SESSION_MAC_ALONE] = {.known = true, .layer = "mac"},
	[SESSION_LANDLOCK_ALONE] = {.known = true, .layer = "mac", .mac = "landlock"},
	[SESSION_RLIMITS_ALONE] = {.known = true, .layer = "rlimits"},
};

static void agentcore_use_root(struct adapter *adapter, const char *root)
{
	adapter->options.state_root = root;
	(void)snprintf(adapter->state_dir, sizeof(adapter->state_dir), "%s/sandboxes", root);
}

static int agentcore_open(struct adapter *adapter, struct error *err)
{
	if (!adapter->options.runtime)
		adapter->options.runtime = adapter->options.agentcore;
	/* A bare "agentcore" means the one that was built with this suite, before any that PATH has. */
	else if (strcmp(adapter->options.runtime, "agentcore") == 0 && adapter->options.agentcore)
		adapter->options.runtime = adapter->options.agentcore;
	if (!adapter->options.state_root)
		adapter->options.state_root = STATE_ROOT;
	agentcore_use_root(adapter, adapter->options.state_root);
	struct agentcore_private *own = calloc(1, sizeof(*own));
	if (!own)
		return error_set(err, ENOMEM, "adapter");
	adapter->private_data = own;
	if (asprintf(&own->audit, "%s/audit", adapter->options.work_dir ? adapter->options.work_dir : P_tmpdir) < 0)
		own->audit = NULL;
	int r = own->audit ? program_open(adapter, "agentcore", err) : error_set(err, ENOMEM, "audit directory");
	if (r < 0)
		agentcore_close(adapter);
	return r;
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

static void agentcore_remove(struct adapter *adapter, const struct adapter_launch *launch)
{
	char name[NAME_MAX], root[PATH_MAX], output[256];
	int status;
	char *const argv[] = {adapter->program,
			      (char[]){"delete"},
			      (char[]){"--root"},
			      root,
			      (char[]){"--audit-dir"},
			      audit_of(adapter),
			      (char[]){"--force"},
			      name,
			      NULL};
	if (!launch->name)
		return;
	(void)snprintf(name, sizeof(name), "%s", launch->name);
	(void)snprintf(root, sizeof(root), "%s", adapter->options.state_root);
	const struct spawn spawn = {.argv = argv, .network_of = launch->network_of};
	(void)spawn_capture_of(&spawn, DELETE_MS, output, sizeof(output), &status, NULL);
}

/* The words of `agentcore run` up to the command, for the launch's kind; how many. */
static size_t run_words(const struct adapter *adapter, const struct adapter_launch *launch, const char *bind,
			const char *words[WORDS_MAX])
{
	const struct kind_row *kind = &kinds[launch->kind];
	const char *const always[] = {adapter->program, "run",
				      "--root",         adapter->options.state_root,
				      "--audit-dir",    audit_of(adapter),
				      "--policy",       launch->policy_file,
				      "--bind",         bind};
	size_t count = ARRAY_SIZE(always);
	memcpy(words, always, sizeof(always));
	if (launch->name) {
		words[count++] = "--id";
		words[count++] = launch->name;
	}
	if (launch->tier == TRIAL_EXEC)
		words[count++] = "--detach";
	if (launch->dns) {
		words[count++] = "--dns";
		words[count++] = launch->dns;
	}
	if (kind->user) {
		words[count++] = "--user";
		words[count++] = "1000:1000";
	}
	if (kind->layer) {
		words[count++] = "--only-layer";
		words[count++] = kind->layer;
	}
	if (kind->mac) {
		words[count++] = "--mac";
		words[count++] = kind->mac;
	}
	words[count++] = "--";
	return count;
}

static int start_words(const struct adapter_launch *launch, const char *const *words, size_t count, pid_t *pid,
		       struct error *err)
{
	char **argv = spawn_build_argv(words, count, SPAWN_TOOLS_INSIDE, launch->command);
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	const struct spawn spawn = {
		.argv = argv,
		.stdin_fd = launch->stdin_fd,
		.stdout_fd = launch->stdout_fd,
		.stderr_fd = launch->stderr_fd,
		.network_of = launch->network_of,
	};
	int r = spawn_start(&spawn, pid, err);
	spawn_free_argv(argv);
	return r;
}

/* A sandbox that waits.  It keeps the launch's error output, and says nothing else. */
static int start_waiting(const struct adapter_launch *launch, const char *const *words, size_t count, struct error *err)
{
	char name[NAME_MAX];
	char *const wait[] = {(char[]){"probe"}, (char[]){"load"}, (char[]){"wait"}, name, NULL};
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return error_set(err, errno, "/dev/null");
	(void)snprintf(name, sizeof(name), "%s", launch->name);
	char **argv = spawn_build_argv(words, count, SPAWN_TOOLS_INSIDE, wait);
	if (!argv)
		return error_set(err, ENOMEM, "argument vector");
	const struct spawn spawn = {.argv = argv,
				    .stdin_fd = null,
				    .stdout_fd = null,
				    .stderr_fd = launch->stderr_fd,
				    .network_of = launch->network_of};
	int status = 0;
	int r = spawn_wait(&spawn, START_MS, &status, err);
	spawn_free_argv(argv);
	if (r < 0)
		return r;
	return status == 0 ? 0 : error_say(err, EIO, "agentcore run --detach ended with wait status 0x%x", status);
}

/* Neither another layer alone nor Landlock has one. */
static bool wants_profile(const struct kind_row *kind)
{
	return !kind->mac && (!kind->layer || strcmp(kind->layer, "mac") == 0);
}

static int agentcore_start(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err)
{
	const char *words[WORDS_MAX];
	_cleanup_free_ char *bind = NULL;
	if (asprintf(&bind, "%s:%s:ro", launch->tools_dir, SPAWN_TOOLS_INSIDE) < 0) {
		bind = NULL;
		return error_set(err, ENOMEM, "argument vector");
	}
	if (wants_profile(&kinds[launch->kind])) {
		struct agentcore_private *own = adapter->private_data;
		int loaded = agentcore_profile_load(adapter, launch, bind, &own->profiles, err);
		if (loaded < 0)
			return loaded;
	}
	size_t count = run_words(adapter, launch, bind, words);
	if (launch->tier == TRIAL_RUN)
		return start_words(launch, words, count, pid, err);
	const char *const exec[] = {
		adapter->program,  "exec",       "--root", adapter->options.state_root, "--audit-dir",
		audit_of(adapter), launch->name, "--"};
	int r = start_waiting(launch, words, count, err);
	r = r < 0 ? r : start_words(launch, exec, ARRAY_SIZE(exec), pid, err);
	/* Nobody finishes a launch that has not started. */
	if (r < 0)
		agentcore_remove(adapter, launch);
	return r;
}

static void agentcore_finish(struct adapter *adapter, const struct adapter_launch *launch, pid_t pid)
{
	char path[PATH_MAX + NAME_MAX];
	(void)pid;
	if (!launch->name)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", adapter->state_dir, launch->name);
	if (access(path, F_OK) == 0)
		agentcore_remove(adapter, launch);
}

static const struct adapter_class agentcore = {
	.name = "agentcore",
	.summary = "the reference runtime: agentcore run --policy FILE",
	.runtimes = "agentcore",
	.shared_kernel = true,
	.limits = (1U << LIMIT_COUNT) - 1,
	.networks = 1U << NETWORK_NONE | 1U << NETWORK_RESTRICTED | 1U << NETWORK_FULL,
	.executions = true,
	.open = agentcore_open,
	.use_root = agentcore_use_root,
	.can_express = agentcore_can_express,
	.start = agentcore_start,
	.remove = agentcore_remove,
	.finish = agentcore_finish,
	.close = agentcore_close,
};
ADAPTER(agentcore);
