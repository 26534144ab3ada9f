/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading back: everything static must be as rules_install sends it, and nothing may be there besides but log chains.
 *
 * What the kernel tells more than was sent is a default, and must be zero: a newer kernel may know attributes that we do not.
 */
#include "netpolicy/router.h"
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

#define TRIES 100 /* others add their elements meanwhile: then a dump is torn */

struct check {
	const struct nft_plan *plan, *log_plan; /* log_plan: the rule of one log chain */
	struct nlattr *log_group; /* in log_plan, to be set */
	unsigned char *seen; /* a flag for each message of the plan */
	unsigned char *log_chains, *log_rules; /* for each slot: bits of the families */
	const char *set; /* whose elements are read */
	size_t elements;
	char what[128]; /* that is wrong */
};

/* The first thing that is wrong is told. */
static int wrong(struct check *check, const char *noun, const char *name, const char *how)
{
	if (!*check->what)
		(void)snprintf(check->what, sizeof(check->what), "%s %.80s %s", noun, name, how);
	return -EBADMSG;
}

/* --- Comparing attributes ------------------------------------------------------------------------- */

static bool is_zero(const struct nlattr *attribute)
{
	const unsigned char *data = nla_data(attribute);

	for (int i = 0; i < nla_len(attribute); i++) {
		if (data[i])
			return false;
	}
	return true;
}

static bool same_list(const struct nlattr *ours, const struct nlattr *theirs);

/* Attributes of one level, each type once. */
static bool same_attributes(const struct nlattr *ours, const struct nlattr *theirs)
{
	struct nlattr *at = NULL;
	int left = 0;

	nla_for_each_nested(at, ours, left)
	{
		const struct nlattr *other = nla_find(nla_data(theirs), nla_len(theirs), nla_type(at));
		if (!other)
			return false;
		if (at->nla_type & NLA_F_NESTED ? !same_attributes(at, other)
						: nla_len(at) != nla_len(other) || memcmp(nla_data(at), nla_data(other),
											  (size_t)nla_len(at)) != 0)
			return false;
	}
	nla_for_each_nested(at, theirs, left)
	{
		if (!nla_find(nla_data(ours), nla_len(ours), nla_type(at)) && !is_zero(at))
			return false;
	}
	return true;
}

/* Expressions: as many, in the same order. */
static bool same_list(const struct nlattr *ours, const struct nlattr *theirs)
{
	struct nlattr *mine = nla_data(ours), *yours = nla_data(theirs);
	int my_left = nla_len(ours), your_left = nla_len(theirs);

	while (nla_ok(mine, my_left) && nla_ok(yours, your_left)) {
		if (!same_attributes(mine, yours))
			return false;
		mine = nla_next(mine, &my_left);
		yours = nla_next(yours, &your_left);
	}
	return !nla_ok(mine, my_left) && !nla_ok(yours, your_left);
}

/* --- Finding what an object should be ------------------------------------------------------------- */

/* A kind of object: its message, and which of its attributes count.  The rest are handles, counts and the like. */
struct kind {
	uint16_t message, question;
	const char *noun;
	int max, table, name; /* table 0: it is one */
	int compared[6];
};

static const struct kind tables = {NFT_MSG_NEWTABLE, NFT_MSG_GETTABLE,  "table", NFTA_TABLE_MAX, 0,
				   NFTA_TABLE_NAME,  {NFTA_TABLE_FLAGS}};
static const struct kind chains = {NFT_MSG_NEWCHAIN,
				   NFT_MSG_GETCHAIN,
				   "chain",
				   NFTA_CHAIN_MAX,
				   NFTA_CHAIN_TABLE,
				   NFTA_CHAIN_NAME,
				   {NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE}};
static const struct kind sets = {NFT_MSG_NEWSET,
				 NFT_MSG_GETSET,
				 "set",
				 NFTA_SET_MAX,
				 NFTA_SET_TABLE,
				 NFTA_SET_NAME,
				 {NFTA_SET_FLAGS, NFTA_SET_KEY_LEN, NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN,
				  NFTA_SET_TIMEOUT, NFTA_SET_EXPRESSIONS}};
static const struct kind rules = {NFT_MSG_NEWRULE, NFT_MSG_GETRULE, "rule", NFTA_RULE_MAX,
				  NFTA_RULE_TABLE, NFTA_RULE_CHAIN, {0}};

static bool is_message(const struct nlmsghdr *message, uint16_t type)
{
	return message->nlmsg_type == ((NFNL_SUBSYS_NFTABLES << 8) | type);
}

