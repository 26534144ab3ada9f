/* SPDX-License-Identifier: Apache-2.0 */
/* The router in namespaces of the test: the whole way to the world, and its end. */
#include "router_guest.h"

#include <sys/capability.h>
#include <time.h>

/* --- One after the other -------------------------------------------------------------------------- */

static void test_whole_way(void **state)
{
	const struct router_options options = options_of(16);
	struct guest guest = {0};

	(void)state;
	admit(&guest, &options);
	assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
	assert_int_equal(exchange_tcp(&guest.place), TEST_HOST);
	dismiss(&guest);
}

static void test_inside(void **state)
{
	const struct router_options options = options_of(16);
	const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct guest guest = {0};

	(void)state;
	admit(&guest, &options);
	assert_answer(&guest.place, "ip neigh show", "10.213.0.1 dev eth0 lladdr 02:ac:0a:d5:00:01 PERMANENT");
	assert_answer(&guest.place, "ip route show", "default via 10.213.0.1 dev eth0 proto static onlink");
	assert_answer(&guest.place, "ip -6 addr show; ip -6 route show", "");
	run("nsenter -t %d -n ip link set lo up", (int)guest.place.holder);
	go(&guest.place);
	_cleanup_fd_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = bind(fd, (const struct sockaddr *)&six, sizeof(six));
	go(&host);
	assert_int_equal(r, -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
	dismiss(&guest);
}

/* Until router_up the interface says nothing and can be reached by nobody: the rules' elements come in between. */
static void test_down_before(void **state)
{
	const struct router_options options = options_of(16);
	struct router *router = NULL;
	struct error err = {0};
	unsigned port = 0;

	(void)state;
	struct place place = make_place();
	assert_int_equal(router_open(&router, &options, &err), 0);
	assert_int_equal(router_connect(router, place.ns, &port, &err), 0);
	assert_answer(&place, "ip -o link show dev eth0 | grep -c LOWER_UP", "0");
	assert_answer(&place, "ip addr show dev eth0 | grep inet; ip route show; ip -6 route show", "");
	forbid_ipv6(&place);
	assert_int_equal(router_up(router, &err), 0);
	assert_answer(&place, "ip -o link show dev eth0 | grep -c LOWER_UP", "1");
	assert_answer(&place, "ip -o addr show dev eth0 | grep -c 'inet 10.213.0.'", "1");
	assert_answer(&place, "ip -6 addr show dev eth0; ip -6 route show", "");
	end_place(&place);
	assert_int_equal(router_close(router, &err), 0);
}

/* Run a command in the router's namespace. */
static int ask_router(void *context, struct error *err)
{
	char **both = context;

	(void)err;
	ask(both[1], 4096, both[0]);
	return 0;
}

static void assert_router(struct guest *guest, char *command, const char *expected)
{
	char answer[4096];
	char *both[] = {command, answer};
	struct error err = {0};

	assert_int_equal(router_inside(guest->router, ask_router, both, &err), 0);
	assert_string_equal(answer, expected);
}

static void test_in_the_router(void **state)
{
	const struct router_options options = options_of(24);
	char neighbour[128], forwarding[128], name[32];
	struct guest guest = {0};

	(void)state;
	admit(&guest, &options);
	const uint8_t *mac = guest.rules.mac;
	(void)snprintf(name, sizeof(name), "p%x", guest.rules.port);
	(void)snprintf(neighbour, sizeof(neighbour), "10.213.0.%u dev sandboxes lladdr 02:ac:0a:d5:00:%02x PERMANENT",
		       guest.rules.address & 0xff, mac[5]);
	assert_router(&guest, (char[]){"ip neigh show dev sandboxes | sed 's/^\\S* /&dev sandboxes /'"}, neighbour);
	(void)snprintf(forwarding, sizeof(forwarding), "02:ac:0a:d5:00:%02x dev %s master sandboxes static", mac[5],
		       name);
	/* A kernel that can filter VLANs shows the entry once more, for the VLAN that all are in. */
	assert_router(&guest, (char[]){"bridge fdb show br sandboxes | grep static | grep -v ' vlan 1 '"}, forwarding);
	assert_router(&guest,
		      (char[]){"bridge -d link show | tr ' ' '\\n' | grep -A1 "
			       "'^isolated$\\|^learning$\\|^flood$\\|^mcast_flood$\\|^bcast_flood$' | "
			       "grep -v ^-- | paste -sd' '"},
		      "learning off flood off mcast_flood off bcast_flood off isolated on");
	assert_router(
		&guest,
		(char[]){"cd /proc/sys/net; cat ipv4/ip_forward netfilter/nf_conntrack_tcp_loose "
			 "ipv4/conf/sandboxes/rp_filter ipv4/conf/uplink/rp_filter ipv4/conf/sandboxes/arp_ignore "
			 "ipv4/conf/sandboxes/send_redirects ipv4/conf/sandboxes/accept_redirects "
			 "ipv6/conf/sandboxes/disable_ipv6 | paste -sd' '"},
		"1 0 1 1 8 0 0 1");
	assert_router(&guest,
		      (char[]){"ip -4 -o addr show dev sandboxes | tr -s ' ' | cut -d' ' -f4; ip route show default"},
		      "10.213.0.1/24\ndefault via 10.213.0.254 dev uplink proto static onlink");
	dismiss(&guest);
}

static int listen_in_router(void *context, struct error *err)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(TEST_PORT)};
	int *fd = context;

	(void)err;
	*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return bind(*fd, (const struct sockaddr *)&any, sizeof(any));
}

