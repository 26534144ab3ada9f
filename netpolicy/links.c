/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/array.h"

void mac_of(uint32_t address, uint8_t mac[MAC_LENGTH])
{
	const uint32_t bytes = htonl(address);

	/* 02: locally administered. */
	mac[0] = 0x02;
	mac[1] = 0xac;
	memcpy(mac + 2, &bytes, sizeof(bytes));
}

/* --- Messages ------------------------------------------------------------------------------------- */

static void set_up(struct rtnl *rtnl, int index, const char *label)
{
	const struct ifinfomsg link = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	rtnl_message(rtnl, RTM_NEWLINK, 0, &link, sizeof(link), label);
}

/* Asking about a link makes the kernel do what waits for it (linkwatch_sync_dev). */
static void settle(struct rtnl *rtnl, int index, const char *label)
{
	const struct ifinfomsg link = {.ifi_index = index};

	rtnl_message(rtnl, RTM_GETLINK, 0, &link, sizeof(link), label);
}

static void put_address(struct rtnl *rtnl, uint16_t type, int index, uint32_t address, unsigned prefix,
			const char *label)
{
	const struct ifaddrmsg general = {
		.ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = (uint32_t)index};

	rtnl_message(rtnl, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0, &general, sizeof(general), label);
	rtnl_address(rtnl, IFA_LOCAL, address);
	rtnl_address(rtnl, IFA_ADDRESS, address);
}

static void put_neighbour(struct rtnl *rtnl, int index, uint32_t address, const uint8_t mac[MAC_LENGTH],
			  const char *label)
{
	const struct ndmsg neighbour = {.ndm_family = AF_INET, .ndm_ifindex = index, .ndm_state = NUD_PERMANENT};

	rtnl_message(rtnl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &neighbour, sizeof(neighbour), label);
	rtnl_address(rtnl, NDA_DST, address);
	rtnl_put(rtnl, NDA_LLADDR, mac, MAC_LENGTH);
}

/* To network/prefix by a gateway that need not be on a network of ours. */
static void put_route(struct rtnl *rtnl, uint16_t type, int index, uint32_t network, unsigned prefix, uint32_t gateway,
		      const char *label)
{
	const struct rtmsg route = {.rtm_family = AF_INET,
				    .rtm_dst_len = (uint8_t)prefix,
				    .rtm_table = RT_TABLE_MAIN,
				    .rtm_protocol = RTPROT_STATIC,
				    .rtm_scope = RT_SCOPE_UNIVERSE,
				    .rtm_type = RTN_UNICAST,
				    .rtm_flags = RTNH_F_ONLINK};

	rtnl_message(rtnl, type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0, &route, sizeof(route), label);
	if (prefix > 0)
		rtnl_address(rtnl, RTA_DST, network);
	rtnl_address(rtnl, RTA_GATEWAY, gateway);
	rtnl_u32(rtnl, RTA_OIF, (uint32_t)index);
}

/* A pair of links; its other side is described between pair_start and pair_end. */
struct pair {
	struct nlattr *info, *data, *peer;
};

static struct pair pair_start(struct rtnl *rtnl, int index, const char *name, const char *label)
{
	const struct ifinfomsg link = {.ifi_index = index}, other = {0};
	struct pair pair;

	rtnl_message(rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link), label);
	rtnl_text(rtnl, IFLA_IFNAME, name);
	pair.info = rtnl_nest(rtnl, IFLA_LINKINFO);
	rtnl_text(rtnl, IFLA_INFO_KIND, "veth");
	pair.data = rtnl_nest(rtnl, IFLA_INFO_DATA);
	pair.peer = rtnl_nest(rtnl, VETH_INFO_PEER);
	rtnl_raw(rtnl, &other, sizeof(other));
	return pair;
}

static void pair_end(struct rtnl *rtnl, const struct pair *pair)
{
	rtnl_nest_end(rtnl, pair->peer);
	rtnl_nest_end(rtnl, pair->data);
	rtnl_nest_end(rtnl, pair->info);
}

/* The other side: made where it belongs, instead of moved there, which takes many times as long. */
static void put_peer(struct rtnl *rtnl, const char *name, int ns, const uint8_t mac[MAC_LENGTH])
{
	rtnl_text(rtnl, IFLA_IFNAME, name);
	rtnl_put(rtnl, IFLA_ADDRESS, mac, MAC_LENGTH);
	rtnl_u32(rtnl, IFLA_NET_NS_FD, (uint32_t)ns);
}

/* --- The router ----------------------------------------------------------------------------------- */

struct u8_row {
	int type;
	uint8_t value;
};

/*
 * No state that a sandbox could fill, no detour through other people's rules.  VLAN filtering is off by default, and turning it off is
 * refused by a kernel that does not have it.
 */
