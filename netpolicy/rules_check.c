/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/rules_check.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

const struct kind check_kinds[KINDS] = {
	[TABLES] = {NFT_MSG_NEWTABLE,
		    NFT_MSG_GETTABLE,
		    "table",
		    NFTA_TABLE_MAX,
		    NFTA_TABLE_NAME,
		    NFTA_TABLE_NAME,
		    {NFTA_TABLE_FLAGS}},
	[CHAINS] = {NFT_MSG_NEWCHAIN,
		    NFT_MSG_GETCHAIN,
		    "chain",
		    NFTA_CHAIN_MAX,
		    NFTA_CHAIN_TABLE,
		    NFTA_CHAIN_NAME,
		    {NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE}},
	[SETS] = {NFT_MSG_NEWSET,
		  NFT_MSG_GETSET,
		  "set",
		  NFTA_SET_MAX,
		  NFTA_SET_TABLE,
		  NFTA_SET_NAME,
		  {NFTA_SET_FLAGS, NFTA_SET_KEY_LEN, NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN, NFTA_SET_TIMEOUT,
		   NFTA_SET_EXPRESSIONS}},
	[RULES] = {NFT_MSG_NEWRULE, NFT_MSG_GETRULE, "rule", NFTA_RULE_MAX, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, {0}},
	[ELEMENTS] = {NFT_MSG_NEWSETELEM,
		      NFT_MSG_GETSETELEM,
		      "elements",
		      NFTA_SET_ELEM_LIST_MAX,
		      NFTA_SET_ELEM_LIST_TABLE,
		      NFTA_SET_ELEM_LIST_SET,
		      {0}},
};

const uint8_t check_families[FAMILIES] = {[CHECK_IP] = NFT_FAMILY_IP, [CHECK_BRIDGE] = NFT_FAMILY_BRIDGE};

int check_wrong(struct check *check, const char *noun, const char *name, const char *how)
{
	if (!*check->what)
		(void)snprintf(check->what, sizeof(check->what), "%s %.80s %s", noun, name, how);
	return -EBADMSG;
}

static const struct kind *kind_of(const struct nlmsghdr *message)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (message->nlmsg_type == ((NFNL_SUBSYS_NFTABLES << 8) | check_kinds[i].message))
			return &check_kinds[i];
	}
	return NULL;
}

int check_read_plan(struct check *check, const struct nft_plan *plan)
{
	check->expected = calloc(plan->count, sizeof(*check->expected));
	if (!check->expected)
		return -ENOMEM;
	for (size_t i = 1; i < plan->count; i++) {
		const struct nlmsghdr *message = nft_planned(plan, i);
		struct nlattr *ours[ATTRIBUTES_MAX];
		const struct kind *kind = kind_of(message);
		if (!kind || nft_parse(message, ours, kind->max) < 0)
			return -EINVAL;
		check->expected[check->count++] = (struct expected){.kind = kind,
								    .family = nft_family(message),
								    .name = nft_get_text(ours[kind->name]),
								    .label = plan->messages[i].label,
								    .message = message};
	}
	return 0;
}

struct expected *check_find(struct check *check, uint8_t family, const char *name)
{
	/* As a rule it is the one behind the last. */
	for (size_t i = 0; i < check->count; i++) {
		const size_t index = (check->next + i) % check->count;
		struct expected *at = &check->expected[index];
		if (!at->seen && at->kind == check->kind && at->family == family && strcmp(at->name, name) == 0) {
			check->next = index + 1;
			return at;
		}
	}
	return NULL;
}

/* --- Comparing an object -------------------------------------------------------------------------- */

/* A verdict's length is the kernel's affair: it is told, but never asked for. */
static bool untold(const struct kind *kind, int type, struct nlattr *const *ours)
{
	return kind == &check_kinds[SETS] && type == NFTA_SET_DATA_LEN &&
	       nft_get_u32(ours[NFTA_SET_DATA_TYPE]) == NFT_DATA_VERDICT;
}

static bool is_nothing(const struct nlattr *attribute)
{
	static const unsigned char nothing[64];

	return nla_len(attribute) <= (int)sizeof(nothing) &&
	       memcmp(nla_data(attribute), nothing, (size_t)nla_len(attribute)) == 0;
}

bool check_same(const struct kind *kind, struct nlattr *const *ours, struct nlattr *const *theirs)
{
	if (kind == &check_kinds[RULES])
		return theirs[NFTA_RULE_EXPRESSIONS] &&
		       rules_same_list(ours[NFTA_RULE_EXPRESSIONS], theirs[NFTA_RULE_EXPRESSIONS]);
	for (size_t i = 0; i < ARRAY_SIZE(kind->compared) && kind->compared[i]; i++) {
		const int type = kind->compared[i];
		const struct nlattr *mine = ours[type], *yours = theirs[type];
		if (untold(kind, type, ours) || (!mine && !yours))
			continue;
		if (mine && yours ? !rules_same_value(mine, yours) : !is_nothing(mine ? mine : yours))
			return false;
	}
	return true;
}

void check_keep_uses(struct check *check, uint8_t family, const char *name, struct nlattr *const *theirs)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		if (check_families[i] != family)
			continue;
		if (check->kind == &check_kinds[TABLES])
			check->table_uses[i] = nft_get_u32(theirs[NFTA_TABLE_USE]);
		else if (check->kind == &check_kinds[CHAINS] && strcmp(name, CHAIN_LOGGED) == 0)
			check->logged_uses[i] = nft_get_u32(theirs[NFTA_CHAIN_USE]);
	}
}
