/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting a batch together, in place: attributes go to the end of the last message.  libnl would do it, at three times the cost; a start reads
 * all static rules back, and puts them together to compare.
 */
#include "netpolicy/nft_internal.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define MESSAGE_MAX   (72 * 1024u) /* room for one, always there; one attribute has at most 64 KiB */
#define BATCH_FIRST   (96 * 1024u)
#define ATTRIBUTE_MAX UINT16_MAX

void nft_fail(struct nft *nft, int r)
{
	if (r < 0 && nft->failed == 0)
		nft->failed = r;
}

struct nlmsghdr *nft_message_at(const struct nft *nft, size_t index)
{
	return (void *)(nft->batch + nft->messages[index].offset);
}

size_t nft_used(const struct nft *nft)
{
	return nft->count == 0 ? 0
			       : nft->messages[nft->count - 1].offset +
					 NLMSG_ALIGN(nft_message_at(nft, nft->count - 1)->nlmsg_len);
}

/* Room for one more message. */
static int make_room(struct nft *nft, size_t used)
{
	if (used + MESSAGE_MAX > nft->size) {
		size_t size = nft->size ? nft->size : BATCH_FIRST;
		while (size < used + MESSAGE_MAX)
			size *= 2;
		unsigned char *batch = realloc(nft->batch, size);
		if (!batch)
			return -ENOMEM;
		nft->batch = batch;
		nft->size = size;
	}
	if (nft->count == nft->room) {
		size_t room = nft->room ? nft->room * 2 : 128;
		struct nft_message *messages = reallocarray(nft->messages, room, sizeof(*messages));
		if (!messages)
			return -ENOMEM;
		nft->messages = messages;
		nft->room = room;
	}
	return 0;
}

static void start_message(struct nft *nft, uint16_t type, uint8_t family, uint16_t resource, uint16_t flags,
			  const char *label)
{
	const struct nfgenmsg general = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
	const size_t used = nft_used(nft);

	nft_fail(nft, make_room(nft, used));
	if (nft->failed < 0)
		return;
	nft->messages[nft->count] = (struct nft_message){used, label};
	struct nlmsghdr *header = nft_message_at(nft, nft->count);
	*header = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(sizeof(general)),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = nft->sequence + (uint32_t)nft->count,
	};
	memcpy(NLMSG_DATA(header), &general, sizeof(general));
	nft->count++;
}

void nft_begin(struct nft *nft)
{
	nft->sequence += (uint32_t)nft->count;
	nft->count = 0;
	nft->failed = 0;
	start_message(nft, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0, "begin of the batch");
}

void nft_message(struct nft *nft, uint16_t type, uint8_t family, uint16_t flags, const char *label)
{
	start_message(nft, (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | type), family, 0, flags, label);
}

void nft_end(struct nft *nft)
{
	start_message(nft, NFNL_MSG_BATCH_END, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0, "end of the batch");
}

/* --- Attributes ----------------------------------------------------------------------------------- */

/* Room for the data of an attribute at the end of the open message; NULL where there is none. */
static struct nlattr *put_header(struct nft *nft, int type, size_t length)
{
	if (nft->failed < 0)
		return NULL;
	struct nlmsghdr *message = nft_message_at(nft, nft->count - 1);
	const size_t end = NLMSG_ALIGN(message->nlmsg_len), whole = NLA_HDRLEN + length;
	if (end + NLA_ALIGN(whole) > MESSAGE_MAX || whole > ATTRIBUTE_MAX) {
		nft_fail(nft, -EMSGSIZE);
		return NULL;
	}
	struct nlattr *attribute = (void *)((unsigned char *)message + end);
	attribute->nla_type = (uint16_t)type;
	attribute->nla_len = (uint16_t)whole;
	message->nlmsg_len = (uint32_t)(end + NLA_ALIGN(whole));
	return attribute;
}

static void put(struct nft *nft, int type, const void *data, size_t length)
{
	struct nlattr *attribute = put_header(nft, type, length);

	if (!attribute)
		return;
	unsigned char *to = (unsigned char *)attribute + NLA_HDRLEN;
	memcpy(to, data, length);
	memset(to + length, 0, NLA_ALIGN(length) - length);
}

void nft_u8(struct nft *nft, int type, uint8_t value)
{
	put(nft, type, &value, sizeof(value));
}

void nft_u16(struct nft *nft, int type, uint16_t value)
{
	const uint16_t wire = htons(value);

	put(nft, type, &wire, sizeof(wire));
}

void nft_u32(struct nft *nft, int type, uint32_t value)
{
	const uint32_t wire = htonl(value);

	put(nft, type, &wire, sizeof(wire));
}

void nft_u64(struct nft *nft, int type, uint64_t value)
{
	const uint64_t wire = htobe64(value);

	put(nft, type, &wire, sizeof(wire));
}

void nft_text(struct nft *nft, int type, const char *text)
{
	put(nft, type, text, strlen(text) + 1);
}

struct nlattr *nft_nest(struct nft *nft, int type)
{
	return put_header(nft, NLA_F_NESTED | type, 0);
}

void nft_nest_end(struct nft *nft, struct nlattr *nest)
{
	if (!nest || nft->failed < 0)
		return;
	struct nlmsghdr *message = nft_message_at(nft, nft->count - 1);
	const size_t whole = (size_t)((unsigned char *)message + message->nlmsg_len - (unsigned char *)nest);
	if (whole > ATTRIBUTE_MAX) {
		nft_fail(nft, -EMSGSIZE);
		return;
	}
	nest->nla_len = (uint16_t)whole;
	/* An empty one says nothing, and the kernel tells none either. */
	if (whole == NLA_HDRLEN)
		message->nlmsg_len -= NLA_HDRLEN;
}

void nft_data(struct nft *nft, int type, const void *data, size_t length)
{
	struct nlattr *nest = nft_nest(nft, type);

	put(nft, NFTA_DATA_VALUE, data, length);
	nft_nest_end(nft, nest);
}

size_t nft_message_size(const struct nft *nft)
{
	return nft->failed < 0 ? MESSAGE_MAX : nft_message_at(nft, nft->count - 1)->nlmsg_len;
}

/* --- Plans ---------------------------------------------------------------------------------------- */

int nft_take(struct nft *nft, struct nft_plan *plan)
{
	if (nft->failed < 0)
		return nft->failed;
	nft->sequence += (uint32_t)nft->count;
	plan->bytes = TAKE_PTR(nft->batch);
	plan->messages = TAKE_PTR(nft->messages);
	plan->count = nft->count;
	nft->size = 0;
	nft->room = 0;
	nft->count = 0;
	return 0;
}

const struct nlmsghdr *nft_planned(const struct nft_plan *plan, size_t index)
{
	return (const void *)(plan->bytes + plan->messages[index].offset);
}

void nft_plan_clear(struct nft_plan *plan)
{
	free(plan->bytes);
	free(plan->messages);
	*plan = (struct nft_plan){0};
}
