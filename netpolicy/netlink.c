/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define MESSAGE_MAX  2048u
#define BATCH_MAX    (8 * 1024u)
#define MESSAGES_MAX 24u
#define ANSWER_MAX   (32 * 1024u) /* what the kernel puts into one datagram of a dump */
#define WAIT_SECONDS 10 /* answers are there when the send returns; who waits longer waits for nothing */

struct netlink {
	struct nl_sock *socket;
	struct nl_msg *message; /* the one that is being put together */
	bool open; /* there is one */
	int failed; /* negative errno: something did not fit */
	const char *labels[MESSAGES_MAX];
	size_t count, used;
	uint32_t sequence; /* of the batch's first message */
	unsigned char batch[BATCH_MAX];
	unsigned char answer[ANSWER_MAX];
};

int netlink_open(struct netlink **result, struct error *err)
{
	const struct timeval wait = {.tv_sec = WAIT_SECONDS};
	const int on = 1;
	struct netlink *netlink = malloc(sizeof(*netlink));

	if (!netlink)
		return error_set(err, ENOMEM, "netlink socket");
	memset(netlink, 0, offsetof(struct netlink, batch));
	netlink->socket = nl_socket_alloc();
	netlink->message = nlmsg_alloc_size(MESSAGE_MAX);
	errno = 0;
	if (!netlink->socket || !netlink->message || nl_connect(netlink->socket, NETLINK_ROUTE) < 0) {
		int code = errno ? errno : ENOMEM;
		netlink_close(netlink);
		return error_set(err, code, "netlink socket");
	}
	int fd = nl_socket_get_fd(netlink->socket);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	/* Both are for messages alone: kernels without them answer shorter. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	*result = netlink;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (!netlink)
		return;
	nl_socket_free(netlink->socket);
	nlmsg_free(netlink->message);
	free(netlink);
}

/* --- Putting messages together ------------------------------------------------------------------------------------ */

/* libnl has one reason not to put something in: no room. */
static void fail(struct netlink *netlink, int r)
{
	if (r < 0 && netlink->failed == 0)
		netlink->failed = -EMSGSIZE;
}

static void close_message(struct netlink *netlink)
{
	const struct nlmsghdr *header = nlmsg_hdr(netlink->message);
	size_t length = NLMSG_ALIGN(header->nlmsg_len);

	if (!netlink->open)
		return;
	netlink->open = false;
	if (length > BATCH_MAX - netlink->used)
		return fail(netlink, -1);
	memset(netlink->batch + netlink->used, 0, length);
	memcpy(netlink->batch + netlink->used, header, header->nlmsg_len);
	netlink->used += length;
}

void netlink_begin(struct netlink *netlink)
{
	netlink->sequence += (uint32_t)netlink->count;
	netlink->count = 0;
	netlink->used = 0;
	netlink->failed = 0;
	netlink->open = false;
}

void netlink_header(struct netlink *netlink, const void *data, size_t length)
{
	void *room = nlmsg_reserve(netlink->message, length, NLMSG_ALIGNTO);

	if (room)
		memcpy(room, data, length);
	fail(netlink, room ? 0 : -1);
}

void netlink_message(struct netlink *netlink, uint16_t type, uint16_t flags, const void *header, size_t length,
		     const char *label)
{
	struct nlmsghdr *message = nlmsg_hdr(netlink->message);

	close_message(netlink);
	if (netlink->count == MESSAGES_MAX)
		return fail(netlink, -1);
	message->nlmsg_len = NLMSG_HDRLEN;
	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_pid = 0;
	message->nlmsg_seq = netlink->sequence + (uint32_t)netlink->count;
	netlink->labels[netlink->count++] = label;
	netlink->open = true;
	netlink_header(netlink, header, length);
}

void netlink_u8(struct netlink *netlink, int type, uint8_t value)
{
	fail(netlink, nla_put_u8(netlink->message, type, value));
}

void netlink_u16(struct netlink *netlink, int type, uint16_t value)
{
	fail(netlink, nla_put_u16(netlink->message, type, value));
}

void netlink_u32(struct netlink *netlink, int type, uint32_t value)
{
	fail(netlink, nla_put_u32(netlink->message, type, value));
}

void netlink_text(struct netlink *netlink, int type, const char *text)
{
	fail(netlink, nla_put_string(netlink->message, type, text));
}

void netlink_data(struct netlink *netlink, int type, const void *data, size_t length)
{
	struct nlattr *attribute = nla_reserve(netlink->message, type, (int)length);

	if (!attribute)
		return fail(netlink, -1);
	if (data)
		memcpy(nla_data(attribute), data, length);
	else
		memset(nla_data(attribute), 0, length);
}

struct nlattr *netlink_nest(struct netlink *netlink, int type)
{
	struct nlattr *nest = nla_nest_start(netlink->message, type);

	fail(netlink, nest ? 0 : -1);
	return nest;
}

void netlink_nest_end(struct netlink *netlink, struct nlattr *nest)
{
	if (nest)
		(void)nla_nest_end(netlink->message, nest);
}

/* --- Sending and reading ------------------------------------------------------------------------------------------ */

static int send_batch(struct netlink *netlink, struct error *err)
{
	close_message(netlink);
	if (netlink->failed < 0)
		return error_set(err, -netlink->failed, "netlink message");
	for (;;) {
		ssize_t n = send(nl_socket_get_fd(netlink->socket), netlink->batch, netlink->used, 0);
		if (n >= 0)
			return 0;
		if (errno != EINTR)
			return error_set(err, errno, "netlink request");
	}
}

static int receive(struct netlink *netlink, size_t *length, struct error *err)
{
	for (;;) {
		ssize_t n = recv(nl_socket_get_fd(netlink->socket), netlink->answer, ANSWER_MAX, MSG_TRUNC);
		if (n > (ssize_t)ANSWER_MAX)
			return error_set(err, EMSGSIZE, "netlink answer");
		if (n >= 0) {
			*length = (size_t)n;
			return 0;
		}
		if (errno != EINTR)
			return error_set(err, errno, "netlink answer");
	}
}

/* The kernel's own words, "" without. */
static const char *words(const struct nlmsghdr *header)
{
	const struct nlmsgerr *answer = nlmsg_data(header);
	size_t offset = sizeof(*answer);

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		offset += NLMSG_ALIGN(answer->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (offset > (size_t)nlmsg_datalen(header))
		return "";
	const struct nlattr *text =
		nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)header, (int)offset, NLMSGERR_ATTR_MSG);
	return text && nla_len(text) > 0 && memchr(nla_data(text), '\0', (size_t)nla_len(text)) ? nla_data(text) : "";
}

