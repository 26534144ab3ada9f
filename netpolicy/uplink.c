/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/uplink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/lock.h"
#include "netpolicy/links.h"
#include "netpolicy/nft.h"
#include "netpolicy/rtnl.h"

#define RECORD     "uplink"
#define RECORD_NEW "uplink.new"

#define LOCK_PATIENCE_MS 2000

/* Two halves of everything are a default route as well: tunnels lay them over the real one. */
#define DEFAULT_PREFIX_MAX 1u

void uplink_name(struct uplink *uplink, uint32_t mark, uint32_t number)
{
	(void)snprintf(uplink->interface, sizeof(uplink->interface), ROUTER_FAR_PREFIX "%08x-%03x", mark,
		       number & 0xfff);
	(void)snprintf(uplink->table, sizeof(uplink->table), "agentcore-%08x", mark);
}

int uplink_lock(int far_end)
{
	/* Descriptors that share an open file share its lock: a fresh one. */
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", far_end);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && lock_exclusive(fd, LOCK_PATIENCE_MS) == 0 ? TAKE_FD(fd) : -1;
}

/* --- Forwarding ----------------------------------------------------------------------------------- */

/* The device's sysctl, by its name of now.  0, or -ENODEV: it is gone. */
static int forwarding_path(const struct rtnl *rtnl, uint32_t index, char path[96])
{
	struct ifreq request = {.ifr_ifindex = (int)index};

	if (ioctl(rtnl_fd(rtnl), SIOCGIFNAME, &request) < 0)
		return -ENODEV;
	(void)snprintf(path, 96, "/proc/sys/net/ipv4/conf/%.*s/forwarding", IFNAMSIZ, request.ifr_name);
	return 0;
}

/* 1, 0, or a negative errno. */
static int read_forwarding(const struct rtnl *rtnl, uint32_t index)
{
	_cleanup_free_ char *text = NULL;
	char path[96];
	int r = forwarding_path(rtnl, index, path);

	if (r == 0)
		r = io_read_file(AT_FDCWD, path, 16, &text, NULL);
	return r < 0 ? r : text[0] != '0';
}

/* A device that is gone needs none. */
static int write_forwarding(const struct rtnl *rtnl, uint32_t index, bool on, struct error *err)
{
	char path[96];
	int r = forwarding_path(rtnl, index, path);

	if (r == 0)
		r = io_write_file(AT_FDCWD, path, on ? "1" : "0");
	return r == 0 || r == -ENODEV || r == -ENOENT ? 0 : error_set(err, -r, "%s", path);
}

/* --- What others of us have turned on: the alias of each uplink tells it ---------------------------- */

#define ALIAS_START "agentcore forwarding"
#define ALIAS_SIZE  256 /* linux/if.h: IFALIASZ */

static void write_alias(const struct uplink *uplink, char alias[ALIAS_SIZE])
{
	int length = snprintf(alias, ALIAS_SIZE, ALIAS_START);

	for (uint32_t i = 0; i < uplink->device_count && length < ALIAS_SIZE; i++)
		length += snprintf(alias + length, (size_t)(ALIAS_SIZE - length), " %u", uplink->devices[i]);
}

struct others {
	uint32_t index; /* is it named? */
	uint32_t except; /* the uplink that is asked for */
};

/* 1: another uplink names the device. */
static int each_link(void *context, const struct nlmsghdr *message)
{
	const struct others *others = context;
	const struct ifinfomsg *link = nlmsg_data(message);
	struct nlattr *attributes[IFLA_MAX + 1] = {NULL};
	const size_t start = sizeof(ALIAS_START) - 1;

	if (message->nlmsg_type != RTM_NEWLINK || (uint32_t)link->ifi_index == others->except ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*link), attributes, IFLA_MAX, NULL) < 0 ||
	    !attributes[IFLA_IFALIAS])
		return 0;
	char alias[ALIAS_SIZE] = "";
	(void)nla_strlcpy(alias, attributes[IFLA_IFALIAS], sizeof(alias));
	if (strncmp(alias, ALIAS_START, start) != 0)
		return 0;
	for (char *at = alias + start; *at == ' ';) {
		if (strtoul(at, &at, 10) == others->index)
			return 1;
	}
	return 0;
}

