/* SPDX-License-Identifier: Apache-2.0 */
/* The policy in the words of `podman run` and `docker run`, podman-run(1), docker-run(1). */
#include "adapters/peer.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>

#include "adapters/oci.h"
#include "adapters/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"

#define WORDS_MAX 192

/* --- Dialects -------------------------------------------------------------------------------------- */

static const char *const podman_globals[] = {"--root",
					     PEER_ROOT "/storage",
					     "--runroot",
					     PEER_ROOT "/state",
					     "--tmpdir",
					     PEER_ROOT "/tmp",
					     "--storage-driver",
					     "vfs",
					     "--log-level",
					     "error",
					     NULL};
static const char *const podman_run[] = {"run", "--rm", "--interactive", "--read-only-tmpfs=false", NULL};

/* Not nosuid for the tools: whether a setuid program gains anything is no_new_privs's and the user namespace's to answer. */
const struct peer_dialect peer_podman = {
	.globals = podman_globals,
	.run = podman_run,
	.shared = "ro,nosuid,nodev",
	.shared_etc = "ro,nosuid,nodev,noexec",
	.tools = "ro,suid,nodev,exec",
	.id_maps = true,
};

static const char *const docker_globals[] = {"--host", "unix://" PEER_ROOT "/docker.sock", "--config",
					     PEER_ROOT "/config", NULL};
static const char *const docker_run[] = {"run", "--rm", "--interactive", "--pull=never", NULL};

/* A volume has no options but these; which ids a container has is the daemon's to say. */
const struct peer_dialect peer_docker = {
	.globals = docker_globals,
	.run = docker_run,
	.shared = "ro",
	.shared_etc = "ro",
	.tools = "ro",
	.image = "agentcore-conformance",
};

/* --- Building -------------------------------------------------------------------------------------- */

struct words {
	char **at;
	size_t count;
	bool failed;
};

static void add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *words, const char *format, ...)
{
	char *word = NULL;
	va_list args;
	if (words->failed || words->count + 1 == WORDS_MAX) {
		words->failed = true;
		return;
	}
	va_start(args, format);
	words->failed = vasprintf(&word, format, args) < 0;
	va_end(args);
	if (!words->failed)
		words->at[words->count++] = word;
}

static void add_all(struct words *words, const char *const *more)
{
	for (size_t i = 0; more[i]; i++)
		add(words, "%s", more[i]);
}

static char **finish(struct words *words)
{
	if (!words->failed)
		return words->at;
	spawn_free_argv(words->at);
	return NULL;
}

static struct words begin(const struct peer_dialect *dialect, const char *program)
{
	struct words words = {.at = calloc(WORDS_MAX, sizeof(char *))};
	words.failed = !words.at;
	add(&words, "%s", program);
	add_all(&words, dialect->globals);
	return words;
}

char **peer_command(const struct peer_dialect *dialect, const char *program, const char *const *more)
{
	struct words words = begin(dialect, program);
	add_all(&words, more);
	return finish(&words);
}

/* --- What it may do -------------------------------------------------------------------------------- */

static void add_capabilities(struct words *words, uint64_t set)
{
	add(words, "--cap-drop=all");
	for (cap_value_t number = 0; number < 64; number++) {
		char *name = set >> number & 1 ? cap_to_name(number) : NULL;
		for (char *at = name; at && *at; at++)
			*at = (char)toupper((unsigned char)*at);
		if (name)
			add(words, "--cap-add=%s", name);
		(void)cap_free(name);
	}
}

static void add_security(struct words *words, const struct peer_input *input)
{
	const struct policy *policy = input->launch->policy;
	add_capabilities(words, policy->capabilities);
	add(words, "--security-opt=seccomp=%s", input->seccomp);
	if (policy->no_new_privileges)
		add(words, "--security-opt=no-new-privileges");
	if (policy->user_namespace && input->dialect->id_maps) {
		add(words, "--uidmap=0:%u:%u", OCI_ID_BASE, OCI_ID_SIZE);
		add(words, "--gidmap=0:%u:%u", OCI_ID_BASE, OCI_ID_SIZE);
	}
	if (!policy->user_namespace && !input->dialect->id_maps)
		add(words, "--userns=host");
}

