/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router: a network namespace of our own between sandboxes and the world, with a bridge, an uplink and the rules.
 *
 * It belongs to a state directory: STATEDIR/network has a lock, the namespace (a bind-mounted file) and the pool of addresses.
 * The first sandbox makes it and the last one removes it.  Whoever holds an address holds a lock on its byte of the pool, which the
 * kernel gives back when the holder dies, however it dies; what such a one left is cleaned when the address is taken again, or when
 * the last one goes.
 *
 * Links: veth with the far side made directly in the sandbox's namespace; the port isolated, without learning and flooding; its
 * MAC and the neighbour entries are static on both sides, so no ARP is needed.  IPv6 is off.  The uplink is a veth to the "far end", by default the
 * network namespace that the runtime was started in, where forwarding (of the two devices concerned alone) and a table of our own are set up and removed again.
 *
 * A monitor has one thread: functions here enter other network namespaces for a moment and come back.
 */
#ifndef NETPOLICY_ROUTER_H
#define NETPOLICY_ROUTER_H

#include <stdint.h>

#include "base/error.h"
#include "netpolicy/rules.h"

#define ROUTER_DEFAULT_POOL     "10.213.0.0/16"
#define ROUTER_POOL_PREFIX_MIN  16
#define ROUTER_POOL_PREFIX_MAX  28
#define ROUTER_SLOTS_MAX        4096
#define ROUTER_INTERFACE_INSIDE "eth0"

struct router_options {
	int state_dir; /* descriptor, borrowed while router_open runs */
	const char *state_path; /* its path: names of links and tables on the far end are derived from it */
	int far_end; /* network namespace of the uplink's far side, borrowed; -1: the caller's own */
	uint32_t pool; /* host byte order; the first address is the gateway's, the last four the uplink's */
	unsigned pool_prefix;
};

struct router; /* opaque: one sandbox's hold on it */

/* The sandbox's place in the router. */
struct router_address {
	unsigned slot;
	uint32_t address, gateway; /* host byte order */
	uint8_t mac[6], gateway_mac[6];
	uint32_t mark; /* of its connections: never used before under this router */
};

/*
 * Join the router (make it where there is none, under a bounded lock), verify its rules (rules_verify: a difference is a refusal), and take an address.
 * 0, or a negative errno with err set and nothing left behind: EBUSY (pool empty), EADDRINUSE (the pool overlaps a network of the far
 * end), EPERM, EOPNOTSUPP (kernel without bridge, veth or nf_tables), EBADMSG; each with a hint what to do.
 */
int router_open(struct router **router, const struct router_options *options, struct error *err);

const struct router_address *router_address(const struct router *router);

/* nf_tables of the router's namespace. */
struct nft *router_nft(const struct router *router);

/*
 * Make the link: the port in the router, and ROUTER_INTERFACE_INSIDE in the sandbox's namespace, both down.  *port is the port's
 * interface index.  The rules come next, then router_up.  0 or a negative errno with err set.
 */
int router_connect(struct router *router, int sandbox_ns, unsigned *port, struct error *err);

/*
 * Configure the interface inside (address/32, the gateway as a static neighbour, the default route), and both sides up.  IPv6 must be off in there by now:
 * router_no_ipv6.
 */
int router_up(struct router *router, struct error *err);

/* Call open_in(context) with the router's network namespace entered, and come back.  Its result, or a negative errno with err set. */
int router_inside(struct router *router, int (*open_in)(void *context, struct error *err), void *context,
		  struct error *err);

/* Elements of the address could not be removed: it is given back as what a killed holder leaves, and cleaned before it is used again. */
void router_soil(struct router *router);

/*
 * Give the address back (its elements must be gone: rules_remove) and, as the last one, remove the router and what it set up on the far end.
 * The link goes with the sandbox's namespace: deleting it here would wait for it.  0 or a negative errno with err set, when something stayed.  Accepts NULL.
 */
int router_close(struct router *router, struct error *err);

/*
 * Remove a router that nobody uses any more (its last monitor was killed), as `agentcore delete` does.  0 also when it is in use or not there.
 */
int router_reclaim(const struct router_options *options, struct error *err);

/* --- Inside the sandbox's namespace, by PID 1 ------------------------------------------------------------------- */

/*
 * IPv6 off, for all interfaces that are there and that come, through proc_sys_net, a descriptor of /proc/sys/net.  It takes a /proc that was mounted
 * in there: to the host's, each namespace's sysctls are entries of the same name, which it looks at one after the other.  0 or a negative errno with err set.
 */
int router_no_ipv6(int proc_sys_net, struct error *err);

#endif
