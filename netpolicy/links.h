/* SPDX-License-Identifier: Apache-2.0 */
/* The router's links: what is asked of rtnetlink, one batch for each step. */
#ifndef NETPOLICY_LINKS_H
#define NETPOLICY_LINKS_H

#include <stdint.h>

#include "netpolicy/rtnl.h"
#include "netpolicy/rules.h"

/* Indices in the router's namespace, beside those of rules.h: chosen by us, so that one batch can make a link and use it. */
#define INDEX_LOOPBACK   1
#define INDEX_PORT_FIRST 16

#define MAC_LENGTH 6

/* The MAC of an address: 02:ac and its bytes. */
void mac_of(uint32_t address, uint8_t mac[MAC_LENGTH]);

struct uplink_link {
	const char *far_name;
	int far_ns; /* where its far side is made */
	uint32_t address, far_address; /* of one /30 */
};

/* In the router: loopback, the bridge with the gateway's address, up. */
int links_make_bridge(struct rtnl *rtnl, uint32_t gateway, unsigned prefix, struct error *err);

/* In the router: the uplink with its far side, and the way to the world.  Its far side is up when the far end is configured. */
int links_make_uplink(struct rtnl *rtnl, const struct uplink_link *uplink, struct error *err);

/* In the far end's namespace: address, neighbour, up, and the way to the pool. */
int links_configure_far_end(struct rtnl *rtnl, int index, const struct uplink_link *uplink, uint32_t pool,
			    unsigned prefix, struct error *err);

/* What of it does not wait for the link's end: the way to the pool and the address.  Best effort: the link goes with the router. */
void links_clear_far_end(struct rtnl *rtnl, int index, const struct uplink_link *uplink, uint32_t pool,
			 unsigned prefix);

/* A text that the link carries; "": none. */
int links_set_alias(struct rtnl *rtnl, int index, const char *alias, struct error *err);

struct port_link {
	int index;
	uint32_t address; /* of the sandbox */
	uint8_t mac[MAC_LENGTH];
	int sandbox_ns;
	const char *inside; /* the interface's name there */
};

/* In the router: the port, down, with its static entries; and the interface inside. */
int links_make_port(struct rtnl *rtnl, const struct port_link *port, struct error *err);

/* In the sandbox: address, neighbour, up, default route. */
int links_configure_inside(struct rtnl *rtnl, int index, uint32_t address, uint32_t gateway,
			   const uint8_t gateway_mac[MAC_LENGTH], struct error *err);

/*
 * The port up, behind the side inside.  With it comes the carrier, and the kernel lets packets through a moment later, on a workqueue: asking about a
 * link makes it do so at once.  links_port_up asks in the router, links_settle_inside on the other side.
 */
int links_port_up(struct rtnl *rtnl, int index, struct error *err);
int links_settle_inside(struct rtnl *rtnl, int index, struct error *err);

/* The neighbour entry stays on the bridge when the port is gone. */
int links_forget_port(struct rtnl *rtnl, uint32_t address, struct error *err);

/* Index of an interface in the namespace of rtnl; 0: there is none. */
int links_index(const struct rtnl *rtnl, const char *name);

#endif