/* memory-swap is memory and swap together: equal to the limit, it leaves no swap. */
static void add_limits(struct words *words, const struct peer_input *input)
{
	const struct policy *policy = input->launch->policy;
	double value;
	add(words, "--cgroup-parent=%s", input->cgroups);
	if (policy_limit(policy, LIMIT_MEMORY_MB, &value)) {
		add(words, "--memory=%.0fm", value);
		add(words, "--memory-swap=%.0fm", value);
	}
	if (policy_limit(policy, LIMIT_CPU_CORES, &value))
		add(words, "--cpus=%.3f", value);
	if (policy_limit(policy, LIMIT_PROCESSES, &value))
		add(words, "--pids-limit=%.0f", value);
	if (policy_limit(policy, LIMIT_FILE_DESCRIPTORS, &value))
		add(words, "--ulimit=nofile=%.0f:%.0f", value, value);
	if (input->processes)
		add(words, "--ulimit=nproc=%llu:%llu", (unsigned long long)input->processes,
		    (unsigned long long)input->processes);
	add(words, "--ulimit=core=0:0");
	add(words, "--ulimit=memlock=%d:%d", OCI_MEMLOCK_BYTES, OCI_MEMLOCK_BYTES);
}

/* --- What it sees ---------------------------------------------------------------------------------- */

/* The runtime's own bridge, with its own rules, is what a user gets who asks for nothing else. */
static void add_network(struct words *words, const struct adapter_launch *launch)
{
	bool full = launch->policy->network == NETWORK_FULL;
	add(words, "--network=%s", full ? "bridge" : "none");
	if (full && launch->dns)
		add(words, "--dns=%s", launch->dns);
}

static void add_shared(struct words *words, const char *const *paths, const char *options)
{
	for (size_t i = 0; paths[i]; i++)
		if (oci_host_has(paths[i]))
			add(words, "--volume=%s:%s:%s", paths[i], paths[i], options);
}

static void add_files(struct words *words, const struct peer_input *input)
{
	const struct peer_dialect *dialect = input->dialect;
	bool execute = strcmp(input->launch->policy->apparmor_profile, "agentcore-minimal") != 0;
	static const char *const writable[] = {"/tmp", "/workspace"};
	add(words, "--read-only");
	for (size_t i = 0; i < ARRAY_SIZE(writable); i++)
		add(words, "--tmpfs=%s:rw,nosuid,nodev,%s,mode=1777", writable[i], execute ? "exec" : "noexec");
	add_shared(words, oci_host_directories, dialect->shared);
	add_shared(words, oci_host_etc, dialect->shared_etc);
	add(words, "--volume=%s:%s:%s", input->launch->tools_dir, SPAWN_TOOLS_INSIDE, dialect->tools);
}

static void add_process(struct words *words)
{
	add(words, "--hostname=sandbox");
	add(words, "--workdir=/workspace");
	add(words, "--user=0:0");
	for (size_t i = 0; spawn_inside_environment[i]; i++)
		add(words, "--env=%s", spawn_inside_environment[i]);
}

static void add_command(struct words *words, const struct peer_input *input)
{
	char *const *command = input->launch->command;
	if (input->dialect->image) {
		add(words, "%s", input->dialect->image);
	} else {
		add(words, "--rootfs");
		add(words, "%s/rootfs", input->bundle);
	}
	add(words, "%s/%s", SPAWN_TOOLS_INSIDE, command[0]);
	for (size_t i = 1; command[i]; i++)
		add(words, "%s", command[i]);
}

char **peer_run_words(const struct peer_input *input)
{
	struct words words = begin(input->dialect, input->program);
	add_all(&words, input->dialect->run);
	add(&words, "--name=%s", input->name);
	add_network(&words, input->launch);
	add_security(&words, input);
	add_limits(&words, input);
	add_files(&words, input);
	add_process(&words);
	add_command(&words, input);
	return finish(&words);
}

const char *peer_cannot_say(const struct adapter_launch *launch)
{
	const struct policy *policy = launch->policy;
	if (launch->kind != SESSION_FULL)
		return "the command line says one sandbox: no other user, no layer alone";
	if (!policy->read_only_filesystem)
		return "the host's directories are shared read-only, of which this adapter makes no writable copy";
	if (policy->network == NETWORK_RESTRICTED && policy->allowed_hosts.count)
		return "there is no word for a list of allowed hosts";
	return NULL;
}
