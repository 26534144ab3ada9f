/* SPDX-License-Identifier: Apache-2.0 */
/* The sets of the static rules, a row each, and the elements that do not change. */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"

/* Types are for the eyes of nft(8): the kernel only keeps them. */
enum {
	TYPE_IPV4 = 7,
	TYPE_ETHER = 9,
	TYPE_SERVICE = 13,
	TYPE_MARK = 19,
	TYPE_INDEX = 20,
	TYPE_PRIORITY = 23,
};
#define PAIR(a, b) ((uint32_t)(a) << 6 | (uint32_t)(b))

struct set_row {
	uint8_t family;
	const char *name;
	uint32_t flags, key_type, key_length, data_type, data_length;
};

static const struct set_row sets[] = {
	{NFT_FAMILY_BRIDGE, SET_SOURCES, 0, PAIR(PAIR(TYPE_INDEX, TYPE_ETHER), TYPE_IPV4), 16, 0, 0},
	{NFT_FAMILY_BRIDGE, SET_DENIED, NFT_SET_MAP, TYPE_INDEX, 4, TYPE_PRIORITY, 4},
	{NFT_FAMILY_BRIDGE, SET_LOGS, NFT_SET_MAP, TYPE_PRIORITY, 4, NFT_DATA_VERDICT, 0},
	{NFT_FAMILY_IP, SET_LIVE, 0, PAIR(TYPE_IPV4, TYPE_MARK), 8, 0, 0},
	{NFT_FAMILY_IP, SET_MARKS, NFT_SET_MAP, TYPE_IPV4, 4, TYPE_MARK, 4},
	{NFT_FAMILY_IP, SET_BUDGET, 0, TYPE_IPV4, 4, 0, 0},
	{NFT_FAMILY_IP, SET_FULL, 0, TYPE_IPV4, 4, 0, 0},
	{NFT_FAMILY_IP, SET_PINS, NFT_SET_TIMEOUT, PAIR(TYPE_MARK, TYPE_IPV4), 8, 0, 0},
	{NFT_FAMILY_IP, SET_PORTS, NFT_SET_TIMEOUT, PAIR(PAIR(TYPE_MARK, TYPE_IPV4), TYPE_SERVICE), 12, 0, 0},
	{NFT_FAMILY_IP, SET_DENIED, NFT_SET_MAP, TYPE_IPV4, 4, TYPE_PRIORITY, 4},
	{NFT_FAMILY_IP, SET_LOGS, NFT_SET_MAP, TYPE_PRIORITY, 4, NFT_DATA_VERDICT, 0},
	{NFT_FAMILY_IP, SET_NEVER, NFT_SET_INTERVAL, TYPE_IPV4, 4, 0, 0},
	{NFT_FAMILY_IP, SET_PRIVATE, NFT_SET_INTERVAL, TYPE_IPV4, 4, 0, 0},
};

static const char *const allowed_sets[RULES_PREFIXES][2] = {
	{"allowed-0", "allowed-0-port"},   {"allowed-4", "allowed-4-port"},   {"allowed-8", "allowed-8-port"},
	{"allowed-12", "allowed-12-port"}, {"allowed-16", "allowed-16-port"}, {"allowed-20", "allowed-20-port"},
	{"allowed-24", "allowed-24-port"}, {"allowed-28", "allowed-28-port"}, {"allowed-32", "allowed-32-port"},
};

const char *rules_allowed_set(unsigned prefix, bool port)
{
	return allowed_sets[prefix / RULES_PREFIX_STEP][port];
}

static void plan_set(struct nft *nft, const struct set_row *row, uint32_t id)
{
	nft_message(nft, NFT_MSG_NEWSET, row->family, NLM_F_CREATE, row->name);
	nft_text(nft, NFTA_SET_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_SET_NAME, row->name);
	nft_u32(nft, NFTA_SET_ID, id);
	nft_u32(nft, NFTA_SET_FLAGS, row->flags);
	nft_u32(nft, NFTA_SET_KEY_TYPE, row->key_type);
	nft_u32(nft, NFTA_SET_KEY_LEN, row->key_length);
	if (row->data_type)
		nft_u32(nft, NFTA_SET_DATA_TYPE, row->data_type);
	if (row->data_length)
		nft_u32(nft, NFTA_SET_DATA_LEN, row->data_length);
}

