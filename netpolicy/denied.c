/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/denied.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netfilter/log.h>
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

/* libnl's own object of a log message drags its library of links into a static program, for names that nobody prints. */
static int read_message(struct nlmsghdr *header, struct denied_flow *flow)
{
	static struct nla_policy policy[NFULA_MAX + 1] = {
		[NFULA_PACKET_HDR] = {.minlen = sizeof(struct nfulnl_msg_packet_hdr)},
		[NFULA_MARK] = {.type = NLA_U32},
	};
	struct nlattr *attributes[NFULA_MAX + 1];

	if (NFNL_SUBSYS_ID(header->nlmsg_type) != NFNL_SUBSYS_ULOG ||
	    NFNL_MSG_TYPE(header->nlmsg_type) != NFULNL_MSG_PACKET ||
	    nlmsg_parse(header, sizeof(struct nfgenmsg), attributes, NFULA_MAX, policy) < 0 ||
	    !attributes[NFULA_PACKET_HDR])
		return -EPROTO;
	const struct nfgenmsg *family = nlmsg_data(header);
	const struct nfulnl_msg_packet_hdr *packet = nla_data(attributes[NFULA_PACKET_HDR]);
	uint32_t mark = attributes[NFULA_MARK] ? ntohl(nla_get_u32(attributes[NFULA_MARK])) : REFUSAL_NONE;
	*flow = (struct denied_flow){
		.refusal = mark < REFUSAL_COUNT ? (enum refusal)mark : REFUSAL_NONE,
		.frame = family->nfgen_family == AF_BRIDGE,
		.ethertype = ntohs(packet->hw_protocol),
	};
	const struct nlattr *payload = attributes[NFULA_PAYLOAD];
	if (payload && (!flow->frame || flow->ethertype == ETH_P_IP))
		denied_read_packet(nla_data(payload), (size_t)nla_len(payload), flow);
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
