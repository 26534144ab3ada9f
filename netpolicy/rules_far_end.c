/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side of the uplink: a table of our own in somebody else's namespace. */
#include "netpolicy/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "base/array.h"
#include "base/fault.h"
#include "netpolicy/nft_expr.h"

struct chain_row {
	const char *chain, *type;
	uint32_t hook;
	int priority;
};

/* Policy accept: other traffic of the host is none of our business. */
static const struct chain_row chains[] = {
	/* Behind conntrack (-200), before anybody's DNAT (-100): the packet still shows where the sandbox wanted to go. */
	{"guard", "filter", NF_INET_PRE_ROUTING, -150},
	{"input", "filter", NF_INET_LOCAL_IN, -150},
	{"forward", "filter", NF_INET_FORWARD, -150},
	{"masquerade", "nat", NF_INET_POST_ROUTING, 100},
};

typedef void match(struct nft *nft, const struct rules_far_end *far_end);

struct rule_row {
	const char *chain, *name;
	match *match;
	int verdict; /* NFT_CONTINUE: the match has said it */
};

static void interface_is(struct nft *nft, enum nft_meta_keys key, enum nft_cmp_ops op, const char *interface)
{
	char name[IFNAMSIZ] = {0};

	(void)snprintf(name, sizeof(name), "%s", interface);
	expr_meta(nft, key, NFT_WORD(0));
	expr_cmp(nft, op, NFT_WORD(0), name, sizeof(name));
}

static void source_in_pool(struct nft *nft, const struct rules_far_end *far_end, enum nft_cmp_ops op)
{
	const uint32_t mask = far_end->pool_prefix == 0 ? 0 : htonl(UINT32_MAX << (32 - far_end->pool_prefix));
	const uint32_t pool = htonl(far_end->pool) & mask;

	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_mask(nft, NFT_WORD(0), &mask, sizeof(mask));
	expr_cmp(nft, op, NFT_WORD(0), &pool, sizeof(pool));
}

static void masked_ct(struct nft *nft, enum nft_ct_keys key, uint32_t bits, enum nft_cmp_ops op)
{
	const uint32_t none = 0;

	expr_ct(nft, key, NFT_WORD(0));
	expr_mask(nft, NFT_WORD(0), &bits, sizeof(bits));
	expr_cmp(nft, op, NFT_WORD(0), &none, sizeof(none));
}

static void foreign_source(struct nft *nft, const struct rules_far_end *far_end)
{
	interface_is(nft, NFT_META_IIFNAME, NFT_CMP_EQ, far_end->interface);
	source_in_pool(nft, far_end, NFT_CMP_NEQ);
}

/* Asked at each packet: an address that the host gets later is guarded too.  Broadcast and multicast are no unicast either. */
static void to_the_host(struct nft *nft, const struct rules_far_end *far_end)
{
	const uint32_t unicast = RTN_UNICAST;

	interface_is(nft, NFT_META_IIFNAME, NFT_CMP_EQ, far_end->interface);
	expr_target_type(nft, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), &unicast, sizeof(unicast));
}

static void from_interface(struct nft *nft, const struct rules_far_end *far_end)
{
	interface_is(nft, NFT_META_IIFNAME, NFT_CMP_EQ, far_end->interface);
}

static void translated(struct nft *nft, const struct rules_far_end *far_end)
{
	interface_is(nft, NFT_META_IIFNAME, NFT_CMP_EQ, far_end->interface);
	masked_ct(nft, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_NEQ);
}

static void unasked(struct nft *nft, const struct rules_far_end *far_end)
{
	interface_is(nft, NFT_META_OIFNAME, NFT_CMP_EQ, far_end->interface);
	masked_ct(nft, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), NFT_CMP_EQ);
}

static void masquerade(struct nft *nft, const struct rules_far_end *far_end)
{
	source_in_pool(nft, far_end, NFT_CMP_EQ);
	interface_is(nft, NFT_META_OIFNAME, NFT_CMP_NEQ, far_end->interface);
	expr_masquerade(nft);
}

