/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/router_make.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "netpolicy/links.h"
#include "netpolicy/netns.h"

/* --- Within the router's namespace ---------------------------------------------------------------- */

struct sysctl_row {
	const char *path, *value;
	bool optional; /* a kernel without it has nothing to turn off */
};

/* ip_forward first: it sets others back to what a router has by default. */
static const struct sysctl_row sysctls[] = {
	{"ipv6/conf/all/disable_ipv6", "1", true},
	{"ipv6/conf/default/disable_ipv6", "1", true},
	{"ipv4/ip_forward", "1", false},
	/* Reverse path: an address must come from where it would be answered to. */
	{"ipv4/conf/all/rp_filter", "1", false},
	{"ipv4/conf/default/rp_filter", "1", false},
	{"ipv4/conf/all/accept_source_route", "0", false},
	{"ipv4/conf/default/accept_source_route", "0", false},
	{"ipv4/conf/all/accept_redirects", "0", false},
	{"ipv4/conf/default/accept_redirects", "0", false},
	{"ipv4/conf/all/send_redirects", "0", false},
	{"ipv4/conf/default/send_redirects", "0", false},
	/* All neighbours are static: nobody is answered. */
	{"ipv4/conf/all/arp_ignore", "8", false},
	{"ipv4/conf/default/arp_ignore", "8", false},
	/* An ACK without its SYN is no connection. */
	{"netfilter/nf_conntrack_tcp_loose", "0", false},
	/* Frames of the bridge are not shown to the IP rules as well: each packet is judged once on each level. */
	{"bridge/bridge-nf-call-iptables", "0", true},
	{"bridge/bridge-nf-call-ip6tables", "0", true},
	{"bridge/bridge-nf-call-arptables", "0", true},
};

static int write_sysctl(int directory, const struct sysctl_row *row, struct error *err)
{
	int r = io_write_file(directory, row->path, row->value);

	if (r == 0 || (row->optional && r == -ENOENT))
		return 0;
	(void)error_set(err, -r, "/proc/sys/net/%s of the router", row->path);
	if (err && r == -ENOENT)
		(void)error_hint(err, "the kernel needs CONFIG_NF_CONNTRACK; use network none");
	return r;
}

