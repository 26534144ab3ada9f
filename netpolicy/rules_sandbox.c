/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox's elements: added, removed, pinned, counted. */
#include "netpolicy/router.h"
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fault.h"
#include "netpolicy/nft_expr.h"

#define BRIDGE NFT_FAMILY_BRIDGE
#define IP     NFT_FAMILY_IP

/* A list that would get too long for one attribute goes on in another message. */
#define LIST_MAX (60 * 1024u)

/* --- Keys ----------------------------------------------------------------------------------------- */

union key {
	uint32_t word[4];
	unsigned char byte[16];
};

static union key source_key(const struct rules_sandbox *sandbox)
{
	union key key = {.word = {sandbox->port, 0, 0, htonl(sandbox->address)}};

	memcpy(&key.byte[4], sandbox->mac, sizeof(sandbox->mac));
	return key;
}

static int compare_keys(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(union key));
}

#define WITH_PORT 1u /* beside the prefix, in the first word of an allowed network; the key itself is behind it */

/*
 * What the sandbox's networks are as keys: each cut into those of the next longer prefix that has a rule, sorted, none twice.
 * *count keys that the caller frees; NULL where there are none, or no memory (then *count is not 0).
 */
static union key *allowed_keys(const struct rules_sandbox *sandbox, size_t *count)
{
	const struct host_list *hosts = sandbox->hosts;
	size_t used = 0, kept = 0;

	*count = 0;
	for (size_t i = 0; hosts && i < hosts->count; i++)
		*count += hosts->rules[i].kind == HOST_NETWORK ? 1u << (RULES_PREFIX_STEP - 1) : 0;
	union key *keys = *count > 0 ? calloc(*count, sizeof(*keys)) : NULL;
	if (!keys)
		return NULL;
	for (size_t i = 0; i < hosts->count; i++) {
		const struct host_rule *rule = &hosts->rules[i];
		if (rule->kind != HOST_NETWORK)
			continue;
		const unsigned longer = (rule->prefix + RULES_PREFIX_STEP - 1) / RULES_PREFIX_STEP * RULES_PREFIX_STEP;
		const uint16_t port = htons(rule->port);
		for (uint32_t part = 0; part < 1u << (longer - rule->prefix); part++) {
			uint32_t offset = longer == 0 ? 0 : part << (32 - longer);
			union key *key = &keys[used++];
			*key = (union key){.word = {longer << 1 | (port ? WITH_PORT : 0), htonl(sandbox->address),
						    htonl(rule->address + offset)}};
			memcpy(&key->word[3], &port, sizeof(port));
		}
	}
	qsort(keys, used, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < used; i++) {
		if (kept == 0 || compare_keys(&keys[kept - 1], &keys[i]) != 0)
			keys[kept++] = keys[i];
	}
	*count = kept;
	return keys;
}

/* --- Messages ------------------------------------------------------------------------------------- */

/* Something to add to an element: its value, its limit. */
typedef void decorate(struct nft *nft, const struct rules_sandbox *sandbox);

static void put_element(struct nft *nft, uint16_t type, uint8_t family, const char *set, const void *key, size_t length,
			decorate *more, const struct rules_sandbox *sandbox)
{
	const uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nlattr *list = elements_start(nft, type, family, set, flags);
	struct nlattr *element = element_start(nft, key, length);

	if (more && type == NFT_MSG_NEWSETELEM)
		more(nft, sandbox);
	nft_nest_end(nft, element);
	nft_nest_end(nft, list);
}

static void put_allowed(struct nft *nft, uint16_t type, const union key *keys, size_t count)
{
	const uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0;

	for (size_t i = 0; i < count;) {
		const uint32_t which = keys[i].word[0];
		const size_t length = (which & WITH_PORT ? 3 : 2) * sizeof(uint32_t);
		struct nlattr *list =
			elements_start(nft, type, IP, rules_allowed_set(which >> 1, which & WITH_PORT), flags);
		for (; i < count && keys[i].word[0] == which && nft_message_size(nft) < LIST_MAX; i++)
			nft_nest_end(nft, element_start(nft, &keys[i].word[1], length));
		nft_nest_end(nft, list);
	}
}

