/* SPDX-License-Identifier: Apache-2.0 */
/* The network's options of `agentcore run`. */
#include <errno.h>

#include "policy/string_list.h"
#include "recipe/network.h"

int network_options_dns(struct network_options *options, const char *argument, struct error *err)
{
	if (options->server_count == RESOLVER_SERVERS_MAX)
		return error_say(err, EINVAL, "--dns %s: at most %d name servers", argument, RESOLVER_SERVERS_MAX);
	int r = resolver_parse_server(argument, &options->servers[options->server_count], err);
	if (r == 0)
		options->server_count++;
	return r;
}

int network_options_pool(struct network_options *options, const char *argument, struct error *err)
{
	struct host_rule pool;

	int r = host_rule_parse(argument, &pool, err);
	if (r < 0)
		return r;
	if (pool.kind != HOST_NETWORK || pool.port || pool.prefix < ROUTER_POOL_PREFIX_MIN ||
	    pool.prefix > ROUTER_POOL_PREFIX_MAX)
		return error_say(err, EINVAL, "--network-pool %s: not a network of /%d to /%d", argument,
				 ROUTER_POOL_PREFIX_MIN, ROUTER_POOL_PREFIX_MAX);
	options->pool = pool.address;
	options->pool_prefix = pool.prefix;
	return 0;
}

int network_options_hosts(struct policy *policy, const char *const *hosts, size_t count, bool mode_given,
			  struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (string_list_add(&policy->allowed_hosts, hosts[i]) < 0)
			return error_set(err, ENOMEM, "allowed hosts");
	if (count == 0 || policy->network != NETWORK_NONE)
		return 0;
	if (!mode_given) {
		policy->network = NETWORK_RESTRICTED;
		return 0;
	}
	(void)error_say(err, EINVAL, "--allow-host %s: the network mode is none", hosts[0]);
	return error_hint(err, "say --network restricted");
}
