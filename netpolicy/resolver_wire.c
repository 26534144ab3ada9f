/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/resolver_wire.h"

#include <time.h>

bool resolver_rate_admits(struct resolver_rate *rate, int64_t now)
{
	if (now - rate->window >= 1000 || rate->window == 0) {
		rate->window = now;
		rate->used = 0;
	}
	return rate->used++ < RESOLVER_REFUSED_PER_SECOND;
}

int64_t resolver_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool resolver_address_passes(const struct host_list *hosts, uint32_t address)
{
	if (network_of(never_networks, never_network_count, address))
		return false;
	return !network_of(private_networks, private_network_count, address) || host_list_covers(hosts, address);
}