static void send_to_gateway(const struct guest *guest)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(TEST_PORT),
				       .sin_addr.s_addr = htonl(router_address(guest->router)->gateway)};

	go(&guest->place);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	go(&host);
	assert_int_equal(sendto(fd, "hello", 5, 0, (const struct sockaddr *)&to, sizeof(to)), 5);
}

/* Usually nobody listens there, and a refusal looks like a closed port: here somebody does. */
static void test_closed_gateway(void **state)
{
	const struct router_options options = options_of(24);
	struct guest guest = {0};
	_cleanup_fd_ int listener = -1;

	(void)state;
	admit(&guest, &options);
	assert_int_equal(router_inside(guest.router, listen_in_router, &listener, NULL), 0);
	send_to_gateway(&guest);
	assert_false(readable(listener, 300));
	/* The control: without the rules of that chain it arrives. */
	assert_router(&guest,
		      (char[]){"nft 'flush chain ip agentcore input; chain ip agentcore input { policy accept; }'"},
		      "");
	send_to_gateway(&guest);
	assert_true(readable(listener, PATIENCE_MS));
	dismiss(&guest);
}

static void test_another_mark(void **state)
{
	const struct router_options options = options_of(28);
	struct guest first = {0}, second = {0};
	bool seen[16] = {false};
	uint32_t last = 0;

	(void)state;
	admit(&first, &options);
	/* The pool has ten addresses: each comes again. */
	for (int i = 0; i < 24; i++) {
		admit(&second, &options);
		assert_true(second.rules.mark > last);
		assert_true(second.rules.mark != first.rules.mark);
		last = second.rules.mark;
		seen[second.rules.slot] = true;
		assert_int_equal(exchange_udp(&second.place), TEST_HOST);
		dismiss(&second);
	}
	for (unsigned i = 0; i < 10; i++)
		assert_true(seen[i] || i == first.rules.slot);
	assert_int_equal(exchange_udp(&first.place), TEST_HOST);
	dismiss(&first);
}

static void test_pool_empty(void **state)
{
	const struct router_options options = options_of(28);
	struct router *routers[10], *more = NULL;
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(router_open(&routers[i], &options, &err), 0);
	assert_int_equal(router_open(&more, &options, &err), -EBUSY);
	assert_non_null(strstr(err.text, "10"));
	assert_non_null(strstr(err.hint, "--network-pool"));
	assert_null(more);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(router_close(routers[i], NULL), 0);
}

