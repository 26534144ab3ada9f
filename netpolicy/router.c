/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/router.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/lock.h"
#include "netpolicy/links.h"
#include "netpolicy/netns.h"
#include "netpolicy/nft.h"
#include "netpolicy/router_make.h"
#include "netpolicy/rtnl.h"

/* One makes the router in some milliseconds while the others wait; a stopped one must not stop them for ever. */
#define LOCK_TIMEOUT_MS 10000

struct router {
	int directory; /* STATEDIR/network */
	int ns;
	struct pool pool;
	bool taken; /* address is ours */
	bool dirty; /* and has still what its last holder left */
	struct router_address address;
	struct nft *nft;
	struct rtnl *rtnl;
	struct rtnl *inside; /* from connecting to up: in the sandbox's namespace */
	struct uplink uplink;
};

/* --- The directory and its lock ------------------------------------------------------------------- */

static int open_directory(int state_dir, bool make, struct error *err)
{
	if (make && mkdirat(state_dir, "network", 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "network in the state directory");
	int fd = openat(state_dir, "network", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT && !make ? -ENOENT : error_set(err, errno, "network in the state directory");
}

/* The lock's descriptor (closing it unlocks), or a negative errno with err set. */
static int lock_router(int directory, struct error *err)
{
	_cleanup_fd_ int fd = openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0)
		return error_set(err, errno, "network/lock in the state directory");
	int r = lock_exclusive(fd, LOCK_TIMEOUT_MS);
	if (r == 0)
		return TAKE_FD(fd);
	(void)error_set(err, -r, "network/lock in the state directory");
	if (err && r == -ETIMEDOUT)
		(void)error_hint(err, "another start or end has it for %d s: is its process stopped?",
				 LOCK_TIMEOUT_MS / 1000);
	return r;
}

/* --- Joining -------------------------------------------------------------------------------------- */

static int check_options(const struct router_options *options, struct error *err)
{
	const unsigned prefix = options->pool_prefix;

	if (prefix < ROUTER_POOL_PREFIX_MIN || prefix > ROUTER_POOL_PREFIX_MAX)
		return error_say(err, EINVAL, "the network pool's prefix is %u, not %d to %d", prefix,
				 ROUTER_POOL_PREFIX_MIN, ROUTER_POOL_PREFIX_MAX);
	if (options->pool & (UINT32_MAX >> prefix))
		return error_say(err, EINVAL, "the network pool has bits beyond its prefix");
	return 0;
}

/* A router that is in use serves whoever wants the same of it. */
static int check_same(const struct router *router, const struct router_options *options, struct error *err)
{
	if (router->uplink.network != options->pool || router->uplink.prefix != options->pool_prefix) {
		const struct in_addr address = {htonl(router->uplink.network)};
		char text[INET_ADDRSTRLEN];
		(void)inet_ntop(AF_INET, &address, text, sizeof(text));
		(void)error_say(err, EINVAL, "the router in use has another network pool: %s/%u", text,
				(unsigned)router->uplink.prefix);
		if (err)
			(void)error_hint(err, "use the same, or another --root");
		return -EINVAL;
	}
	_cleanup_fd_ int far_end = netns_open_pinned(router->directory, ROUTER_FAR_END, err);
	if (far_end < 0)
		return error_say(err, EBADMSG, "network/%s of the router in use is gone", ROUTER_FAR_END);
	_cleanup_fd_ int own = options->far_end >= 0 ? -1 : netns_current(err);
	if (options->far_end < 0 && own < 0)
		return own;
	if (netns_same(far_end, options->far_end >= 0 ? options->far_end : own))
		return 0;
	(void)error_say(err, EINVAL, "the router in use has its uplink to another network namespace");
	if (err)
		(void)error_hint(err, "use the same, or another --root");
	return -EINVAL;
}

static int join(struct router *router, const struct router_options *options, struct error *err)
{
	router->ns = netns_open_pinned(router->directory, ROUTER_NAMESPACE, err);
	if (router->ns == -ENOENT) {
		(void)error_say(err, EXDEV, "the router in use cannot be seen from this mount namespace");
		if (err)
			(void)error_hint(err, "start where the others were started, or use another --root");
		return -EXDEV;
	}
	if (router->ns < 0)
		return router->ns;
	int r = uplink_load(&router->uplink, router->directory, err);
	if (r < 0)
		return error_set(err, -r, "network/uplink in the state directory");
	return check_same(router, options, err);
}

static int take_address(struct router *router, struct error *err)
{
	struct router_address *address = &router->address;
	uint32_t number = 0;
	int r = pool_number(&router->pool, &number, err);

	if (r == 0)
		r = pool_take(&router->pool, number, &address->slot, &router->dirty, err);
	if (r < 0)
		return r;
	router->taken = true;
	address->address = pool_address(&router->pool, address->slot);
	address->gateway = pool_gateway(&router->pool);
	address->mark = number;
	mac_of(address->address, address->mac);
	mac_of(address->gateway, address->gateway_mac);
	return 0;
}

/* What must not be done by two at once. */
static int enlist(struct router *router, const struct router_options *options, struct error *err)
{
	_cleanup_fd_ int lock = lock_router(router->directory, err);
	if (lock < 0)
		return lock;
	int r = pool_open(&router->pool, router->directory, options->pool, options->pool_prefix, err);
	if (r < 0)
		return r;
	int used = pool_in_use(&router->pool, err);
	if (used < 0)
		return used;
	if (used)
		r = join(router, options, err);
	else /* What is there was left by one that was killed, perhaps half-way: make it anew. */
		r = router->ns = router_make(router->directory, options, &router->pool, &router->uplink, err);
	if (r < 0)
		return r;
	r = take_address(router, err);
	if (r < 0 && !used)
		(void)router_remove(router->directory, NULL);
	return r;
}

static int open_sockets(void *context, struct error *err)
{
	struct router *router = context;
	int r = nft_open(&router->nft, err);

	return r < 0 ? r : rtnl_open(&router->rtnl, err);
}

/* Holding an address, nobody removes the router: the rest needs no lock. */
static int enter(struct router *router, struct error *err)
{
	struct rules_router rules;
	int r = router_inside(router, open_sockets, router, err);

	if (r < 0)
		return r;
	router_describe(&rules, &router->uplink);
	r = rules_verify(router->nft, &rules, err);
	if (r < 0 || !router->dirty)
		return r;
	r = rules_forget(router->nft, router->address.slot, router->address.address, err);
	if (r == 0)
		router->dirty = false;
	return r;
}

int router_open(struct router **result, const struct router_options *options, struct error *err)
{
	int r = check_options(options, err);

	if (r < 0)
		return r;
	struct router *router = calloc(1, sizeof(*router));
	if (!router)
		return error_set(err, ENOMEM, "router");
	router->ns = -1;
	router->pool = POOL_CLOSED;
	r = router->directory = open_directory(options->state_dir, true, err);
	if (r >= 0)
		r = enlist(router, options, err);
	if (r >= 0)
		r = enter(router, err);
	if (r < 0) {
		(void)router_close(router, NULL);
		return r;
	}
	*result = router;
	return 0;
}

/* --- Using ---------------------------------------------------------------------------------------- */

const struct router_address *router_address(const struct router *router)
{
	return &router->address;
}

struct nft *router_nft(const struct router *router)
{
	return router->nft;
}

static int port_index(const struct router *router)
{
	return INDEX_PORT_FIRST + (int)router->address.mark;
}

static int enter_sandbox(struct router *router, int sandbox_ns, struct error *err)
{
	int back = -1;
	int r = netns_enter(sandbox_ns, &back, err);

	if (r < 0)
		return r;
	r = netns_same(back, sandbox_ns) ? error_say(err, EINVAL, "the sandbox has no network namespace of its own")
					 : rtnl_open(&router->inside, err);
	int left = netns_leave(&back, r < 0 ? NULL : err);
	return r < 0 ? r : left;
}

int router_connect(struct router *router, int sandbox_ns, unsigned *port, struct error *err)
{
	struct port_link link = {.index = port_index(router),
				 .address = router->address.address,
				 .sandbox_ns = sandbox_ns,
				 .inside = ROUTER_INTERFACE_INSIDE};
	int r = enter_sandbox(router, sandbox_ns, err);

	mac_of(link.address, link.mac);
	if (r == 0)
		r = links_make_port(router->rtnl, &link, err);
	if (r == 0)
		*port = (unsigned)link.index;
	return r;
}

int router_up(struct router *router, struct error *err)
{
	const struct router_address *address = &router->address;
	const int index = links_index(router->inside, ROUTER_INTERFACE_INSIDE);
	int r = index > 0 ? links_configure_inside(router->inside, index, address->address, address->gateway,
						   address->gateway_mac, err)
			  : error_say(err, ENODEV, "interface %s is not there", ROUTER_INTERFACE_INSIDE);

	if (r == 0)
		r = links_port_up(router->rtnl, port_index(router), err);
	if (r == 0)
		r = links_settle_inside(router->inside, index, err);
	rtnl_close(TAKE_PTR(router->inside));
	return r;
}

int router_inside(struct router *router, int (*open_in)(void *context, struct error *err), void *context,
		  struct error *err)
{
	int back = -1;
	int r = netns_enter(router->ns, &back, err);

	if (r < 0)
		return r;
	r = open_in(context, err);
	int left = netns_leave(&back, r < 0 ? NULL : err);
	return left < 0 && r >= 0 ? left : r;
}

/* --- Leaving -------------------------------------------------------------------------------------- */

static int leave(struct router *router, struct error *err)
{
	_cleanup_fd_ int lock = lock_router(router->directory, err);
	int r = lock < 0 ? lock : 0;

	int released = pool_release(&router->pool, router->address.slot, router->dirty, r < 0 ? NULL : err);
	if (r == 0)
		r = released;
	if (r < 0)
		return r;
	int used = pool_in_use(&router->pool, err);
	return used == 0 ? router_remove(router->directory, err) : used < 0 ? used : 0;
}

void router_soil(struct router *router)
{
	router->dirty = true;
}

int router_close(struct router *router, struct error *err)
{
	int r = 0;

	if (!router)
		return 0;
	if (router->rtnl && router->taken)
		(void)links_forget_port(router->rtnl, router->address.address, NULL);
	rtnl_close(router->rtnl);
	rtnl_close(router->inside);
	cleanup_fd(&router->ns);
	if (router->taken)
		r = leave(router, err);
	pool_close(&router->pool);
	cleanup_fd(&router->directory);
	/* Last: the kernel lets it wait until what was deleted is freed, which takes it a grace period. */
	nft_close(router->nft);
	free(router);
	return r;
}

int router_reclaim(const struct router_options *options, struct error *err)
{
	struct pool pool = POOL_CLOSED;

	_cleanup_fd_ int directory = open_directory(options->state_dir, false, err);
	if (directory < 0)
		return directory == -ENOENT ? 0 : directory;
	_cleanup_fd_ int lock = lock_router(directory, err);
	if (lock < 0)
		return lock;
	int r = pool_open(&pool, directory, options->pool, options->pool_prefix, err);
	if (r < 0)
		return r;
	int used = pool_in_use(&pool, err);
	pool_close(&pool);
	return used == 0 ? router_remove(directory, err) : used < 0 ? used : 0;
}
