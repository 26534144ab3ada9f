/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1's part: the interface inside. */
#include "netpolicy/router.h"

#include <errno.h>

#include "base/fault.h"
#include "netpolicy/links.h"

int router_configure_inside(const struct router_address *address, int proc_sys_net, struct error *err)
{
	struct rtnl *rtnl = NULL;
	int r = fault_wished("break", "ipv6-on") ? 0 : links_no_ipv6(proc_sys_net, err);

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
