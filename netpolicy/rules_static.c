/* SPDX-License-Identifier: Apache-2.0 */
/* The static rules: tables, chains, sets and rules, a row each. */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fault.h"
#include "netpolicy/nft_expr.h"

#define BRIDGE NFT_FAMILY_BRIDGE
#define IP     NFT_FAMILY_IP

static const char *const refusal_names[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = "none",         [REFUSAL_UNLISTED] = "unlisted", [REFUSAL_NEVER] = "never",
	[REFUSAL_PROTOCOL] = "protocol", [REFUSAL_STATE] = "state",       [REFUSAL_REQUESTS] = "requests",
	[REFUSAL_FRAME] = "frame",
};

const char *refusal_name(enum refusal refusal)
{
	return (unsigned)refusal < REFUSAL_COUNT ? refusal_names[refusal] : "unknown";
}

/* --- Chains --------------------------------------------------------------------------------------- */

enum place {
	FRAMES, /* each frame from a port */
	PORT_TO_PORT,
	FRAME_REFUSED,
	FRAME_LOGGED,
	INPUT,
	FORWARD,
	INWARD, /* from the uplink */
	ADMIT, /* allowed: if the limit permits */
	REFUSED,
	LOGGED,
};

struct chain_row {
	const char *name; /* of the row: what can be dropped */
	uint8_t family;
	const char *chain;
	int hook; /* -1: none */
	int priority;
};

static const struct chain_row chains[] = {
	/* Before br_netfilter (0) hands frames to the ip hooks, where conntrack would put fragments together. */
	[FRAMES] = {"frames", BRIDGE, "prerouting", NF_BR_PRE_ROUTING, -300},
	/* Port isolation is the bridge's; this holds where it is off. */
	[PORT_TO_PORT] = {"isolation", BRIDGE, "forward", NF_BR_FORWARD, -200},
	[FRAME_REFUSED] = {"frame-refused", BRIDGE, "refused", -1, 0},
	/* Empty: each log chain jumps to it, so that they can be counted. */
	[FRAME_LOGGED] = {"frame-logged", BRIDGE, CHAIN_LOGGED, -1, 0},
	/* The router itself listens to nobody. */
	[INPUT] = {"input", IP, "input", NF_INET_LOCAL_IN, 0},
	[FORWARD] = {"forward", IP, "forward", NF_INET_FORWARD, 0},
	[INWARD] = {"inward", IP, "inward", -1, 0},
	[ADMIT] = {"admit", IP, "admit", -1, 0},
	[REFUSED] = {"refused", IP, "refused", -1, 0},
	[LOGGED] = {"logged", IP, CHAIN_LOGGED, -1, 0},
};

static void plan_chain(struct nft *nft, const struct chain_row *row)
{
	nft_message(nft, NFT_MSG_NEWCHAIN, row->family, NLM_F_CREATE, row->name);
	nft_text(nft, NFTA_CHAIN_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_CHAIN_NAME, row->chain);
	if (row->hook < 0)
		return;
	struct nlattr *hook = nft_nest(nft, NFTA_CHAIN_HOOK);
	nft_u32(nft, NFTA_HOOK_HOOKNUM, (uint32_t)row->hook);
	nft_u32(nft, NFTA_HOOK_PRIORITY, (uint32_t)row->priority);
	nft_nest_end(nft, hook);
	nft_text(nft, NFTA_CHAIN_TYPE, "filter");
	nft_u32(nft, NFTA_CHAIN_POLICY, NF_DROP);
}

/* --- Sets ----------------------------------------------------------------------------------------- */

/* Types are for the eyes of nft(8): the kernel only keeps them. */
enum {
	TYPE_IPV4 = 7,
	TYPE_ETHER = 9,
	TYPE_SERVICE = 13,
	TYPE_MARK = 19,
	TYPE_INDEX = 20,
	TYPE_PRIORITY = 23,
};
#define PAIR(a, b) ((uint32_t)(a) << 6 | (uint32_t)(b))

struct set_row {
	uint8_t family;
	const char *name;
	uint32_t flags, key_type, key_length, data_type, data_length;
};

