/* SPDX-License-Identifier: Apache-2.0 */
/* The rules in a network namespace of the test: as nft(8) shows and changes them, and with real packets through a router. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "netpolicy/rules.h"

#define POOL    0x0ad50000u /* 10.213.0.0 */
#define A       0x0ad50002u
#define B       0x0ad50003u
#define LISTED  0xcb007105u /* 203.0.113.5 */
#define OTHER   0xcb007206u /* 203.0.114.6 */
#define PRIVATE 0x0a090001u /* 10.9.0.1 */
#define META    0xa9fea9feu /* 169.254.169.254 */
#define PORT    7000

static struct nft *nft;
static struct rules_router router = {.pool = POOL, .pool_prefix = 16, .gateway_mac = {2, 0, 0, 0, 0, 1}};
static const uint32_t host_addresses[] = {0x0a000005, 0x0a000005, 0x0ad50001};
static pid_t holders[3]; /* of namespaces: two sandboxes and the world */
static int namespaces[4] = {-1, -1, -1, -1}; /* and the router's own */
static int ports[2];
static int echo = -1; /* UDP, in the world */

enum { SANDBOX_A, SANDBOX_B, WORLD, HERE };

/* --- Set-up --------------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[700];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0) // NOLINT(cert-env33-c): ip(8) and nft(8) of the test
		fail_msg("%s", command);
}

static void enter(int where)
{
	assert_int_equal(setns(namespaces[where], CLONE_NEWNET), 0);
}

static void hold(int where)
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
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)holders[where]);
	namespaces[where] = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(namespaces[where] >= 0);
}

static int open_udp(int where, uint32_t address, uint16_t port)
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

static void make_sandbox(int where, const char *name, const char *address, int last)
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

static int set_up(void **state)
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
	run("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose; ip link "
	    "set lo up");
	run("ip link add " ROUTER_BRIDGE " address 02:00:00:00:00:01 type bridge && ip link set " ROUTER_BRIDGE
	    " up && ip addr add 10.213.0.1/16 dev " ROUTER_BRIDGE);
	run("ip link add " ROUTER_UPLINK " type veth peer name up0 netns %d && ip link set " ROUTER_UPLINK
	    " up && ip addr add 192.0.2.1/30 dev " ROUTER_UPLINK,
	    (int)holders[WORLD]);
	run("nsenter -t %d -n sh -c 'ip link set lo up; ip link set up0 up; ip addr add 192.0.2.2/30 dev up0; ip addr "
	    "add 203.0.113.5/32 dev lo; "
	    "ip addr add 203.0.114.6/32 dev lo; ip addr add 10.9.0.1/32 dev lo; ip addr add 169.254.169.254/32 dev lo; "
	    "ip route add 10.213.0.0/16 via 192.0.2.1'",
	    (int)holders[WORLD]);
	run("ip route add default via 192.0.2.2");
	make_sandbox(SANDBOX_A, "pa", "10.213.0.2", 2);
	make_sandbox(SANDBOX_B, "pb", "10.213.0.3", 3);
	echo = open_udp(WORLD, 0, PORT);
	return nft_open(&nft, &err);
}

static int tear_down(void **state)
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

static int fresh(void **state)
{
	struct error err = {0};

	(void)state;
	run("nft flush ruleset");
	if (rules_install(nft, &router, &err) < 0)
		fail_msg("%s; %s", err.text, err.hint);
	return 0;
}

static struct rules_sandbox sandbox_of(int which, uint32_t mark, const struct host_list *hosts, uint64_t requests)
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

static void add(const struct rules_sandbox *sandbox)
{
	struct error err = {0};

	if (rules_add(nft, sandbox, &err) < 0)
		fail_msg("%s; %s", err.text, err.hint);
}

static struct rules_counts counts_of(const struct rules_sandbox *sandbox)
{
	struct rules_counts counts = {0};
	struct error err = {0};

	if (rules_read_counts(nft, sandbox, &counts, &err) < 0)
		fail_msg("%s", err.text);
	return counts;
}

/* --- Packets -------------------------------------------------------------------------------------- */

