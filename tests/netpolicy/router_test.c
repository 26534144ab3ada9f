/* SPDX-License-Identifier: Apache-2.0 */
/* The router in namespaces of the test: the whole way to the world, its end, its crashes. */
#include "router_place.h"

#include <sys/capability.h>
#include <time.h>

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
		"/proc/sys/net/ipv4/ip_forward 2>/dev/null; grep %s /proc/self/mountinfo; ls %s/network 2>/dev/null | "
		"grep -v "
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

/* Between the link and PID 1's part of it, which turns IPv6 off: no address, so no word of it. */
static void test_silent_before(void **state)
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
	assert_int_equal(router_up(router, &err), 0);
	assert_answer(&place, "ip -o link show dev eth0 | grep -c LOWER_UP", "1");
	assert_answer(&place, "ip addr show dev eth0 | grep inet; ip -6 route show", "");
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

/* --- At once, and killed -------------------------------------------------------------------------- */

/* A process that holds an address until its pipe is closed, or it is killed. */
struct holder {
	pid_t pid;
	int stay;
};

static int hold_address(const struct router_options *options, int ready, int stay)
{
	struct router *router = NULL;
	struct error err = {0};
	char byte = 0;

	if (router_open(&router, options, &err) < 0) {
		(void)fprintf(stderr, "router_open: %s; %s\n", err.text, err.hint);
		return 1;
	}
	const uint32_t address = router_address(router)->address;
	if (write(ready, &address, sizeof(address)) != sizeof(address) || read(stay, &byte, 1) != 0)
		return 2;
	if (router_close(router, &err) == 0)
		return 0;
	(void)fprintf(stderr, "router_close: %s\n", err.text);
	return 3;
}

/* Its address is read from ready. */
static struct holder start_holder(const struct router_options *options, int ready)
{
	int stay[2];

	assert_int_equal(pipe2(stay, O_CLOEXEC), 0);
	struct holder holder = {.pid = fork(), .stay = stay[1]};
	if (holder.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(stay[1]);
		_exit(hold_address(options, ready, stay[0]));
	}
	(void)close(stay[0]);
	return holder;
}

static int end_holder(const struct holder *holder, int signal)
{
	int status = 0;

	if (signal)
		(void)kill(holder->pid, signal);
	(void)close(holder->stay);
	assert_int_equal(waitpid(holder->pid, &status, 0), holder->pid);
	return signal ? 0 : status;
}

static uint32_t read_address(int ready)
{
	uint32_t address = 0;

	assert_true(readable(ready, PATIENCE_MS));
	assert_int_equal(read(ready, &address, sizeof(address)), sizeof(address));
	return address;
}

#define CROWD 32

