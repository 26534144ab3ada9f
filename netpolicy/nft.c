/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: opened, batches sent, refusals turned into words. */
#include "netpolicy/nft_internal.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ANSWERS_MAX 64 /* of one batch: one error for each message, one acknowledgement */

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
	nft->answers = malloc((size_t)NFT_ANSWERS * NFT_ANSWER_MAX);
	int r = nft->socket && nft->answers ? 0 : error_set(err, ENOMEM, "connection to nf_tables");
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
	free(nft->batch);
	free(nft->messages);
	free(nft->answers);
	free(nft);
}

/* --- Sending -------------------------------------------------------------------------------------- */

int nft_send(struct nft *nft, const void *data, size_t length)
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
	nft->drained = false;
	return n < 0 ? -errno : 0;
}

static int read_answers(struct nft *nft)
{
	struct iovec at[NFT_ANSWERS];
	struct mmsghdr messages[NFT_ANSWERS] = {0};
	int n = 0;

	for (size_t i = 0; i < NFT_ANSWERS; i++) {
		at[i] = (struct iovec){nft->answers + i * NFT_ANSWER_MAX, NFT_ANSWER_MAX};
		messages[i].msg_hdr.msg_iov = &at[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	do
		n = recvmmsg(nl_socket_get_fd(nft->socket), messages, NFT_ANSWERS, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		nft->lengths[i] = messages[i].msg_hdr.msg_flags & MSG_TRUNC ? -EMSGSIZE : (ssize_t)messages[i].msg_len;
	nft->answer = 0;
	nft->answer_count = (size_t)n;
	nft->drained = n < NFT_ANSWERS;
	return 0;
}

ssize_t nft_receive(struct nft *nft, struct nlmsghdr **answer)
{
	if (nft->answer == nft->answer_count) {
		int r = nft->drained ? -EAGAIN : read_answers(nft);
		if (r < 0)
			return r;
	}
	*answer = (void *)(nft->answers + nft->answer * NFT_ANSWER_MAX);
	return nft->lengths[nft->answer++];
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
				expression = refused_expression(nft_message_at(nft, index < nft->count ? index : 0),
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
		struct nlmsghdr *header = NULL;
		ssize_t n = nft_receive(nft, &header);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return error_set(err, (int)-n, "answer of nf_tables");
		int left = (int)n;
		for (; nlmsg_ok(header, left); header = nlmsg_next(header, &left)) {
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
	if (nft->failed == 0 && nft->count < 2)
		return 0;
	/* One acknowledgement tells of all: it comes after the commit.  Errors come in any case. */
	if (nft->failed == 0)
		nft_message_at(nft, nft->count - 1)->nlmsg_flags |= NLM_F_ACK;
	nft_end(nft);
	if (nft->failed < 0)
		return error_set(err, -nft->failed, "batch for nf_tables");
	int r = nft_send(nft, nft->batch, nft_used(nft));
	if (r < 0) {
		(void)error_set(err, -r, "batch of %zu bytes to nf_tables", nft_used(nft));
		hint(err, -r);
		return r;
	}
	return collect(nft, err);
}