static void slot_and_counter(struct nft *nft, const struct rules_sandbox *sandbox)
{
	const uint32_t slot = sandbox->slot;

	nft_data(nft, NFTA_SET_ELEM_DATA, &slot, sizeof(slot));
	struct nlattr *expressions = nft_nest(nft, NFTA_SET_ELEM_EXPRESSIONS);
	expr_counter(nft);
	nft_nest_end(nft, expressions);
}

static void mark(struct nft *nft, const struct rules_sandbox *sandbox)
{
	nft_data(nft, NFTA_SET_ELEM_DATA, &sandbox->mark, sizeof(sandbox->mark));
}

/*
 * N tokens that take 292 years, the longest time that the kernel's signed nanoseconds hold, to come back.  The limit comes first: it ends the rule,
 * and the counter behind it counts what is admitted.
 */
#define LIFETIME_SECONDS UINT64_C(9223372036)

static void budget(struct nft *nft, const struct rules_sandbox *sandbox)
{
	struct nlattr *expressions = nft_nest(nft, NFTA_SET_ELEM_EXPRESSIONS);

	if (sandbox->requests <= UINT32_MAX && !fault_wished("break", "net-requests"))
		expr_limit(nft, sandbox->requests, LIFETIME_SECONDS, (uint32_t)sandbox->requests);
	expr_counter(nft);
	nft_nest_end(nft, expressions);
}

/* All elements but the pins: those expire, and nobody has their mark again. */
static int put_sandbox(struct nft *nft, uint16_t type, const struct rules_sandbox *sandbox)
{
	const uint32_t address = htonl(sandbox->address);
	const uint32_t live[2] = {address, sandbox->mark};
	const union key source = source_key(sandbox);
	size_t count = 0;
	_cleanup_free_ union key *keys = allowed_keys(sandbox, &count);

	if (!keys && count > 0)
		return -ENOMEM;
	put_element(nft, type, IP, SET_DENIED, &address, sizeof(address), slot_and_counter, sandbox);
	put_element(nft, type, BRIDGE, SET_DENIED, &sandbox->port, sizeof(sandbox->port), slot_and_counter, sandbox);
	put_element(nft, type, IP, SET_LIVE, live, sizeof(live), NULL, sandbox);
	put_element(nft, type, IP, SET_MARKS, &address, sizeof(address), mark, sandbox);
	put_element(nft, type, IP, SET_BUDGET, &address, sizeof(address), budget, sandbox);
	if (sandbox->mode == NETWORK_FULL)
		put_element(nft, type, IP, SET_FULL, &address, sizeof(address), NULL, sandbox);
	put_allowed(nft, type, keys, count);
	put_element(nft, type, BRIDGE, SET_SOURCES, &source, sizeof(source), NULL, sandbox);
	return 0;
}

/* --- Adding and removing -------------------------------------------------------------------------- */

int rules_add(struct nft *nft, const struct rules_sandbox *sandbox, struct error *err)
{
	if (sandbox->mark == 0 || sandbox->requests == 0 || sandbox->slot >= ROUTER_SLOTS_MAX)
		return error_say(err, EINVAL, "a sandbox's mark and requests are not 0, and its slot is below %d",
				 ROUTER_SLOTS_MAX);
	int r = rules_ensure_log_chains(nft, sandbox->slot, err);
	if (r < 0)
		return r;
	nft_begin(nft);
	nft_fail(nft, put_sandbox(nft, NFT_MSG_NEWSETELEM, sandbox));
	r = nft_commit(nft, err);
	if (r == -EEXIST && err)
		(void)error_hint(err, "the address still has elements of another sandbox");
	return r;
}