static const struct rule_row rules[] = {
	{"guard", "far-source", foreign_source, NF_DROP},
	{"guard", "far-local", to_the_host, NF_DROP},
	/* What DNAT has turned to the host itself. */
	{"input", "far-input", from_interface, NF_DROP},
	{"forward", "far-translated", translated, NF_DROP},
	{"forward", "far-unasked", unasked, NF_DROP},
	{"masquerade", "far-masquerade", masquerade, NFT_CONTINUE},
};

static void put_table(struct nft *nft, uint16_t type, const char *table)
{
	nft_message(nft, type, NFT_FAMILY_IP, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, "far end's table");
	nft_text(nft, NFTA_TABLE_NAME, table);
}

static void put_chain(struct nft *nft, const char *table, const struct chain_row *row)
{
	nft_message(nft, NFT_MSG_NEWCHAIN, NFT_FAMILY_IP, NLM_F_CREATE, row->chain);
	nft_text(nft, NFTA_CHAIN_TABLE, table);
	nft_text(nft, NFTA_CHAIN_NAME, row->chain);
	struct nlattr *hook = nft_nest(nft, NFTA_CHAIN_HOOK);
	nft_u32(nft, NFTA_HOOK_HOOKNUM, row->hook);
	nft_u32(nft, NFTA_HOOK_PRIORITY, (uint32_t)row->priority);
	nft_nest_end(nft, hook);
	nft_text(nft, NFTA_CHAIN_TYPE, row->type);
	nft_u32(nft, NFTA_CHAIN_POLICY, NF_ACCEPT);
}

static void put_rule(struct nft *nft, const struct rules_far_end *far_end, const struct rule_row *row)
{
	nft_message(nft, NFT_MSG_NEWRULE, NFT_FAMILY_IP, NLM_F_CREATE | NLM_F_APPEND, row->name);
	nft_text(nft, NFTA_RULE_TABLE, far_end->table);
	nft_text(nft, NFTA_RULE_CHAIN, row->chain);
	struct nlattr *expressions = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
	row->match(nft, far_end);
	if (row->verdict != NFT_CONTINUE)
		expr_verdict(nft, row->verdict, NULL);
	nft_nest_end(nft, expressions);
}

/* A device that forwards for the sake of answers to us, or to another router of ours. */
static void put_through(struct nft *nft, const struct rules_far_end *far_end, uint32_t device)
{
	nft_message(nft, NFT_MSG_NEWRULE, NFT_FAMILY_IP, NLM_F_CREATE | NLM_F_APPEND, "far-through");
	nft_text(nft, NFTA_RULE_TABLE, far_end->table);
	nft_text(nft, NFTA_RULE_CHAIN, "forward");
	struct nlattr *expressions = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
	expr_meta(nft, NFT_META_IIF, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_EQ, NFT_WORD(0), &device, sizeof(device));
	expr_meta(nft, NFT_META_OIFNAME, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(0), ROUTER_FAR_PREFIX, sizeof(ROUTER_FAR_PREFIX) - 1);
	expr_verdict(nft, NF_DROP, NULL);
	nft_nest_end(nft, expressions);
}

int rules_far_end_install(struct nft *nft, const struct rules_far_end *far_end, struct error *err)
{
	nft_begin(nft);
	/* Only what is there can be deleted, so it is made first: all of it is one step. */
	put_table(nft, NFT_MSG_NEWTABLE, far_end->table);
	put_table(nft, NFT_MSG_DELTABLE, far_end->table);
	put_table(nft, NFT_MSG_NEWTABLE, far_end->table);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		put_chain(nft, far_end->table, &chains[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!fault_wished("drop", rules[i].name))
			put_rule(nft, far_end, &rules[i]);
	}
	for (size_t i = 0; i < far_end->device_count && !fault_wished("drop", "far-through"); i++)
		put_through(nft, far_end, far_end->devices[i]);
	return nft_commit(nft, err);
}

int rules_far_end_remove(struct nft *nft, const char *table, struct error *err)
{
	struct error why = {0};

	nft_begin(nft);
	put_table(nft, NFT_MSG_DELTABLE, table);
	int r = nft_commit(nft, &why);
	if (r == 0 || r == -ENOENT)
		return 0;
	return error_say(err, why.code, "%s", why.text);
}