/* Send a datagram.  It came to the echo's port, and its answer came back. */
static bool exchange(int from, uint32_t source, uint32_t target, uint16_t port)
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
	if (poll(both, 2, 1000) <= 0 || !(both[0].revents & POLLIN))
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
	return poll(&back, 1, 1000) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static struct host_rule network(uint32_t address, unsigned prefix, uint16_t port)
{
	return (struct host_rule){.kind = HOST_NETWORK, .address = address, .prefix = prefix, .port = port};
}

static void listed_passes_and_the_rest_is_refused(void **state)
{
	struct host_rule rules[] = {network(LISTED, 32, PORT), network(0xa9fe0000, 15, 0), network(0x0a000000, 8, 0)};
	const struct host_list hosts = {rules, ARRAY_SIZE(rules)};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 100, &hosts, RULES_UNLIMITED);

	(void)state;
	assert_false(exchange(SANDBOX_A, A, LISTED, PORT));
	add(&a);
	assert_true(exchange(SANDBOX_A, A, LISTED, PORT));
	assert_true(exchange(SANDBOX_A, A, PRIVATE, PORT));
	assert_int_equal(counts_of(&a).admitted, 2);
	assert_int_equal(counts_of(&a).refused, 0);
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_false(exchange(SANDBOX_A, A, META, PORT));
	assert_false(exchange(SANDBOX_A, A, B, PORT));
	assert_false(exchange(SANDBOX_A, A, 0x0ad50001, PORT));
	assert_int_equal(counts_of(&a).refused, 4);
	assert_int_equal(counts_of(&a).admitted, 2);
	/* Its elements gone, it is refused. */
	struct error err = {0};
	assert_int_equal(rules_remove(nft, &a, &err), 0);
	assert_false(exchange(SANDBOX_A, A, LISTED, PORT));
	assert_int_equal(rules_verify(nft, &router, &err), 0);
}

static void a_limit_is_exact(void **state)
{
	static const uint64_t limits[] = {1, 7, 20000};
	struct host_rule rules[] = {network(0, 0, 0)};
	const struct host_list hosts = {rules, 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rules_sandbox a = sandbox_of(SANDBOX_A, 200 + (uint32_t)i, &hosts, limits[i]);
		struct error err = {0};
		uint64_t sent = limits[i] < 100 ? 3 * limits[i] : 30;
		add(&a);
		_cleanup_fd_ int first = -1;
		for (uint64_t k = 0; k < sent; k++) {
			const struct sockaddr_in to = {.sin_family = AF_INET,
						       .sin_port = htons((uint16_t)(9000 + k)),
						       .sin_addr.s_addr = htonl(LISTED)};
			int fd = open_udp(SANDBOX_A, A, 0);
			/* Three times: an unanswered flow is one request, however often it is tried. */
			for (int again = 0; again < 3; again++)
				(void)sendto(fd, "?", 1, 0, (const struct sockaddr *)&to, sizeof(to));
			(void)close(fd);
		}
		assert_int_equal(counts_of(&a).admitted, sent < limits[i] ? sent : limits[i]);
		assert_int_equal(counts_of(&a).refused, sent < limits[i] ? 0 : 3 * (sent - limits[i]));
		assert_int_equal(rules_remove(nft, &a, &err), 0);
	}
}

static void a_pin_opens_and_ends(void **state)
{
	const struct host_list hosts = {NULL, 0};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 300, &hosts, RULES_UNLIMITED);
	const struct rules_pin one = {OTHER, PORT, 1}, longer = {OTHER, PORT, 100}, never = {META, PORT, 100};
	struct error err = {0};

	(void)state;
	add(&a);
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_pin(nft, &a, &one, 1, &err), 0);
	assert_true(exchange(SANDBOX_A, A, OTHER, PORT));
	(void)poll(NULL, 0, 1500); /* the time itself is what is tested */
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_pin(nft, &a, &one, 1, &err), 0);
	assert_int_equal(rules_pin(nft, &a, &longer, 1, &err), 0);
	(void)poll(NULL, 0, 1500);
	assert_true(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_pin(nft, &a, &never, 1, &err), 0);
	assert_false(exchange(SANDBOX_A, A, META, PORT));
	/* The next one with the address has another mark: the pin is not its. */
	assert_int_equal(rules_remove(nft, &a, &err), 0);
	a.mark = 301;
	add(&a);
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_forget(nft, a.slot, a.address, &err), 0);
	a.mark = 302;
	add(&a);
}

