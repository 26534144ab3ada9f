/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to nf_tables, and what is in the answers. */
#include "netpolicy/nft_internal.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <string.h>

void nft_watch(struct nft *nft)
{
	nft->generation_known = false;
	nft->changed = false;
}

bool nft_changed(const struct nft *nft)
{
	return nft->changed;
}

static void note_generation(struct nft *nft, const struct nlmsghdr *header)
{
	const struct nfgenmsg *general = nlmsg_data(header);

	if (header->nlmsg_len < (unsigned)nlmsg_size(sizeof(*general)))
		return;
	nft->changed |= nft->generation_known && nft->generation != general->res_id;
	nft->generation = general->res_id;
	nft->generation_known = true;
}

/* One message of an answer.  1: it was the last. */
static int take(struct nft *nft, const struct nlmsghdr *header, nft_each *each, void *context)
{
	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	if (header->nlmsg_type == NLMSG_DONE)
		return 1;
	if (header->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *verdict = nlmsg_data(header);
		if (header->nlmsg_len < (unsigned)nlmsg_size(sizeof(*verdict)))
			return -EBADMSG;
		return verdict->error ? verdict->error : 1;
	}
	note_generation(nft, header);
	return each(context, header);
}

/* Questions stand alone, without a batch around.  One dump at a time; what is no dump ends with an acknowledgement of the last. */
static int send_questions(struct nft *nft)
{
	struct nlmsghdr *last = nft->failed < 0 || nft->count < 2 ? NULL : nft_message_at(nft, nft->count - 1);

	if (!last)
		return nft->failed < 0 ? nft->failed : -EINVAL;
	for (size_t i = 1; i < nft->count; i++) {
		if ((nft_message_at(nft, i)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && nft->count > 2)
			return -EINVAL;
	}
	if ((last->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		last->nlmsg_flags |= NLM_F_ACK;
	return nft_send(nft, nft_message_at(nft, 1), nft_used(nft) - nft->messages[1].offset);
}

int nft_ask(struct nft *nft, nft_each *each, void *context)
{
	int r = send_questions(nft);

	if (r < 0)
		return r;
	const uint32_t first = nft_message_at(nft, 1)->nlmsg_seq, last = first + (uint32_t)nft->count - 2;
	/* To the end also after a failure: what is left would be taken for the answer to the next question. */
	for (bool ended = false; !ended;) {
		struct nlmsghdr *header = NULL;
		ssize_t n = nft_receive(nft, &header);
		if (n < 0)
			return r < 0 ? r : n == -EAGAIN ? -EPROTO : (int)n;
		int left = (int)n;
		for (; nlmsg_ok(header, left); header = nlmsg_next(header, &left)) {
			if (header->nlmsg_seq - first > last - first)
				continue;
			int taken = take(nft, header, each, context);
			ended |= header->nlmsg_seq == last &&
				 (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR);
			if (taken < 0 && r == 0)
				r = taken;
		}
	}
	return r;
}

int nft_parse(const struct nlmsghdr *message, struct nlattr **attributes, int max)
{
	memset(attributes, 0, sizeof(*attributes) * (size_t)(max + 1));
	return nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(struct nfgenmsg), attributes, max, NULL) < 0
		       ? -EBADMSG
		       : 0;
}

uint8_t nft_family(const struct nlmsghdr *message)
{
	const struct nfgenmsg *general = nlmsg_data(message);

	return message->nlmsg_len < (unsigned)nlmsg_size(sizeof(*general)) ? NFT_FAMILY_ANY : general->nfgen_family;
}

uint32_t nft_get_u32(const struct nlattr *attribute)
{
	return attribute && nla_len(attribute) == sizeof(uint32_t) ? ntohl(nla_get_u32(attribute)) : 0;
}

uint64_t nft_get_u64(const struct nlattr *attribute)
{
	uint64_t value = 0;

	if (!attribute || nla_len(attribute) != sizeof(value))
		return 0;
	memcpy(&value, nla_data(attribute), sizeof(value));
	return be64toh(value);
}

const char *nft_get_text(const struct nlattr *attribute)
{
	int length = attribute ? nla_len(attribute) : 0;
	const char *text = length > 0 ? nla_data(attribute) : "";

	return length > 0 && text[length - 1] ? "" : text;
}
