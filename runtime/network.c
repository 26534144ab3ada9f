/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of the network, on both sides, and its end. */
#include "recipe/network.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "recipe/faults.h"
#include "recipe/stages.h"

#define RESOLVER_PROGRAM "agentcore-resolver"
#define RESOLV_CONF      "/etc/resolv.conf"

/* Longer than a start waits for the router's lock: both sides have their work done in some milliseconds. */
#define AWAIT_SECONDS 20

bool network_wanted(const struct policy *policy)
{
	return policy->network == NETWORK_FULL ||
	       (policy->network == NETWORK_RESTRICTED && policy->allowed_hosts.count > 0);
}

bool network_wants_names(const struct policy *policy, const struct host_list *hosts)
{
	return policy->network == NETWORK_FULL || (policy->network == NETWORK_RESTRICTED && host_list_has_names(hosts));
}

/* The servers to ask: those of --dns, else the host's. */
static int find_servers(const struct network_options *options, struct resolver_server *servers, struct error *err)
{
	if (options->server_count > 0) {
		memcpy(servers, options->servers, sizeof(options->servers));
		return (int)options->server_count;
	}
	int count = resolver_read_servers(RESOLV_CONF, servers, err);
	if (count != 0)
		return count;
	(void)error_say(err, ENOENT, "names are allowed, but %s has no name server with an IPv4 address", RESOLV_CONF);
	return error_hint(err, "name one: --dns ADDRESS");
}

int network_check(const struct policy *policy, const struct network_options *options, struct error *err)
{
	struct resolver_server servers[RESOLVER_SERVERS_MAX];
	struct host_list hosts = {0};
	int r = host_list_parse(&policy->allowed_hosts, &hosts, err);

	if (r == 0 && options && network_wants_names(policy, &hosts))
		r = find_servers(options, servers, err);
	host_list_clear(&hosts);
	return r < 0 ? r : 0;
}

static bool has_network(const struct sandbox *sandbox)
{
	bool wanted = network_wanted(sandbox->policy) || fault_wished("break", FAULT_NONE_FULL);

	return wanted && sandbox_has_layer(sandbox, LAYER_NETWORK);
}

static bool has_resolver(const struct sandbox *sandbox)
{
	return has_network(sandbox) && network_wants_names(sandbox->policy, &sandbox->network.hosts);
}

/* One byte on the control socket: what the other side waits for is done. */
static int tell(const struct sandbox *sandbox, struct error *err)
{
	int r = io_write_all(sandbox->control, "", 1);

	return r < 0 ? error_set(err, -r, "control socket") : 0;
}

static int await(const struct sandbox *sandbox, const char *what, struct error *err)
{
	struct pollfd control = {.fd = sandbox->control, .events = POLLIN};
	char done;
	int ready;

	do
		ready = poll(&control, 1, AWAIT_SECONDS * 1000);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return error_set(err, ready < 0 ? errno : ETIMEDOUT, "waiting for %s", what);
	ssize_t n = io_read_all(sandbox->control, &done, 1);
	return n == 1 ? 0 : error_set(err, n < 0 ? (int)-n : ECANCELED, "waiting for %s", what);
}

/* --- The monitor's stages ---------------------------------------------------------------------------------------- */

int stage_uplink(struct sandbox *sandbox, struct error *err)
{
	const struct network_options *options = &sandbox->options->network;
	struct sandbox_network *network = &sandbox->network;

	if (!has_network(sandbox))
		return 0;
	int r = host_list_parse(&sandbox->policy->allowed_hosts, &network->hosts, err);
	if (r < 0)
		return r;
	sandbox->spec.resolver = has_resolver(sandbox);
	if (options->far_end) {
		network->far_end = open(options->far_end, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (network->far_end < 0)
			return error_set(err, errno, "--uplink %s", options->far_end);
	}
	return 0;
}

int stage_another_processor(struct sandbox *sandbox, struct error *err)
{
	cpu_set_t others = sandbox->processors;

	(void)err;
	CPU_CLR((size_t)sched_getcpu(), &others);
	/* Only a matter of speed, and where there is one processor nothing is gained. */
	if (has_network(sandbox) && CPU_COUNT(&others) > 0)
		(void)sched_setaffinity(0, sizeof(others), &others);
	return 0;
}

int stage_address(struct sandbox *sandbox, struct error *err)
{
	const struct network_options *options = &sandbox->options->network;
	struct sandbox_network *network = &sandbox->network;

	if (!has_network(sandbox))
		return 0;
	const struct router_options router = {
		.state_dir = sandbox->state_dir,
		.state_path = sandbox->options->state_dir,
		.far_end = network->far_end,
		.pool = options->pool,
		.pool_prefix = options->pool_prefix,
	};
	return router_open(&network->router, &router, err);
}

static int listen_to_denied(void *context, struct error *err)
{
	struct sandbox_network *network = context;

	return denied_open(&network->denied, (uint16_t)(network->rules.slot + 1), err);
}

int stage_link(struct sandbox *sandbox, struct error *err)
{
	struct sandbox_network *network = &sandbox->network;
	char path[64];

	if (!has_network(sandbox))
		return 0;
	if (!network->router)
		return error_say(err, ENOENT, "no address was taken");
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)sandbox->init);
	_cleanup_fd_ int inside = open(path, O_RDONLY | O_CLOEXEC);
	if (inside < 0)
		return error_set(err, errno, "%s", path);

	const struct router_address *address = router_address(network->router);
	const struct limits *limits = &sandbox->limits;
	network->rules = (struct rules_sandbox){
		.slot = address->slot,
		.address = address->address,
		.mark = address->mark,
		.mode = sandbox->policy->network,
		.hosts = &network->hosts,
		.requests = limits->set[LIMIT_NETWORK_REQUESTS] ? (uint64_t)limits->value[LIMIT_NETWORK_REQUESTS]
								: RULES_UNLIMITED,
	};
	memcpy(network->rules.mac, address->mac, sizeof(network->rules.mac));
	fault_network(&network->rules);
	int r = router_connect(network->router, inside, &network->rules.port, err);
	if (r == 0)
		r = router_inside(network->router, listen_to_denied, network, err);
	/* The elements before the link: no packet must ever meet a port without them. */
	if (r == 0)
		r = rules_add(router_nft(network->router), &network->rules, err);
	network->admitted = r == 0;
	if (r == 0)
		r = await(sandbox, "IPv6 to be off inside", err);
	if (r == 0)
		r = router_up(network->router, err);
	return r < 0 ? r : tell(sandbox, err);
}