int rules_remove(struct nft *nft, const struct rules_sandbox *sandbox, struct error *err)
{
	nft_begin(nft);
	nft_fail(nft, put_sandbox(nft, NFT_MSG_DELSETELEM, sandbox));
	struct error first = {0};
	int r = nft_commit(nft, &first);
	/* Somebody has removed a part of it already: take what there is. */
	if (r == -ENOENT)
		return rules_forget(nft, sandbox->slot, sandbox->address, err);
	return r < 0 ? error_say(err, first.code, "%s", first.text) : 0;
}

/* --- Pins ----------------------------------------------------------------------------------------- */

static void put_pin(struct nft *nft, uint16_t type, uint16_t flags, const struct rules_sandbox *sandbox,
		    const struct rules_pin *pin)
{
	union key key = {.word = {sandbox->mark, htonl(pin->address)}};
	const uint16_t port = htons(pin->port);
	const size_t length = (pin->port ? 3 : 2) * sizeof(uint32_t);

	memcpy(&key.word[2], &port, sizeof(port));
	struct nlattr *list = elements_start(nft, type, IP, pin->port ? SET_PORTS : SET_PINS, flags);
	struct nlattr *element = element_start(nft, &key, length);
	if (type == NFT_MSG_NEWSETELEM)
		nft_u64(nft, NFTA_SET_ELEM_TIMEOUT, (uint64_t)pin->seconds * 1000);
	nft_nest_end(nft, element);
	nft_nest_end(nft, list);
}

int rules_pin(struct nft *nft, const struct rules_sandbox *sandbox, const struct rules_pin *pins, size_t count,
	      struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (pins[i].seconds == 0)
			return error_say(err, EINVAL, "a pin of no time");
	}
	if (count == 0)
		return 0;
	nft_begin(nft);
	for (size_t i = 0; i < count; i++)
		put_pin(nft, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, sandbox, &pins[i]);
	int r = nft_commit(nft, NULL);
	if (r != -EEXIST)
		return r < 0 ? error_set(err, -r, "pins of %zu addresses", count) : 0;
	/*
	 * Some are there already.  Kernels before 6.12 cannot give an element a new time, so it is replaced; one that is not there, or is
	 * expired, cannot be deleted, so it is added before.  All of it in one step: no packet finds the pin missing.  One pin twice
	 * in a list is as good as once: each is a triple of its own.
	 */
	nft_begin(nft);
	for (size_t i = 0; i < count; i++) {
		put_pin(nft, NFT_MSG_NEWSETELEM, NLM_F_CREATE, sandbox, &pins[i]);
		put_pin(nft, NFT_MSG_DELSETELEM, 0, sandbox, &pins[i]);
		put_pin(nft, NFT_MSG_NEWSETELEM, NLM_F_CREATE, sandbox, &pins[i]);
	}
	return nft_commit(nft, err);
}

/* --- Forgetting ----------------------------------------------------------------------------------- */

/* Where in the keys of a set an address stands, or a slot in its values. */
struct owned {
	uint8_t family;
	const char *set;
	size_t offset; /* of the address (or mark) in the key */
	bool by_slot;
	bool by_mark;
};

static const struct owned owned[] = {
	{IP, SET_MARKS, 0, false, false},     {IP, SET_LIVE, 0, false, false},
	{IP, SET_BUDGET, 0, false, false},    {IP, SET_FULL, 0, false, false},
	{IP, SET_DENIED, 0, false, false},    {BRIDGE, SET_SOURCES, 12, false, false},
	{BRIDGE, SET_DENIED, 0, true, false}, {IP, SET_PINS, 0, false, true},
	{IP, SET_PORTS, 0, false, true},
};

struct found {
	const struct owned *in;
	uint32_t address; /* network byte order */
	uint32_t mark; /* as the set of marks has it; 0: none */
	uint32_t slot;
	unsigned char *keys; /* of one length */
	size_t key_length, count, room;
};

