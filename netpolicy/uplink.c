/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/uplink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "netpolicy/links.h"
#include "netpolicy/nft.h"
#include "netpolicy/rtnl.h"

#define RECORD     "uplink"
#define RECORD_NEW "uplink.new"

/* Two halves of everything are a default route as well: tunnels lay them over the real one. */
#define DEFAULT_PREFIX_MAX 1u

void uplink_name(struct uplink *uplink, uint32_t mark, uint32_t number)
{
	(void)snprintf(uplink->interface, sizeof(uplink->interface), "ac-%08x-%03x", mark, number & 0xfff);
	(void)snprintf(uplink->table, sizeof(uplink->table), "agentcore-%08x", mark);
}

/* --- Forwarding ----------------------------------------------------------------------------------- */

static void forwarding_path(char path[96], const char *device)
{
	(void)snprintf(path, 96, "/proc/sys/net/ipv4/conf/%s/forwarding", device);
}

static int read_forwarding(const char *device, uint32_t *value, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char path[96];

	forwarding_path(path, device);
	int r = io_read_file(AT_FDCWD, path, 16, &text, NULL);
	if (r < 0)
		return error_set(err, -r, "%s", path);
	*value = text[0] == '0' ? 0 : 1;
	return 0;
}

static int write_forwarding(const char *device, uint32_t value, struct error *err)
{
	char path[96];

	forwarding_path(path, device);
	int r = io_write_file(AT_FDCWD, path, value ? "1" : "0");
	if (r < 0)
		return error_set(err, -r, "%s", path);
	return 0;
}

/* --- Looking -------------------------------------------------------------------------------------- */

struct survey {
	struct uplink *uplink;
	struct error *err;
	const struct rtnl *rtnl;
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
	struct uplink_device device = {0};
	struct ifreq request = {.ifr_ifindex = (int)index};

	/* Gone meanwhile, or the loopback of a blackhole. */
	if (ioctl(rtnl_fd(survey->rtnl), SIOCGIFNAME, &request) < 0 || strcmp(request.ifr_name, "lo") == 0)
		return 0;
	memcpy(device.name, request.ifr_name, sizeof(device.name));
	for (uint32_t i = 0; i < uplink->device_count; i++) {
		if (strcmp(uplink->devices[i].name, device.name) == 0)
			return 0;
	}
	if (uplink->device_count == UPLINK_DEVICES_MAX)
		return error_say(survey->err, E2BIG, "the uplink's side has default routes over more than %u devices",
				 UPLINK_DEVICES_MAX);
	int r = read_forwarding(device.name, &device.old, survey->err);
	if (r == 0)
		uplink->devices[uplink->device_count++] = device;
	return r;
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

int uplink_survey(struct uplink *uplink, struct error *err)
{
	struct rtnl *rtnl = NULL;
	int r = rtnl_open(&rtnl, err);

	if (r < 0)
		return r;
	struct survey survey = {.uplink = uplink, .err = err, .rtnl = rtnl};
	uplink->device_count = 0;
	uplink->address_count = 0;
	r = rtnl_dump(rtnl, RTM_GETROUTE, AF_INET, each_route, &survey, err);
	if (r == 0)
		r = rtnl_dump(rtnl, RTM_GETADDR, AF_INET, each_address, &survey, err);
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
	for (uint32_t i = 0; i < loaded.device_count; i++)
		loaded.devices[i].name[sizeof(loaded.devices[i].name) - 1] = '\0';
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
					      .pool_prefix = uplink->prefix};
	struct nft *nft = NULL;
	int r = nft_open(&nft, err);

	if (r == 0)
		r = install ? rules_far_end_install(nft, &far_end, err) : rules_far_end_remove(nft, uplink->table, err);
	nft_close(nft);
	return r;
}

static int configure(const struct uplink *uplink, struct error *err)
{
	const struct uplink_link link = link_of(uplink);
	struct rtnl *rtnl = NULL;
	int r = rtnl_open(&rtnl, err);

	if (r < 0)
		return r;
	int index = links_index(rtnl, uplink->interface);
	r = index == 0 ? error_say(err, ENODEV, "the uplink's far side is gone")
		       : links_configure_far_end(rtnl, index, &link, uplink->network, uplink->prefix, err);
	rtnl_close(rtnl);
	return r;
}

int uplink_set_up(struct uplink *uplink, struct error *err)
{
	/* The guard before the link is up, and forwarding last. */
	int r = with_nft(uplink, true, err);

	if (r == 0)
		r = configure(uplink, err);
	if (r == 0)
		r = write_forwarding(uplink->interface, 1, err);
	for (uint32_t i = 0; r == 0 && i < uplink->device_count; i++)
		r = write_forwarding(uplink->devices[i].name, 1, err);
	return r;
}

static int restore_forwarding(const struct uplink *uplink, struct error *err)
{
	int result = 0;

	for (uint32_t i = 0; i < uplink->device_count; i++) {
		const struct uplink_device *device = &uplink->devices[i];
		struct error why = {0};
		int r = device->old ? 0 : write_forwarding(device->name, 0, &why);
		/* A device that is gone needs none. */
		if (r < 0 && r != -ENOENT && result == 0)
			result = error_say(err, -r, "%s", why.text);
	}
	return result;
}

static void clear_link(const struct uplink *uplink)
{
	const struct uplink_link link = link_of(uplink);
	struct rtnl *rtnl = NULL;

	if (rtnl_open(&rtnl, NULL) < 0)
		return;
	int index = links_index(rtnl, uplink->interface);
	if (index > 0)
		links_clear_far_end(rtnl, index, &link, uplink->network, uplink->prefix);
	rtnl_close(rtnl);
}

int uplink_take_down(struct uplink *uplink, struct error *err)
{
	/* Forwarding first, the guard last. */
	int result = restore_forwarding(uplink, err);

	clear_link(uplink);
	int r = with_nft(uplink, false, result < 0 ? NULL : err);
	return result < 0 ? result : r;
}