/* An answer to one message of the batch.  0 or its negative errno. */
static int judge(const struct netlink *netlink, const struct nlmsghdr *header, struct error *err)
{
	const struct nlmsgerr *answer = nlmsg_data(header);
	size_t index = header->nlmsg_seq - netlink->sequence;

	if ((size_t)nlmsg_datalen(header) < sizeof(*answer) || index >= netlink->count)
		return error_set(err, EBADMSG, "netlink answer");
	if (answer->error == 0)
		return 0;
	const char *text = words(header);
	return error_set(err, -answer->error, "%s%s%s%s", netlink->labels[index], text[0] ? " (" : "", text,
			 text[0] ? ")" : "");
}

int netlink_commit(struct netlink *netlink, struct error *err)
{
	int result = send_batch(netlink, err);
	size_t waiting = result == 0 ? netlink->count : 0, length;

	while (waiting > 0) {
		int r = receive(netlink, &length, err);
		if (r < 0)
			return r;
		int left = (int)length;
		for (struct nlmsghdr *header = (void *)netlink->answer; nlmsg_ok(header, left) && waiting > 0;
		     header = nlmsg_next(header, &left)) {
			if (header->nlmsg_type != NLMSG_ERROR)
				continue;
			r = judge(netlink, header, result == 0 ? err : NULL);
			if (result == 0)
				result = r;
			waiting--;
		}
	}
	netlink_begin(netlink);
	return result;
}

int netlink_dump(struct netlink *netlink, uint16_t type, const void *header, size_t length, netlink_each *each,
		 void *context, struct error *err)
{
	int result = 0;

	netlink_begin(netlink);
	netlink_message(netlink, type, NLM_F_DUMP, header, length, "netlink dump");
	int r = send_batch(netlink, err);
	/* It is read to its end whatever happens: the next answer is another request's. */
	for (bool done = false; r == 0 && !done;) {
		r = receive(netlink, &length, err);
		int left = r == 0 ? (int)length : 0;
		for (struct nlmsghdr *message = (void *)netlink->answer; nlmsg_ok(message, left) && !done;
		     message = nlmsg_next(message, &left)) {
			if (message->nlmsg_seq != netlink->sequence)
				continue;
			done = message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR;
			if (message->nlmsg_type == NLMSG_ERROR)
				r = judge(netlink, message, err);
			else if (!done && result == 0)
				result = each(context, message);
		}
	}
	netlink_begin(netlink);
	return r < 0 ? r : result;
}