static const struct u8_row bridge_rows[] = {
	{IFLA_BR_MCAST_SNOOPING, 0},
	{IFLA_BR_NF_CALL_IPTABLES, 0},
	{IFLA_BR_NF_CALL_IP6TABLES, 0},
	{IFLA_BR_NF_CALL_ARPTABLES, 0},
};

/* To the gateway alone, by the one static entry: nothing is learned and nothing is flooded. */
static const struct u8_row port_rows[] = {
	{IFLA_BRPORT_ISOLATED, 1},    {IFLA_BRPORT_LEARNING, 0},    {IFLA_BRPORT_UNICAST_FLOOD, 0},
	{IFLA_BRPORT_MCAST_FLOOD, 0}, {IFLA_BRPORT_BCAST_FLOOD, 0},
};

static void put_rows(struct rtnl *rtnl, const struct u8_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		rtnl_u8(rtnl, rows[i].type, rows[i].value);
}

int links_make_bridge(struct rtnl *rtnl, uint32_t gateway, unsigned prefix, struct error *err)
{
	const struct ifinfomsg link = {.ifi_index = INDEX_BRIDGE};
	uint8_t mac[MAC_LENGTH];

	mac_of(gateway, mac);
	rtnl_begin(rtnl);
	set_up(rtnl, INDEX_LOOPBACK, "router's loopback");
	rtnl_message(rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link), "router's bridge");
	rtnl_text(rtnl, IFLA_IFNAME, ROUTER_BRIDGE);
	/* Else it would change with the ports. */
	rtnl_put(rtnl, IFLA_ADDRESS, mac, sizeof(mac));
	struct nlattr *info = rtnl_nest(rtnl, IFLA_LINKINFO);
	rtnl_text(rtnl, IFLA_INFO_KIND, "bridge");
	struct nlattr *data = rtnl_nest(rtnl, IFLA_INFO_DATA);
	rtnl_u32(rtnl, IFLA_BR_STP_STATE, 0);
	put_rows(rtnl, bridge_rows, ARRAY_SIZE(bridge_rows));
	rtnl_nest_end(rtnl, data);
	rtnl_nest_end(rtnl, info);
	put_address(rtnl, RTM_NEWADDR, INDEX_BRIDGE, gateway, prefix, "gateway's address");
	set_up(rtnl, INDEX_BRIDGE, "router's bridge");
	return rtnl_commit(rtnl, err);
}

int links_make_uplink(struct rtnl *rtnl, const struct uplink_link *uplink, struct error *err)
{
	uint8_t mac[MAC_LENGTH], far_mac[MAC_LENGTH];

	mac_of(uplink->address, mac);
	mac_of(uplink->far_address, far_mac);
	rtnl_begin(rtnl);
	const struct pair pair = pair_start(rtnl, INDEX_UPLINK, ROUTER_UPLINK, "router's uplink");
	put_peer(rtnl, uplink->far_name, uplink->far_ns, far_mac);
	pair_end(rtnl, &pair);
	rtnl_put(rtnl, IFLA_ADDRESS, mac, sizeof(mac));
	put_address(rtnl, RTM_NEWADDR, INDEX_UPLINK, uplink->address, 30, "uplink's address");
	set_up(rtnl, INDEX_UPLINK, "router's uplink");
	put_neighbour(rtnl, INDEX_UPLINK, uplink->far_address, far_mac, "uplink's neighbour");
	put_route(rtnl, RTM_NEWROUTE, INDEX_UPLINK, 0, 0, uplink->far_address, "router's default route");
	return rtnl_commit(rtnl, err);
}

int links_configure_far_end(struct rtnl *rtnl, int index, const struct uplink_link *uplink, uint32_t pool,
			    unsigned prefix, struct error *err)
{
	uint8_t mac[MAC_LENGTH];

	mac_of(uplink->address, mac);
	rtnl_begin(rtnl);
	put_address(rtnl, RTM_NEWADDR, index, uplink->far_address, 30, "far end's address");
	set_up(rtnl, index, "far end's link");
	put_neighbour(rtnl, index, uplink->address, mac, "far end's neighbour");
	put_route(rtnl, RTM_NEWROUTE, index, pool, prefix, uplink->address, "far end's route to the pool");
	settle(rtnl, index, "far end's link");
	return rtnl_commit(rtnl, err);
}

int links_set_alias(struct rtnl *rtnl, int index, const char *alias, struct error *err)
{
	const struct ifinfomsg link = {.ifi_index = index};

	rtnl_begin(rtnl);
	rtnl_message(rtnl, RTM_NEWLINK, 0, &link, sizeof(link), "far end's link");
	rtnl_text(rtnl, IFLA_IFALIAS, alias);
	return rtnl_commit(rtnl, err);
}

