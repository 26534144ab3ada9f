/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BATCH_SIZE   8192u
#define MESSAGE_SIZE 2048u
#define ANSWER_SIZE  (32 * 1024u)
#define MESSAGES_MAX 32u
/* The kernel answers before send returns; only a broken one lets us wait. */
#define ANSWER_SECONDS 5

struct rtnl {
	struct nl_sock *socket;
	struct nl_msg *message; /* the one that is being put together */
	bool open; /* there is one */
	const char *labels[MESSAGES_MAX];
	unsigned count;
	uint32_t sequence; /* of the batch's first message */
	int failed; /* negative errno: something did not fit */
	size_t used;
	/* Apart, and never cleared: to touch all their pages takes a start longer than its messages do. */
	unsigned char *batch;
	unsigned char *answer;
};

int rtnl_open(struct rtnl **result, struct error *err)
{
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	const int on = 1;
	struct rtnl *rtnl = calloc(1, sizeof(*rtnl));

	if (!rtnl)
		return error_set(err, ENOMEM, "connection to rtnetlink");
	rtnl->socket = nl_socket_alloc();
	rtnl->message = nlmsg_alloc_size(MESSAGE_SIZE);
	rtnl->batch = malloc(BATCH_SIZE);
	rtnl->answer = malloc(ANSWER_SIZE);
	errno = ENOMEM;
	if (!rtnl->socket || !rtnl->message || !rtnl->batch || !rtnl->answer ||
	    nl_connect(rtnl->socket, NETLINK_ROUTE) < 0) {
		int r = error_set(err, errno, "socket to rtnetlink");
		rtnl_close(rtnl);
		return r;
	}
	int fd = rtnl_fd(rtnl);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* Both are for messages alone: kernels without them answer shorter. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	*result = rtnl;
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	nl_socket_free(rtnl->socket);
	nlmsg_free(rtnl->message);
	free(rtnl->batch);
	free(rtnl->answer);
	free(rtnl);
}

int rtnl_fd(const struct rtnl *rtnl)
{
	return nl_socket_get_fd(rtnl->socket);
}

/* --- Putting a batch together --------------------------------------------------------------------- */

/* libnl has one reason not to put something in: no room. */
static void fail(struct rtnl *rtnl, int r)
{
	if (r < 0)
		rtnl->failed = -ENOBUFS;
}

static void close_message(struct rtnl *rtnl)
{
	if (!rtnl->open)
		return;
	rtnl->open = false;
	const struct nlmsghdr *header = nlmsg_hdr(rtnl->message);
	size_t length = NLMSG_ALIGN(header->nlmsg_len);
	if (rtnl->used + length > BATCH_SIZE)
		return fail(rtnl, -1);
	memset(rtnl->batch + rtnl->used, 0, length);
	memcpy(rtnl->batch + rtnl->used, header, header->nlmsg_len);
	rtnl->used += length;
}

void rtnl_begin(struct rtnl *rtnl)
{
	rtnl->sequence += rtnl->count;
	rtnl->count = 0;
	rtnl->used = 0;
	rtnl->failed = 0;
	rtnl->open = false;
}

void rtnl_message(struct rtnl *rtnl, uint16_t type, uint16_t flags, const void *general, size_t length,
		  const char *label)
{
	struct nlmsghdr *header = nlmsg_hdr(rtnl->message);

	close_message(rtnl);
	if (rtnl->count == MESSAGES_MAX)
		return fail(rtnl, -1);
	*header = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN,
				    .nlmsg_type = type,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags,
				    .nlmsg_seq = rtnl->sequence + rtnl->count};
	rtnl->labels[rtnl->count++] = label;
	rtnl->open = true;
	rtnl_raw(rtnl, general, length);
}

void rtnl_raw(struct rtnl *rtnl, const void *data, size_t length)
{
	void *room = nlmsg_reserve(rtnl->message, length, NLMSG_ALIGNTO);

	if (!room)
		return fail(rtnl, -1);
	memcpy(room, data, length);
}

void rtnl_put(struct rtnl *rtnl, int type, const void *data, size_t length)
{
	fail(rtnl, nla_put(rtnl->message, type, (int)length, data));
}

void rtnl_u8(struct rtnl *rtnl, int type, uint8_t value)
{
	fail(rtnl, nla_put_u8(rtnl->message, type, value));
}

void rtnl_u32(struct rtnl *rtnl, int type, uint32_t value)
{
	fail(rtnl, nla_put_u32(rtnl->message, type, value));
}

void rtnl_address(struct rtnl *rtnl, int type, uint32_t address)
{
	rtnl_u32(rtnl, type, htonl(address));
}

void rtnl_text(struct rtnl *rtnl, int type, const char *text)
{
	fail(rtnl, nla_put_string(rtnl->message, type, text));
}

struct nlattr *rtnl_nest(struct rtnl *rtnl, int type)
{
	struct nlattr *nest = nla_nest_start(rtnl->message, type);

	fail(rtnl, nest ? 0 : -1);
	return nest;
}

void rtnl_nest_end(struct rtnl *rtnl, struct nlattr *nest)
{
	if (nest)
		fail(rtnl, nla_nest_end(rtnl->message, nest));
}

/* --- Sending and reading -------------------------------------------------------------------------- */

