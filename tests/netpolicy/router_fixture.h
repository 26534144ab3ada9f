/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A router in a network namespace of the test: two sandboxes, and the world with an echo.  Include it behind cmocka.h.
 *
 * Namespaces are held by children that die with the test.
 */
#ifndef TESTS_NETPOLICY_ROUTER_FIXTURE_H
#define TESTS_NETPOLICY_ROUTER_FIXTURE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netpolicy/rules.h"

#define POOL    0x0ad50000u /* 10.213.0.0 */
#define A       0x0ad50002u
#define B       0x0ad50003u
#define LISTED  0xcb007105u /* 203.0.113.5 */
#define OTHER   0xcb007206u /* 203.0.114.6 */
#define PRIVATE 0x0a090001u /* 10.9.0.1 */
#define META    0xa9fea9feu /* 169.254.169.254 */
#define PORT    7000
#define SILENT  0xcb007309u /* 203.0.115.9: nobody answers */

#define PATIENCE_MS 10000

static struct nft *nft;
static struct rules_router router = {.pool = POOL, .pool_prefix = 16, .gateway_mac = {2, 0, 0, 0, 0, 1}};
static const uint32_t host_addresses[] = {0x0a000005, 0x0a000005, 0x0ad50001};
static pid_t holders[3]; /* of namespaces: two sandboxes and the world */
static int namespaces[4] = {-1, -1, -1, -1}; /* and the router's own */
static int ports[2];
static int echo = -1; /* UDP, in the world */

enum { SANDBOX_A, SANDBOX_B, WORLD, HERE };

/* --- Set-up --------------------------------------------------------------------------------------- */

static inline void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[700];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0) // NOLINT(cert-env33-c): ip(8) and nft(8) of the test
		fail_msg("%s", command);
}

static inline void enter(int where)
{
	assert_int_equal(setns(namespaces[where], CLONE_NEWNET), 0);
}

static inline void hold(int where)
{
	int ready[2];
	char path[64], byte = 0;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	holders[where] = fork();
	if (holders[where] == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	/* Or the kernel would send frames of its own that are counted. */
	run("nsenter -t %d -n sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 "
	    ">/proc/sys/net/ipv6/conf/default/disable_ipv6'",
	    (int)holders[where]);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)holders[where]);
	namespaces[where] = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(namespaces[where] >= 0);
}

static inline int open_udp(int where, uint32_t address, uint16_t port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};

	enter(where);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	enter(HERE);
	return fd;
}

static inline void make_sandbox(int where, const char *name, const char *address, int last)
{
	run("ip link add %s type veth peer name eth0 netns %d && ip link set %s master " ROUTER_BRIDGE
	    " up && nsenter -t %d -n sh -c 'ip link set lo up && ip link set eth0 address 02:00:00:00:01:0%d up && ip "
	    "addr add %s/32 dev eth0 && "
	    "ip neigh add 10.213.0.1 lladdr 02:00:00:00:00:01 dev eth0 && ip route add default via 10.213.0.1 dev eth0 "
	    "onlink' && "
	    "ip neigh add %s lladdr 02:00:00:00:01:0%d dev " ROUTER_BRIDGE " nud permanent",
	    name, (int)holders[where], name, (int)holders[where], last, address, address, last);
	ports[where] = (int)if_nametoindex(name);
}

static inline int set_up(void **state)
{
	struct error err = {0};

	(void)state;
	router.host_addresses = host_addresses;
	router.host_address_count = ARRAY_SIZE(host_addresses);
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	namespaces[HERE] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	for (int i = SANDBOX_A; i <= WORLD; i++)
		hold(i);
	/* Behind the unshare: these are this namespace's own. */
	run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; "
	    "echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; "
	    "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose; ip link "
	    "set lo up");
	run("ip link add " ROUTER_BRIDGE " index %d address 02:00:00:00:00:01 type bridge && ip link set " ROUTER_BRIDGE
	    " up && ip addr add 10.213.0.1/16 dev " ROUTER_BRIDGE,
	    INDEX_BRIDGE);
	run("ip link add " ROUTER_UPLINK " index %d type veth peer name up0 netns %d && ip link set " ROUTER_UPLINK
	    " up && ip addr add 192.0.2.1/30 dev " ROUTER_UPLINK,
	    INDEX_UPLINK, (int)holders[WORLD]);
	run("nsenter -t %d -n sh -c 'ip link set lo up; ip link set up0 up; ip addr add 192.0.2.2/30 dev up0; ip addr "
	    "add 203.0.113.5/32 dev lo; "
	    "ip addr add 203.0.114.6/32 dev lo; ip addr add 10.9.0.1/32 dev lo; ip addr add 169.254.169.254/32 dev lo; "
	    "ip route add 10.213.0.0/16 via 192.0.2.1; ip route add blackhole 203.0.115.9'",
	    (int)holders[WORLD]);
	run("ip route add default via 192.0.2.2");
	make_sandbox(SANDBOX_A, "pa", "10.213.0.2", 2);
	make_sandbox(SANDBOX_B, "pb", "10.213.0.3", 3);
	echo = open_udp(WORLD, 0, PORT);
	return nft_open(&nft, &err);
}