static const struct set_row sets[] = {
	{BRIDGE, SET_SOURCES, 0, PAIR(PAIR(TYPE_INDEX, TYPE_ETHER), TYPE_IPV4), 16, 0, 0},
	{BRIDGE, SET_DENIED, NFT_SET_MAP, TYPE_INDEX, 4, TYPE_PRIORITY, 4},
	{BRIDGE, SET_LOGS, NFT_SET_MAP, TYPE_PRIORITY, 4, NFT_DATA_VERDICT, 0},
	{IP, SET_LIVE, 0, PAIR(TYPE_IPV4, TYPE_MARK), 8, 0, 0},
	{IP, SET_MARKS, NFT_SET_MAP, TYPE_IPV4, 4, TYPE_MARK, 4},
	{IP, SET_BUDGET, 0, TYPE_IPV4, 4, 0, 0},
	{IP, SET_FULL, 0, TYPE_IPV4, 4, 0, 0},
	{IP, SET_PINS, NFT_SET_TIMEOUT, PAIR(TYPE_MARK, TYPE_IPV4), 8, 0, 0},
	{IP, SET_PORTS, NFT_SET_TIMEOUT, PAIR(PAIR(TYPE_MARK, TYPE_IPV4), TYPE_SERVICE), 12, 0, 0},
	{IP, SET_DENIED, NFT_SET_MAP, TYPE_IPV4, 4, TYPE_PRIORITY, 4},
	{IP, SET_LOGS, NFT_SET_MAP, TYPE_PRIORITY, 4, NFT_DATA_VERDICT, 0},
	{IP, SET_NEVER, NFT_SET_INTERVAL, TYPE_IPV4, 4, 0, 0},
	{IP, SET_PRIVATE, NFT_SET_INTERVAL, TYPE_IPV4, 4, 0, 0},
};

static const char *const allowed_sets[RULES_PREFIXES][2] = {
	{"allowed-0", "allowed-0-port"},   {"allowed-4", "allowed-4-port"},   {"allowed-8", "allowed-8-port"},
	{"allowed-12", "allowed-12-port"}, {"allowed-16", "allowed-16-port"}, {"allowed-20", "allowed-20-port"},
	{"allowed-24", "allowed-24-port"}, {"allowed-28", "allowed-28-port"}, {"allowed-32", "allowed-32-port"},
};

const char *rules_allowed_set(unsigned prefix, bool port)
{
	return allowed_sets[prefix / RULES_PREFIX_STEP][port];
}

static void plan_set(struct nft *nft, const struct set_row *row, uint32_t id)
{
	nft_message(nft, NFT_MSG_NEWSET, row->family, NLM_F_CREATE, row->name);
	nft_text(nft, NFTA_SET_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_SET_NAME, row->name);
	nft_u32(nft, NFTA_SET_ID, id);
	nft_u32(nft, NFTA_SET_FLAGS, row->flags);
	nft_u32(nft, NFTA_SET_KEY_TYPE, row->key_type);
	nft_u32(nft, NFTA_SET_KEY_LEN, row->key_length);
	if (row->data_type)
		nft_u32(nft, NFTA_SET_DATA_TYPE, row->data_type);
	if (row->data_length)
		nft_u32(nft, NFTA_SET_DATA_LEN, row->data_length);
}

static void plan_sets(struct nft *nft)
{
	uint32_t id = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		plan_set(nft, &sets[i], ++id);
	for (size_t i = 0; i < RULES_PREFIXES; i++) {
		const struct set_row any = {IP, allowed_sets[i][0], 0, PAIR(TYPE_IPV4, TYPE_IPV4), 8, 0, 0};
		const struct set_row port = {
			IP, allowed_sets[i][1], 0, PAIR(PAIR(TYPE_IPV4, TYPE_IPV4), TYPE_SERVICE), 12, 0, 0};
		plan_set(nft, &any, ++id);
		plan_set(nft, &port, ++id);
	}
}

struct nlattr *elements_start(struct nft *nft, uint16_t type, uint8_t family, const char *set, uint16_t flags)
{
	nft_message(nft, type, family, flags, set);
	nft_text(nft, NFTA_SET_ELEM_LIST_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_SET_ELEM_LIST_SET, set);
	return nft_nest(nft, NFTA_SET_ELEM_LIST_ELEMENTS);
}

struct nlattr *element_start(struct nft *nft, const void *key, size_t length)
{
	struct nlattr *element = nft_nest(nft, NFTA_LIST_ELEM);

	nft_data(nft, NFTA_SET_ELEM_KEY, key, length);
	return element;
}

/* --- Fixed elements ------------------------------------------------------------------------------- */

struct range {
	uint32_t first, last; /* host byte order */
};