/* 1, 0, or a negative errno with err set. */
static int others_forward(struct rtnl *rtnl, uint32_t index, uint32_t except, struct error *err)
{
	struct others others = {index, except};

	return rtnl_dump(rtnl, RTM_GETLINK, AF_UNSPEC, each_link, &others, err);
}

/* --- Looking -------------------------------------------------------------------------------------- */

struct survey {
	struct uplink *uplink;
	struct error *err;
};

static uint32_t mask_of(unsigned prefix)
{
	return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

static int refuse_overlap(const struct survey *survey, uint32_t network, unsigned prefix)
{
	const struct uplink *uplink = survey->uplink;
	const unsigned shorter = prefix < uplink->prefix ? prefix : uplink->prefix;
	char theirs[INET_ADDRSTRLEN], ours[INET_ADDRSTRLEN];

	if ((network ^ uplink->network) & mask_of(shorter))
		return 0;
	const struct in_addr their = {htonl(network)}, our = {htonl(uplink->network)};
	(void)inet_ntop(AF_INET, &their, theirs, sizeof(theirs));
	(void)inet_ntop(AF_INET, &our, ours, sizeof(ours));
	(void)error_say(survey->err, EADDRINUSE, "the network pool %s/%u overlaps %s/%u, which the uplink's side has",
			ours, (unsigned)uplink->prefix, theirs, prefix);
	if (survey->err)
		(void)error_hint(survey->err, "choose another subnet: --network-pool CIDR");
	return -EADDRINUSE;
}

static int each_address(void *context, const struct nlmsghdr *message)
{
	const struct survey *survey = context;
	struct uplink *uplink = survey->uplink;
	const struct ifaddrmsg *general = nlmsg_data(message);
	struct nlattr *attributes[IFA_MAX + 1] = {NULL};

	if (message->nlmsg_type != RTM_NEWADDR || general->ifa_family != AF_INET ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*general), attributes, IFA_MAX, NULL) < 0 ||
	    !attributes[IFA_LOCAL])
		return 0;
	if (uplink->address_count == UPLINK_ADDRESSES_MAX)
		return error_say(survey->err, E2BIG, "the uplink's side has more than %u addresses",
				 UPLINK_ADDRESSES_MAX);
	uint32_t address = ntohl(nla_get_u32(attributes[IFA_LOCAL]));
	uplink->addresses[uplink->address_count++] = address;
	return refuse_overlap(survey, address, 32);
}

static int add_device(const struct survey *survey, uint32_t index)
{
	struct uplink *uplink = survey->uplink;

	for (uint32_t i = 0; i < uplink->device_count; i++) {
		if (uplink->devices[i] == index)
			return 0;
	}
	if (index == INDEX_LOOPBACK)
		return 0;
	if (uplink->device_count == UPLINK_DEVICES_MAX)
		return error_say(survey->err, E2BIG, "the uplink's side has default routes over more than %u devices",
				 UPLINK_DEVICES_MAX);
	uplink->devices[uplink->device_count++] = index;
	return 0;
}

