/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox's elements: added and removed. */
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
		for (; i < count && keys[i].word[0] == which && nft_message_size(nft) < RULES_LIST_MAX; i++)
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