static int by_first(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

static struct range range_of(uint32_t address, unsigned prefix)
{
	uint32_t host = prefix == 0 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (32 - prefix)) - 1);

	return (struct range){address & ~host, address | host};
}

/* The kernel refuses intervals that overlap: the host may well have an address twice, or one in the pool. */
static size_t merge(struct range *ranges, size_t count)
{
	size_t kept = 0;

	qsort(ranges, count, sizeof(*ranges), by_first);
	for (size_t i = 0; i < count; i++) {
		struct range *last = kept > 0 ? &ranges[kept - 1] : NULL;
		if (last && (last->last == UINT32_MAX || ranges[i].first <= last->last + 1))
			last->last = ranges[i].last > last->last ? ranges[i].last : last->last;
		else
			ranges[kept++] = ranges[i];
	}
	return kept;
}

static void plan_bound(struct nft *nft, uint32_t address, uint32_t flags)
{
	uint32_t key = htonl(address);
	struct nlattr *element = element_start(nft, &key, sizeof(key));

	if (flags)
		nft_u32(nft, NFTA_SET_ELEM_FLAGS, flags);
	nft_nest_end(nft, element);
}

static void plan_ranges(struct nft *nft, const char *set, const struct range *ranges, size_t count)
{
	struct nlattr *list = elements_start(nft, NFT_MSG_NEWSETELEM, IP, set, NLM_F_CREATE);

	for (size_t i = 0; i < count; i++) {
		plan_bound(nft, ranges[i].first, 0);
		/* An interval without an end goes to the last address. */
		if (ranges[i].last != UINT32_MAX)
			plan_bound(nft, ranges[i].last + 1, NFT_SET_ELEM_INTERVAL_END);
	}
	nft_nest_end(nft, list);
}

static void plan_fixed_elements(struct nft *nft, const struct rules_router *router)
{
	size_t room = never_network_count + private_network_count + 1 + router->host_address_count, count = 0;
	_cleanup_free_ struct range *ranges = calloc(room, sizeof(*ranges));

	if (!ranges) {
		nft_fail(nft, -ENOMEM);
		return;
	}
	for (size_t i = 0; i < private_network_count; i++)
		ranges[count++] = range_of(private_networks[i].address, private_networks[i].prefix);
	plan_ranges(nft, SET_PRIVATE, ranges, merge(ranges, count));
	count = 0;
	for (size_t i = 0; i < never_network_count; i++)
		ranges[count++] = range_of(never_networks[i].address, never_networks[i].prefix);
	ranges[count++] = range_of(router->pool, router->pool_prefix);
	for (size_t i = 0; i < router->host_address_count; i++)
		ranges[count++] = range_of(router->host_addresses[i], 32);
	plan_ranges(nft, SET_NEVER, ranges, merge(ranges, count));
}

/* --- Matches: what a row's packets have in common ------------------------------------------------- */

struct rule_row;
typedef void match(struct nft *nft, const struct rule_row *row, const struct rules_router *router);

struct rule_row {
	enum place place;
	const char *name;
	match *match; /* NULL: all packets */
	uint32_t value; /* for it */
	enum refusal refusal; /* not NONE: refuse for that reason */
	int verdict; /* else: NF_ACCEPT and such; NFT_CONTINUE: the match has said it */
	const char *chain; /* of NFT_GOTO */
	const char *wish; /* the opposite of a rule: only there when this fault is wished */
};

static void compare_u32(struct nft *nft, enum nft_cmp_ops op, uint32_t value)
{
	expr_cmp(nft, op, NFT_WORD(0), &value, sizeof(value));
}

static void compare_u16(struct nft *nft, enum nft_cmp_ops op, uint16_t value)
{
	uint16_t wire = htons(value);

	expr_cmp(nft, op, NFT_WORD(0), &wire, sizeof(wire));
}

static void interface_is(struct nft *nft, enum nft_meta_keys key, enum nft_cmp_ops op, const char *interface)
{
	char name[IFNAMSIZ] = {0};

	(void)snprintf(name, sizeof(name), "%s", interface);
	expr_meta(nft, key, NFT_WORD(0));
	expr_cmp(nft, op, NFT_WORD(0), name, sizeof(name));
}

static void protocol_is(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	expr_meta(nft, NFT_META_PROTOCOL, NFT_WORD(0));
	compare_u16(nft, NFT_CMP_EQ, (uint16_t)row->value);
}

