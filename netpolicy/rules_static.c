/* SPDX-License-Identifier: Apache-2.0 */
/* The static rules: tables, chains and rules, a row each. */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "base/array.h"
#include "base/fault.h"
#include "netpolicy/nft_expr.h"
#include "netpolicy/rules_match.h"

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

/* --- The rules ------------------------------------------------------------------------------------ */

#define NEW        NF_CT_STATE_BIT(IP_CT_NEW)
#define REPLIES    (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))
#define PROHIBITED 13 /* ICMP: communication administratively prohibited (RFC 1812, 5.2.7.1) */

#define ALLOWED(length)                                                                                                \
	{FORWARD, "allowed/" #length "/port", match_allowed, (length) | MATCH_PORT, 0, NFT_GOTO, "admit", NULL},       \
	{                                                                                                              \
		FORWARD, "allowed/" #length, match_allowed, length, 0, NFT_GOTO, "admit", NULL                         \
	}

static const struct rule_row rules[] = {
	/* Frames.  The type is looked at first: what is no IPv4 has none of the other fields. */
	{FRAMES, "net-arp", match_protocol_is, ETH_P_ARP, 0, NF_ACCEPT, NULL, "net-arp"},
	{FRAMES, "not-ipv4", match_not_ip, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "options", match_with_options, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "fragments", match_fragment, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "gateway-mac", match_not_to_gateway, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "source-pinning", match_foreign_source, 0, REFUSAL_FRAME, 0, NULL, NULL},
	{FRAMES, "frame", NULL, 0, 0, NF_ACCEPT, NULL, NULL},

	{FRAME_REFUSED, "frame-log", match_log_frame, 0, 0, NFT_CONTINUE, NULL, NULL},
	{FRAME_REFUSED, "frame-drop", NULL, 0, 0, NF_DROP, NULL, NULL},

	{INPUT, "net-input", match_from_bridge, 0, 0, NF_ACCEPT, NULL, "net-input"},
	{INPUT, "gateway", match_from_bridge, 0, REFUSAL_NEVER, 0, NULL, NULL},

	{FORWARD, "net-established", match_state_in, REPLIES, 0, NF_ACCEPT, NULL, "net-established"},
	{FORWARD, "uplink", match_from_uplink, 0, 0, NFT_GOTO, "inward", NULL},
	{FORWARD, "bridge-only", match_not_from_bridge, 0, 0, NF_DROP, NULL, NULL},
	/* Before the mark: errors (ICMP) of a connection carry its mark, and could carry more. */
	{FORWARD, "protocol", match_other_protocol, 0, REFUSAL_PROTOCOL, 0, NULL, NULL},
	{FORWARD, "marked", match_marked_source, 0, 0, NF_ACCEPT, NULL, NULL},
	/* A connection's first packet decides on its translation, and bears no mark. */
	{FORWARD, "translated", match_translated, 0, REFUSAL_STATE, 0, NULL, NULL},
	/* Established without our mark, an ACK without a SYN, untracked. */
	{FORWARD, "invalid", match_state_not_in, NEW, REFUSAL_STATE, 0, NULL, NULL},
	{FORWARD, "never", match_target_never, 0, REFUSAL_NEVER, 0, NULL, NULL},
	{FORWARD, "mark", match_take_mark, 0, 0, NFT_CONTINUE, NULL, NULL},
	ALLOWED(0),
	ALLOWED(4),
	ALLOWED(8),
	ALLOWED(12),
	ALLOWED(16),
	ALLOWED(20),
	ALLOWED(24),
	ALLOWED(28),
	ALLOWED(32),
	{FORWARD, "pins/port", match_pinned, MATCH_PORT, 0, NFT_GOTO, "admit", NULL},
	{FORWARD, "pins", match_pinned, 0, 0, NFT_GOTO, "admit", NULL},
	/* Behind the entries: one that names a private network opens it, in mode full too. */
	{FORWARD, "private", match_target_private, 0, REFUSAL_UNLISTED, 0, NULL, NULL},
	{FORWARD, "full", match_full, 0, 0, NFT_GOTO, "admit", NULL},
	{FORWARD, "net-unlisted", NULL, 0, 0, NFT_GOTO, "admit", "net-unlisted"},
	{FORWARD, "unlisted", NULL, 0, REFUSAL_UNLISTED, 0, NULL, NULL},

	{INWARD, "unasked", match_state_not_in, REPLIES, 0, NF_DROP, NULL, NULL},
	/* A reused address must not get what a dead sandbox had asked for. */
	{INWARD, "established-mark", match_foreign_mark, 0, 0, NF_DROP, NULL, NULL},
	{INWARD, "replies", NULL, 0, 0, NF_ACCEPT, NULL, NULL},

	{ADMIT, "net-requests-mark", match_within_budget, 0, 0, NF_ACCEPT, NULL, "net-requests-mark"},
	{ADMIT, "requests-mark", match_spend_and_mark, 0, 0, NF_ACCEPT, NULL, NULL},
	{ADMIT, "requests", NULL, 0, REFUSAL_REQUESTS, 0, NULL, NULL},

	{REFUSED, "log", match_log_packet, 0, 0, NFT_CONTINUE, NULL, NULL},
	{REFUSED, "reset", match_reset, 0, 0, NFT_CONTINUE, NULL, NULL},
	{REFUSED, "reject", match_reject, PROHIBITED, 0, NFT_CONTINUE, NULL, NULL},
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
	rules_plan_sets(nft);
	rules_plan_fixed_elements(nft, router);
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