static void assert_refused(const struct router_options *options, int code, const char *text, const char *hint)
{
	struct router *router = NULL;
	struct error err = {0};
	int r = router_open(&router, options, &err);

	if (r != -code || !strstr(err.text, text) || !strstr(err.hint, hint))
		fail_msg("%d: %s; %s", r, err.text, err.hint);
	assert_null(router);
}

static void test_overlap(void **state)
{
	struct router_options options = options_of(16);

	(void)state;
	options.pool = 0xcb007100 & 0xffff0000; /* 203.0.0.0/16 */
	assert_refused(&options, EADDRINUSE, "203.0.113.0/24", "--network-pool");
	options.pool = 0xcb007100;
	options.pool_prefix = 28;
	assert_refused(&options, EADDRINUSE, "203.0.113.0/24", "--network-pool");
}

static void test_wrong_options(void **state)
{
	struct router_options options = options_of(15);

	(void)state;
	assert_refused(&options, EINVAL, "15", "");
	options = options_of(29);
	assert_refused(&options, EINVAL, "29", "");
	options = options_of(16);
	options.pool += 256;
	assert_refused(&options, EINVAL, "beyond", "");
}

static void test_another_router_wanted(void **state)
{
	struct router_options options = options_of(24);
	struct router *router = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(router_open(&router, &options, &err), 0);
	options.pool_prefix = 16;
	assert_refused(&options, EINVAL, "10.213.0.0/24", "--root");
	options.pool_prefix = 24;
	options.far_end = world.ns;
	assert_refused(&options, EINVAL, "uplink", "--root");
	assert_int_equal(router_close(router, &err), 0);
}

static void test_changed_rules(void **state)
{
	const struct router_options options = options_of(24);
	struct guest guest = {0};

	(void)state;
	admit(&guest, &options);
	assert_router(&guest, (char[]){"nft add rule ip agentcore forward accept"}, "");
	assert_refused(&options, EBADMSG, "", "");
	dismiss(&guest);
}

static void test_no_namespace_on_the_file(void **state)
{
	const struct router_options options = options_of(24);
	struct guest guest = {0};

	(void)state;
	/* As after a crash of the machine. */
	run("mkdir %s/network && touch %s/network/namespace %s/network/far-end && mount --bind /dev/null "
	    "%s/network/namespace",
	    state_path, state_path, state_path, state_path);
	admit(&guest, &options);
	assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
	dismiss(&guest);
}

static void test_two_state_directories(void **state)
{
	struct router_options options = options_of(24), others = options_of(24);
	struct guest guest = {0}, other = {0};
	char path[64];

	(void)state;
	others.state_dir = make_state(path);
	others.state_path = path;
	admit(&guest, &options);
	assert_refused(&others, EADDRINUSE, "10.213.0.", "--network-pool");
	others.pool += 256;
	admit(&other, &others);
	assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
	assert_int_equal(exchange_udp(&other.place), TEST_HOST);
	dismiss(&guest);
	/* The other one needs it still, and then turns off what it has not turned on. */
	assert_int_equal(exchange_udp(&other.place), TEST_HOST);
	dismiss(&other);
	end_state(others.state_dir, path);
}

static void test_far_end_by_descriptor(void **state)
{
	struct router_options options = options_of(24);
	struct guest guest = {0};

	(void)state;
	struct place far = make_place();
	run("ip link add far0 netns %d type veth peer name near0 netns %d && nsenter -t %d -n sh -c 'ip link set near0 "
	    "up; "
	    "ip addr add 192.0.2.1/24 dev near0' && nsenter -t %d -n sh -c 'ip link set lo up; ip link set far0 up; ip "
	    "addr add 192.0.2.2/24 dev far0; ip route add default via 192.0.2.1'",
	    (int)far.holder, (int)world.holder, (int)world.holder, (int)far.holder);
	options.far_end = far.ns;
	admit(&guest, &options);
	assert_int_equal(exchange_udp(&guest.place), 0xc0000202);
	assert_answer(&host, "nft list tables; ip -4 route show | wc -l", "2");
	dismiss(&guest);
	assert_answer(&far, "nft list tables; cat /proc/sys/net/ipv4/conf/far0/forwarding", "0");
	end_place(&far);
}