static int write_sysctls(int ns, struct error *err)
{
	/* They belong to the namespace that the writer is in: never touch the machine's own. */
	_cleanup_fd_ int own = netns_current(err);
	if (own < 0)
		return own;
	if (!netns_same(own, ns))
		return error_say(err, EXDEV, "not in the router's network namespace");
	_cleanup_fd_ int directory = open("/proc/sys/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return error_set(err, errno, "/proc/sys/net");
	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		int r = write_sysctl(directory, &sysctls[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_links(const struct pool *pool, const struct uplink *uplink, int far_end, struct error *err)
{
	const struct uplink_link link = {.far_name = uplink->interface,
					 .far_ns = far_end,
					 .address = pool_uplink(pool),
					 .far_address = pool_uplink(pool) + 1};
	struct rtnl *rtnl = NULL;
	int r = rtnl_open(&rtnl, err);

	if (r < 0)
		return r;
	r = links_make_bridge(rtnl, pool_gateway(pool), pool->prefix, err);
	if (r == 0)
		r = links_make_uplink(rtnl, &link, err);
	rtnl_close(rtnl);
	return r;
}

void router_describe(struct rules_router *rules, const struct uplink *uplink)
{
	*rules = (struct rules_router){.pool = uplink->network,
				       .pool_prefix = uplink->prefix,
				       .host_addresses = uplink->addresses,
				       .host_address_count = uplink->address_count};
	mac_of(uplink->network + 1, rules->gateway_mac);
}

static int install_rules(const struct uplink *uplink, struct error *err)
{
	struct rules_router rules;
	struct nft *nft = NULL;
	int r = nft_open(&nft, err);

	router_describe(&rules, uplink);
	if (r == 0)
		r = rules_install(nft, &rules, err);
	nft_close(nft);
	return r;
}

static int furnish(int ns, const struct pool *pool, const struct uplink *uplink, int far_end, struct error *err)
{
	int back = -1;
	int r = netns_enter(ns, &back, err);

	if (r < 0)
		return r;
	/*
	 * Both before the first link: what is on by default would be on for a moment.  Rules first: they bring the modules along whose settings
	 * there are.
	 */
	r = install_rules(uplink, err);
	if (r == 0)
		r = write_sysctls(ns, err);
	if (r == 0)
		r = make_links(pool, uplink, far_end, err);
	int left = netns_leave(&back, r < 0 ? NULL : err);
	return r < 0 ? r : left;
}

/* --- At the far end ------------------------------------------------------------------------------- */

static int at_far_end(int far_end, struct uplink *uplink, int (*act)(struct uplink *uplink, struct error *err),
		      struct error *err)
{
	int back = -1;
	int r = netns_enter(far_end, &back, err);

	if (r < 0)
		return r;
	r = act(uplink, err);
	int left = netns_leave(&back, r < 0 ? NULL : err);
	return r < 0 ? r : left;
}

/* --- All of it ------------------------------------------------------------------------------------ */

/* What tells this state directory from others at the same far end: its path may be relative, or be another one after a mount. */
static uint32_t mark_of(const struct router_options *options)
{
	struct stat stat = {0};
	char text[PATH_MAX + 64];
	uint32_t hash = 2166136261u;

	(void)fstat(options->state_dir, &stat);
	(void)snprintf(text, sizeof(text), "%jx %jx %s", (uintmax_t)stat.st_dev, (uintmax_t)stat.st_ino,
		       options->state_path);
	for (const char *c = text; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash;
}

static int build(int directory, int ns, int far_end, const struct pool *pool, struct uplink *uplink, struct error *err)
{
	int r = netns_pin(far_end, directory, ROUTER_FAR_END, err);

	/* Written down before it is done. */
	if (r == 0)
		r = uplink_save(uplink, directory, err);
	if (r == 0)
		r = netns_pin(ns, directory, ROUTER_NAMESPACE, err);
	if (r == 0)
		r = furnish(ns, pool, uplink, far_end, err);
	if (r == 0)
		r = at_far_end(far_end, uplink, uplink_set_up, err);
	return r;
}

static int make_at(int directory, int far_end, const struct pool *pool, struct uplink *uplink, struct error *err)
{
	_cleanup_fd_ int lock = uplink_lock(far_end);
	if (lock < 0) {
		(void)error_say(err, EBUSY, "the lock of the uplink's network namespace");
		if (err)
			(void)error_hint(err, "another start or end of a router has it: try again");
		return -EBUSY;
	}
	int r = at_far_end(far_end, uplink, uplink_survey, err);
	if (r < 0)
		return r;
	_cleanup_fd_ int ns = netns_make(err);
	if (ns < 0)
		return ns;
	r = build(directory, ns, far_end, pool, uplink, err);
	return r < 0 ? r : TAKE_FD(ns);
}

int router_make(int directory, const struct router_options *options, struct pool *pool, struct uplink *uplink,
		struct error *err)
{
	uint32_t number = 0;
	int r = router_remove(directory, err);

	if (r == 0)
		r = pool_reset(pool, err);
	if (r == 0)
		r = pool_number(pool, &number, err);
	if (r < 0)
		return r;
	uplink_name(uplink, mark_of(options), number);
	uplink->network = pool->network;
	uplink->prefix = pool->prefix;
	_cleanup_fd_ int far_end =
		options->far_end >= 0 ? fcntl(options->far_end, F_DUPFD_CLOEXEC, 0) : netns_current(err);
	if (far_end < 0)
		return options->far_end >= 0 ? error_set(err, errno, "the uplink's network namespace") : far_end;
	int ns = make_at(directory, far_end, pool, uplink, err);
	if (ns < 0)
		(void)router_remove(directory, NULL);
	return ns;
}

/* The first failure is told; the others must not keep the rest from being removed. */
static void first(int *result, int r)
{
	if (r < 0 && *result == 0)
		*result = r;
}

int router_remove(int directory, struct error *err)
{
	struct uplink uplink;
	int result = 0;

	_cleanup_fd_ int far_end = netns_open_pinned(directory, ROUTER_FAR_END, err);
	if (far_end < 0 && far_end != -ENOENT)
		return far_end;
	_cleanup_fd_ int lock = far_end < 0 ? -1 : uplink_lock(far_end);
	int loaded = uplink_load(&uplink, directory, err);
	if (loaded < 0 && loaded != -ENOENT)
		result = loaded;
	/* Where the namespace is gone, so is what was set up in it. */
	if (loaded == 0 && far_end >= 0)
		first(&result, at_far_end(far_end, &uplink, uplink_take_down, err));
	/* What could not be undone stays written down. */
	if (result < 0)
		return result;
	/* The router's links end with its namespace, and that when nobody holds it any more. */
	first(&result, netns_unpin(directory, ROUTER_NAMESPACE, err));
	first(&result, netns_unpin(directory, ROUTER_FAR_END, err));
	first(&result, uplink_forget(directory, err));
	return result;
}
