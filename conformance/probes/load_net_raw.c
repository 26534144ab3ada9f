/* SPDX-License-Identifier: Apache-2.0 */
/* The load `net`: what is beneath TCP and UDP. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/load_net.h"

#define ECHO_PORT  7000
#define PACKET_MAX 512
#define ETHERTYPE  0x88b5 /* IEEE 802: for experiments */

static unsigned checksum(const unsigned char *data, size_t length)
{
	unsigned sum = 0;
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? data[i] : (unsigned)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static size_t put_token(unsigned char *at, size_t room)
{
	size_t length = strnlen(load_token(), room);
	memcpy(at, load_token(), length);
	return length;
}

/* --- ICMP ------------------------------------------------------------------------------------------ */

static int await_reply(const struct net_step *step, int fd, int64_t deadline)
{
	unsigned char packet[PACKET_MAX];
	for (;;) {
		int r = net_wait(fd, POLLIN, deadline);
		ssize_t n = r ? 0 : recv(fd, packet, sizeof(packet), 0);
		if (r || n < 0)
			return r ? r : errno;
		const void *found = memmem(packet, (size_t)n, load_token(), strlen(load_token()));
		/* A raw socket sees the IP header, and our own request where it goes to ourselves. */
		const unsigned char *icmp = packet + (packet[0] >> 4 == 4 ? (size_t)(packet[0] & 15) * 4 : 0);
		if (!found || icmp[0] != ICMP_ECHOREPLY)
			continue;
		net_number(step, "bytes", (int64_t)strlen(load_token()));
		return 0;
	}
}

static int run_icmp(struct net_run *run, struct net_step *step)
{
	unsigned char packet[PACKET_MAX] = {ICMP_ECHO};
	struct sockaddr_in to;
	int r = net_address(run, step->words[0], "0", &to);
	int fd = r ? -1 : socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (!r && fd < 0) {
		net_number(step, "ping", 1);
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	}
	if (fd < 0)
		return r ? r : errno;
	size_t length = sizeof(struct icmphdr);
	length += put_token(packet + length, sizeof(packet) - length);
	unsigned sum = checksum(packet, length);
	packet[2] = (unsigned char)(sum >> 8);
	packet[3] = (unsigned char)sum;
	if (sendto(fd, packet, length, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		r = errno;
	r = r ? r : await_reply(step, fd, load_now_ms() + NET_ECHO_MS);
	(void)close(fd);
	return r;
}

/* --- Raw sockets ----------------------------------------------------------------------------------- */

/* The kernel fills in source, checksum and length where they are 0 (raw(7)). */
static size_t lay_udp(unsigned char *packet, const struct sockaddr_in *to)
{
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = to->sin_addr.s_addr};
	struct udphdr udp = {.source = htons(ECHO_PORT), .dest = htons(ECHO_PORT)};
	size_t length = sizeof(ip) + sizeof(udp);
	length += put_token(packet + length, PACKET_MAX - length);
	udp.len = htons((uint16_t)(length - sizeof(ip)));
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &udp, sizeof(udp));
	return length;
}

static int run_raw(struct net_run *run, struct net_step *step)
{
	unsigned char packet[PACKET_MAX];
	struct sockaddr_in to;
	int protocol = (int)load_argument(step->words[0], IPPROTO_RAW);
	int r = net_address(run, step->words[1], "0", &to);
	int fd = r ? -1 : socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return r ? r : errno;
	size_t length = protocol == IPPROTO_RAW ? lay_udp(packet, &to) : put_token(packet, sizeof(packet));
	ssize_t n = sendto(fd, packet, length, 0, (const struct sockaddr *)&to, sizeof(to));
	r = n < 0 ? errno : 0;
	net_number(step, "bytes", n < 0 ? 0 : n);
	(void)close(fd);
	return r;
}

/* --- Frames ---------------------------------------------------------------------------------------- */

static bool send_frame(int fd, unsigned index)
{
	unsigned char token[PACKET_MAX];
	size_t length = put_token(token, sizeof(token));
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = (int)index,
		.sll_halen = ETH_ALEN,
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};
	return sendto(fd, token, length, 0, (const struct sockaddr *)&to, sizeof(to)) == (ssize_t)length;
}

static int run_packet(struct net_run *run, struct net_step *step)
{
	(void)run;
	int64_t sent = 0;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	/* Indices, not names: no netlink is needed.  1 is the loopback. */
	for (unsigned index = 2; index < 64; index++)
		sent += send_frame(fd, index);
	net_number(step, "sent", sent);
	(void)close(fd);
	return 0;
}

static const struct net_kind beneath[] = {
	{"icmp", 1, 1, run_icmp, 0, false},
	{"raw", 2, 2, run_raw, SOCK_RAW, false},
	{"packet", 0, 0, run_packet, SOCK_DGRAM, false},
};
NET_KINDS(beneath);
