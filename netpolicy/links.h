/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for links, addresses, routes and neighbours: each is put into a netlink batch, the caller commits it.
 * Addresses are in host byte order.
 */
#ifndef NETPOLICY_LINKS_H
#define NETPOLICY_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "netpolicy/netlink.h"

#define LINK_MAC 6

/* Indices are chosen by us, so that the messages behind can name a link in the same batch. */
struct link_veth {
	const char *name;
	unsigned index;
	const uint8_t *mac; /* NULL: a random one */
	unsigned master; /* bridge; 0: none */
	bool up;
	const char *peer_name;
	const uint8_t *peer_mac;
	int peer_ns; /* made there directly: to move it there later takes six times as long */
};

/* A bridge that is up and does nothing but forward: no STP, VLANs, snooping. */
void link_put_bridge(struct netlink *netlink, const char *name, unsigned index, const uint8_t mac[LINK_MAC]);
void link_put_veth(struct netlink *netlink, const struct link_veth *veth);
/* A port that talks to the bridge itself only, and learns and floods nothing. */
void link_put_port(struct netlink *netlink, unsigned index);
void link_put_up(struct netlink *netlink, unsigned index);
void link_put_alias(struct netlink *netlink, unsigned index, const char *alias);

/* Static: the bridge finds the MAC at that port. */
void link_put_station(struct netlink *netlink, unsigned port, const uint8_t mac[LINK_MAC]);
/* Static: no ARP is asked for it. */
void link_put_neighbour(struct netlink *netlink, unsigned index, uint32_t address, const uint8_t mac[LINK_MAC]);

void link_put_address(struct netlink *netlink, unsigned index, uint32_t address, unsigned prefix);
void link_drop_address(struct netlink *netlink, unsigned index, uint32_t address, unsigned prefix);

struct link_route {
	unsigned index;
	uint32_t network;
	unsigned prefix;
	uint32_t gateway; /* 0: on the link itself; else reached there whatever its address */
	uint32_t source; /* 0: as the kernel chooses */
};
void link_put_route(struct netlink *netlink, const struct link_route *route);
void link_drop_route(struct netlink *netlink, const struct link_route *route);

/* --- Reading ------------------------------------------------------------------------------------------------------ */

struct link_route_seen {
	uint32_t network;
	unsigned prefix;
	unsigned index; /* of the device; 0: several, or none */
	const unsigned *hops; /* devices of a route with several */
	unsigned hop_count;
	unsigned char type, table;
};
typedef int link_each_route(void *context, const struct link_route_seen *route);
int link_read_routes(struct netlink *netlink, link_each_route *each, void *context, struct error *err);

typedef int link_each_address(void *context, uint32_t address);
int link_read_addresses(struct netlink *netlink, link_each_address *each, void *context, struct error *err);

typedef int link_each_link(void *context, unsigned index, const char *name, const char *alias); /* alias: "" without */
int link_read_links(struct netlink *netlink, link_each_link *each, void *context, struct error *err);

#endif
