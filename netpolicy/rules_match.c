/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/rules_match.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>

#include "netpolicy/nft_expr.h"

static void compare_u32(struct nft *nft, enum nft_cmp_ops op, uint32_t value)
{
	expr_cmp(nft, op, NFT_WORD(0), &value, sizeof(value));
}

static void compare_u16(struct nft *nft, enum nft_cmp_ops op, uint16_t value)
{
	uint16_t wire = htons(value);

	expr_cmp(nft, op, NFT_WORD(0), &wire, sizeof(wire));
}

/* By its index: to copy and compare a name takes each packet longer than a rule of this. */
static void incoming(struct nft *nft, enum nft_cmp_ops op, uint32_t index)
{
	expr_meta(nft, NFT_META_IIF, NFT_WORD(0));
	compare_u32(nft, op, index);
}

void match_protocol_is(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	expr_meta(nft, NFT_META_PROTOCOL, NFT_WORD(0));
	compare_u16(nft, NFT_CMP_EQ, (uint16_t)row->value);
}

/* In the header, not the packet's protocol: the kernel has taken tags off the packet, but shows them there. */
void match_not_ip(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_ETHER_TYPE, NFT_WORD(0));
	compare_u16(nft, NFT_CMP_NEQ, ETH_P_IP);
}

void match_with_options(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint8_t plain = 0x45; /* version 4, five words of header */

	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_VERSION_AND_LENGTH, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), &plain, sizeof(plain));
}

void match_fragment(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	/* With the identification before it: what is four bytes long, the kernel reads and masks without a call. */
	const uint32_t more_or_offset = htonl(0x3fff);

	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_FRAGMENT, NFT_WORD(0));
	expr_mask(nft, NFT_WORD(0), &more_or_offset, sizeof(more_or_offset));
	compare_u32(nft, NFT_CMP_NEQ, 0);
}

void match_not_to_gateway(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	expr_payload(nft, &FIELD_ETHER_TARGET, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), router->gateway_mac, sizeof(router->gateway_mac));
}

void match_foreign_source(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
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

void match_log_frame(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_IIF, NFT_WORD(0));
	log_slot(nft);
}

void match_from_bridge(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	incoming(nft, NFT_CMP_EQ, INDEX_BRIDGE);
}

void match_not_from_bridge(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	incoming(nft, NFT_CMP_NEQ, INDEX_BRIDGE);
}

void match_from_uplink(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	incoming(nft, NFT_CMP_EQ, INDEX_UPLINK);
}

/* Bits of the state or the status, as the kernel has them in the host's byte order. */
static void masked_ct(struct nft *nft, enum nft_ct_keys key, uint32_t bits, enum nft_cmp_ops op)
{
	expr_ct(nft, key, NFT_WORD(0));
	expr_mask(nft, NFT_WORD(0), &bits, sizeof(bits));
	compare_u32(nft, op, 0);
}

void match_state_in(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	masked_ct(nft, NFT_CT_STATE, row->value, NFT_CMP_NEQ);
}

void match_state_not_in(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	masked_ct(nft, NFT_CT_STATE, row->value, NFT_CMP_EQ);
}

void match_translated(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	masked_ct(nft, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_NEQ);
}

void match_other_protocol(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint8_t tcp = IPPROTO_TCP, udp = IPPROTO_UDP;

	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_L4PROTO, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), &tcp, sizeof(tcp));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), &udp, sizeof(udp));
}

void match_marked_source(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_ct(nft, NFT_CT_MARK, NFT_WORD(1));
	expr_lookup(nft, SET_LIVE, NFT_WORD(0));
}

void match_foreign_mark(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_ct(nft, NFT_CT_MARK, NFT_WORD(1));
	expr_lookup_not(nft, SET_LIVE, NFT_WORD(0));
}

void match_target_never(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_lookup(nft, SET_NEVER, NFT_WORD(0));
}

void match_target_private(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_lookup(nft, SET_PRIVATE, NFT_WORD(0));
}

void match_full(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_lookup(nft, SET_FULL, NFT_WORD(0));
}

/* Hash sets, one for each prefix length: sets of intervals are copied at each change, which would cost the more the more sandboxes there are. */
void match_allowed(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint32_t prefix = row->value & ~MATCH_PORT;
	const uint32_t mask = prefix == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix));

	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(1));
	if (prefix < 32)
		expr_mask(nft, NFT_WORD(1), &mask, sizeof(mask));
	if (row->value & MATCH_PORT)
		expr_payload(nft, &FIELD_PORT_TARGET, NFT_WORD(2));
	expr_lookup(nft, rules_allowed_set(prefix, row->value & MATCH_PORT), NFT_WORD(0));
}

/* The packet bears its sandbox's mark from here on; a refusal's reason takes its place. */
void match_take_mark(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_lookup_map(nft, SET_MARKS, NFT_WORD(0), NFT_WORD(0));
	expr_meta_set(nft, NFT_META_MARK, NFT_WORD(0));
}

/* By the mark, not the address: the next sandbox with the address must not inherit pins. */
void match_pinned(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	expr_meta(nft, NFT_META_MARK, NFT_WORD(0));
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(1));
	if (row->value & MATCH_PORT)
		expr_payload(nft, &FIELD_PORT_TARGET, NFT_WORD(2));
	expr_lookup(nft, row->value & MATCH_PORT ? SET_PORTS : SET_PINS, NFT_WORD(0));
}

/* The element's limit ends the rule when it is used up. */
void match_within_budget(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_lookup(nft, SET_BUDGET, NFT_WORD(0));
}

void match_spend_and_mark(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	match_within_budget(nft, row, router);
	expr_meta(nft, NFT_META_MARK, NFT_WORD(0));
	expr_ct_set(nft, NFT_CT_MARK, NFT_WORD(0));
}

void match_log_packet(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)row;
	(void)router;
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	log_slot(nft);
}

void match_reset(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	const uint8_t tcp = IPPROTO_TCP;

	(void)row;
	(void)router;
	expr_meta(nft, NFT_META_L4PROTO, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_EQ, NFT_WORD(0), &tcp, sizeof(tcp));
	expr_reject_tcp(nft);
}

void match_reject(struct nft *nft, const struct rule_row *row, const struct rules_router *router)
{
	(void)router;
	expr_reject_icmp(nft, (uint8_t)row->value);
}
