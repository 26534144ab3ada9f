/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox may send, as nf_tables rules in the router's network namespace.
 *
 * The rules are static: rows of a table, installed once with the router, the same for every sandbox and every mode.  A
 * sandbox is nothing but elements of their sets, added in one batch before its link goes up, so that no time depends on how
 * many there are.  Each row has a name, so that what a rule is for can be said, compared and broken on purpose.
 *
 *   bridge table   frames: from its port with its own MAC and address to the gateway's MAC only; IPv4 without options and without
 *                  fragments; no ARP (all neighbours are static), no VLAN, nothing from port to port
 *   ip table       flows: a first packet is admitted when it is allowed and within the request limit, and gives the connection the sandbox's
 *                  mark; later ones pass by that mark alone.  What is refused is counted, logged (NFLOG, rate-limited) and rejected.
 *
 * NFLOG has one listener for a group, so each address of the pool has a group of its own: slot + 1.
 */
#ifndef NETPOLICY_RULES_H
#define NETPOLICY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "netpolicy/hosts.h"

/* Fixed within the router's namespace: names for people, indices for the rules. */
#define ROUTER_BRIDGE "sandboxes"
#define ROUTER_UPLINK "uplink"
#define INDEX_BRIDGE  2
#define INDEX_UPLINK  3

/* A connection to nf_tables of one network namespace. */
struct nft;

/* Open it in the caller's network namespace; one descriptor, close-on-exec.  0 or a negative errno with err set (EPERM, EPROTONOSUPPORT). */
int nft_open(struct nft **nft, struct error *err);
void nft_close(struct nft *nft); /* accepts NULL */

/* Why a packet was refused: the packet's mark when it is logged. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_UNLISTED, /* no entry allows it */
	REFUSAL_NEVER, /* no entry could: metadata, loopback, multicast, the host, other sandboxes */
	REFUSAL_PROTOCOL, /* neither TCP nor UDP */
	REFUSAL_STATE, /* belongs to no connection that this sandbox opened */
	REFUSAL_REQUESTS, /* allowed, but max_network_requests is used up */
	REFUSAL_FRAME, /* not from its MAC and address, not to the gateway, not plain IPv4 */
	REFUSAL_COUNT,
};
const char *refusal_name(enum refusal refusal); /* "unlisted", "never", ... */

/* The router that the static rules are for. */
struct rules_router {
	uint32_t pool; /* the sandboxes' subnet, host byte order */
	unsigned pool_prefix;
	uint8_t gateway_mac[6];
	const uint32_t *host_addresses; /* of the uplink's far end: part of the never-set */
	size_t host_address_count;
};

/* Install both tables (in one batch: all or nothing).  0 or a negative errno with err set; a kernel that lacks an expression is named. */
int rules_install(struct nft *nft, const struct rules_router *router, struct error *err);

/*
 * Read the static part back and compare it with what rules_install sends: tables, chains with hook, priority and policy, sets with
 * types and flags, every rule, the fixed elements.  0; -EBADMSG with err naming the row that differs or is missing or foreign; or another negative
 * errno when it could not be read.
 */
int rules_verify(struct nft *nft, const struct rules_router *router, struct error *err);

#define RULES_UNLIMITED UINT64_MAX

struct rules_sandbox {
	unsigned slot; /* of its address in the pool */
	uint32_t address; /* host byte order */
	uint8_t mac[6];
	unsigned port; /* interface index of its bridge port */
	uint32_t mark; /* not 0, unique over the life of the router: a reused address must not inherit connections */
	enum network_mode mode; /* restricted or full */
	const struct host_list *hosts; /* names are for the resolver; networks become elements */
	uint64_t requests; /* max_network_requests, at least 1; or RULES_UNLIMITED */
};

/*
 * Admit a sandbox: one batch.  0 or a negative errno with err set and nothing added.
 * requests is exact: an nf_tables limit with that burst, whose unit is chosen so long that nothing is refilled meanwhile.
 */
int rules_add(struct nft *nft, const struct rules_sandbox *sandbox, struct error *err);

/* Remove its elements; a packet of it is refused from then on.  0 or a negative errno with err set. */
int rules_remove(struct nft *nft, const struct rules_sandbox *sandbox, struct error *err);

/* Remove whatever elements an address still has from a monitor that was killed; also pins.  Reads whole sets: not for the usual way. */
int rules_forget(struct nft *nft, unsigned slot, uint32_t address, struct error *err);

/* An address that a name stands for. */
struct rules_pin {
	uint32_t address; /* host byte order */
	uint16_t port; /* 0: any */
	uint32_t seconds; /* from now; a pin that exists gets the new time */
};

/* Allow them to the sandbox, in one batch; when it returns 0 the kernel admits the first packet.  Addresses of the never-set stay refused. */
int rules_pin(struct nft *nft, const struct rules_sandbox *sandbox, const struct rules_pin *pins, size_t count,
	      struct error *err);

/* Exact, from the kernel's counters. */
struct rules_counts {
	uint64_t admitted; /* flows */
	uint64_t refused; /* packets of the ip table */
	uint64_t refused_frames; /* frames of the bridge table */
};
int rules_read_counts(struct nft *nft, const struct rules_sandbox *sandbox, struct rules_counts *counts,
		      struct error *err);

/* --- The far end of the uplink: the host's own network namespace, in a table of our own --------------------------- */

struct rules_far_end {
	const char *table; /* "agentcore-MARK": one for each state directory */
	const char *interface; /* the uplink's far side */
	uint32_t pool; /* host byte order */
	unsigned pool_prefix;
	const uint32_t *devices; /* interface indices whose forwarding was turned on for us */
	size_t device_count;
};

/* Far sides of all uplinks on this host begin so. */
#define ROUTER_FAR_PREFIX "ac-"

/*
 * Masquerade what comes from the pool; drop what comes over the interface with a source outside of the pool, to any address of
 * this namespace itself (asked of the routing table at each packet, before any DNAT of the host's), what the host's own rules DNAT, and what
 * others want to send into the pool unasked.  What comes in over the devices goes on to uplinks only: the host must not become its neighbours'
 * router.  Replaces a table of the name.  0 or a negative errno with err set.
 */
int rules_far_end_install(struct nft *nft, const struct rules_far_end *far_end, struct error *err);
int rules_far_end_remove(struct nft *nft, const char *table, struct error *err); /* 0 also where there is none */

#endif