/* One way, or several at once. */
static int add_devices(const struct survey *survey, struct nlattr *const *attributes)
{
	int r = 0;

	if (attributes[RTA_OIF])
		r = add_device(survey, nla_get_u32(attributes[RTA_OIF]));
	if (!attributes[RTA_MULTIPATH])
		return r;
	int left = nla_len(attributes[RTA_MULTIPATH]);
	const struct rtnexthop *hop = nla_data(attributes[RTA_MULTIPATH]);
	while (r == 0 && RTNH_OK(hop, left)) {
		r = add_device(survey, (uint32_t)hop->rtnh_ifindex);
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return r;
}

static int each_route(void *context, const struct nlmsghdr *message)
{
	const struct survey *survey = context;
	const struct rtmsg *route = nlmsg_data(message);
	struct nlattr *attributes[RTA_MAX + 1] = {NULL};

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_family != AF_INET || route->rtm_flags & RTM_F_CLONED ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*route), attributes, RTA_MAX, NULL) < 0)
		return 0;
	if (route->rtm_dst_len <= DEFAULT_PREFIX_MAX)
		return route->rtm_type == RTN_UNICAST ? add_devices(survey, attributes) : 0;
	if (!attributes[RTA_DST])
		return 0;
	return refuse_overlap(survey, ntohl(nla_get_u32(attributes[RTA_DST])), route->rtm_dst_len);
}

/* Of the devices, keep those that do not forward; or would not, if it were not for another one of us. */
static int keep_silent(struct rtnl *rtnl, struct uplink *uplink, struct error *err)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < uplink->device_count; i++) {
		const uint32_t index = uplink->devices[i];
		int on = read_forwarding(rtnl, index);
		if (on == -ENODEV || on == -ENOENT)
			continue;
		if (on < 0)
			return error_set(err, -on, "forwarding of the uplink's side");
		int ours = on ? others_forward(rtnl, index, 0, err) : 1;
		if (ours < 0)
			return ours;
		if (ours)
			uplink->devices[kept++] = index;
	}
	uplink->device_count = kept;
	return 0;
}

int uplink_survey(struct uplink *uplink, struct error *err)
{
	struct rtnl *rtnl = NULL;
	int r = rtnl_open(&rtnl, err);

	if (r < 0)
		return r;
	struct survey survey = {.uplink = uplink, .err = err};
	uplink->device_count = 0;
	uplink->address_count = 0;
	r = rtnl_dump(rtnl, RTM_GETROUTE, AF_INET, each_route, &survey, err);
	if (r == 0)
		r = rtnl_dump(rtnl, RTM_GETADDR, AF_INET, each_address, &survey, err);
	if (r == 0)
		r = keep_silent(rtnl, uplink, err);
	rtnl_close(rtnl);
	return r;
}

/* --- Writing down --------------------------------------------------------------------------------- */