static bool is_owned(struct found *found, struct nlattr *const *element, const unsigned char *key, size_t length)
{
	uint32_t word = 0;

	if (found->in->by_slot) {
		const struct nlattr *slot = nla_find(nla_data(element[NFTA_SET_ELEM_DATA]),
						     nla_len(element[NFTA_SET_ELEM_DATA]), NFTA_DATA_VALUE);
		return slot && nla_len(slot) == sizeof(uint32_t) && nla_get_u32(slot) == found->slot;
	}
	if (length < found->in->offset + sizeof(word))
		return false;
	memcpy(&word, key + found->in->offset, sizeof(word));
	return word == (found->in->by_mark ? found->mark : found->address);
}

static int keep_key(struct found *found, const unsigned char *key, size_t length)
{
	if (found->count == found->room) {
		size_t room = found->room ? found->room * 2 : 16;
		unsigned char *keys = reallocarray(found->keys, room, length);
		if (!keys)
			return -ENOMEM;
		found->keys = keys;
		found->room = room;
	}
	found->key_length = length;
	memcpy(found->keys + found->count++ * length, key, length);
	return 0;
}

static int look(void *context, const struct nlmsghdr *message)
{
	struct found *found = context;
	struct nlattr *list[NFTA_SET_ELEM_LIST_MAX + 1];
	struct nlattr *at = NULL;
	int left = 0;

	if (nft_parse(message, list, NFTA_SET_ELEM_LIST_MAX) < 0)
		return -EBADMSG;
	if (!list[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	nla_for_each_nested(at, list[NFTA_SET_ELEM_LIST_ELEMENTS], left)
	{
		struct nlattr *element[NFTA_SET_ELEM_MAX + 1] = {NULL};
		if (nla_parse_nested(element, NFTA_SET_ELEM_MAX, at, NULL) < 0 || !element[NFTA_SET_ELEM_KEY])
			return -EBADMSG;
		const struct nlattr *value = nla_find(nla_data(element[NFTA_SET_ELEM_KEY]),
						      nla_len(element[NFTA_SET_ELEM_KEY]), NFTA_DATA_VALUE);
		if (!value || (found->in->by_slot && !element[NFTA_SET_ELEM_DATA]))
			return -EBADMSG;
		const unsigned char *key = nla_data(value);
		size_t length = (size_t)nla_len(value);
		if (!is_owned(found, element, key, length))
			continue;
		/* live has the address and the mark. */
		if (strcmp(found->in->set, SET_LIVE) == 0 && length == 2 * sizeof(uint32_t))
			memcpy(&found->mark, key + sizeof(uint32_t), sizeof(uint32_t));
		int r = keep_key(found, key, length);
		if (r < 0)
			return r;
	}
	return 0;
}

#define TRIES 100 /* others add their elements meanwhile */

static int find(struct nft *nft, struct found *found)
{
	int r = -EINTR;

	for (int i = 0; i < TRIES && r == -EINTR; i++) {
		found->count = 0;
		nft_begin(nft);
		nft_message(nft, NFT_MSG_GETSETELEM, found->in->family, NLM_F_DUMP, found->in->set);
		nft_text(nft, NFTA_SET_ELEM_LIST_TABLE, RULES_TABLE);
		nft_text(nft, NFTA_SET_ELEM_LIST_SET, found->in->set);
		r = nft_ask(nft, look, found);
	}
	return r;
}

static int forget_in(struct nft *nft, struct found *found, struct error *err)
{
	int r = find(nft, found);

	if (r < 0)
		return error_set(err, -r, "elements of set %s", found->in->set);
	if (found->count == 0)
		return 0;
	nft_begin(nft);
	for (size_t i = 0; i < found->count;) {
		struct nlattr *list = elements_start(nft, NFT_MSG_DELSETELEM, found->in->family, found->in->set, 0);
		for (; i < found->count && nft_message_size(nft) < LIST_MAX; i++)
			nft_nest_end(nft, element_start(nft, found->keys + i * found->key_length, found->key_length));
		nft_nest_end(nft, list);
	}
	struct error why = {0};
	r = nft_commit(nft, &why);
	/* A pin that expired meanwhile is gone as well; the others of its mark expire too. */
	if (r == -ENOENT && found->in->by_mark)
		return 0;
	return r < 0 ? error_say(err, why.code, "%s", why.text) : 0;
}

int rules_forget(struct nft *nft, unsigned slot, uint32_t address, struct error *err)
{
	struct found found = {.address = htonl(address), .slot = slot};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(owned) + 2 * (size_t)RULES_PREFIXES; i++) {
		size_t past = i - ARRAY_SIZE(owned);
		const struct owned allowed = {
			.family = IP,
			.set = i < ARRAY_SIZE(owned)
				       ? NULL
				       : rules_allowed_set((unsigned)(past / 2) * RULES_PREFIX_STEP, past % 2)};
		found.in = i < ARRAY_SIZE(owned) ? &owned[i] : &allowed;
		/* Without a mark there are no pins. */
		if (!found.in->by_mark || found.mark != 0)
			r = forget_in(nft, &found, err);
		free(found.keys);
		found.keys = NULL;
		found.count = 0;
		found.room = 0;
	}
	return r;
}

/* --- Counts --------------------------------------------------------------------------------------- */

struct count {
	uint64_t packets;
	bool found;
};

static void read_counter(struct count *count, const struct nlattr *expression)
{
	const struct nlattr *name = nla_find(nla_data(expression), nla_len(expression), NFTA_EXPR_NAME);
	const struct nlattr *data = nla_find(nla_data(expression), nla_len(expression), NFTA_EXPR_DATA);

	if (!name || !data || strcmp(nft_get_text(name), "counter") != 0)
		return;
	count->packets = nft_get_u64(nla_find(nla_data(data), nla_len(data), NFTA_COUNTER_PACKETS));
	count->found = true;
}

static int read_count(void *context, const struct nlmsghdr *message)
{
	struct nlattr *list[NFTA_SET_ELEM_LIST_MAX + 1], *element[NFTA_SET_ELEM_MAX + 1] = {NULL};
	struct nlattr *first = NULL, *at = NULL;
	int left = 0;

	if (nft_parse(message, list, NFTA_SET_ELEM_LIST_MAX) < 0 || !list[NFTA_SET_ELEM_LIST_ELEMENTS])
		return -EBADMSG;
	first = nla_data(list[NFTA_SET_ELEM_LIST_ELEMENTS]);
	if (!nla_ok(first, nla_len(list[NFTA_SET_ELEM_LIST_ELEMENTS])) ||
	    nla_parse_nested(element, NFTA_SET_ELEM_MAX, first, NULL) < 0)
		return -EBADMSG;
	/* One expression stands alone, two are a list. */
	if (element[NFTA_SET_ELEM_EXPR])
		read_counter(context, element[NFTA_SET_ELEM_EXPR]);
	if (element[NFTA_SET_ELEM_EXPRESSIONS]) {
		nla_for_each_nested(at, element[NFTA_SET_ELEM_EXPRESSIONS], left) read_counter(context, at);
	}
	return 0;
}

int rules_read_counts(struct nft *nft, const struct rules_sandbox *sandbox, struct rules_counts *counts,
		      struct error *err)
{
	const uint32_t address = htonl(sandbox->address);
	struct rules_counts got = {0};
	const struct {
		uint8_t family;
		const char *set;
		uint32_t key;
		uint64_t *to;
	} wanted[] = {
		{IP, SET_BUDGET, address, &got.admitted},
		{IP, SET_DENIED, address, &got.refused},
		{BRIDGE, SET_DENIED, sandbox->port, &got.refused_frames},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct count count = {0};
		nft_begin(nft);
		struct nlattr *list = elements_start(nft, NFT_MSG_GETSETELEM, wanted[i].family, wanted[i].set, 0);
		nft_nest_end(nft, element_start(nft, &wanted[i].key, sizeof(wanted[i].key)));
		nft_nest_end(nft, list);
		int r = nft_ask(nft, read_count, &count);
		if (r == 0 && !count.found)
			r = -EBADMSG;
		if (r < 0)
			return error_set(err, -r, "counter in set %s", wanted[i].set);
		*wanted[i].to = count.packets;
	}
	*counts = got;
	return 0;
}