static void not_ip(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_PROTOCOL, NFT_WORD(0));
	compare_u16(nft, NFT_CMP_NEQ, ETH_P_IP);
}

/* The kernel has taken the tag off the packet, but shows it in the header: the two do not agree then. */
static void tagged(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_PROTOCOL, NFT_WORD(0));
	compare_u16(nft, NFT_CMP_EQ, ETH_P_IP);
	expr_payload(nft, &FIELD_ETHER_TYPE, NFT_WORD(0));
	compare_u16(nft, NFT_CMP_NEQ, ETH_P_IP);
}

static void with_options(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint8_t plain = 0x45; /* version 4, five words of header */

	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_VERSION_AND_LENGTH, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), &plain, sizeof(plain));
}

static void fragment(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint16_t more_or_offset = htons(0x3fff);

	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_FRAGMENT, NFT_WORD(0));
	expr_mask(nft, NFT_WORD(0), &more_or_offset, sizeof(more_or_offset));
	compare_u16(nft, NFT_CMP_NEQ, 0);
}

static void not_to_gateway(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	expr_payload(nft, &FIELD_ETHER_TARGET, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), router->gateway_mac, sizeof(router->gateway_mac));
}

static void foreign_source(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_IIF, NFT_WORD(0));
	expr_payload(nft, &FIELD_ETHER_SOURCE, NFT_WORD(1));
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(3));
	expr_lookup_not(nft, SET_SOURCES, NFT_WORD(0));
}

/*
 * From whatever register 0 has to the slot, and to its log chain.  The slot goes by way of the refused packet's priority, where nobody wants it, because
 * nft(8) cannot show one map's value as another one's key.
 */
static void log_slot(struct nft *nft)
{
	expr_lookup_map(nft, SET_DENIED, NFT_WORD(0), NFT_WORD(0));
	expr_meta_set(nft, NFT_META_PRIORITY, NFT_WORD(0));
	expr_meta(nft, NFT_META_PRIORITY, NFT_WORD(0));
	expr_lookup_map(nft, SET_LOGS, NFT_WORD(0), NFT_REG_VERDICT);
}

static void log_frame(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_IIF, NFT_WORD(0));
	log_slot(nft);
}

static void from_bridge(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	interface_is(nft, NFT_META_IIFNAME, NFT_CMP_EQ, ROUTER_BRIDGE);
}

static void not_from_bridge(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	interface_is(nft, NFT_META_IIFNAME, NFT_CMP_NEQ, ROUTER_BRIDGE);
}

static void from_uplink(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	interface_is(nft, NFT_META_IIFNAME, NFT_CMP_EQ, ROUTER_UPLINK);
}

/* Bits of the state or the status, as the kernel has them in the host's byte order. */
static void masked_ct(struct nft *nft, enum nft_ct_keys key, uint32_t bits, enum nft_cmp_ops op)
{
	expr_ct(nft, key, NFT_WORD(0));
	expr_mask(nft, NFT_WORD(0), &bits, sizeof(bits));
	compare_u32(nft, op, 0);
}

static void state_in(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	masked_ct(nft, NFT_CT_STATE, row->value, NFT_CMP_NEQ);
}

static void state_not_in(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	masked_ct(nft, NFT_CT_STATE, row->value, NFT_CMP_EQ);
}

static void translated(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	masked_ct(nft, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_NEQ);
}

static void other_protocol(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint8_t tcp = IPPROTO_TCP, udp = IPPROTO_UDP;

	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_L4PROTO, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), &tcp, sizeof(tcp));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), &udp, sizeof(udp));
}

static void marked_source(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_ct(nft, NFT_CT_MARK, NFT_WORD(1));
	expr_lookup(nft, SET_LIVE, NFT_WORD(0));
}

static void foreign_mark(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_ct(nft, NFT_CT_MARK, NFT_WORD(1));
	expr_lookup_not(nft, SET_LIVE, NFT_WORD(0));
}

static void target_never(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_lookup(nft, SET_NEVER, NFT_WORD(0));
}

static void target_private(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_lookup(nft, SET_PRIVATE, NFT_WORD(0));
}

static void full(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_lookup(nft, SET_FULL, NFT_WORD(0));
}

#define WITH_PORT 0x100u /* in the value of a row */