/* Does a datagram of the world's get through the host to a neighbour of its? */
static bool crosses(int at_neighbour)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(TEST_PORT), .sin_addr.s_addr = htonl(0xc0a84d0a)};
	char text[8];

	go(&world);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	go(&host);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	if (!readable(at_neighbour, 300))
		return false;
	while (recv(at_neighbour, text, sizeof(text), 0) > 0)
		continue;
	return true;
}

static void test_no_router_for_neighbours(void **state)
{
	const struct router_options options = options_of(24);
	struct guest guest = {0};

	(void)state;
	struct place neighbour = make_place();
	run("ip link add lan0 type veth peer name eth0 netns %d && ip link set lan0 up && ip addr add 192.168.77.2/24 "
	    "dev "
	    "lan0 && nsenter -t %d -n sh -c 'ip link set eth0 up; ip addr add 192.168.77.10/24 dev eth0; ip route add "
	    "default via 192.168.77.2' && nsenter -t %d -n ip route add 192.168.77.0/24 via 203.0.113.2",
	    (int)neighbour.holder, (int)neighbour.holder, (int)world.holder);
	int fd = listen_at(&neighbour, SOCK_DGRAM, 0xc0a84d0a, TEST_PORT);
	assert_false(crosses(fd));
	admit(&guest, &options);
	assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
	assert_false(crosses(fd));
	dismiss(&guest);
	assert_false(crosses(fd));
	/* The control: a host that forwards shows it. */
	run("echo 1 >/proc/sys/net/ipv4/conf/out0/forwarding");
	assert_true(crosses(fd));
	run("echo 0 >/proc/sys/net/ipv4/conf/out0/forwarding");
	(void)close(fd);
	run("ip link del lan0");
	end_place(&neighbour);
}

static void test_without_privilege(void **state)
{
	const struct router_options options = options_of(24);
	int status = 0;

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		struct router *router = NULL;
		struct error err = {0};
		cap_t none = cap_init();
		if (cap_set_proc(none) < 0)
			_exit(2);
		int r = router_open(&router, &options, &err);
		_exit(r == -EPERM && strstr(err.hint, "root") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_no_namespace_of_its_own(void **state)
{
	const struct router_options options = options_of(24);
	struct router *router = NULL;
	struct error err = {0};
	unsigned port = 0;

	(void)state;
	assert_int_equal(router_open(&router, &options, &err), 0);
	assert_int_equal(router_connect(router, host.ns, &port, &err), -EINVAL);
	assert_int_equal(router_close(router, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN_TEST(test_whole_way),
		CLEAN_TEST(test_inside),
		CLEAN_TEST(test_down_before),
		CLEAN_TEST(test_in_the_router),
		CLEAN_TEST(test_closed_gateway),
		CLEAN_TEST(test_another_mark),
		CLEAN_TEST(test_pool_empty),
		CLEAN_TEST(test_overlap),
		CLEAN_TEST(test_wrong_options),
		CLEAN_TEST(test_another_router_wanted),
		CLEAN_TEST(test_changed_rules),
		CLEAN_TEST(test_no_namespace_on_the_file),
		CLEAN_TEST(test_two_state_directories),
		CLEAN_TEST(test_far_end_by_descriptor),
		CLEAN_TEST(test_no_router_for_neighbours),
		CLEAN_TEST(test_without_privilege),
		CLEAN_TEST(test_no_namespace_of_its_own),
	};
	return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
