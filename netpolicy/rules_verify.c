/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading back: everything static must be as rules_install sends it, and nothing may be there besides but log chains.
 *
 * Log chains stay, so there may be thousands of them, and a start must not take the longer for it: chains are asked for by name, rules by chain.  What
 * is foreign shows in the kernel's counts: a table says how many chains and sets it has.  Only when they are wrong, all chains are read, to say which.
 */
#include "netpolicy/rules.h"
#include "netpolicy/rules_check.h"

#include <errno.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int each_object(void *context, const struct nlmsghdr *message)
{
	struct nlattr *theirs[ATTRIBUTES_MAX], *ours[ATTRIBUTES_MAX];
	struct check *check = context;
	const struct kind *kind = check->kind;
	const uint8_t family = nft_family(message);

	if (nft_parse(message, theirs, kind->max) < 0)
		return -EBADMSG;
	const char *name = nft_get_text(theirs[kind->name]);
	struct expected *expected = check_find(check, family, name);
	if (!expected)
		return check_wrong(check, kind == &check_kinds[RULES] ? "a rule in chain" : kind->noun, name,
				   "is not ours");
	expected->seen = true;
	check_keep_uses(check, family, name, theirs);
	if (nft_parse(expected->message, ours, kind->max) < 0 || !check_same(kind, ours, theirs))
		return check_wrong(check, kind->noun, expected->label, "is not as it was installed");
	return 0;
}

/* --- Fixed elements ------------------------------------------------------------------------------- */

static bool has_element(const struct nlattr *list, const struct nlattr *element)
{
	struct nlattr *at = NULL;
	int left = 0;

	nla_for_each_nested(at, list, left)
	{
		if (rules_same_attributes(at, element))
			return true;
	}
	return false;
}

static size_t count_elements(const struct nlattr *list)
{
	struct nlattr *at = NULL;
	size_t count = 0;
	int left = 0;

	nla_for_each_nested(at, list, left) count++;
	return count;
}