/* Hash sets, one for each prefix length: sets of intervals are copied at each change, which would cost the more the more sandboxes there are. */
static void allowed(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint32_t prefix = row->value & ~WITH_PORT;
	const uint32_t mask = prefix == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix));

	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(1));
	if (prefix < 32)
		expr_mask(nft, NFT_WORD(1), &mask, sizeof(mask));
	if (row->value & WITH_PORT)
		expr_payload(nft, &FIELD_PORT_TARGET, NFT_WORD(2));
	expr_lookup(nft, rules_allowed_set(prefix, row->value & WITH_PORT), NFT_WORD(0));
}

/* The packet bears its sandbox's mark from here on; a refusal's reason takes its place. */
static void take_mark(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_lookup_map(nft, SET_MARKS, NFT_WORD(0), NFT_WORD(0));
	expr_meta_set(nft, NFT_META_MARK, NFT_WORD(0));
}

/* By the mark, not the address: the next sandbox with the address must not inherit pins. */
static void pinned(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	expr_meta(nft, NFT_META_MARK, NFT_WORD(0));
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(1));
	if (row->value & WITH_PORT)
		expr_payload(nft, &FIELD_PORT_TARGET, NFT_WORD(2));
	expr_lookup(nft, row->value & WITH_PORT ? SET_PORTS : SET_PINS, NFT_WORD(0));
}

/* The element's limit ends the rule when it is used up. */
static void within_budget(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_lookup(nft, SET_BUDGET, NFT_WORD(0));
}

static void spend_and_mark(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	within_budget(nft, row, router);
	expr_meta(nft, NFT_META_MARK, NFT_WORD(0));
	expr_ct_set(nft, NFT_CT_MARK, NFT_WORD(0));
}

static void log_packet(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	log_slot(nft);
}

static void reset(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint8_t tcp = IPPROTO_TCP;

	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_L4PROTO, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_EQ, NFT_WORD(0), &tcp, sizeof(tcp));
	expr_reject_tcp(nft);
}

static void reject(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	expr_reject_icmp(nft, (uint8_t)row->value);
}

/* --- The rules ------------------------------------------------------------------------------------ */

#define NEW        NF_CT_STATE_BIT(IP_CT_NEW)
#define REPLIES    (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))
#define PROHIBITED 13 /* ICMP: communication administratively prohibited (RFC 1812, 5.2.7.1) */