/* The next message of the plan that is about this object and was not seen yet; 0 where there is none. */
static size_t expected(const struct check *check, const struct kind *kind, uint8_t family, const char *name,
		       struct nlattr **attributes)
{
	for (size_t i = 1; i < check->plan->count; i++) {
		const struct nlmsghdr *message = nft_planned(check->plan, i);
		if (check->seen[i] || !is_message(message, kind->message) || nft_family(message) != family)
			continue;
		if (nft_parse(message, attributes, kind->max) == 0 &&
		    strcmp(nft_get_text(attributes[kind->name]), name) == 0)
			return i;
	}
	return 0;
}

/* A verdict's length is the kernel's affair: it is told, but never asked for. */
static bool untold(const struct kind *kind, int type, struct nlattr *const *ours)
{
	return kind == &sets && type == NFTA_SET_DATA_LEN && nft_get_u32(ours[NFTA_SET_DATA_TYPE]) == NFT_DATA_VERDICT;
}

static bool same_object(const struct kind *kind, struct nlattr *const *ours, struct nlattr *const *theirs)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind->compared) && kind->compared[i]; i++) {
		int type = kind->compared[i];
		const struct nlattr *mine = ours[type], *yours = theirs[type];
		if (untold(kind, type, ours))
			continue;
		if (!mine && !yours)
			continue;
		if (!yours || !mine) {
			if (!is_zero(mine ? mine : yours))
				return false;
		} else if (mine->nla_type & NLA_F_NESTED
				   ? !same_attributes(mine, yours)
				   : nla_len(mine) != nla_len(yours) ||
					     memcmp(nla_data(mine), nla_data(yours), (size_t)nla_len(mine)) != 0) {
			return false;
		}
	}
	return true;
}

/* --- Log chains ----------------------------------------------------------------------------------- */

static unsigned char bit(uint8_t family)
{
	return family == NFT_FAMILY_IP ? 1 : family == NFT_FAMILY_BRIDGE ? 2 : 0;
}

/* The slot of a log chain's name; negative where it is none. */
static long slot_of(const char *name)
{
	char again[RULES_CHAIN_MAX];

	if (strncmp(name, "log-", 4) != 0)
		return -1;
	unsigned long slot = strtoul(name + 4, NULL, 10);
	if (slot >= ROUTER_SLOTS_MAX)
		return -1;
	rules_log_chain_name((unsigned)slot, again);
	return strcmp(name, again) == 0 ? (long)slot : -1;
}

static bool is_log_chain(struct check *check, uint8_t family, const char *name, struct nlattr *const *theirs)
{
	long slot = slot_of(name);

	if (slot < 0 || theirs[NFTA_CHAIN_HOOK] || strcmp(nft_get_text(theirs[NFTA_CHAIN_TABLE]), RULES_TABLE) != 0)
		return false;
	check->log_chains[slot] |= bit(family);
	return true;
}

static bool is_log_rule(struct check *check, uint8_t family, const char *chain, const struct nlattr *expressions)
{
	struct nlattr *ours[NFTA_RULE_MAX + 1];
	long slot = slot_of(chain);

	if (slot < 0 || (check->log_rules[slot] & bit(family)) || !expressions)
		return false;
	const uint16_t group = htons((uint16_t)(slot + 1));
	memcpy(nla_data(check->log_group), &group, sizeof(group));
	if (nft_parse(nft_planned(check->log_plan, 1), ours, NFTA_RULE_MAX) < 0 ||
	    !same_list(ours[NFTA_RULE_EXPRESSIONS], expressions))
		return false;
	check->log_rules[slot] |= bit(family);
	return true;
}

/* Where the group is in the rule that stands for all log rules: it is the last expression's. */
static struct nlattr *find_group(const struct nft_plan *plan)
{
	struct nlattr *ours[NFTA_RULE_MAX + 1];
	struct nlattr *at = NULL, *last = NULL;
	int left = 0;

	if (nft_parse(nft_planned(plan, 1), ours, NFTA_RULE_MAX) < 0)
		return NULL;
	nla_for_each_nested(at, ours[NFTA_RULE_EXPRESSIONS], left) last = at;
	struct nlattr *data = last ? nla_find(nla_data(last), nla_len(last), NFTA_EXPR_DATA) : NULL;
	return data ? nla_find(nla_data(data), nla_len(data), NFTA_LOG_GROUP) : NULL;
}

/* --- One object of an answer ---------------------------------------------------------------------- */

