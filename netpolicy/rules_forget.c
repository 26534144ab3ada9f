/* SPDX-License-Identifier: Apache-2.0 */
/* What an address still has from a monitor that was killed: looked for in each set, and removed. */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define BRIDGE NFT_FAMILY_BRIDGE
#define IP     NFT_FAMILY_IP

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

static int find(struct nft *nft, struct found *found)
{
	int r = -EINTR;

	for (int i = 0; i < RULES_CROWD_TRIES && r == -EINTR; i++) {
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
		for (; i < found->count && nft_message_size(nft) < RULES_LIST_MAX; i++)
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
