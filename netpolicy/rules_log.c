/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log chains, log-SLOT.  A rule cannot take NFLOG's group from a map, so each slot has a chain of its own in both tables.  It is made when the slot
 * is used for the first time, and stays: there are no more than there are slots.
 *
 * Sandboxes' elements do not jump to it themselves: at each new jump the kernel walks all of the table, to see that there is no loop, and a start
 * would take the longer the more sandboxes there are.
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

void rules_log_chain_name(unsigned slot, char name[RULES_CHAIN_MAX])
{
	(void)snprintf(name, RULES_CHAIN_MAX, "log-%u", slot);
}

void rules_plan_log_rule(struct nft *nft, uint8_t family, unsigned slot, const char *name)
{
	nft_message(nft, NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND, "log rule");
	nft_text(nft, NFTA_RULE_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_RULE_CHAIN, name);
	struct nlattr *expressions = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
	expr_limit(nft, LOG_PER_SECOND, 1, LOG_BURST);
	expr_log(nft, (uint16_t)(slot + 1), LOG_BYTES);
	nft_nest_end(nft, expressions);
}

static void plan_log_chain(struct nft *nft, uint8_t family, uint32_t slot)
{
	char name[RULES_CHAIN_MAX];

	rules_log_chain_name(slot, name);
	nft_message(nft, NFT_MSG_NEWCHAIN, family, NLM_F_CREATE | NLM_F_EXCL, "log chain");
	nft_text(nft, NFTA_CHAIN_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_CHAIN_NAME, name);
	rules_plan_log_rule(nft, family, slot, name);
	struct nlattr *list = elements_start(nft, NFT_MSG_NEWSETELEM, family, SET_LOGS, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *element = element_start(nft, &slot, sizeof(slot));
	nft_put_verdict(nft, NFTA_SET_ELEM_DATA, NFT_JUMP, name);
	nft_nest_end(nft, element);
	nft_nest_end(nft, list);
}

static int is_there(void *context, const struct nlmsghdr *message)
{
	(void)context;
	(void)message;
	return 0;
}

int rules_ensure_log_chains(struct nft *nft, unsigned slot, struct error *err)
{
	const uint32_t key = slot;

	/* Both are made in one batch, so to ask for one is enough. */
	nft_begin(nft);
	struct nlattr *list = elements_start(nft, NFT_MSG_GETSETELEM, NFT_FAMILY_IP, SET_LOGS, 0);
	nft_nest_end(nft, element_start(nft, &key, sizeof(key)));
	nft_nest_end(nft, list);
	if (nft_ask(nft, is_there, NULL) == 0)
		return 0;
	nft_begin(nft);
	plan_log_chain(nft, NFT_FAMILY_IP, slot);
	plan_log_chain(nft, NFT_FAMILY_BRIDGE, slot);
	return nft_commit(nft, err);
}
