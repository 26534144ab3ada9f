/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1's part: the interface inside. */
#include "netpolicy/router.h"

#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"
#include "base/fault.h"
#include "netpolicy/links.h"

static int turn_off_ipv6(int proc_sys_net, struct error *err)
{
	/* default for interfaces that come, all for those that are there. */
	static const char *const paths[] = {"ipv6/conf/default/disable_ipv6", "ipv6/conf/all/disable_ipv6"};

	/* A kernel without IPv6 has nothing to turn off. */
	if (faccessat(proc_sys_net, "ipv6", F_OK, 0) < 0 && errno == ENOENT)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = io_write_file(proc_sys_net, paths[i], "1");
		if (r < 0)
			return error_set(err, -r, "/proc/sys/net/%s", paths[i]);
	}
	return 0;
}

int router_configure_inside(const struct router_address *address, int proc_sys_net, struct error *err)
{
	struct rtnl *rtnl = NULL;
	int r = fault_wished("break", "ipv6-on") ? 0 : turn_off_ipv6(proc_sys_net, err);

	if (r == 0)
		r = rtnl_open(&rtnl, err);
	if (r < 0)
		return r;
	int index = links_index(rtnl, ROUTER_INTERFACE_INSIDE);
	r = index == 0 ? error_say(err, ENODEV, "interface %s is not there", ROUTER_INTERFACE_INSIDE)
		       : links_configure_inside(rtnl, index, address->address, address->gateway, address->gateway_mac,
						err);
	rtnl_close(rtnl);
	return r;
}