void links_clear_far_end(struct rtnl *rtnl, int index, const struct uplink_link *uplink, uint32_t pool, unsigned prefix)
{
	rtnl_begin(rtnl);
	put_route(rtnl, RTM_DELROUTE, index, pool, prefix, uplink->address, "far end's route to the pool");
	put_address(rtnl, RTM_DELADDR, index, uplink->far_address, 30, "far end's address");
	(void)rtnl_commit(rtnl, NULL);
}

/* --- Ports ---------------------------------------------------------------------------------------- */

static void put_port(struct rtnl *rtnl, const struct port_link *port)
{
	char name[IFNAMSIZ];

	/* The port of the address's former holder may still be there: its name and index must be others. */
	(void)snprintf(name, sizeof(name), "p%x", (unsigned)port->index);
	const struct pair pair = pair_start(rtnl, port->index, name, "link into the sandbox");
	put_peer(rtnl, port->inside, port->sandbox_ns, port->mac);
	pair_end(rtnl, &pair);
	rtnl_u32(rtnl, IFLA_MASTER, INDEX_BRIDGE);
}

static void put_port_flags(struct rtnl *rtnl, int index)
{
	const struct ifinfomsg link = {.ifi_family = AF_BRIDGE, .ifi_index = index};

	rtnl_message(rtnl, RTM_SETLINK, 0, &link, sizeof(link), "flags of the bridge port");
	/* The kernel tells the nest from an old one-byte form by the flag. */
	struct nlattr *info = rtnl_nest(rtnl, IFLA_PROTINFO | NLA_F_NESTED);
	put_rows(rtnl, port_rows, ARRAY_SIZE(port_rows));
	rtnl_nest_end(rtnl, info);
}

int links_make_port(struct rtnl *rtnl, const struct port_link *port, struct error *err)
{
	const struct ndmsg entry = {.ndm_family = AF_BRIDGE,
				    .ndm_ifindex = port->index,
				    .ndm_state = NUD_NOARP, /* static */
				    .ndm_flags = NTF_MASTER};

	rtnl_begin(rtnl);
	put_port(rtnl, port);
	put_port_flags(rtnl, port->index);
	rtnl_message(rtnl, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &entry, sizeof(entry),
		     "forwarding entry of the bridge");
	rtnl_put(rtnl, NDA_LLADDR, port->mac, sizeof(port->mac));
	put_neighbour(rtnl, INDEX_BRIDGE, port->address, port->mac, "sandbox's neighbour entry");
	return rtnl_commit(rtnl, err);
}

int links_port_up(struct rtnl *rtnl, int index, struct error *err)
{
	static const int on_the_way[] = {INDEX_BRIDGE, INDEX_UPLINK};

	rtnl_begin(rtnl);
	set_up(rtnl, index, "link into the sandbox");
	settle(rtnl, index, "link into the sandbox");
	for (size_t i = 0; i < ARRAY_SIZE(on_the_way); i++)
		settle(rtnl, on_the_way[i], "link of the router");
	return rtnl_commit(rtnl, err);
}

int links_forget_port(struct rtnl *rtnl, uint32_t address, struct error *err)
{
	const struct ndmsg neighbour = {.ndm_family = AF_INET, .ndm_ifindex = INDEX_BRIDGE};

	rtnl_begin(rtnl);
	rtnl_message(rtnl, RTM_DELNEIGH, 0, &neighbour, sizeof(neighbour), "sandbox's neighbour entry");
	rtnl_address(rtnl, NDA_DST, address);
	return rtnl_commit(rtnl, err);
}

int links_configure_inside(struct rtnl *rtnl, int index, uint32_t address, uint32_t gateway,
			   const uint8_t gateway_mac[MAC_LENGTH], struct error *err)
{
	rtnl_begin(rtnl);
	put_address(rtnl, RTM_NEWADDR, index, address, 32, "sandbox's address");
	set_up(rtnl, index, "sandbox's interface");
	put_neighbour(rtnl, index, gateway, gateway_mac, "gateway's neighbour entry");
	put_route(rtnl, RTM_NEWROUTE, index, 0, 0, gateway, "sandbox's default route");
	return rtnl_commit(rtnl, err);
}

int links_settle_inside(struct rtnl *rtnl, int index, struct error *err)
{
	rtnl_begin(rtnl);
	settle(rtnl, index, "sandbox's interface");
	return rtnl_commit(rtnl, err);
}

int links_index(const struct rtnl *rtnl, const char *name)
{
	struct ifreq request = {0};

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(rtnl_fd(rtnl), SIOCGIFINDEX, &request) < 0 ? 0 : request.ifr_ifindex;
}
