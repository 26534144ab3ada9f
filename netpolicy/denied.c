/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/denied.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netlink/msg.h>
#include <netlink/netfilter/log.h>
#include <netlink/netfilter/log_msg.h>
#include <netlink/netfilter/nfnl.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "netpolicy/denied_packet.h"

/* IPv4 with all its options, and the ports behind them. */
#define COPY_BYTES 64
#define READ_MAX   64

struct denied {
	struct nl_sock *socket;
};

/* libnl has error numbers of its own; those of the kernel are lost in them, but for the few that matter. */
static int to_errno(int r)
{
	switch (-r) {
	case NLE_PERM:
	case NLE_NOACCESS:
		return EPERM;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_BUSY:
		return EBUSY;
	case NLE_OPNOTSUPP:
	case NLE_PROTO_MISMATCH:
		return EOPNOTSUPP;
	default:
		return EIO;
	}
}

static int bind_group(struct nl_sock *socket, uint16_t group)
{
	struct nfnl_log *log = nfnl_log_alloc();
	if (!log)
		return -NLE_NOMEM;
	nfnl_log_set_group(log, group);
	nfnl_log_set_copy_mode(log, NFNL_LOG_COPY_PACKET);
	nfnl_log_set_copy_range(log, COPY_BYTES);
	/* Each packet at once: the rate is limited by the rules, and a record should not wait for the next one. */
	nfnl_log_set_queue_threshold(log, 1);
	int r = nfnl_log_create(socket, log);
	nfnl_log_put(log);
	return r;
}

int denied_open(struct denied **denied, uint16_t group, struct error *err)
{
	struct nl_sock *socket = nl_socket_alloc();
	struct denied *fresh = malloc(sizeof(*fresh));

	if (!socket || !fresh) {
		nl_socket_free(socket);
		free(fresh);
		return error_set(err, ENOMEM, "listener of refused flows");
	}
	/* Messages of the log have sequence numbers of its own, which are nobody's answer. */
	nl_socket_disable_seq_check(socket);
	int r = nfnl_connect(socket);
	if (r == 0)
		r = bind_group(socket, group);
	if (r == 0)
		r = nl_socket_set_nonblocking(socket);
	if (r < 0) {
		nl_socket_free(socket);
		free(fresh);
		int code = to_errno(r);
		(void)error_set(err, code, "NFLOG group %u", group);
		/* The kernel does not say which of the two it was. */
		if (code == EPERM)
			(void)error_hint(err, "CAP_NET_ADMIN is missing, or another process listens to the group");
		return -code;
	}
	fresh->socket = socket;
	*denied = fresh;
	return 0;
}

int denied_fd(const struct denied *denied)
{
	return nl_socket_get_fd(denied->socket);
}

/* libnl's parser of the message takes the attributes apart; their contents are looked at here. */
static int read_message(struct nlmsghdr *header, struct denied_flow *flow)
{
	struct nfnl_log_msg *message = NULL;
	int length = 0;

	if (NFNL_SUBSYS_ID(header->nlmsg_type) != NFNL_SUBSYS_ULOG ||
	    NFNL_MSG_TYPE(header->nlmsg_type) != NFULNL_MSG_PACKET || nfnlmsg_log_msg_parse(header, &message) < 0)
		return -EPROTO;
	uint32_t mark = nfnl_log_msg_get_mark(message);
	*flow = (struct denied_flow){
		.refusal = mark < REFUSAL_COUNT ? (enum refusal)mark : REFUSAL_NONE,
		.frame = nfnl_log_msg_get_family(message) == AF_BRIDGE,
		.ethertype = ntohs(nfnl_log_msg_get_hwproto(message)),
	};
	const uint8_t *payload = nfnl_log_msg_get_payload(message, &length);
	if (payload && length > 0 && (!flow->frame || flow->ethertype == ETH_P_IP))
		denied_read_packet(payload, (size_t)length, flow);
	nfnl_log_msg_put(message);
	return 0;
}

static int read_datagram(unsigned char *data, int length, void (*each)(void *context, const struct denied_flow *flow),
			 void *context)
{
	int count = 0;

	for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)data; nlmsg_ok(header, length);
	     header = nlmsg_next(header, &length)) {
		struct denied_flow flow;
		if (read_message(header, &flow) < 0)
			continue;
		each(context, &flow);
		count++;
	}
	return count;
}

int denied_read(struct denied *denied, void (*each)(void *context, const struct denied_flow *flow), void *context,
		uint64_t *lost)
{
	/* Aligned as messages are; one datagram holds few of them, and what does not fit is cut off by the kernel and not read. */
	_Alignas(struct nlmsghdr) unsigned char data[8192];

	for (int count = 0; count < READ_MAX;) {
		ssize_t n = recv(denied_fd(denied), data, sizeof(data), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			(*lost)++;
			continue;
		}
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		count += read_datagram(data, (int)n, each, context);
		if (n == 0)
			return 0;
	}
	return 0;
}

void denied_close(struct denied *denied)
{
	if (!denied)
		return;
	nl_socket_free(denied->socket);
	free(denied);
}
