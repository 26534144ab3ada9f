/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"

#define MAKE     (NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
#define PLACE    (NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)
#define HOPS_MAX 16u

/* --- Links -------------------------------------------------------------------------------------------------------- */

struct byte_row {
	int attribute;
	uint8_t value;
};

static void put_bytes(struct netlink *netlink, const struct byte_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		netlink_u8(netlink, rows[i].attribute, rows[i].value);
}

void link_put_bridge(struct netlink *netlink, const char *name, unsigned index, const uint8_t mac[LINK_MAC])
{
	static const struct byte_row rows[] = {
		{IFLA_BR_VLAN_FILTERING, 0},    {IFLA_BR_MCAST_SNOOPING, 0},    {IFLA_BR_NF_CALL_IPTABLES, 0},
		{IFLA_BR_NF_CALL_IP6TABLES, 0}, {IFLA_BR_NF_CALL_ARPTABLES, 0},
	};
	const struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	netlink_message(netlink, RTM_NEWLINK, MAKE, &header, sizeof(header), "bridge of the router");
	netlink_text(netlink, IFLA_IFNAME, name);
	/* Set by us it stays; else it would follow the ports'. */
	netlink_data(netlink, IFLA_ADDRESS, mac, LINK_MAC);
	struct nlattr *info = netlink_nest(netlink, IFLA_LINKINFO);
	netlink_text(netlink, IFLA_INFO_KIND, "bridge");
	struct nlattr *data = netlink_nest(netlink, IFLA_INFO_DATA);
	netlink_u32(netlink, IFLA_BR_STP_STATE, 0);
	netlink_u16(netlink, IFLA_BR_VLAN_DEFAULT_PVID, 0);
	put_bytes(netlink, rows, ARRAY_SIZE(rows));
	netlink_nest_end(netlink, data);
	netlink_nest_end(netlink, info);
}

void link_put_veth(struct netlink *netlink, const struct link_veth *veth)
{
	const unsigned up = veth->up ? IFF_UP : 0;
	const struct ifinfomsg header = {.ifi_index = (int)veth->index, .ifi_flags = up, .ifi_change = up};
	const struct ifinfomsg peer = {0};

	netlink_message(netlink, RTM_NEWLINK, MAKE, &header, sizeof(header), "pair of interfaces (veth)");
	netlink_text(netlink, IFLA_IFNAME, veth->name);
	if (veth->mac)
		netlink_data(netlink, IFLA_ADDRESS, veth->mac, LINK_MAC);
	if (veth->master)
		netlink_u32(netlink, IFLA_MASTER, veth->master);
	struct nlattr *info = netlink_nest(netlink, IFLA_LINKINFO);
	netlink_text(netlink, IFLA_INFO_KIND, "veth");
	struct nlattr *data = netlink_nest(netlink, IFLA_INFO_DATA);
	struct nlattr *other = netlink_nest(netlink, VETH_INFO_PEER);
	netlink_header(netlink, &peer, sizeof(peer));
	netlink_text(netlink, IFLA_IFNAME, veth->peer_name);
	netlink_data(netlink, IFLA_ADDRESS, veth->peer_mac, LINK_MAC);
	netlink_u32(netlink, IFLA_NET_NS_FD, (uint32_t)veth->peer_ns);
	netlink_nest_end(netlink, other);
	netlink_nest_end(netlink, data);
	netlink_nest_end(netlink, info);
}

void link_put_port(struct netlink *netlink, unsigned index)
{
	static const struct byte_row rows[] = {
		{IFLA_BRPORT_ISOLATED, 1},    {IFLA_BRPORT_LEARNING, 0},    {IFLA_BRPORT_UNICAST_FLOOD, 0},
		{IFLA_BRPORT_MCAST_FLOOD, 0}, {IFLA_BRPORT_BCAST_FLOOD, 0},
	};
	const struct ifinfomsg header = {.ifi_family = AF_BRIDGE, .ifi_index = (int)index};

	netlink_message(netlink, RTM_SETLINK, NLM_F_ACK, &header, sizeof(header), "port of the bridge");
	/* The kernel reads single attributes only where it is told that there is a nest. */
	struct nlattr *port = netlink_nest(netlink, IFLA_PROTINFO | NLA_F_NESTED);
	put_bytes(netlink, rows, ARRAY_SIZE(rows));
	netlink_nest_end(netlink, port);
}

