/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/run_options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit_log.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "recipe/command_options.h"
#include "recipe/state.h"

const char run_help[] = "Usage: agentcore run [OPTION]... [--] CMD [ARG...]\n"
			"\n"
			"Run CMD in a sandbox and end with its exit status.\n"
			"\n"
			"  --policy FILE        policy document (agentcore-policy(5)); - is standard input\n"
			"  --profile NAME       minimal, standard (default) or privileged, without a document\n"
			"  --limit KEY=VALUE    set one limit, for example max_file_descriptors=64\n"
			"  --network MODE       none, restricted or full\n"
			"  --allow-host HOST    add to the allowed hosts: a name, *.NAME, an address or a network,\n"
			"                       each with an optional :PORT; restricted where the profile has none\n"
			"  --dns ADDRESS[:PORT] name server to ask for the sandbox (default: those of the host)\n"
			"  --network-pool CIDR  subnet of the sandboxes (default " ROUTER_DEFAULT_POOL ")\n"
			"  --uplink PATH        network namespace that the sandboxes' traffic leaves through\n"
			"                       (default: the one that agentcore runs in)\n"
			"  --rootfs DIR[:root-owned]\n"
			"                       root file system; default: the host's programs, read-only\n"
			"  --bind SRC:DST[:OPTION,...]\n"
			"                       show SRC of the host at DST; OPTION: ro (default), rw, root-owned\n"
			"  --env NAME=VALUE     add to the environment, which holds only PATH HOME LANG TERM\n"
			"  --user UID[:GID]     run CMD as this id of the sandbox (default 0)\n"
			"  --cwd DIR            working directory inside (default /workspace)\n"
			"  -t, --tty            give CMD a terminal\n"
			"  --id ID              name of the sandbox (default: a random one)\n"
			"  --detach             go on in the background, print ID once CMD runs; see agentcore exec,\n"
			"                       list, kill, delete.  The execution limits are left to agentcore exec\n"
			"  --json-status FD     write start, layers, breaches and exit to FD, a JSON object a line\n"
			"  --audit-dir DIR      audit log (default " AUDIT_DEFAULT_DIRECTORY ")\n"
			"  --cgroup-parent DIR  cgroup to work below, in every hierarchy (default: the topmost)\n"
			"  --mac MODULE         what enforces the policy's apparmor_profile: apparmor or landlock\n"
			"                       (default: AppArmor where the kernel has it, else Landlock)\n"
			"  --only-layer LAYER   for tests: turn every other layer off (agentcore layers lists them)\n"
			"  --trace              print each stage of the start and its duration\n"
			"  --root STATEDIR      state directory (default /run/agentcore)\n"
			"  --storage-dir DIR    where the images of the storage quota lie, on a disk\n"
			"                       (default /var/lib/agentcore/storage)\n"
			"  --help               this text\n"
			"\n"
			"Exit status: CMD's own; 124 wall time over; 125 agentcore failed and CMD did not run;\n"
			"126 CMD cannot be executed; 127 CMD not found; 128+N CMD ended by signal N.\n"
			"\n"
			"Examples:\n"
			"  agentcore run -- python3 -c 'print(6 * 7)'\n"
			"  agentcore run --profile minimal --bind ./data:/data -- sh -c 'wc -l /data/*'\n"
			"  agentcore run --network restricted --allow-host api.example.com:443 -- ./client\n"
			"  agentcore run --limit max_memory_mb=64 --limit max_processes=20 -- ./job\n"
			"  agentcore run --detach --id web -- sleep 300 && agentcore exec web -- ps\n"
			"  agentcore run --policy policy.json --limit max_execution_time_seconds=10 -- ./job\n";

enum {
	OPTION_POLICY = 256,
	OPTION_PROFILE,
	OPTION_LIMIT,
	OPTION_NETWORK,
	OPTION_ALLOW_HOST,
	OPTION_DNS,
	OPTION_NETWORK_POOL,
	OPTION_UPLINK,
	OPTION_ROOTFS,
	OPTION_BIND,
	OPTION_ENV,
	OPTION_USER,
	OPTION_CWD,
	OPTION_MAC,
	OPTION_ONLY_LAYER,
	OPTION_TRACE,
	OPTION_ROOT,
	OPTION_STORAGE_DIR,
	OPTION_ID,
	OPTION_DETACH,
	OPTION_JSON_STATUS,
	OPTION_AUDIT_DIR,
	OPTION_CGROUP_PARENT,
	OPTION_HELP
};