/* The program lies beside this one, as built, or in libexec, as installed. */
static int find_resolver(char path[PATH_MAX], struct error *err)
{
	static const char *const places[] = {"/" RESOLVER_PROGRAM, "/../libexec/agentcore/" RESOLVER_PROGRAM};
	char self[PATH_MAX];

	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length < 0)
		return error_set(err, errno, "/proc/self/exe");
	self[length] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, PATH_MAX, "%s%s", self, places[i]) < PATH_MAX && access(path, X_OK) == 0)
			return 0;
	}
	(void)error_say(err, ENOENT, "%s is neither in %s nor in %s/../libexec/agentcore", RESOLVER_PROGRAM, self,
			self);
	return error_hint(err, "names need it: install it, or allow addresses only");
}

int stage_resolver(struct sandbox *sandbox, struct error *err)
{
	struct sandbox_network *network = &sandbox->network;
	struct resolver_server servers[RESOLVER_SERVERS_MAX];
	char program[PATH_MAX];
	int sockets[2];

	if (!has_resolver(sandbox))
		return 0;
	int count = find_servers(&sandbox->options->network, servers, err);
	if (count < 0)
		return count;
	int r = find_resolver(program, err);
	if (r < 0)
		return r;
	r = io_receive_descriptors(sandbox->control, sockets, 2);
	if (r < 0)
		return error_set(err, -r, "the resolver's sockets from inside");
	const struct resolver_options options = {
		.program = program,
		.udp = sockets[0],
		.tcp = sockets[1],
		.far_end = network->far_end,
		.servers = servers,
		.server_count = (size_t)count,
		.mode = fault_wished("break", FAULT_NAMES_ALL) ? NETWORK_FULL : sandbox->policy->network,
		.hosts = fault_hosts(&network->hosts),
	};
	r = resolver_start(&network->resolver, &options, err);
	(void)close(sockets[0]);
	(void)close(sockets[1]);
	return r < 0 ? r : tell(sandbox, err);
}

/* --- PID 1's stages ---------------------------------------------------------------------------------------------- */

int stage_no_ipv6(struct sandbox *sandbox, struct error *err)
{
	if (!has_network(sandbox))
		return 0;
	_cleanup_fd_ int sysctls = openat(sandbox->proc, "sys/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sysctls < 0)
		return error_set(err, errno, "/proc/sys/net");
	int r = router_no_ipv6(sysctls, err);
	return r < 0 ? r : tell(sandbox, err);
}

int stage_resolver_sockets(struct sandbox *sandbox, struct error *err)
{
	int sockets[2];

	if (!has_resolver(sandbox))
		return 0;
	int r = resolver_open_sockets(&sockets[0], &sockets[1], err);
	if (r < 0)
		return r;
	r = io_send_descriptors(sandbox->control, sockets, 2);
	(void)close(sockets[0]);
	(void)close(sockets[1]);
	return r < 0 ? error_set(err, -r, "handing the resolver's sockets over") : 0;
}

int stage_await_link(struct sandbox *sandbox, struct error *err)
{
	return has_network(sandbox) ? await(sandbox, "the link", err) : 0;
}

int stage_await_resolver(struct sandbox *sandbox, struct error *err)
{
	return has_resolver(sandbox) ? await(sandbox, "the resolver", err) : 0;
}

/* --- The end ----------------------------------------------------------------------------------------------------- */

/* The first failure is told; the others must not keep the rest from being removed. */
static void first(int *result, int r, struct error *err, const struct error *cause)
{
	if (r < 0 && *result == 0) {
		*result = r;
		if (err)
			*err = *cause;
	}
}

int network_remove(struct sandbox_network *network, struct error *err)
{
	struct error cause = {0};
	int result = 0;

	resolver_stop(TAKE_PTR(network->resolver));
	denied_close(TAKE_PTR(network->denied));
	if (network->admitted) {
		struct nft *nft = router_nft(network->router);
		int r = rules_remove(nft, &network->rules, &cause);
		/* The next one with this address clears up first. */
		if (r < 0)
			router_soil(network->router);
		first(&result, r, err, &cause);
		network->admitted = false;
	}
	first(&result, router_close(TAKE_PTR(network->router), &cause), err, &cause);
	cleanup_fd(&network->far_end);
	network->far_end = -1;
	host_list_clear(&network->hosts);
	return result;
}