int uplink_save(const struct uplink *uplink, int directory, struct error *err)
{
	_cleanup_fd_ int fd =
		openat(directory, RECORD_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : io_write_all(fd, uplink, sizeof(*uplink));

	/* Whole or not at all. */
	if (r == 0 && renameat(directory, RECORD_NEW, directory, RECORD) < 0)
		r = -errno;
	return r < 0 ? error_set(err, -r, "network/%s in the state directory", RECORD) : 0;
}

int uplink_load(struct uplink *uplink, int directory, struct error *err)
{
	struct uplink loaded;

	_cleanup_fd_ int fd = openat(directory, RECORD, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : error_set(err, errno, "network/%s in the state directory", RECORD);
	ssize_t n = io_read_all(fd, &loaded, sizeof(loaded));
	if (n < 0)
		return error_set(err, (int)-n, "network/%s in the state directory", RECORD);
	if (n != (ssize_t)sizeof(loaded) || loaded.device_count > UPLINK_DEVICES_MAX ||
	    loaded.address_count > UPLINK_ADDRESSES_MAX || loaded.prefix > 32 ||
	    memchr(loaded.interface, '\0', sizeof(loaded.interface)) == NULL ||
	    memchr(loaded.table, '\0', sizeof(loaded.table)) == NULL)
		return error_say(err, EBADMSG, "network/%s in the state directory is not of this version", RECORD);
	*uplink = loaded;
	return 0;
}

int uplink_forget(int directory, struct error *err)
{
	(void)unlinkat(directory, RECORD_NEW, 0);
	if (unlinkat(directory, RECORD, 0) < 0 && errno != ENOENT)
		return error_set(err, errno, "network/%s in the state directory", RECORD);
	return 0;
}

/* --- Doing ---------------------------------------------------------------------------------------- */

static struct uplink_link link_of(const struct uplink *uplink)
{
	const struct pool pool = {.fd = -1, .network = uplink->network, .prefix = uplink->prefix};

	return (struct uplink_link){.far_name = uplink->interface,
				    .far_ns = -1,
				    .address = pool_uplink(&pool),
				    .far_address = pool_uplink(&pool) + 1};
}

static int with_nft(const struct uplink *uplink, bool install, struct error *err)
{
	const struct rules_far_end far_end = {.table = uplink->table,
					      .interface = uplink->interface,
					      .pool = uplink->network,
					      .pool_prefix = uplink->prefix,
					      .devices = uplink->devices,
					      .device_count = uplink->device_count};
	struct nft *nft = NULL;
	int r = nft_open(&nft, err);

	if (r == 0)
		r = install ? rules_far_end_install(nft, &far_end, err) : rules_far_end_remove(nft, uplink->table, err);
	nft_close(nft);
	return r;
}

static int configure(struct rtnl *rtnl, const struct uplink *uplink, struct error *err)
{
	const struct uplink_link link = link_of(uplink);
	int index = links_index(rtnl, uplink->interface);
	char alias[ALIAS_SIZE];

	if (index == 0)
		return error_say(err, ENODEV, "the uplink's far side is gone");
	write_alias(uplink, alias);
	int r = links_set_alias(rtnl, index, alias, err);
	if (r == 0)
		r = links_configure_far_end(rtnl, index, &link, uplink->network, uplink->prefix, err);
	if (r == 0)
		r = write_forwarding(rtnl, (uint32_t)index, true, err);
	for (uint32_t i = 0; r == 0 && i < uplink->device_count; i++)
		r = write_forwarding(rtnl, uplink->devices[i], true, err);
	return r;
}

int uplink_set_up(struct uplink *uplink, struct error *err)
{
	struct rtnl *rtnl = NULL;
	/* The guard before the link is up, and forwarding last. */
	int r = with_nft(uplink, true, err);

	if (r == 0)
		r = rtnl_open(&rtnl, err);
	if (r == 0)
		r = configure(rtnl, uplink, err);
	rtnl_close(rtnl);
	return r;
}

static int restore_forwarding(struct rtnl *rtnl, const struct uplink *uplink, uint32_t own, struct error *err)
{
	int result = 0;

	for (uint32_t i = 0; i < uplink->device_count; i++) {
		struct error why = {0};
		int r = others_forward(rtnl, uplink->devices[i], own, &why);
		if (r == 0)
			r = write_forwarding(rtnl, uplink->devices[i], false, &why);
		if (r < 0 && result == 0)
			result = error_say(err, -r, "%s", why.text);
	}
	return result;
}

/* The link itself goes later, with the router: what would be in the way of a new one must not wait for that. */
static int unconfigure(struct rtnl *rtnl, const struct uplink *uplink, struct error *err)
{
	const struct uplink_link link = link_of(uplink);
	const int index = links_index(rtnl, uplink->interface);
	int r = restore_forwarding(rtnl, uplink, (uint32_t)index, err);

	if (index > 0) {
		(void)links_set_alias(rtnl, index, "", NULL);
		links_clear_far_end(rtnl, index, &link, uplink->network, uplink->prefix);
	}
	return r;
}

int uplink_take_down(struct uplink *uplink, struct error *err)
{
	struct rtnl *rtnl = NULL;
	/* Forwarding first, the guard last. */
	int result = rtnl_open(&rtnl, err);

	if (result == 0)
		result = unconfigure(rtnl, uplink, err);
	rtnl_close(rtnl);
	int r = with_nft(uplink, false, result < 0 ? NULL : err);
	return result < 0 ? result : r;
}