void link_put_up(struct netlink *netlink, unsigned index)
{
	const struct ifinfomsg header = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	netlink_message(netlink, RTM_SETLINK, NLM_F_ACK, &header, sizeof(header), "interface up");
}

void link_put_alias(struct netlink *netlink, unsigned index, const char *alias)
{
	const struct ifinfomsg header = {.ifi_index = (int)index};

	netlink_message(netlink, RTM_SETLINK, NLM_F_ACK, &header, sizeof(header), "alias of an interface");
	netlink_data(netlink, IFLA_IFALIAS, alias, strlen(alias));
}

/* --- Neighbours --------------------------------------------------------------------------------------------------- */

void link_put_station(struct netlink *netlink, unsigned port, const uint8_t mac[LINK_MAC])
{
	const struct ndmsg header = {
		.ndm_family = AF_BRIDGE, .ndm_ifindex = (int)port, .ndm_state = NUD_NOARP, .ndm_flags = NTF_MASTER};

	/* An address that is used again may still have the entry of the port before, which goes with its namespace. */
	netlink_message(netlink, RTM_NEWNEIGH, PLACE, &header, sizeof(header), "MAC of the bridge's port");
	netlink_data(netlink, NDA_LLADDR, mac, LINK_MAC);
}

void link_put_neighbour(struct netlink *netlink, unsigned index, uint32_t address, const uint8_t mac[LINK_MAC])
{
	const struct ndmsg header = {.ndm_family = AF_INET, .ndm_ifindex = (int)index, .ndm_state = NUD_PERMANENT};

	netlink_message(netlink, RTM_NEWNEIGH, PLACE, &header, sizeof(header), "static neighbour");
	netlink_u32(netlink, NDA_DST, htonl(address));
	netlink_data(netlink, NDA_LLADDR, mac, LINK_MAC);
}

/* --- Addresses and routes ----------------------------------------------------------------------------------------- */

static void address(struct netlink *netlink, uint16_t type, uint16_t flags, unsigned index, uint32_t value,
		    unsigned prefix)
{
	const struct ifaddrmsg header = {.ifa_family = AF_INET,
					 .ifa_prefixlen = (uint8_t)prefix,
					 .ifa_scope = RT_SCOPE_UNIVERSE,
					 .ifa_index = index};

	netlink_message(netlink, type, flags, &header, sizeof(header), "address");
	netlink_u32(netlink, IFA_LOCAL, htonl(value));
	netlink_u32(netlink, IFA_ADDRESS, htonl(value));
}

void link_put_address(struct netlink *netlink, unsigned index, uint32_t value, unsigned prefix)
{
	address(netlink, RTM_NEWADDR, MAKE, index, value, prefix);
}

void link_drop_address(struct netlink *netlink, unsigned index, uint32_t value, unsigned prefix)
{
	address(netlink, RTM_DELADDR, NLM_F_ACK, index, value, prefix);
}

static void put_route(struct netlink *netlink, uint16_t type, uint16_t flags, const struct link_route *route)
{
	const struct rtmsg header = {
		.rtm_family = AF_INET,
		.rtm_dst_len = (uint8_t)route->prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = route->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = route->gateway ? RTNH_F_ONLINK : 0,
	};

	netlink_message(netlink, type, flags, &header, sizeof(header), "route");
	if (route->prefix > 0)
		netlink_u32(netlink, RTA_DST, htonl(route->network));
	netlink_u32(netlink, RTA_OIF, route->index);
	if (route->gateway)
		netlink_u32(netlink, RTA_GATEWAY, htonl(route->gateway));
	if (route->source)
		netlink_u32(netlink, RTA_PREFSRC, htonl(route->source));
}