static int check_object(struct check *check, const struct kind *kind, const struct nlmsghdr *message)
{
	struct nlattr *theirs[NFTA_SET_MAX + NFTA_CHAIN_MAX + NFTA_RULE_MAX], *ours[ARRAY_SIZE(theirs)];
	uint8_t family = nft_family(message);

	if (nft_parse(message, theirs, kind->max) < 0)
		return -EBADMSG;
	const char *name = nft_get_text(theirs[kind->name]);
	/* Log chains first: they are the many, and no name of the plan begins like theirs. */
	if (kind == &chains && is_log_chain(check, family, name, theirs))
		return 0;
	if (kind == &rules && is_log_rule(check, family, name, theirs[NFTA_RULE_EXPRESSIONS]))
		return 0;
	size_t index = expected(check, kind, family, name, ours);
	if (index == 0)
		return wrong(check, kind == &rules ? "a rule in chain" : kind->noun, name, "is not ours");
	check->seen[index] = true;
	const char *label = check->plan->messages[index].label;
	if (kind == &rules ? !theirs[NFTA_RULE_EXPRESSIONS] ||
				     !same_list(ours[NFTA_RULE_EXPRESSIONS], theirs[NFTA_RULE_EXPRESSIONS])
			   : !same_object(kind, ours, theirs))
		return wrong(check, kind->noun, label, "is not as it was installed");
	return 0;
}

static int each_table(void *context, const struct nlmsghdr *message)
{
	return check_object(context, &tables, message);
}

static int each_chain(void *context, const struct nlmsghdr *message)
{
	return check_object(context, &chains, message);
}

static int each_set(void *context, const struct nlmsghdr *message)
{
	return check_object(context, &sets, message);
}

static int each_rule(void *context, const struct nlmsghdr *message)
{
	return check_object(context, &rules, message);
}

/* --- Fixed elements ------------------------------------------------------------------------------- */

static const struct nlattr *planned_elements(const struct check *check, size_t *index)
{
	for (size_t i = 1; i < check->plan->count; i++) {
		struct nlattr *ours[NFTA_SET_ELEM_LIST_MAX + 1];
		const struct nlmsghdr *message = nft_planned(check->plan, i);
		if (is_message(message, NFT_MSG_NEWSETELEM) && nft_parse(message, ours, NFTA_SET_ELEM_LIST_MAX) == 0 &&
		    strcmp(nft_get_text(ours[NFTA_SET_ELEM_LIST_SET]), check->set) == 0) {
			*index = i;
			return ours[NFTA_SET_ELEM_LIST_ELEMENTS];
		}
	}
	return NULL;
}