static inline int tear_down(void **state)
{
	(void)state;
	nft_close(nft);
	for (int i = SANDBOX_A; i <= WORLD; i++) {
		(void)kill(holders[i], SIGKILL);
		(void)waitpid(holders[i], NULL, 0);
		(void)close(namespaces[i]);
	}
	(void)close(echo);
	return 0;
}

static inline int fresh(void **state)
{
	struct error err = {0};

	(void)state;
	run("nft flush ruleset");
	if (rules_install(nft, &router, &err) < 0)
		fail_msg("%s; %s", err.text, err.hint);
	return 0;
}

static inline struct rules_sandbox sandbox_of(int which, uint32_t mark, const struct host_list *hosts,
					      uint64_t requests)
{
	return (struct rules_sandbox){.slot = (unsigned)which,
				      .address = which == SANDBOX_A ? A : B,
				      .mac = {2, 0, 0, 0, 1, which == SANDBOX_A ? 2 : 3},
				      .port = (unsigned)ports[which],
				      .mark = mark,
				      .mode = NETWORK_RESTRICTED,
				      .hosts = hosts,
				      .requests = requests};
}

static inline void add(const struct rules_sandbox *sandbox)
{
	struct error err = {0};

	if (rules_add(nft, sandbox, &err) < 0)
		fail_msg("%s; %s", err.text, err.hint);
}

static inline struct rules_counts counts_of(const struct rules_sandbox *sandbox)
{
	struct rules_counts counts = {0};
	struct error err = {0};

	if (rules_read_counts(nft, sandbox, &counts, &err) < 0)
		fail_msg("%s", err.text);
	return counts;
}

/* --- Packets -------------------------------------------------------------------------------------- */

/* Send a datagram.  It came to the echo's port, and its answer came back. */
static inline bool exchange(int from, uint32_t source, uint32_t target, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(target)};
	_cleanup_fd_ int fd = open_udp(from, source, 0);
	struct sockaddr_in sender;
	socklen_t length = sizeof(sender);
	char byte = 0;
	struct pollfd at_echo = {.fd = echo, .events = POLLIN}, back = {.fd = fd, .events = POLLIN};

	/* A refusal comes back as an ICMP error to a connected socket. */
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, "?", 1, 0), 1);
	struct pollfd both[] = {at_echo, back};
	if (poll(both, 2, PATIENCE_MS) <= 0 || !(both[0].revents & POLLIN))
		return false;
	assert_int_equal(recvfrom(echo, &byte, 1, 0, (struct sockaddr *)&sender, &length), 1);
	/* From the address it was sent to. */
	_cleanup_fd_ int reply = -1;
	enter(WORLD);
	reply = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	(void)setsockopt(echo, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(reply, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(reply, (const struct sockaddr *)&to, sizeof(to)), 0);
	enter(HERE);
	assert_int_equal(sendto(reply, "!", 1, 0, (const struct sockaddr *)&sender, length), 1);
	return poll(&back, 1, PATIENCE_MS) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static inline struct host_rule network(uint32_t address, unsigned prefix, uint16_t port)
{
	return (struct host_rule){.kind = HOST_NETWORK, .address = address, .prefix = prefix, .port = port};
}

/* --- Frames --------------------------------------------------------------------------------------- */

static inline int open_frames(int where)
{
	enter(where);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("eth0"), .sll_protocol = htons(ETH_P_IP)};
	enter(HERE);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline uint16_t sum_up(uint32_t sum, const unsigned char *data, size_t bytes)
{
	for (size_t i = 0; i + 1 < bytes; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void put_u16(unsigned char *at, uint16_t value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

static inline void set_ip_checksum(unsigned char *ip, size_t words)
{
	put_u16(ip + 10, 0);
	put_u16(ip + 10, sum_up(0, ip, 4 * words));
}

#endif