void rules_plan_sets(struct nft *nft)
{
	uint32_t id = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		plan_set(nft, &sets[i], ++id);
	for (size_t i = 0; i < RULES_PREFIXES; i++) {
		const struct set_row any = {NFT_FAMILY_IP, allowed_sets[i][0], 0, PAIR(TYPE_IPV4, TYPE_IPV4), 8, 0, 0};
		const struct set_row port = {
			NFT_FAMILY_IP, allowed_sets[i][1], 0, PAIR(PAIR(TYPE_IPV4, TYPE_IPV4), TYPE_SERVICE), 12, 0, 0};
		plan_set(nft, &any, ++id);
		plan_set(nft, &port, ++id);
	}
}

struct nlattr *elements_start(struct nft *nft, uint16_t type, uint8_t family, const char *set, uint16_t flags)
{
	nft_message(nft, type, family, flags, set);
	nft_text(nft, NFTA_SET_ELEM_LIST_TABLE, RULES_TABLE);
	nft_text(nft, NFTA_SET_ELEM_LIST_SET, set);
	return nft_nest(nft, NFTA_SET_ELEM_LIST_ELEMENTS);
}

struct nlattr *element_start(struct nft *nft, const void *key, size_t length)
{
	struct nlattr *element = nft_nest(nft, NFTA_LIST_ELEM);

	nft_data(nft, NFTA_SET_ELEM_KEY, key, length);
	return element;
}

/* --- Fixed elements ------------------------------------------------------------------------------- */

struct range {
	uint32_t first, last; /* host byte order */
};

static int by_first(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

static struct range range_of(uint32_t address, unsigned prefix)
{
	uint32_t host = prefix == 0 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (32 - prefix)) - 1);

	return (struct range){address & ~host, address | host};
}

/* The kernel refuses intervals that overlap: the host may well have an address twice, or one in the pool. */
static size_t merge(struct range *ranges, size_t count)
{
	size_t kept = 0;

	qsort(ranges, count, sizeof(*ranges), by_first);
	for (size_t i = 0; i < count; i++) {
		struct range *last = kept > 0 ? &ranges[kept - 1] : NULL;
		if (last && (last->last == UINT32_MAX || ranges[i].first <= last->last + 1))
			last->last = ranges[i].last > last->last ? ranges[i].last : last->last;
		else
			ranges[kept++] = ranges[i];
	}
	return kept;
}

static void plan_bound(struct nft *nft, uint32_t address, uint32_t flags)
{
	uint32_t key = htonl(address);
	struct nlattr *element = element_start(nft, &key, sizeof(key));

	if (flags)
		nft_u32(nft, NFTA_SET_ELEM_FLAGS, flags);
	nft_nest_end(nft, element);
}

static void plan_ranges(struct nft *nft, const char *set, const struct range *ranges, size_t count)
{
	struct nlattr *list = elements_start(nft, NFT_MSG_NEWSETELEM, NFT_FAMILY_IP, set, NLM_F_CREATE);

	for (size_t i = 0; i < count; i++) {
		plan_bound(nft, ranges[i].first, 0);
		/* An interval without an end goes to the last address. */
		if (ranges[i].last != UINT32_MAX)
			plan_bound(nft, ranges[i].last + 1, NFT_SET_ELEM_INTERVAL_END);
	}
	nft_nest_end(nft, list);
}

void rules_plan_fixed_elements(struct nft *nft, const struct rules_router *router)
{
	size_t room = never_network_count + private_network_count + 1 + router->host_address_count, count = 0;
	_cleanup_free_ struct range *ranges = calloc(room, sizeof(*ranges));

	if (!ranges) {
		nft_fail(nft, -ENOMEM);
		return;
	}
	for (size_t i = 0; i < private_network_count; i++)
		ranges[count++] = range_of(private_networks[i].address, private_networks[i].prefix);
	plan_ranges(nft, SET_PRIVATE, ranges, merge(ranges, count));
	count = 0;
	for (size_t i = 0; i < never_network_count; i++)
		ranges[count++] = range_of(never_networks[i].address, never_networks[i].prefix);
	ranges[count++] = range_of(router->pool, router->pool_prefix);
	for (size_t i = 0; i < router->host_address_count; i++)
		ranges[count++] = range_of(router->host_addresses[i], 32);
	plan_ranges(nft, SET_NEVER, ranges, merge(ranges, count));
}