static bool has_element(const struct nlattr *list, const struct nlattr *element)
{
	struct nlattr *at = NULL;
	int left = 0;

	nla_for_each_nested(at, list, left)
	{
		if (same_attributes(at, element))
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
	struct check *check = context;
	struct nlattr *theirs[NFTA_SET_ELEM_LIST_MAX + 1];
	struct nlattr *at = NULL;
	size_t index = 0;
	int left = 0;
	const struct nlattr *ours = planned_elements(check, &index);

	if (!ours || nft_parse(message, theirs, NFTA_SET_ELEM_LIST_MAX) < 0)
		return -EBADMSG;
	if (!theirs[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	nla_for_each_nested(at, theirs[NFTA_SET_ELEM_LIST_ELEMENTS], left)
	{
		check->elements++;
		if (!has_element(ours, at))
			return wrong(check, "an element of set", check->set, "is not ours");
	}
	return 0;
}

/* --- The questions -------------------------------------------------------------------------------- */

static void forget_seen(struct check *check, uint16_t type, uint8_t family)
{
	for (size_t i = 1; i < check->plan->count; i++) {
		const struct nlmsghdr *message = nft_planned(check->plan, i);
		if (is_message(message, type) && (family == NFT_FAMILY_ANY || nft_family(message) == family))
			check->seen[i] = false;
	}
}

static void forget_log(unsigned char *slots, uint8_t family)
{
	const unsigned char kept = family == NFT_FAMILY_ANY ? 0 : (unsigned char)~bit(family);

	for (size_t i = 0; i < ROUTER_SLOTS_MAX; i++)
		slots[i] &= kept;
}

/* Ask for all objects of a kind (in a family), anew when the answer was torn. */
static int ask(struct nft *nft, struct check *check, const struct kind *kind, uint8_t family, nft_each *each)
{
	int r = -EINTR;

	for (int i = 0; i < TRIES && r == -EINTR; i++) {
		if (i > 0) {
			forget_seen(check, kind->message, family);
			if (kind == &chains)
				forget_log(check->log_chains, family);
			if (kind == &rules)
				forget_log(check->log_rules, family);
		}
		nft_begin(nft);
		nft_message(nft, kind->question, family, NLM_F_DUMP, kind->noun);
		if (kind == &rules)
			nft_text(nft, NFTA_RULE_TABLE, RULES_TABLE);
		r = nft_ask(nft, each, check);
	}
	return r;
}

static int ask_elements(struct nft *nft, struct check *check, const char *set)
{
	size_t index = 0;
	int r = -EINTR;

	check->set = set;
	const struct nlattr *ours = planned_elements(check, &index);
	if (!ours)
		return -EINVAL;
	for (int i = 0; i < TRIES && r == -EINTR; i++) {
		check->elements = 0;
		nft_begin(nft);
		nft_message(nft, NFT_MSG_GETSETELEM, NFT_FAMILY_IP, NLM_F_DUMP, set);
		nft_text(nft, NFTA_SET_ELEM_LIST_TABLE, RULES_TABLE);
		nft_text(nft, NFTA_SET_ELEM_LIST_SET, set);
		r = nft_ask(nft, each_elements, check);
	}
	if (r == 0 && check->elements != count_elements(ours))
		return wrong(check, "elements of set", set, "are missing");
	return r;
}

/* Fixed elements are asked for last, when it is known that their sets are there. */
static int check_nothing_missing(struct check *check)
{
	for (size_t i = 1; i < check->plan->count; i++) {
		const struct nlmsghdr *message = nft_planned(check->plan, i);
		if (!check->seen[i] && !is_message(message, NFT_MSG_NEWSETELEM))
			return wrong(check,
				     is_message(message, NFT_MSG_NEWRULE)    ? rules.noun
				     : is_message(message, NFT_MSG_NEWCHAIN) ? chains.noun
				     : is_message(message, NFT_MSG_NEWSET)   ? sets.noun
									     : tables.noun,
				     check->plan->messages[i].label, "is missing");
	}
	return 0;
}

static int read_back(struct nft *nft, struct check *check)
{
	static const uint8_t families[] = {NFT_FAMILY_BRIDGE, NFT_FAMILY_IP};
	int r = ask(nft, check, &tables, NFT_FAMILY_ANY, each_table);

	if (r == 0)
		r = ask(nft, check, &chains, NFT_FAMILY_ANY, each_chain);
	if (r == 0)
		r = ask(nft, check, &sets, NFT_FAMILY_ANY, each_set);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++)
		r = ask(nft, check, &rules, families[i], each_rule);
	/* A table that is not there has no rules to be asked for: what is missing is the better answer. */
	if (r == 0 || r == -ENOENT) {
		int missing = check_nothing_missing(check);
		r = missing < 0 ? missing : r;
	}
	if (r == 0)
		r = ask_elements(nft, check, SET_NEVER);
	return r == 0 ? ask_elements(nft, check, SET_PRIVATE) : r;
}

static int plan_all(struct nft *nft, const struct rules_router *router, struct nft_plan *plan,
		    struct nft_plan *log_plan)
{
	nft_begin(nft);
	rules_plan(nft, router);
	int r = nft_take(nft, plan);
	if (r < 0)
		return r;
	nft_begin(nft);
	rules_plan_log_rule(nft, NFT_FAMILY_IP, 0, "log-0");
	return nft_take(nft, log_plan);
}

int rules_verify(struct nft *nft, const struct rules_router *router, struct error *err)
{
	struct nft_plan plan = {0}, log_plan = {0};
	int r = plan_all(nft, router, &plan, &log_plan);
	_cleanup_free_ unsigned char *flags = calloc(plan.count + 2 * (size_t)ROUTER_SLOTS_MAX, 1);
	struct check check = {.plan = &plan, .log_plan = &log_plan};

	if (r == 0 && !flags)
		r = -ENOMEM;
	if (r == 0) {
		check.log_chains = flags;
		check.log_rules = flags + ROUTER_SLOTS_MAX;
		check.seen = flags + 2 * (size_t)ROUTER_SLOTS_MAX;
		check.log_group = find_group(&log_plan);
		r = check.log_group ? read_back(nft, &check) : -ENOMEM;
		if (r == 0 && memcmp(check.log_chains, check.log_rules, ROUTER_SLOTS_MAX) != 0)
			r = wrong(&check, "a rule of the chains", "log-SLOT", "is missing");
	}
	nft_plan_clear(&plan);
	nft_plan_clear(&log_plan);
	if (r == 0)
		return 0;
	if (!*check.what)
		return error_set(err, -r, "reading the router's rules back");
	(void)error_say(err, EBADMSG, "the router's rules were changed: %s", check.what);
	if (err)
		(void)error_hint(err, "end all sandboxes of this state directory: the next one makes a new router");
	return -EBADMSG;
}
