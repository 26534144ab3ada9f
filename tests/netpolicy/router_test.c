/* SPDX-License-Identifier: Apache-2.0 */
/* The router in namespaces of the test: the whole way to the world, its end, its crashes. */
#include "router_place.h"

struct guest {
	struct place place;
	struct router *router;
	struct rules_sandbox rules;
	struct host_list hosts;
};

static const struct host_list nobody;

static void admit(struct guest *guest, const struct router_options *options)
{
	struct error err = {0};

	guest->place = make_place();
	if (router_open(&guest->router, options, &err) < 0)
		fail_msg("router_open: %s; %s", err.text, err.hint);
	const struct router_address *address = router_address(guest->router);
	guest->rules = (struct rules_sandbox){.slot = address->slot,
					      .address = address->address,
					      .mark = address->mark,
					      .mode = NETWORK_FULL,
					      .hosts = &nobody,
					      .requests = RULES_UNLIMITED};
	memcpy(guest->rules.mac, address->mac, sizeof(address->mac));
	if (router_connect(guest->router, guest->place.ns, &guest->rules.port, &err) < 0)
		fail_msg("router_connect: %s", err.text);
	if (rules_add(router_nft(guest->router), &guest->rules, &err) < 0)
		fail_msg("rules_add: %s", err.text);
	if (router_up(guest->router, &err) < 0)
		fail_msg("router_up: %s", err.text);
	go(&guest->place);
	_cleanup_fd_ int sysctls = open("/proc/sys/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (router_configure_inside(address, sysctls, &err) < 0)
		fail_msg("router_configure_inside: %s", err.text);
	go(&host);
}

static void dismiss(struct guest *guest)
{
	struct error err = {0};

	if (rules_remove(router_nft(guest->router), &guest->rules, &err) < 0)
		fail_msg("rules_remove: %s", err.text);
	end_place(&guest->place);
	if (router_close(guest->router, &err) < 0)
		fail_msg("router_close: %s", err.text);
	guest->router = NULL;
}

/* A datagram and its answer; the address that the world saw.  0: it did not arrive. */
static uint32_t exchange_udp(const struct place *place)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(TEST_PORT), .sin_addr.s_addr = htonl(TEST_TARGET)};
	struct sockaddr_in from = {0};
	socklen_t length = sizeof(from);
	char text[16] = "";

	go(place);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	go(&host);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	if (send(fd, "question", 8, 0) != 8 || !readable(udp_echo, 1000))
		return 0;
	assert_int_equal(recvfrom(udp_echo, text, sizeof(text), 0, (struct sockaddr *)&from, &length), 8);
	assert_int_equal(sendto(udp_echo, "answer", 6, 0, (const struct sockaddr *)&from, length), 6);
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, text, sizeof(text), 0), 6);
	return ntohl(from.sin_addr.s_addr);
}

static uint32_t exchange_tcp(const struct place *place)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(TEST_PORT), .sin_addr.s_addr = htonl(TEST_TARGET)};
	struct sockaddr_in from = {0};
	socklen_t length = sizeof(from);
	char text[16] = "";

	go(place);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	go(&host);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_true(readable(tcp_echo, PATIENCE_MS));
	_cleanup_fd_ int other = accept4(tcp_echo, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);
	assert_int_equal(send(fd, "question", 8, 0), 8);
	assert_true(readable(other, PATIENCE_MS));
	assert_int_equal(recv(other, text, sizeof(text), 0), 8);
	assert_int_equal(send(other, "answer", 6, 0), 6);
	assert_true(readable(fd, PATIENCE_MS));
	assert_int_equal(recv(fd, text, sizeof(text), 0), 6);
	return ntohl(from.sin_addr.s_addr);
}

/* --- What is there -------------------------------------------------------------------------------- */

/* Everything of the host that a router touches: links, addresses, routes, neighbours, rules, forwarding, mounts. */
static void picture(char *text, size_t size)
{
	char command[600];

	(void)snprintf(
		command, sizeof(command),
		"ip -o link | sed 's/ .*: / /'; ip -o -4 addr | sed 's/ valid_lft.*//'; ip -4 route show table all; ip "
		"neigh show nud permanent; nft list ruleset; grep . /proc/sys/net/ipv4/conf/*/forwarding "
		"/proc/sys/net/ipv4/ip_forward; grep %s /proc/self/mountinfo; ls %s/network 2>/dev/null | grep -v "
		"'^lock$\\|^pool$'",
		state_path, state_path);
	ask(text, size, command);
}

static char before[16384];

static int remember(void **state)
{
	(void)state;
	if (make_world() < 0)
		return -1;
	state_dir = make_state(state_path);
	picture(before, sizeof(before));
	return 0;
}

/* Links end a moment after the namespace that their other side was in. */
static bool is_clean(void)
{
	static char after[16384];

	for (int i = 0; i < 100; i++) {
		picture(after, sizeof(after));
		if (strcmp(before, after) == 0)
			return true;
		(void)poll(NULL, 0, 20);
	}
	print_message("before:\n%s\nafter:\n%s\n", before, after);
	return false;
}

static int nothing_left(void **state)
{
	(void)state;
	const bool clean = is_clean();
	end_state(state_dir, state_path);
	end_world();
	return clean ? 0 : -1;
}

static void assert_answer(const struct place *place, const char *command, const char *expected)
{
	char answer[1024];

	go(place);
	ask(answer, sizeof(answer), command);
	go(&host);
	assert_string_equal(answer, expected);
}

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
	assert_router(&guest, (char[]){"bridge fdb show br sandboxes | grep static"}, forwarding);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CLEAN_TEST(test) cmocka_unit_test_setup_teardown(test, remember, nothing_left)
		CLEAN_TEST(test_whole_way),     CLEAN_TEST(test_inside),
		CLEAN_TEST(test_in_the_router), CLEAN_TEST(test_another_mark),
		CLEAN_TEST(test_pool_empty),    CLEAN_TEST(test_overlap),
		CLEAN_TEST(test_wrong_options), CLEAN_TEST(test_another_router_wanted),
		CLEAN_TEST(test_changed_rules),
	};
	return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
