/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading back: everything static must be as rules_install sends it, and nothing may be there besides but log chains.
 *
 * Log chains stay, so there may be thousands of them, and a start must not take the longer for it: chains are asked for by name, rules by chain.  What
 * is foreign shows in the kernel's counts: a table says how many chains and sets it has.  Only when they are wrong, all chains are read, to say which.
 */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/* --- What there should be ------------------------------------------------------------------------- */

/* A kind of object: its message, and which of its attributes count.  The rest are handles, counts and the like. */
struct kind {
	uint16_t message, question;
	const char *noun;
	int max, table, name;
	int compared[6];
};

enum { TABLES, CHAINS, SETS, RULES, ELEMENTS, KINDS };
#define ATTRIBUTES_MAX 32 /* more than any kind has */

static const struct kind kinds[KINDS] = {
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

/* A message of the plan. */
struct expected {
	const struct kind *kind;
	uint8_t family;
	const char *name; /* of a rule: its chain */
	const char *label;
	const struct nlmsghdr *message;
	bool seen;
};

enum { IP, BRIDGE, FAMILIES };
static const uint8_t families[FAMILIES] = {[IP] = NFT_FAMILY_IP, [BRIDGE] = NFT_FAMILY_BRIDGE};

struct check {
	struct expected *expected;
	size_t count, next;
	const struct kind *kind; /* that is asked for */
	struct expected *set; /* whose elements are read */
	size_t elements;
	uint32_t table_uses[FAMILIES], logged_uses[FAMILIES];
	bool settle; /* what is wrong is a count, which may be that of a batch under way */
	char what[128]; /* that is wrong */
};

/* The first thing that is wrong is told. */
static int wrong(struct check *check, const char *noun, const char *name, const char *how)
{
	if (!*check->what)
		(void)snprintf(check->what, sizeof(check->what), "%s %.80s %s", noun, name, how);
	return -EBADMSG;
}

static const struct kind *kind_of(const struct nlmsghdr *message)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (message->nlmsg_type == ((NFNL_SUBSYS_NFTABLES << 8) | kinds[i].message))
			return &kinds[i];
	}
	return NULL;
}

static int read_plan(struct check *check, const struct nft_plan *plan)
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

/* The next one that is about this object and was not seen yet. */
static struct expected *find(struct check *check, uint8_t family, const char *name)
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
	return kind == &kinds[SETS] && type == NFTA_SET_DATA_LEN &&
	       nft_get_u32(ours[NFTA_SET_DATA_TYPE]) == NFT_DATA_VERDICT;
}

static bool is_nothing(const struct nlattr *attribute)
{
	static const unsigned char nothing[64];

	return nla_len(attribute) <= (int)sizeof(nothing) &&
	       memcmp(nla_data(attribute), nothing, (size_t)nla_len(attribute)) == 0;
}

static bool same_object(const struct kind *kind, struct nlattr *const *ours, struct nlattr *const *theirs)
{
	if (kind == &kinds[RULES])
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

/* The counts of what can be foreign. */
static void keep_uses(struct check *check, uint8_t family, const char *name, struct nlattr *const *theirs)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		if (families[i] != family)
			continue;
		if (check->kind == &kinds[TABLES])
			check->table_uses[i] = nft_get_u32(theirs[NFTA_TABLE_USE]);
		else if (check->kind == &kinds[CHAINS] && strcmp(name, CHAIN_LOGGED) == 0)
			check->logged_uses[i] = nft_get_u32(theirs[NFTA_CHAIN_USE]);
	}
}

static int each_object(void *context, const struct nlmsghdr *message)
{
	struct nlattr *theirs[ATTRIBUTES_MAX], *ours[ATTRIBUTES_MAX];
	struct check *check = context;
	const struct kind *kind = check->kind;
	const uint8_t family = nft_family(message);

	if (nft_parse(message, theirs, kind->max) < 0)
		return -EBADMSG;
	const char *name = nft_get_text(theirs[kind->name]);
	struct expected *expected = find(check, family, name);
	if (!expected)
		return wrong(check, kind == &kinds[RULES] ? "a rule in chain" : kind->noun, name, "is not ours");
	expected->seen = true;
	keep_uses(check, family, name, theirs);
	if (nft_parse(expected->message, ours, kind->max) < 0 || !same_object(kind, ours, theirs))
		return wrong(check, kind->noun, expected->label, "is not as it was installed");
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
			return wrong(check, "an element of set", check->set->name, "is not ours");
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
			return wrong(check, at->kind->noun, at->label, "is missing");
	}
	return 0;
}

