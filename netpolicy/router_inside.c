/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1's part. */
#include "netpolicy/router.h"

#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/fault.h"
#include "base/io.h"

int router_no_ipv6(int proc_sys_net, struct error *err)
{
	/* default for interfaces that come, all for those that are there. */
	static const char *const paths[] = {"ipv6/conf/default/disable_ipv6", "ipv6/conf/all/disable_ipv6"};

	/* A kernel without IPv6 has nothing to turn off. */
	if (fault_wished("break", "ipv6-on") || (faccessat(proc_sys_net, "ipv6", F_OK, 0) < 0 && errno == ENOENT))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = io_write_file(proc_sys_net, paths[i], "1");
		if (r < 0)
			return error_set(err, -r, "/proc/sys/net/%s", paths[i]);
	}
	return 0;
}