static const struct option long_options[] = {
	{"policy", required_argument, NULL, OPTION_POLICY},
	{"profile", required_argument, NULL, OPTION_PROFILE},
	{"limit", required_argument, NULL, OPTION_LIMIT},
	{"network", required_argument, NULL, OPTION_NETWORK},
	{"allow-host", required_argument, NULL, OPTION_ALLOW_HOST},
	{"dns", required_argument, NULL, OPTION_DNS},
	{"network-pool", required_argument, NULL, OPTION_NETWORK_POOL},
	{"uplink", required_argument, NULL, OPTION_UPLINK},
	{"rootfs", required_argument, NULL, OPTION_ROOTFS},
	{"bind", required_argument, NULL, OPTION_BIND},
	{"env", required_argument, NULL, OPTION_ENV},
	{"user", required_argument, NULL, OPTION_USER},
	{"cwd", required_argument, NULL, OPTION_CWD},
	{"tty", no_argument, NULL, 't'},
	{"mac", required_argument, NULL, OPTION_MAC},
	{"only-layer", required_argument, NULL, OPTION_ONLY_LAYER},
	{"trace", no_argument, NULL, OPTION_TRACE},
	{"root", required_argument, NULL, OPTION_ROOT},
	{"storage-dir", required_argument, NULL, OPTION_STORAGE_DIR},
	{"id", required_argument, NULL, OPTION_ID},
	{"detach", no_argument, NULL, OPTION_DETACH},
	{"json-status", required_argument, NULL, OPTION_JSON_STATUS},
	{"audit-dir", required_argument, NULL, OPTION_AUDIT_DIR},
	{"cgroup-parent", required_argument, NULL, OPTION_CGROUP_PARENT},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

#define HOSTS_MAX 256

/* What can only be applied when the policy is complete, in the order given. */
struct pending {
	const char *policy, *profile, *network;
	char *limits[64];
	size_t limit_count;
	const char *hosts[HOSTS_MAX];
	size_t host_count;
	const char *environment[ENVIRONMENT_MAX];
	size_t environment_count;
};

static int usage(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int usage(struct error *err, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	(void)error_say(err, EINVAL, "%s", what);
	return error_hint(err, "see agentcore run --help");
}

static int check_destination(const char *path, struct error *err)
{
	static const char *const ours[] = {"/proc", "/sys", "/dev"};

	if (path[0] != '/' || !path[1])
		return usage(err, "--bind destination \"%s\": not an absolute path below /", path);
	if (strlen(path) >= sizeof(((struct rootfs_tree *)0)->path))
		return usage(err, "--bind destination \"%s\": too long", path);
	for (const char *at = path; (at = strstr(at, "/..")); at += 3)
		if (at[3] == '/' || !at[3])
			return usage(err, "--bind destination \"%s\": holds \"..\"", path);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		size_t length = strlen(ours[i]);
		if (!strncmp(path, ours[i], length) && (path[length] == '/' || !path[length]))
			return usage(err, "--bind destination \"%s\": /proc, /sys and /dev are the runtime's", path);
	}
	return 0;
}

static int parse_bind_options(char *words, struct bind *bind, struct error *err)
{
	char *state;

	for (const char *word = strtok_r(words, ",", &state); word; word = strtok_r(NULL, ",", &state)) {
		if (!strcmp(word, "rw"))
			bind->writable = true;
		else if (!strcmp(word, "root-owned"))
			bind->root_owned = true;
		else if (strcmp(word, "ro") != 0)
			return usage(err, "--bind option \"%s\": known are ro, rw, root-owned", word);
	}
	return 0;
}

/* argument is argv's own memory, which lives as long as the options; it is cut at the colons. */
static int parse_bind(char *argument, struct run_options *options, struct error *err)
{
	if (options->bind_count == BINDS_MAX)
		return usage(err, "--bind %s: too many binds", argument);
	char *destination = strchr(argument, ':');
	if (!destination || destination == argument)
		return usage(err, "--bind %s: not SRC:DST", argument);
	*destination++ = '\0';
	char *words = strchr(destination, ':');
	if (words)
		*words++ = '\0';

	struct bind *bind = &options->binds[options->bind_count];
	*bind = (struct bind){.source = argument, .destination = destination};
	int r = check_destination(destination, err);
	if (r == 0 && words)
		r = parse_bind_options(words, bind, err);
	if (r == 0)
		options->bind_count++;
	return r;
}

static int parse_rootfs(char *argument, struct run_options *options, struct error *err)
{
	char *colon = strrchr(argument, ':');

	if (colon && !strcmp(colon, ":root-owned")) {
		*colon = '\0';
		options->rootfs_root_owned = true;
	}
	options->rootfs = argument;
	return *argument ? 0 : usage(err, "--rootfs: empty path");
}

static int parse_env(char *argument, struct pending *pending, struct error *err)
{
	int r = command_check_variable(argument, err);

	if (r < 0)
		return r;
	if (pending->environment_count == ENVIRONMENT_MAX)
		return usage(err, "--env %s: too many variables", argument);
	pending->environment[pending->environment_count++] = argument;
	return 0;
}

static int parse_status_fd(const char *text, struct run_options *options, struct error *err)
{
	char *end;
	unsigned fd;

	if (command_number(text, &end, &fd) < 0 || *end || fd <= STDERR_FILENO)
		return usage(err, "--json-status %s: not the number of a descriptor above 2", text);
	if (fcntl((int)fd, F_GETFD) < 0) {
		(void)error_set(err, errno, "--json-status %s", text);
		return error_hint(err, "open it in the caller: agentcore run --json-status 3 ... 3>status.jsonl");
	}
	options->status_fd = (int)fd;
	return 0;
}

static int take(int option, char *argument, struct run_options *options, struct pending *pending, struct error *err)
{
	switch (option) {
	case OPTION_POLICY:
		pending->policy = argument;
		return 0;
	case OPTION_PROFILE:
		pending->profile = argument;
		return 0;
	case OPTION_LIMIT:
		if (pending->limit_count == ARRAY_SIZE(pending->limits))
			return usage(err, "--limit %s: too many limits", argument);
		pending->limits[pending->limit_count++] = argument;
		return 0;
	case OPTION_NETWORK:
		pending->network = argument;
		return 0;
	case OPTION_ALLOW_HOST:
		if (pending->host_count == HOSTS_MAX)
			return usage(err, "--allow-host %s: too many hosts", argument);
		pending->hosts[pending->host_count++] = argument;
		return 0;
	case OPTION_DNS:
		return network_options_dns(&options->network, argument, err);
	case OPTION_NETWORK_POOL:
		return network_options_pool(&options->network, argument, err);
	case OPTION_UPLINK:
		options->network.far_end = argument;
		return 0;
	case OPTION_ROOTFS:
		return parse_rootfs(argument, options, err);
	case OPTION_BIND:
		return parse_bind(argument, options, err);
	case OPTION_ENV:
		return parse_env(argument, pending, err);
	case OPTION_USER:
		return command_user(argument, options, err);
	case OPTION_CWD:
		options->cwd = argument;
		return *argument == '/' ? 0 : usage(err, "--cwd %s: not an absolute path", argument);
	case 't':
		options->terminal = true;
		return 0;
	case OPTION_MAC:
		return mandatory_from_name(&options->mac, argument, err);
	case OPTION_ONLY_LAYER:
		return layer_from_name(&options->only_layer, argument, err);
	case OPTION_TRACE:
		options->trace = true;
		return 0;
	case OPTION_ROOT:
		options->state_dir = argument;
		return 0;
	case OPTION_STORAGE_DIR:
		options->storage_dir = argument;
		return 0;
	case OPTION_ID:
		(void)snprintf(options->id, sizeof(options->id), "%s", argument);
		return state_check_id(argument, err);
	case OPTION_DETACH:
		options->detach = true;
		return 0;
	case OPTION_JSON_STATUS:
		return parse_status_fd(argument, options, err);
	case OPTION_AUDIT_DIR:
		options->audit_dir = argument;
		return *argument ? 0 : usage(err, "--audit-dir: empty path");
	case OPTION_CGROUP_PARENT:
		options->cgroup_parent = argument;
		return 0;
	default:
		return -EINVAL;
	}
}

static int complete_policy(const struct pending *pending, struct run_options *options, struct error *err)
{
	enum profile profile = PROFILE_STANDARD;
	int r = 0;

	if (pending->policy && pending->profile)
		return usage(err, "--policy and --profile: the document names its profile itself");
	if (pending->policy)
		r = policy_load(&options->policy, pending->policy, err);
	else if (pending->profile)
		r = profile_from_name(&profile, pending->profile, err);
	if (r == 0 && !pending->policy)
		policy_defaults(&options->policy, profile);
	if (r == 0 && pending->network)
		r = network_mode_from_name(&options->policy.network, pending->network, err);
	if (r == 0)
		r = network_options_hosts(&options->policy, pending->hosts, pending->host_count,
					  pending->policy || pending->network, err);
	for (size_t i = 0; r == 0 && i < pending->limit_count; i++)
		r = policy_set_limit(&options->policy, pending->limits[i], err);
	return r < 0 ? r : command_check_user(options, err);
}

int run_options_parse(int argc, char **argv, struct run_options *options, enum run_request *request, struct error *err)
{
	struct pending pending = {0};

	options->state_dir = "/run/agentcore";
	options->storage_dir = "/var/lib/agentcore/storage";
	options->audit_dir = AUDIT_DEFAULT_DIRECTORY;
	options->status_fd = -1;
	(void)network_options_pool(&options->network, ROUTER_DEFAULT_POOL, NULL);
	*request = RUN_START;
	int r = command_words(argc, argv, options, err);
	if (r < 0)
		return r;
	argv = options->words;
	opterr = 0;
	optind = 1;
	for (int option; (option = getopt_long(argc, argv, "+:t", long_options, NULL)) != -1;) {
		if (option == OPTION_HELP) {
			*request = RUN_HELP;
			return 0;
		}
		if (option == '?')
			return usage(err, "unknown option %s", argv[optind - 1]);
		if (option == ':')
			return usage(err, "option %s needs a value", argv[optind - 1]);
		r = take(option, optarg, options, &pending, err);
		if (r < 0)
			return r;
	}
	if (!argv[optind])
		return usage(err, "no command");
	if (options->detach && options->terminal)
		return usage(err, "--detach and --tty: nobody would be at the terminal");
	if (!options->id[0])
		state_new_id(options->id);
	r = complete_policy(&pending, options, err);
	if (r == 0)
		r = command_environment(pending.environment, pending.environment_count, options, err);
	options->command = argv + optind;
	return r;
}

void run_options_clear(struct run_options *options)
{
	command_options_clear(options);
}
