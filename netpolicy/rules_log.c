/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log chains, log-SLOT.  A rule cannot take NFLOG's group from a map, so each slot has a chain of its own in both tables.  It is made when a slot
 * of its block is used for the first time, and stays: there are no more than there are slots.
 *
 * At each new jump the kernel walks all of the table, to see that there is no loop, which takes the longer the more chains there are.  So sandboxes'
 * elements do not jump to it themselves, and one start makes the chains for many.
 */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <errno.h>
#include <stdio.h>

#include "base/array.h"
#include "netpolicy/nft_expr.h"

/* How much a sandbox may make the monitor write: refused packets of one slot, in each of the two tables. */
#define LOG_PER_SECOND 20
#define LOG_BURST      100
#define LOG_BYTES      96 /* an IP header with options, and the ports */

#define LOG_BLOCK 32u

static void plan_log_rule(struct nft *nft, uint8_t family, unsigned slot, const char *name)
{
	nft_message(nft, NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND, "log rule");
	nft_text(nft, NFTA_RULE_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_RULE_CHAIN, name);
	struct nlattr *expressions = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
	expr_limit(nft, LOG_PER_SECOND, 1, LOG_BURST);
	expr_log(nft, (uint16_t)(slot + 1), LOG_BYTES);
	expr_verdict(nft, NFT_JUMP, CHAIN_LOGGED);
	nft_nest_end(nft, expressions);
}

static void name_chain(char name[RULES_CHAIN_MAX], unsigned slot)
{
	(void)snprintf(name, RULES_CHAIN_MAX, LOG_CHAIN, slot);
}

/* Those of the slot's block. */
static void plan_log_chains(struct nft *nft, uint8_t family, unsigned slot)
{
	const uint32_t from = slot - slot % LOG_BLOCK;
	char name[RULES_CHAIN_MAX];

	for (uint32_t i = from; i < from + LOG_BLOCK; i++) {
		name_chain(name, i);
		nft_message(nft, NFT_MSG_NEWCHAIN, family, NLM_F_CREATE | NLM_F_EXCL, "log chain");
		nft_text(nft, NFTA_CHAIN_TABLE, RULES_TABLE);
		nft_text(nft, NFTA_CHAIN_NAME, name);
		plan_log_rule(nft, family, i, name);
	}
	struct nlattr *list = elements_start(nft, NFT_MSG_NEWSETELEM, family, SET_LOGS, NLM_F_CREATE | NLM_F_EXCL);
	for (uint32_t i = from; i < from + LOG_BLOCK; i++) {
		name_chain(name, i);
		struct nlattr *element = element_start(nft, &i, sizeof(i));
		nft_put_verdict(nft, NFTA_SET_ELEM_DATA, NFT_JUMP, name);
		nft_nest_end(nft, element);
	}
	nft_nest_end(nft, list);
}

/* --- Is it there? --------------------------------------------------------------------------------- */

struct look {
	const struct nlattr *expected; /* expressions */
	unsigned count;
	bool same;
};

static int each_rule(void *context, const struct nlmsghdr *message)
{
	struct nlattr *theirs[NFTA_RULE_MAX + 1];
	struct look *look = context;

	if (nft_parse(message, theirs, NFTA_RULE_MAX) < 0)
		return -EBADMSG;
	look->count++;
	look->same &= theirs[NFTA_RULE_EXPRESSIONS] && rules_same_list(look->expected, theirs[NFTA_RULE_EXPRESSIONS]);
	return 0;
}

/* The rules of the chain in a family: a rule that accepts would let pass what is refused.  1: as it should be, 0: there are none. */
static int look_at(struct nft *nft, uint8_t family, const char *name, const struct nlattr *expected)
{
	struct look look;
	int r = -EINTR;

	for (int i = 0; i < RULES_CROWD_TRIES && r == -EINTR; i++) {
		look = (struct look){.expected = expected, .same = true};
		nft_begin(nft);
		nft_message(nft, NFT_MSG_GETRULE, family, NLM_F_DUMP, name);
		nft_text(nft, NFTA_RULE_TABLE, RULES_TABLE);
		nft_text(nft, NFTA_RULE_CHAIN, name);
		r = nft_ask(nft, each_rule, &look);
	}
	if (r < 0)
		return r;
	return look.count == 0 ? 0 : look.count == 1 && look.same ? 1 : -EBADMSG;
}

static int look_at_both(struct nft *nft, unsigned slot, const char *name)
{
	struct nlattr *ours[NFTA_RULE_MAX + 1] = {NULL};
	struct nft_plan plan = {0};

	nft_begin(nft);
	plan_log_rule(nft, NFT_FAMILY_IP, slot, name);
	int r = nft_take(nft, &plan);
	if (r == 0)
		r = nft_parse(nft_planned(&plan, 1), ours, NFTA_RULE_MAX);
	int ip = r < 0 ? r : look_at(nft, NFT_FAMILY_IP, name, ours[NFTA_RULE_EXPRESSIONS]);
	int bridge = ip < 0 ? ip : look_at(nft, NFT_FAMILY_BRIDGE, name, ours[NFTA_RULE_EXPRESSIONS]);
	/* Both are made in one batch, by another start perhaps between the two looks. */
	if (ip == 0 && bridge > 0)
		ip = look_at(nft, NFT_FAMILY_IP, name, ours[NFTA_RULE_EXPRESSIONS]);
	nft_plan_clear(&plan);
	if (ip < 0 || bridge < 0)
		return ip < 0 ? ip : bridge;
	return bridge == ip ? ip : -EBADMSG;
}

/* 0, or -EEXIST when a chain of the block is there. */
static int make_block(struct nft *nft, unsigned slot, struct error *err)
{
	nft_begin(nft);
	plan_log_chains(nft, NFT_FAMILY_IP, slot);
	plan_log_chains(nft, NFT_FAMILY_BRIDGE, slot);
	return nft_commit(nft, err);
}

int rules_ensure_log_chains(struct nft *nft, unsigned slot, struct error *err)
{
	char name[RULES_CHAIN_MAX];

	name_chain(name, slot);
	int r = look_at_both(nft, slot, name);
	if (r == 0) {
		struct error refusal = {0};
		r = make_block(nft, slot, &refusal);
		if (r == 0)
			return 0;
		if (r != -EEXIST) {
			if (err)
				*err = refusal;
			return r;
		}
		/* Another slot's start was faster; where it was not, a chain is gone. */
		r = look_at_both(nft, slot, name);
	}
	if (r > 0)
		return 0;
	if (r < 0 && r != -EBADMSG)
		return error_set(err, -r, "reading chain %s back", name);
	(void)error_say(err, EBADMSG, "the router's rules were changed: chain %s is not as it was made", name);
	if (err)
		(void)error_hint(err, RULES_CHANGED_HINT);
	return -EBADMSG;
}