static int each_elements(void *context, const struct nlmsghdr *message)
{
	struct nlattr *theirs[NFTA_SET_ELEM_LIST_MAX + 1], *ours[NFTA_SET_ELEM_LIST_MAX + 1];
	struct check *check = context;
	struct nlattr *at = NULL;
	int left = 0;

	if (nft_parse(check->set->message, ours, NFTA_SET_ELEM_LIST_MAX) < 0 ||
	    nft_parse(message, theirs, NFTA_SET_ELEM_LIST_MAX) < 0)
		return -EBADMSG;
	if (!theirs[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	nla_for_each_nested(at, theirs[NFTA_SET_ELEM_LIST_ELEMENTS], left)
	{
		check->elements++;
		if (!has_element(ours[NFTA_SET_ELEM_LIST_ELEMENTS], at))
			return check_wrong(check, "an element of set", check->set->name, "is not ours");
	}
	return 0;
}

/* --- The questions -------------------------------------------------------------------------------- */

/* One dump, of all of a family, of a table or of what is in the object. */
static int dump(struct nft *nft, struct check *check, uint8_t family, const char *name, nft_each *each)
{
	const struct kind *kind = check->kind;

	nft_begin(nft);
	nft_message(nft, kind->question, family, NLM_F_DUMP, kind->noun);
	if (name) {
		nft_text(nft, kind->table, RULES_TABLE);
		nft_text(nft, kind->name, name);
	}
	return nft_ask(nft, each, check);
}

static int check_none_missing(struct check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		const struct expected *at = &check->expected[i];
		if (at->kind == check->kind && !at->seen)
			return check_wrong(check, at->kind->noun, at->label, "is missing");
	}
	return 0;
}

static int check_all(struct nft *nft, struct check *check, size_t kind)
{
	check->kind = &check_kinds[kind];
	int r = dump(nft, check, NFT_FAMILY_ANY, NULL, each_object);
	return r == 0 ? check_none_missing(check) : r;
}

static int check_chains(struct nft *nft, struct check *check)
{
	check->kind = &check_kinds[CHAINS];
	nft_begin(nft);
	for (size_t i = 0; i < check->count; i++) {
		const struct expected *at = &check->expected[i];
		if (at->kind != check->kind)
			continue;
		nft_message(nft, NFT_MSG_GETCHAIN, at->family, 0, at->name);
		nft_text(nft, NFTA_CHAIN_TABLE, RULES_TABLE);
		nft_text(nft, NFTA_CHAIN_NAME, at->name);
	}
	int r = nft_ask(nft, each_object, check);
	return r == 0 || r == -ENOENT ? check_none_missing(check) : r;
}

static int check_rules(struct nft *nft, struct check *check)
{
	int r = 0;

	check->kind = &check_kinds[RULES];
	for (size_t i = 0; r == 0 && i < check->count; i++) {
		const struct expected *at = &check->expected[i];
		/* A rule in the empty one shows in its count of uses. */
		if (at->kind == &check_kinds[CHAINS] && strcmp(at->name, CHAIN_LOGGED) != 0)
			r = dump(nft, check, at->family, at->name, each_object);
	}
	return r == 0 ? check_none_missing(check) : r;
}

static int check_elements(struct nft *nft, struct check *check)
{
	int r = 0;

	check->kind = &check_kinds[ELEMENTS];
	for (size_t i = 0; r == 0 && i < check->count; i++) {
		struct nlattr *ours[NFTA_SET_ELEM_LIST_MAX + 1];
		check->set = &check->expected[i];
		if (check->set->kind != &check_kinds[ELEMENTS])
			continue;
		check->elements = 0;
		r = dump(nft, check, check->set->family, check->set->name, each_elements);
		if (r == 0)
			r = nft_parse(check->set->message, ours, NFTA_SET_ELEM_LIST_MAX);
		if (r == 0 && check->elements != count_elements(ours[NFTA_SET_ELEM_LIST_ELEMENTS]))
			r = check_wrong(check, "elements of set", check->set->name, "are missing");
	}
	return r;
}

/* --- What is not ours ----------------------------------------------------------------------------- */

/* Slow: reads all chains to say which one is wrong. */
static int each_chain(void *context, const struct nlmsghdr *message)
{
	struct nlattr *theirs[NFTA_CHAIN_MAX + 1];
	struct check *check = context;
	char again[RULES_CHAIN_MAX];

	if (nft_parse(message, theirs, NFTA_CHAIN_MAX) < 0)
		return -EBADMSG;
	const char *name = nft_get_text(theirs[NFTA_CHAIN_NAME]);
	for (size_t i = 0; i < check->count; i++) {
		const struct expected *at = &check->expected[i];
		if (at->kind == &check_kinds[CHAINS] && at->family == nft_family(message) &&
		    strcmp(at->name, name) == 0)
			return 0;
	}
	const unsigned long slot = strncmp(name, "log-", 4) == 0 ? strtoul(name + 4, NULL, 10) : 0;
	(void)snprintf(again, sizeof(again), LOG_CHAIN, (unsigned)slot);
	if (strcmp(name, again) != 0 || theirs[NFTA_CHAIN_HOOK])
		return check_wrong(check, "chain", name, "is not ours");
	/* Its rule, and the element that jumps to it. */
	if (nft_get_u32(theirs[NFTA_CHAIN_USE]) == 2)
		return 0;
	check->settle = true;
	return check_wrong(check, "chain", name, "is not as it was made");
}

static int check_none_foreign(struct nft *nft, struct check *check)
{
	bool foreign = false;

	for (size_t f = 0; f < FAMILIES; f++) {
		uint32_t ours = 0;
		for (size_t i = 0; i < check->count; i++) {
			const struct expected *at = &check->expected[i];
			ours += at->family == check_families[f] &&
				(at->kind == &check_kinds[CHAINS] || at->kind == &check_kinds[SETS]);
		}
		foreign |= check->table_uses[f] != ours + check->logged_uses[f];
	}
	if (!foreign)
		return 0;
	check->kind = &check_kinds[CHAINS];
	int r = dump(nft, check, NFT_FAMILY_ANY, NULL, each_chain);
	if (r < 0)
		return r;
	check->settle = true;
	return check_wrong(check, "an object in table " RULES_TABLE " or a rule in chain", CHAIN_LOGGED, "is not ours");
}

static int read_back(struct nft *nft, struct check *check)
{
	nft_watch(nft);
	*check->what = '\0';
	check->settle = false;
	for (size_t i = 0; i < check->count; i++)
		check->expected[i].seen = false;
	int r = check_all(nft, check, TABLES);
	if (r == 0)
		r = check_chains(nft, check);
	if (r == 0)
		r = check_rules(nft, check);
	if (r == 0)
		r = check_all(nft, check, SETS);
	if (r == 0)
		r = check_elements(nft, check);
	return r == 0 ? check_none_foreign(nft, check) : r;
}

/*
 * The kernel counts uses while it takes a batch, before the batch is decided on.  A batch that changes nothing waits for the one under way.
 */
static int wait_for_others(struct nft *nft)
{
	nft_begin(nft);
	nft_message(nft, NFT_MSG_NEWTABLE, NFT_FAMILY_IP, 0, RULES_TABLE);
	nft_text(nft, NFTA_TABLE_NAME, RULES_TABLE);
	return nft_commit(nft, NULL);
}

static int read_until_sure(struct nft *nft, struct check *check)
{
	int r = read_back(nft, check);

	/* Others make log chains meanwhile, or remove elements: counts of different moments do not fit.  A crowd can go on for a while. */
	for (int i = 1, settled = 0; i < RULES_CROWD_TRIES && r < 0; i++) {
		bool changed = r == -EINTR || nft_changed(nft);
		if (!changed && (!check->settle || ++settled == RULES_TRIES))
			break;
		int waited = check->settle ? wait_for_others(nft) : 0;
		if (waited < 0)
			return waited;
		r = read_back(nft, check);
	}
	return r;
}

int rules_verify(struct nft *nft, const struct rules_router *router, struct error *err)
{
	struct nft_plan plan = {0};
	struct check check = {0};

	nft_begin(nft);
	rules_plan(nft, router);
	int r = nft_take(nft, &plan);
	if (r == 0)
		r = check_read_plan(&check, &plan);
	if (r == 0)
		r = read_until_sure(nft, &check);
	free(check.expected);
	nft_plan_clear(&plan);
	if (r == 0)
		return 0;
	if (!*check.what)
		return error_set(err, -r, "reading the router's rules back");
	(void)error_say(err, EBADMSG, "the router's rules were changed: %s", check.what);
	if (err)
		(void)error_hint(err, RULES_CHANGED_HINT);
	return -EBADMSG;
}