static void test_crowd(void **state)
{
	const struct router_options options = options_of(24);
	struct holder holders[CROWD];
	bool seen[256] = {false};
	int ready[2];

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	for (int i = 0; i < CROWD; i++)
		holders[i] = start_holder(&options, ready[1]);
	for (int i = 0; i < CROWD; i++) {
		const uint32_t address = read_address(ready[0]);
		assert_false(seen[address & 0xff]);
		seen[address & 0xff] = true;
	}
	/* All at once again; each waits for its own pipe only, which its younger brothers hold as well until they end. */
	for (int i = CROWD - 1; i >= 0; i--)
		(void)close(holders[i].stay);
	for (int i = 0; i < CROWD; i++) {
		int status = -1;
		assert_int_equal(waitpid(holders[i].pid, &status, 0), holders[i].pid);
		assert_int_equal(status, 0);
	}
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void test_killed_beside_another(void **state)
{
	const struct router_options options = options_of(28);
	struct guest guest = {0}, other = {0};
	uint32_t killed = 0;
	int ready[2];

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	admit(&other, &options);
	/* The child gets a sandbox with elements, and dies with it. */
	pid_t pid = fork();
	if (pid == 0) {
		admit(&guest, &options);
		if (write(ready[1], &guest.rules.address, sizeof(uint32_t)) == sizeof(uint32_t))
			(void)pause();
		_exit(1);
	}
	killed = read_address(ready[0]);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	/* Until it is its turn again; rules_add would refuse elements that are there. */
	bool again = false;
	for (int i = 0; i < 12; i++) {
		admit(&guest, &options);
		again |= guest.rules.address == killed;
		assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
		dismiss(&guest);
	}
	assert_true(again);
	assert_int_equal(router_reclaim(&options, NULL), 0);
	assert_int_equal(exchange_udp(&other.place), TEST_HOST);
	dismiss(&other);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* What delete knows. */
static struct router_options reclaim_options(void)
{
	return (struct router_options){.state_dir = state_dir, .state_path = state_path, .far_end = -1};
}

static void test_killed_as_the_last(void **state)
{
	const struct router_options options = options_of(24), reclaim = reclaim_options();
	struct error err = {0};
	int ready[2];

	(void)state;
	/* Nothing there at all. */
	assert_int_equal(router_reclaim(&reclaim, &err), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	struct holder holder = start_holder(&options, ready[1]);
	(void)read_address(ready[0]);
	(void)end_holder(&holder, SIGKILL);
	assert_answer(&host, "nft list tables | wc -l", "1");
	assert_answer(&host, "cat /proc/sys/net/ipv4/conf/out0/forwarding", "1");
	/* From elsewhere: where the far end is must be remembered. */
	go(&world);
	int r = router_reclaim(&reclaim, &err);
	go(&host);
	if (r < 0)
		fail_msg("router_reclaim: %s", err.text);
	assert_true(is_clean());
	assert_int_equal(router_reclaim(&reclaim, &err), 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void test_killed_and_made_anew(void **state)
{
	const struct router_options options = options_of(24);
	struct guest guest = {0};
	int ready[2];

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	for (int i = 0; i < 3; i++) {
		struct holder holder = start_holder(&options, ready[1]);
		(void)read_address(ready[0]);
		(void)end_holder(&holder, SIGKILL);
	}
	admit(&guest, &options);
	assert_int_equal(exchange_udp(&guest.place), TEST_HOST);
	dismiss(&guest);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* At any moment of making it and of taking it down. */
static void test_killed_half_way(void **state)
{
	const struct router_options options = options_of(24), reclaim = reclaim_options();
	struct error err = {0};

	(void)state;
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct router *router = NULL;
			if (router_open(&router, &options, NULL) == 0)
				(void)router_close(router, NULL);
			_exit(0);
		}
		const struct timespec pause = {.tv_nsec = i * 250000L};
		(void)nanosleep(&pause, NULL);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		if (router_reclaim(&reclaim, &err) < 0)
			fail_msg("after %d us: %s", i * 250, err.text);
		assert_answer(&host, "nft list tables; cat /proc/sys/net/ipv4/conf/out0/forwarding", "0");
	}
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
#define CLEAN_TEST(test) cmocka_unit_test_setup_teardown(test, remember, nothing_left)
		CLEAN_TEST(test_whole_way),
		CLEAN_TEST(test_inside),
		CLEAN_TEST(test_silent_before),
		CLEAN_TEST(test_in_the_router),
		CLEAN_TEST(test_another_mark),
		CLEAN_TEST(test_pool_empty),
		CLEAN_TEST(test_overlap),
		CLEAN_TEST(test_wrong_options),
		CLEAN_TEST(test_another_router_wanted),
		CLEAN_TEST(test_changed_rules),
		CLEAN_TEST(test_crowd),
		CLEAN_TEST(test_killed_beside_another),
		CLEAN_TEST(test_killed_as_the_last),
		CLEAN_TEST(test_killed_and_made_anew),
		CLEAN_TEST(test_killed_half_way),
		CLEAN_TEST(test_no_namespace_on_the_file),
		CLEAN_TEST(test_two_state_directories),
		CLEAN_TEST(test_far_end_by_descriptor),
		CLEAN_TEST(test_without_privilege),
		CLEAN_TEST(test_no_namespace_of_its_own),
	};
	return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
