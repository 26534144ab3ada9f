/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: batches and their answers, questions and dumps. */
#include "netpolicy/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MESSAGE_MAX (128 * 1024u) /* of ours: one attribute has at most 64 KiB */
#define ANSWER_MAX  (64 * 1024u)
#define BATCH_FIRST (32 * 1024u)
#define ANSWERS_MAX 64 /* of one batch: one error for each message, one acknowledgement */

struct nft {
	struct nl_sock *socket;
	struct nl_msg *message; /* the one that is being put together */
	const char *label;
	bool open; /* there is one */

	unsigned char *batch;
	size_t used, size;
	struct nft_message *messages;
	size_t count, room;
	int failed; /* negative errno: something did not fit */

	uint32_t sequence; /* of the batch's first message */
	unsigned char *answer;
};

/* --- Opening -------------------------------------------------------------------------------------- */

static int connect_socket(struct nft *nft, struct error *err)
{
	const int on = 1;
	int r = nl_connect(nft->socket, NETLINK_NETFILTER);

	if (r < 0) {
		int code = errno ? errno : EPROTONOSUPPORT;
		(void)error_set(err, code, "socket to nf_tables");
		if (err && code == EPROTONOSUPPORT)
			(void)error_hint(err, "the kernel needs CONFIG_NF_TABLES; use network none");
		return -code;
	}
	int fd = nl_socket_get_fd(nft->socket);
	/* Both are for messages alone: kernels without them answer shorter. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

int nft_open(struct nft **result, struct error *err)
{
	struct nft *nft = calloc(1, sizeof(*nft));

	if (!nft)
		return error_set(err, ENOMEM, "connection to nf_tables");
	nft->socket = nl_socket_alloc();
	nft->message = nlmsg_alloc_size(MESSAGE_MAX);
	nft->answer = malloc(ANSWER_MAX);
	int r = nft->socket && nft->message && nft->answer ? 0 : error_set(err, ENOMEM, "connection to nf_tables");
	if (r == 0) {
		errno = 0;
		r = connect_socket(nft, err);
	}
	if (r < 0) {
		nft_close(nft);
		return r;
	}
	*result = nft;
	return 0;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	nl_socket_free(nft->socket);
	nlmsg_free(nft->message);
	free(nft->batch);
	free(nft->messages);
	free(nft->answer);
	free(nft);
}

/* --- Putting a batch together --------------------------------------------------------------------- */

void nft_fail(struct nft *nft, int r)
{
	if (r < 0 && nft->failed == 0)
		nft->failed = r;
}

/* libnl has one reason not to put something in: no room. */
static void fail(struct nft *nft, int r)
{
	nft_fail(nft, r < 0 ? -ENOMEM : 0);
}

static void append(struct nft *nft, const struct nlmsghdr *header, const char *label)
{
	size_t length = NLMSG_ALIGN(header->nlmsg_len);

	if (nft->used + length > nft->size) {
		size_t size = nft->size ? nft->size : BATCH_FIRST;
		while (size < nft->used + length)
			size *= 2;
		unsigned char *batch = realloc(nft->batch, size);
		if (!batch)
			return fail(nft, -1);
		nft->batch = batch;
		nft->size = size;
	}
	if (nft->count == nft->room) {
		size_t room = nft->room ? nft->room * 2 : 128;
		struct nft_message *messages = reallocarray(nft->messages, room, sizeof(*messages));
		if (!messages)
			return fail(nft, -1);
		nft->messages = messages;
		nft->room = room;
	}
	memset(nft->batch + nft->used, 0, length);
	memcpy(nft->batch + nft->used, header, header->nlmsg_len);
	nft->messages[nft->count++] = (struct nft_message){nft->used, label};
	nft->used += length;
}

static void close_message(struct nft *nft)
{
	if (nft->open)
		append(nft, nlmsg_hdr(nft->message), nft->label);
	nft->open = false;
}

static void start_message(struct nft *nft, uint16_t type, uint8_t family, uint16_t resource, uint16_t flags)
{
	const struct nfgenmsg general = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
	struct nlmsghdr *header = nlmsg_hdr(nft->message);

	header->nlmsg_len = NLMSG_HDRLEN;
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_pid = 0;
	header->nlmsg_seq = nft->sequence + (uint32_t)nft->count;
	fail(nft, nlmsg_append(nft->message, (void *)(uintptr_t)&general, sizeof(general), NLMSG_ALIGNTO));
}

void nft_begin(struct nft *nft)
{
	nft->sequence += (uint32_t)nft->count;
	nft->used = 0;
	nft->count = 0;
	nft->failed = 0;
	nft->open = false;
	start_message(nft, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0);
	append(nft, nlmsg_hdr(nft->message), "begin of the batch");
}

void nft_message(struct nft *nft, uint16_t type, uint8_t family, uint16_t flags, const char *label)
{
	close_message(nft);
	start_message(nft, (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | type), family, 0, flags);
	nft->label = label;
	nft->open = true;
}

void nft_u8(struct nft *nft, int type, uint8_t value)
{
	fail(nft, nla_put_u8(nft->message, type, value));
}

void nft_u16(struct nft *nft, int type, uint16_t value)
{
	fail(nft, nla_put_u16(nft->message, type, htons(value)));
}

void nft_u32(struct nft *nft, int type, uint32_t value)
{
	fail(nft, nla_put_u32(nft->message, type, htonl(value)));
}

void nft_u64(struct nft *nft, int type, uint64_t value)
{
	fail(nft, nla_put_u64(nft->message, type, htobe64(value)));
}

void nft_text(struct nft *nft, int type, const char *text)
{
	fail(nft, nla_put_string(nft->message, type, text));
}

struct nlattr *nft_nest(struct nft *nft, int type)
{
	struct nlattr *nest = nla_nest_start(nft->message, type);

	fail(nft, nest ? 0 : -1);
	return nest;
}

void nft_nest_end(struct nft *nft, struct nlattr *nest)
{
	if (nest)
		fail(nft, nla_nest_end(nft->message, nest));
}

void nft_data(struct nft *nft, int type, const void *data, size_t length)
{
	struct nlattr *nest = nft_nest(nft, type);

	fail(nft, nla_put(nft->message, NFTA_DATA_VALUE, (int)length, data));
	nft_nest_end(nft, nest);
}

size_t nft_message_size(const struct nft *nft)
{
	return nlmsg_hdr(nft->message)->nlmsg_len;
}

int nft_take(struct nft *nft, struct nft_plan *plan)
{
	close_message(nft);
	if (nft->failed < 0)
		return nft->failed;
	*plan = (struct nft_plan){TAKE_PTR(nft->batch), TAKE_PTR(nft->messages), nft->count};
	nft->size = 0;
	nft->room = 0;
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

/* --- Sending -------------------------------------------------------------------------------------- */

static int send_bytes(struct nft *nft, const void *data, size_t length)
{
	int fd = nl_socket_get_fd(nft->socket);
	/* The kernel wants a batch in one piece, and the socket's buffer may be smaller than a long list of hosts. */
	const int room = (int)(length * 2);

	if (length > 128u * 1024 && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		return -errno;
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n = 0;
	do
		n = sendto(fd, data, length, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/*
 * The kernel has answered when send returns, so nothing is waited for: -EAGAIN means that there is no more.
 * MSG_TRUNC would tell of an answer that is cut off.
 */
static ssize_t receive(struct nft *nft)
{
	ssize_t n = 0;

	do
		n = recv(nl_socket_get_fd(nft->socket), nft->answer, ANSWER_MAX, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n > ANSWER_MAX ? -EMSGSIZE : n;
}

/* The name of the expression that the kernel points to in our message. */
static const char *refused_expression(const struct nlmsghdr *message, uint32_t offset)
{
	if (offset < NLMSG_HDRLEN || offset + NLA_HDRLEN > message->nlmsg_len)
		return NULL;
	const struct nlattr *element = (const void *)((const unsigned char *)message + offset);
	if (element->nla_len < NLA_HDRLEN || offset + element->nla_len > message->nlmsg_len ||
	    nla_type(element) != NFTA_LIST_ELEM)
		return NULL;
	const struct nlattr *name = nla_find(nla_data(element), nla_len(element), NFTA_EXPR_NAME);
	return name ? nft_get_text(name) : NULL;
}

static void hint(struct error *err, int code)
{
	if (!err)
		return;
	if (code == EPERM)
		(void)error_hint(
			err, "CAP_NET_ADMIN over the network namespace is needed: run as root, or use network none");
	else if (code == ENOENT || code == EOPNOTSUPP)
		(void)error_hint(
			err,
			"the kernel may lack this part of nf_tables (CONFIG_NFT_*), or somebody changed the rules");
	else if (code == ENOMEM)
		(void)error_hint(err, "free memory, or allow fewer hosts");
}

/* Turn the kernel's answer about one message into words. */
static int refuse(const struct nft *nft, const struct nlmsghdr *answer, struct error *err)
{
	const struct nlmsgerr *verdict = nlmsg_data(answer);
	size_t index = answer->nlmsg_seq - nft->sequence;
	const struct nft_message *message = &nft->messages[index < nft->count ? index : 0];
	const char *words = "", *expression = NULL;
	int code = -verdict->error;

	if (answer->nlmsg_flags & NLM_F_ACK_TLVS) {
		/* Behind the header of our message; all of it where NETLINK_CAP_ACK is unknown. */
		size_t skip = sizeof(*verdict) +
			      (answer->nlmsg_flags & NLM_F_CAPPED ? 0 : verdict->msg.nlmsg_len - (size_t)NLMSG_HDRLEN);
		struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1] = {NULL};
		if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)answer, (int)(skip), attributes, NLMSGERR_ATTR_MAX,
				NULL) == 0) {
			words = nft_get_text(attributes[NLMSGERR_ATTR_MSG]);
			if (attributes[NLMSGERR_ATTR_OFFS] &&
			    nla_len(attributes[NLMSGERR_ATTR_OFFS]) == sizeof(uint32_t))
				expression = refused_expression((const void *)(nft->batch + message->offset),
								nla_get_u32(attributes[NLMSGERR_ATTR_OFFS]));
		}
	}
	(void)error_set(err, code, "nf_tables: %s%s%s%s%s%s", message->label, expression ? ": expression \"" : "",
			expression ? expression : "", expression ? "\"" : "", *words ? ": " : "", words);
	hint(err, code);
	return -code;
}

/* All answers to the batch are read, or the next one would get them. */
static int collect(struct nft *nft, struct error *err)
{
	bool acknowledged = false;
	int result = 0;

	for (size_t reads = 0; reads <= nft->count + ANSWERS_MAX; reads++) {
		ssize_t n = receive(nft);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return error_set(err, (int)-n, "answer of nf_tables");
		int left = (int)n;
		for (struct nlmsghdr *header = (void *)nft->answer; nlmsg_ok(header, left);
		     header = nlmsg_next(header, &left)) {
			if (header->nlmsg_type != NLMSG_ERROR ||
			    header->nlmsg_len < (unsigned)nlmsg_size(sizeof(struct nlmsgerr)) ||
			    header->nlmsg_seq - nft->sequence >= nft->count)
				continue;
			const struct nlmsgerr *verdict = nlmsg_data(header);
			if (verdict->error == 0)
				acknowledged = true;
			else if (result == 0)
				result = refuse(nft, header, err);
		}
	}
	if (result == 0 && !acknowledged)
		return error_set(err, EPROTO, "nf_tables did not answer");
	return result;
}

int nft_commit(struct nft *nft, struct error *err)
{
	close_message(nft);
	if (nft->failed == 0 && nft->count < 2)
		return 0;
	if (nft->failed == 0) {
		/* One acknowledgement tells of all: it comes after the commit.  Errors come in any case. */
		struct nlmsghdr *last = (void *)(nft->batch + nft->messages[nft->count - 1].offset);
		last->nlmsg_flags |= NLM_F_ACK;
	}
	start_message(nft, NFNL_MSG_BATCH_END, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0);
	append(nft, nlmsg_hdr(nft->message), "end of the batch");
	if (nft->failed < 0)
		return error_set(err, -nft->failed, "batch for nf_tables");
	int r = send_bytes(nft, nft->batch, nft->used);
	if (r < 0) {
		(void)error_set(err, -r, "batch of %zu bytes to nf_tables", nft->used);
		hint(err, -r);
		return r;
	}
	return collect(nft, err);
}

/* --- Reading -------------------------------------------------------------------------------------- */

/* One message of an answer.  1: it was the last. */
static int take(const struct nlmsghdr *header, nft_each *each, void *context)
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
	return each(context, header);
}

int nft_ask(struct nft *nft, nft_each *each, void *context)
{
	close_message(nft);
	if (nft->failed < 0)
		return nft->failed;
	if (nft->count != 2)
		return -EINVAL;
	/* A question stands alone; one that is no dump ends with an acknowledgement. */
	struct nlmsghdr *question = (void *)(nft->batch + nft->messages[1].offset);
	if ((question->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		question->nlmsg_flags |= NLM_F_ACK;
	int r = send_bytes(nft, question, question->nlmsg_len);
	if (r < 0)
		return r;
	/* To the end also after a failure: what is left would be taken for the answer to the next question. */
	for (bool ended = false; !ended;) {
		ssize_t n = receive(nft);
		if (n < 0)
			return r < 0 ? r : n == -EAGAIN ? -EPROTO : (int)n;
		int left = (int)n;
		for (struct nlmsghdr *header = (void *)nft->answer; nlmsg_ok(header, left);
		     header = nlmsg_next(header, &left)) {
			if (header->nlmsg_seq != question->nlmsg_seq)
				continue;
			int taken = take(header, each, context);
			ended |= header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR;
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