static void full_leaves_out_private(void **state)
{
	struct host_rule rules[] = {network(PRIVATE, 32, 0)};
	const struct host_list none = {NULL, 0}, entry = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 400, &none, RULES_UNLIMITED);
	struct error err = {0};

	(void)state;
	a.mode = NETWORK_FULL;
	add(&a);
	assert_true(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_false(exchange(SANDBOX_A, A, PRIVATE, PORT));
	assert_false(exchange(SANDBOX_A, A, META, PORT));
	assert_int_equal(rules_remove(nft, &a, &err), 0);
	a.hosts = &entry;
	a.mark = 401;
	add(&a);
	assert_true(exchange(SANDBOX_A, A, PRIVATE, PORT));
}

/* --- Frames --------------------------------------------------------------------------------------- */

static void checksum(unsigned char *ip, size_t words)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 2 * words; i++)
		sum += (uint32_t)ip[2 * i] << 8 | ip[2 * i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (unsigned char)(~sum >> 8);
	ip[11] = (unsigned char)~sum;
}

/* A datagram to the echo, and one thing about it that is wrong. */
enum flaw { SOUND, MAC, ADDRESS, TAG, FRAGMENT, OPTIONS, BROADCAST, ARP };

static size_t make_frame(enum flaw flaw, unsigned char *out)
{
	const unsigned char header[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 2};
	unsigned char ip[32] = {0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0, 0, 10, 213, 0, 2, 203, 0, 113, 5};
	size_t words = flaw == OPTIONS ? 6 : 5, at = 12;

	memcpy(out, header, sizeof(header));
	if (flaw == MAC)
		out[11] = 9;
	if (flaw == BROADCAST)
		memset(out, 0xff, 6);
	if (flaw == TAG) {
		memcpy(out + at, "\x81\x00\x00\x00", 4); /* priority alone: a host without VLANs would take it */
		at += 4;
	}
	out[at++] = 8;
	out[at++] = flaw == ARP ? 6 : 0;
	if (flaw == ADDRESS)
		ip[15] = 3;
	if (flaw == FRAGMENT)
		ip[6] = 0x20;
	ip[0] = (unsigned char)(0x40 | words);
	ip[3] = (unsigned char)(4 * words + 9);
	memset(ip + 20, 1, flaw == OPTIONS ? 4 : 0); /* no operation */
	checksum(ip, words);
	memcpy(out + at, ip, 4 * words);
	at += 4 * words;
	const unsigned char udp[] = {0x20, 0, PORT >> 8, PORT & 0xff, 0, 9, 0, 0, '?'};
	memcpy(out + at, udp, sizeof(udp));
	return at + sizeof(udp);
}

static void only_sound_frames_pass(void **state)
{
	struct host_rule rules[] = {network(LISTED, 32, 0)};
	const struct host_list hosts = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 500, &hosts, RULES_UNLIMITED);
	struct rules_sandbox b = sandbox_of(SANDBOX_B, 501, &hosts, RULES_UNLIMITED);
	uint64_t refused = 0;

	(void)state;
	add(&a);
	add(&b);
	enter(SANDBOX_A);
	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("eth0"), .sll_protocol = htons(ETH_P_IP)};
	enter(HERE);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	for (enum flaw flaw = SOUND; flaw <= ARP; flaw++) {
		unsigned char frame[128];
		char byte = 0;
		size_t length = make_frame(flaw, frame);
		struct pollfd came = {.fd = echo, .events = POLLIN};
		assert_int_equal(send(fd, frame, length, 0), length);
		refused += flaw != SOUND;
		if (poll(&came, 1, flaw == SOUND ? 1000 : 50) != (flaw == SOUND))
			fail_msg("frame with flaw %d", flaw);
		if (flaw == SOUND)
			assert_int_equal(recv(echo, &byte, 1, 0), 1);
		assert_int_equal(counts_of(&a).refused_frames, refused);
	}
	assert_int_equal(counts_of(&b).refused_frames, 0);
}

/* --- Reading back --------------------------------------------------------------------------------- */