static int check_all(struct nft *nft, struct check *check, size_t kind)
{
	check->kind = &kinds[kind];
	int r = dump(nft, check, NFT_FAMILY_ANY, NULL, each_object);
	return r == 0 ? check_none_missing(check) : r;
}

static int check_chains(struct nft *nft, struct check *check)
{
	check->kind = &kinds[CHAINS];
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

	check->kind = &kinds[RULES];
	for (size_t i = 0; r == 0 && i < check->count; i++) {
		const struct expected *at = &check->expected[i];
		/* A rule in the empty one shows in its count of uses. */
		if (at->kind == &kinds[CHAINS] && strcmp(at->name, CHAIN_LOGGED) != 0)
			r = dump(nft, check, at->family, at->name, each_object);
	}
	return r == 0 ? check_none_missing(check) : r;
}

static int check_elements(struct nft *nft, struct check *check)
{
	int r = 0;

	check->kind = &kinds[ELEMENTS];
	for (size_t i = 0; r == 0 && i < check->count; i++) {
		struct nlattr *ours[NFTA_SET_ELEM_LIST_MAX + 1];
		check->set = &check->expected[i];
		if (check->set->kind != &kinds[ELEMENTS])
			continue;
		check->elements = 0;
		r = dump(nft, check, check->set->family, check->set->name, each_elements);
		if (r == 0)
			r = nft_parse(check->set->message, ours, NFTA_SET_ELEM_LIST_MAX);
		if (r == 0 && check->elements != count_elements(ours[NFTA_SET_ELEM_LIST_ELEMENTS]))
			r = wrong(check, "elements of set", check->set->name, "are missing");
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
		if (at->kind == &kinds[CHAINS] && at->family == nft_family(message) && strcmp(at->name, name) == 0)
			return 0;
	}
	const unsigned long slot = strncmp(name, "log-", 4) == 0 ? strtoul(name + 4, NULL, 10) : 0;
	(void)snprintf(again, sizeof(again), LOG_CHAIN, (unsigned)slot);
	if (strcmp(name, again) != 0 || theirs[NFTA_CHAIN_HOOK])
		return wrong(check, "chain", name, "is not ours");
	/* Its rule, and the element that jumps to it. */
	if (nft_get_u32(theirs[NFTA_CHAIN_USE]) == 2)
		return 0;
	check->settle = true;
	return wrong(check, "chain", name, "is not as it was made");
}

static int check_none_foreign(struct nft *nft, struct check *check)
{
	bool foreign = false;

	for (size_t f = 0; f < FAMILIES; f++) {
		uint32_t ours = 0;
		for (size_t i = 0; i < check->count; i++) {
			const struct expected *at = &check->expected[i];
			ours += at->family == families[f] && (at->kind == &kinds[CHAINS] || at->kind == &kinds[SETS]);
		}
		foreign |= check->table_uses[f] != ours + check->logged_uses[f];
	}
	if (!foreign)
		return 0;
	check->kind = &kinds[CHAINS];
	int r = dump(nft, check, NFT_FAMILY_ANY, NULL, each_chain);
	if (r < 0)
		return r;
	check->settle = true;
	return wrong(check, "an object in table " RULES_TABLE " or a rule in chain", CHAIN_LOGGED, "is not ours");
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

	/* Others make log chains meanwhile, or remove elements: counts of different moments do not fit. */
	for (int i = 1; i < RULES_TRIES && (r == -EINTR || (r < 0 && (nft_changed(nft) || check->settle))); i++) {
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
		r = read_plan(&check, &plan);
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
