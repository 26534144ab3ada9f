/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox's part of the network: the link through the router, the rules' elements, the resolver.
 *
 * None of it exists for a sandbox that has only its loopback: network none, or restricted with no allowed host.
 */
#ifndef RECIPE_NETWORK_H
#define RECIPE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "netpolicy/denied.h"
#include "netpolicy/hosts.h"
#include "netpolicy/resolver.h"
#include "netpolicy/router.h"
#include "netpolicy/rules.h"

/* What `agentcore run` was asked for. */
struct network_options {
	uint32_t pool; /* --network-pool: the sandboxes' subnet, host byte order */
	unsigned pool_prefix;
	const char *far_end; /* --uplink: path of a network namespace, or NULL: the caller's own */
	struct resolver_server servers[RESOLVER_SERVERS_MAX]; /* --dns */
	size_t server_count; /* 0: the host's */
};

/* --dns ADDRESS[:PORT], once for each.  0 or -EINVAL with err set. */
int network_options_dns(struct network_options *options, const char *argument, struct error *err);

/* --network-pool CIDR.  0 or -EINVAL with err set. */
int network_options_pool(struct network_options *options, const char *argument, struct error *err);

/*
 * --allow-host: lay the hosts over the policy's.  A profile's mode none becomes restricted by them; one that was asked for (mode_given) does not, which
 * is -EINVAL with err set.
 */
int network_options_hosts(struct policy *policy, const char *const *hosts, size_t count, bool mode_given,
			  struct error *err);

struct sandbox_network {
	struct host_list hosts;
	int far_end; /* opened, or -1 */
	struct router *router; /* NULL: no link */
	struct rules_sandbox rules;
	bool admitted; /* rules are in the kernel */
	struct denied *denied;
	struct resolver *resolver; /* NULL: names do not matter, or it is gone */
	struct rules_counts counts; /* at the end */
	bool counted;
	uint64_t lost; /* of the denied flows, how often the kernel dropped some unread */
	uint64_t names_refused;
};

#define SANDBOX_NETWORK_NONE ((struct sandbox_network){.far_end = -1})

/* A policy's sandbox has a link; and a resolver. */
bool network_wanted(const struct policy *policy);
bool network_wants_names(const struct policy *policy, const struct host_list *hosts);

/* Can the policy's hosts be understood, and can names be asked for?  0, or a negative errno with err set. */
int network_check(const struct policy *policy, const struct network_options *options, struct error *err);

/*
 * Take down what the sandbox has, once it has ended: counts, elements, listener, resolver, address; the last one of a router removes that as well.  0, or a negative
 * errno with err set when something stayed.
 */
int network_remove(struct sandbox_network *network, struct error *err);

#endif