static const struct {
	const char *change, *said;
} changes[] = {
	{"nft flush ruleset", "bridge agentcore is missing"},
	{"nft delete table bridge agentcore", "bridge agentcore is missing"},
	{"nft add table ip foreign", "table foreign is not ours"},
	{"nft add chain ip agentcore other '{ type filter hook forward priority -10; }'", "chain other is not ours"},
	{"nft add chain ip agentcore log-x", "chain log-x is not ours"},
	{"nft add chain ip agentcore log-3", "chain log-3 is not as it was made"},
	{"nft flush chain ip agentcore log-1", "chain log-1 is not as it was made"},
	{"nft add chain bridge agentcore more && nft add chain ip agentcore more", "chain more is not ours"},
	{"nft add counter ip agentcore more", "an object in table agentcore"},
	{"nft add rule ip agentcore logged accept", "a rule in chain logged is not ours"},
	{"nft add chain ip agentcore forward '{ policy accept; }'", "chain forward is not as"},
	{"nft add chain bridge agentcore prerouting '{ policy accept; }'", "chain frames is not as"},
	{"nft insert rule ip agentcore forward accept", "rule uplink is not as"},
	{"nft add rule ip agentcore admit accept", "a rule in chain admit is not ours"},
	{"nft flush chain ip agentcore inward", "rule unasked is missing"},
	{"nft flush chain bridge agentcore prerouting", "rule vlan is missing"},
	{"h=$(nft -a list chain ip agentcore forward | sed -n 's/.*@never.*handle //p') && nft delete rule ip "
	 "agentcore forward handle $h",
	 "rule never is not as"},
	{"h=$(nft -a list chain ip agentcore inward | sed -n 's/.*@live.*handle //p') && nft replace rule ip agentcore "
	 "inward handle $h 'ip daddr . ct mark "
	 "@live drop'",
	 "rule established-mark is not as"},
	{"nft delete element ip agentcore never '{ 169.254.0.0/16 }'", "elements of set never are missing"},
	{"nft add element ip agentcore private '{ 1.0.0.0/8 }'", "an element of set private is not ours"},
	{"nft add set ip agentcore more '{ type ipv4_addr; }'", "set more is not ours"},
	{"nft add table ip agentcore '{ flags dormant; }'", "ip agentcore is not as"},
};

static void a_change_is_noticed(void **state)
{
	const struct host_list none = {NULL, 0};
	struct rules_sandbox b = sandbox_of(SANDBOX_B, 600, &none, 5);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct error err = {0};
		(void)fresh(NULL);
		add(&b);
		if (rules_verify(nft, &router, &err) < 0)
			fail_msg("%s", err.text);
		run("%s", changes[i].change);
		assert_int_equal(rules_verify(nft, &router, &err), -EBADMSG);
		if (!strstr(err.text, changes[i].said))
			fail_msg("%s: \"%s\"", changes[i].change, err.text);
	}
}

static void another_router_is_another(void **state)
{
	struct rules_router other = router;
	struct error err = {0};

	(void)state;
	other.gateway_mac[5] = 7;
	assert_int_equal(rules_verify(nft, &other, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "gateway-mac"));
	assert_int_equal(rules_install(nft, &router, &(struct error){0}), -EEXIST);
}

static void the_far_end_comes_and_goes(void **state)
{
	const struct rules_far_end far = {"agentcore-test", "far0", POOL, 16};
	struct error err = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		if (rules_far_end_install(nft, &far, &err) < 0)
			fail_msg("%s; %s", err.text, err.hint);
	}
	run("nft list table ip agentcore-test | grep -q 'iifname \"far0\" fib daddr type != unicast drop'");
	run("test $(nft list table ip agentcore-test | grep -c 'masquerade$') = 1");
	run("nft list table ip agentcore-test | grep -q 'iifname \"far0\" ct status dnat drop'");
	assert_int_equal(rules_far_end_remove(nft, "agentcore-test", &err), 0);
	assert_int_equal(rules_far_end_remove(nft, "agentcore-test", &err), 0);
	run("! nft list tables | grep -q agentcore-test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_change_is_noticed, fresh),
		cmocka_unit_test_setup(another_router_is_another, fresh),
		cmocka_unit_test_setup(listed_passes_and_the_rest_is_refused, fresh),
		cmocka_unit_test_setup(a_limit_is_exact, fresh),
		cmocka_unit_test_setup(a_pin_opens_and_ends, fresh),
		cmocka_unit_test_setup(full_leaves_out_private, fresh),
		cmocka_unit_test_setup(only_sound_frames_pass, fresh),
		cmocka_unit_test_setup(the_far_end_comes_and_goes, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