static int send_batch(struct rtnl *rtnl, const void *data, size_t length)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t n = 0;

	do
		n = sendto(rtnl_fd(rtnl), data, length, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* MSG_TRUNC tells of an answer that is cut off. */
static ssize_t receive(struct rtnl *rtnl)
{
	ssize_t n = 0;

	do
		n = recv(rtnl_fd(rtnl), rtnl->answer, ANSWER_SIZE, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n > ANSWER_SIZE ? -EMSGSIZE : n;
}

/* The kernel's own words; "" where there are none. */
static const char *words(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *verdict = nlmsg_data(answer);
	struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1] = {NULL};

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	/* Behind the header of our message; all of it where NETLINK_CAP_ACK is unknown. */
	size_t skip = sizeof(*verdict) +
		      (answer->nlmsg_flags & NLM_F_CAPPED ? 0 : verdict->msg.nlmsg_len - (size_t)NLMSG_HDRLEN);
	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)answer, (int)skip, attributes, NLMSGERR_ATTR_MAX, NULL) < 0 ||
	    !attributes[NLMSGERR_ATTR_MSG])
		return "";
	const char *text = nla_data(attributes[NLMSGERR_ATTR_MSG]);
	int length = nla_len(attributes[NLMSGERR_ATTR_MSG]);
	return length > 0 && text[length - 1] == '\0' ? text : "";
}

/* 1: an acknowledgement or refusal of the batch's message *index, which is *code. */
static int is_verdict(const struct rtnl *rtnl, const struct nlmsghdr *header, unsigned *index, int *code)
{
	const struct nlmsgerr *verdict = nlmsg_data(header);

	*index = header->nlmsg_seq - rtnl->sequence;
	if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < (unsigned)nlmsg_size(sizeof(*verdict)) ||
	    *index >= rtnl->count)
		return 0;
	*code = verdict->error;
	return 1;
}

static void hint(struct error *err, int code)
{
	if (!err)
		return;
	if (code == EPERM)
		(void)error_hint(
			err, "CAP_NET_ADMIN over the network namespace is needed: run as root, or use network none");
	else if (code == EOPNOTSUPP)
		(void)error_hint(err, "the kernel needs CONFIG_BRIDGE and CONFIG_VETH; use network none");
	else if (code == EXFULL)
		(void)error_hint(err, "a bridge has at most 1023 ports: end some sandboxes, or use another --root");
}

int rtnl_commit(struct rtnl *rtnl, struct error *err)
{
	close_message(rtnl);
	if (rtnl->count == 0)
		return 0;
	int result = rtnl->failed < 0 ? rtnl->failed : send_batch(rtnl, rtnl->batch, rtnl->used);
	if (result < 0)
		return error_set(err, -result, "messages to rtnetlink");
	for (unsigned answers = 0; answers < rtnl->count;) {
		ssize_t n = receive(rtnl);
		if (n < 0)
			return error_set(err, (int)-n, "answer of rtnetlink");
		int left = (int)n;
		for (struct nlmsghdr *header = (void *)rtnl->answer; nlmsg_ok(header, left);
		     header = nlmsg_next(header, &left)) {
			unsigned index = 0;
			int code = 0;
			if (!is_verdict(rtnl, header, &index, &code))
				continue;
			answers++;
			if (code == 0 || result < 0)
				continue;
			result = code;
			const char *text = words(header);
			(void)error_set(err, -code, "%s%s%s", rtnl->labels[index], *text ? ": " : "", text);
			hint(err, -code);
		}
	}
	return result;
}

/* 1: the end, whose result is in *result. */
static int is_end(const struct nlmsghdr *header, int *result)
{
	const struct nlmsgerr *verdict = nlmsg_data(header);

	if (header->nlmsg_flags & NLM_F_DUMP_INTR && *result == 0)
		*result = -EINTR;
	if (header->nlmsg_type == NLMSG_DONE)
		return 1;
	if (header->nlmsg_type != NLMSG_ERROR)
		return 0;
	if (*result == 0)
		*result = header->nlmsg_len < (unsigned)nlmsg_size(sizeof(*verdict)) ? -EBADMSG : verdict->error;
	return 1;
}

static int dump_once(struct rtnl *rtnl, uint16_t type, uint8_t family, rtnl_each *each, void *context)
{
	/* Of the headers, struct ifinfomsg is the longest, and the family comes first in each: newer kernels check the length. */
	struct {
		struct nlmsghdr header;
		union {
			struct ifinfomsg link;
			struct ifaddrmsg address;
			struct rtmsg route;
		} general;
	} question = {0};
	const size_t length = type == RTM_GETADDR    ? sizeof(struct ifaddrmsg)
			      : type == RTM_GETROUTE ? sizeof(struct rtmsg)
						     : sizeof(struct ifinfomsg);

	rtnl_begin(rtnl);
	rtnl->count = 1;
	question.header = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(length),
					    .nlmsg_type = type,
					    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
					    .nlmsg_seq = rtnl->sequence};
	question.general.link.ifi_family = family;
	int r = send_batch(rtnl, &question, question.header.nlmsg_len);
	if (r < 0)
		return r;
	/* To the end also after a failure: what is left would be taken for the answer to the next question. */
	for (bool ended = false; !ended;) {
		ssize_t n = receive(rtnl);
		if (n < 0)
			return (int)n;
		int left = (int)n;
		for (struct nlmsghdr *header = (void *)rtnl->answer; nlmsg_ok(header, left);
		     header = nlmsg_next(header, &left)) {
			if (header->nlmsg_seq != rtnl->sequence)
				continue;
			ended = is_end(header, &r);
			if (!ended && r == 0)
				r = each(context, header);
		}
	}
	return r;
}

int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family, rtnl_each *each, void *context, struct error *err)
{
	int r = dump_once(rtnl, type, family, each, context);

	return r < 0 ? error_set(err, -r, "reading from rtnetlink") : r;
}
