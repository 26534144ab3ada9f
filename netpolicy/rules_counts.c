/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's counters of a sandbox. */
#include "netpolicy/rules.h"
#include "netpolicy/rules_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/array.h"

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
		{NFT_FAMILY_IP, SET_BUDGET, address, &got.admitted},
		{NFT_FAMILY_IP, SET_DENIED, address, &got.refused},
		{NFT_FAMILY_BRIDGE, SET_DENIED, sandbox->port, &got.refused_frames},
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
