/* SPDX-License-Identifier: Apache-2.0 */
/* Pins: addresses that names stand for, each with its time. */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void put_pin(struct nft *nft, uint16_t type, const struct rules_sandbox *sandbox, const struct rules_pin *pin)
{
	uint32_t key[3] = {sandbox->mark, htonl(pin->address)};
	const uint16_t port = htons(pin->port);
	const size_t length = (pin->port ? 3 : 2) * sizeof(uint32_t);
	const uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;

	memcpy(&key[2], &port, sizeof(port));
	struct nlattr *list = elements_start(nft, type, NFT_FAMILY_IP, pin->port ? SET_PORTS : SET_PINS, flags);
	struct nlattr *element = element_start(nft, key, length);
	if (type == NFT_MSG_NEWSETELEM) {
		nft_u64(nft, NFTA_SET_ELEM_TIMEOUT, (uint64_t)pin->seconds * 1000);
		nft_u64(nft, NFTA_SET_ELEM_EXPIRATION, (uint64_t)pin->seconds * 1000);
	}
	nft_nest_end(nft, element);
	nft_nest_end(nft, list);
}

static int read_time(void *context, const struct nlmsghdr *message)
{
	struct nlattr *list[NFTA_SET_ELEM_LIST_MAX + 1], *element[NFTA_SET_ELEM_MAX + 1] = {NULL};
	uint64_t *left = context;

	if (nft_parse(message, list, NFTA_SET_ELEM_LIST_MAX) < 0 || !list[NFTA_SET_ELEM_LIST_ELEMENTS])
		return -EBADMSG;
	struct nlattr *first = nla_data(list[NFTA_SET_ELEM_LIST_ELEMENTS]);
	if (!nla_ok(first, nla_len(list[NFTA_SET_ELEM_LIST_ELEMENTS])) ||
	    nla_parse_nested(element, NFTA_SET_ELEM_MAX, first, NULL) < 0)
		return -EBADMSG;
	*left = nft_get_u64(element[NFTA_SET_ELEM_EXPIRATION]);
	return 0;
}

/* It has the time that it should have, but for a second. */
static bool has_its_time(struct nft *nft, const struct rules_sandbox *sandbox, const struct rules_pin *pin)
{
	const uint64_t wanted = (uint64_t)pin->seconds * 1000;
	uint64_t left = 0;

	nft_begin(nft);
	put_pin(nft, NFT_MSG_GETSETELEM, sandbox, pin);
	return nft_ask(nft, read_time, &left) == 0 && left + 1000 >= wanted && left <= wanted + 1000;
}

/*
 * What is not there, or is expired, cannot be deleted, so it is added before.  All of it in one step: no packet finds the pin missing.
 */
int rules_replace_pins(struct nft *nft, const struct rules_sandbox *sandbox, const struct rules_pin *pins, size_t count,
		       struct error *err)
{
	nft_begin(nft);
	for (size_t i = 0; i < count; i++) {
		put_pin(nft, NFT_MSG_NEWSETELEM, sandbox, &pins[i]);
		put_pin(nft, NFT_MSG_DELSETELEM, sandbox, &pins[i]);
		put_pin(nft, NFT_MSG_NEWSETELEM, sandbox, &pins[i]);
	}
	return nft_commit(nft, err);
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
		put_pin(nft, NFT_MSG_NEWSETELEM, sandbox, &pins[i]);
	int r = nft_commit(nft, err);
	if (r < 0)
		return r;
	/* Kernels before 6.12 leave an element that exists as it is.  To replace all at once would do, but to delete wakes a thread that frees. */
	for (size_t i = 0; i < count; i++) {
		if (!has_its_time(nft, sandbox, &pins[i]))
			return rules_replace_pins(nft, sandbox, pins, count, err);
	}
	return 0;
}