#define ALLOWED(length)                                                                                                \
	{FORWARD, "allowed/" #length "/port", allowed, (length) | WITH_PORT, 0, NFT_GOTO, "admit", NULL},              \
	{                                                                                                              \
		FORWARD, "allowed/" #length, allowed, length, 0, NFT_GOTO, "admit", NULL                               \
	}

static const struct rule_row rules[] = {
	/* Frames.  The header's type is looked at first: what is no IPv4 has none of the other fields. */
	{FRAMES, "net-arp", protocol_is, ETH_P_ARP, 0, NF_ACCEPT, NULL, "net-arp"},
	{FRAMES, "vlan", tagged, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "arp", not_ip, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "options", with_options, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "fragments", fragment, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "gateway-mac", not_to_gateway, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "source-pinning", foreign_source, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "frame", NULL, 0, 0, NF_ACCEPT, NULL, NULL},

	{FRAME_REFUSED, "frame-log", log_frame, 0, 0, NFT_CONTINUE, NULL, NULL},
	{FRAME_REFUSED, "frame-drop", NULL, 0, 0, NF_DROP, NULL, NULL},

	{INPUT, "net-input", from_bridge, 0, 0, NF_ACCEPT, NULL, "net-input"},
	{INPUT, "gateway", from_bridge, 0, REFUSAL_NEVER, 0, NULL, NULL},

	{FORWARD, "net-established", state_in, REPLIES, 0, NF_ACCEPT, NULL, "net-established"},
	{FORWARD, "uplink", from_uplink, 0, 0, NFT_GOTO, "inward", NULL},
	{FORWARD, "bridge-only", not_from_bridge, 0, 0, NF_DROP, NULL, NULL},
	{FORWARD, "translated", translated, 0, REFUSAL_STATE, 0, NULL, NULL},
	/* Before the mark: errors (ICMP) of a connection carry its mark, and could carry more. */
	{FORWARD, "protocol", other_protocol, 0, REFUSAL_PROTOCOL, 0, NULL, NULL},
	{FORWARD, "marked", marked_source, 0, 0, NF_ACCEPT, NULL, NULL},
	/* Established without our mark, an ACK without a SYN, untracked. */
	{FORWARD, "invalid", state_not_in, NEW, REFUSAL_STATE, 0, NULL, NULL},
	{FORWARD, "never", target_never, 0, REFUSAL_NEVER, 0, NULL, NULL},
	{FORWARD, "mark", take_mark, 0, 0, NFT_CONTINUE, NULL, NULL},
	ALLOWED(0),
	ALLOWED(4),
	ALLOWED(8),
	ALLOWED(12),
	ALLOWED(16),
	ALLOWED(20),
	ALLOWED(24),
	ALLOWED(28),
	ALLOWED(32),
	{FORWARD, "pins/port", pinned, WITH_PORT, 0, NFT_GOTO, "admit", NULL},
	{FORWARD, "pins", pinned, 0, 0, NFT_GOTO, "admit", NULL},
	/* Behind the entries: one that names a private network opens it, in mode full too. */
	{FORWARD, "private", target_private, 0, REFUSAL_UNLISTED, 0, NULL, NULL},
	{FORWARD, "full", full, 0, 0, NFT_GOTO, "admit", NULL},
	{FORWARD, "net-unlisted", NULL, 0, 0, NFT_GOTO, "admit", "net-unlisted"},
	{FORWARD, "unlisted", NULL, 0, REFUSAL_UNLISTED, 0, NULL, NULL},

	{INWARD, "unasked", state_not_in, REPLIES, 0, NF_DROP, NULL, NULL},
	/* A reused address must not get what a dead sandbox had asked for. */
	{INWARD, "established-mark", foreign_mark, 0, 0, NF_DROP, NULL, NULL},
	{INWARD, "replies", NULL, 0, 0, NF_ACCEPT, NULL, NULL},

	{ADMIT, "net-requests-mark", within_budget, 0, 0, NF_ACCEPT, NULL, "net-requests-mark"},
	{ADMIT, "requests-mark", spend_and_mark, 0, 0, NF_ACCEPT, NULL, NULL},
	{ADMIT, "requests", NULL, 0, REFUSAL_REQUESTS, 0, NULL, NULL},

	{REFUSED, "log", log_packet, 0, 0, NFT_CONTINUE, NULL, NULL},
	{REFUSED, "reset", reset, 0, 0, NFT_CONTINUE, NULL, NULL},
	{REFUSED, "reject", reject, PROHIBITED, 0, NFT_CONTINUE, NULL, NULL},
};

static void plan_rule(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const struct chain_row *place = &chains[row->place];

	nft_message(nft, NFT_MSG_NEWRULE, place->family, NLM_F_CREATE | NLM_F_APPEND, row->name);
	nft_text(nft, NFTA_RULE_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_RULE_CHAIN, place->chain);
	struct nlattr *expressions = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
	if (row->match)
		row->match(nft, row, router);
	if (row->refusal != REFUSAL_NONE) {
		/* The reason travels with the packet to the log. */
		const uint32_t reason = row->refusal;
		expr_value(nft, NFT_WORD(0), &reason, sizeof(reason));
		expr_meta_set(nft, NFT_META_MARK, NFT_WORD(0));
		expr_verdict(nft, NFT_GOTO, "refused");
	} else if (row->verdict != NFT_CONTINUE) {
		expr_verdict(nft, row->verdict, row->chain);
	}
	nft_nest_end(nft, expressions);
}

static bool left_out(const char *name, const char *wish)
{
	return wish ? !fault_wished("break", wish) : fault_wished("drop", name);
}

static void plan_table(struct nft *nft, uint8_t family, const char *label)
{
	nft_message(nft, NFT_MSG_NEWTABLE, family, NLM_F_CREATE | NLM_F_EXCL, label);
	nft_text(nft, NFTA_TABLE_NAME, RULES_TABLE);
	nft_u32(nft, NFTA_TABLE_FLAGS, 0);
}

void rules_plan(struct nft *nft, const struct rules_router *router)
{
	plan_table(nft, BRIDGE, "bridge agentcore");
	plan_table(nft, IP, "ip agentcore");
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		if (!left_out(chains[i].name, NULL))
			plan_chain(nft, &chains[i]);
	}
	plan_sets(nft);
	plan_fixed_elements(nft, router);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!left_out(rules[i].name, rules[i].wish) && !left_out(chains[rules[i].place].name, NULL))
			plan_rule(nft, &rules[i], router);
	}
}

int rules_install(struct nft *nft, const struct rules_router *router, struct error *err)
{
	nft_begin(nft);
	rules_plan(nft, router);
	return nft_commit(nft, err);
}