void link_put_route(struct netlink *netlink, const struct link_route *route)
{
	put_route(netlink, RTM_NEWROUTE, MAKE, route);
}

void link_drop_route(struct netlink *netlink, const struct link_route *route)
{
	put_route(netlink, RTM_DELROUTE, NLM_F_ACK, route);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

struct reading {
	void *context;
	link_each_route *route;
	link_each_address *address;
	link_each_link *link;
};

static uint32_t number(const struct nlattr *attribute)
{
	uint32_t value = 0;

	if (attribute && nla_len(attribute) >= (int)sizeof(value))
		memcpy(&value, nla_data(attribute), sizeof(value));
	return value;
}

static const char *text_of(const struct nlattr *attribute)
{
	return attribute && nla_len(attribute) > 0 && memchr(nla_data(attribute), '\0', (size_t)nla_len(attribute))
		       ? nla_data(attribute)
		       : "";
}

static unsigned read_hops(const struct nlattr *list, unsigned hops[HOPS_MAX])
{
	unsigned count = 0;
	int left = list ? nla_len(list) : 0;

	for (const struct rtnexthop *hop = list ? nla_data(list) : NULL; hop && RTNH_OK(hop, left);) {
		if (count < HOPS_MAX)
			hops[count++] = (unsigned)hop->rtnh_ifindex;
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = (const void *)((const char *)hop + RTNH_ALIGN(hop->rtnh_len));
	}
	return count;
}

static int see_route(void *context, const struct nlmsghdr *message)
{
	const struct reading *reading = context;
	const struct rtmsg *header = nlmsg_data(message);
	struct nlattr *attributes[RTA_MAX + 1];
	unsigned hops[HOPS_MAX];

	if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_family != AF_INET ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*header), attributes, RTA_MAX, NULL) < 0)
		return 0;
	const struct link_route_seen route = {
		.network = ntohl(number(attributes[RTA_DST])),
		.prefix = header->rtm_dst_len,
		.index = number(attributes[RTA_OIF]),
		.hops = hops,
		.hop_count = read_hops(attributes[RTA_MULTIPATH], hops),
		.type = header->rtm_type,
		.table = header->rtm_table,
	};
	return reading->route(reading->context, &route);
}

int link_read_routes(struct netlink *netlink, link_each_route *each, void *context, struct error *err)
{
	struct reading reading = {.context = context, .route = each};
	const struct rtmsg header = {.rtm_family = AF_INET};

	return netlink_dump(netlink, RTM_GETROUTE, &header, sizeof(header), see_route, &reading, err);
}

static int see_address(void *context, const struct nlmsghdr *message)
{
	const struct reading *reading = context;
	struct nlattr *attributes[IFA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWADDR ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(struct ifaddrmsg), attributes, IFA_MAX, NULL) <
		    0 ||
	    !attributes[IFA_LOCAL])
		return 0;
	return reading->address(reading->context, ntohl(number(attributes[IFA_LOCAL])));
}

int link_read_addresses(struct netlink *netlink, link_each_address *each, void *context, struct error *err)
{
	struct reading reading = {.context = context, .address = each};
	const struct ifaddrmsg header = {.ifa_family = AF_INET};

	return netlink_dump(netlink, RTM_GETADDR, &header, sizeof(header), see_address, &reading, err);
}

static int see_link(void *context, const struct nlmsghdr *message)
{
	const struct reading *reading = context;
	const struct ifinfomsg *header = nlmsg_data(message);
	struct nlattr *attributes[IFLA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof(*header), attributes, IFLA_MAX, NULL) < 0)
		return 0;
	return reading->link(reading->context, (unsigned)header->ifi_index, text_of(attributes[IFLA_IFNAME]),
			     text_of(attributes[IFLA_IFALIAS]));
}

int link_read_links(struct netlink *netlink, link_each_link *each, void *context, struct error *err)
{
	struct reading reading = {.context = context, .link = each};
	const struct ifinfomsg header = {.ifi_family = AF_UNSPEC};

	return netlink_dump(netlink, RTM_GETLINK, &header, sizeof(header), see_link, &reading, err);
}
