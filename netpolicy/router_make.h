/* SPDX-License-Identifier: Apache-2.0 */
/* Making a router, and removing what is there of one: whoever calls has the lock, and nobody holds an address. */
#ifndef NETPOLICY_ROUTER_MAKE_H
#define NETPOLICY_ROUTER_MAKE_H

#include "netpolicy/router.h"
#include "netpolicy/pool.h"
#include "netpolicy/uplink.h"

/* Files in STATEDIR/network. */
#define ROUTER_NAMESPACE "namespace"
#define ROUTER_FAR_END   "far-end"

/* Make it and describe its far end.  Its namespace, or a negative errno with err set and nothing left behind. */
int router_make(int directory, const struct router_options *options, struct pool *pool, struct uplink *uplink,
		struct error *err);

/* Remove what is there, also of one that was only half made.  All is tried; 0 or the first negative errno with err set. */
int router_remove(int directory, struct error *err);

/* What the rules are for. */
void router_describe(struct rules_router *rules, const struct uplink *uplink);

#endif
