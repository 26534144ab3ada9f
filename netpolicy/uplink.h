/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The far end of the router's uplink: what is set up in somebody else's network namespace, and taken away again.
 *
 * What is changed there is written down before (network/uplink), and the namespace is kept (network/far-end), so that it can be undone by
 * somebody else after the one who did it was killed.
 */
#ifndef NETPOLICY_UPLINK_H
#define NETPOLICY_UPLINK_H

#include <net/if.h>
#include <stdint.h>

#include "base/error.h"
#include "netpolicy/pool.h"

#define UPLINK_DEVICES_MAX   16
#define UPLINK_ADDRESSES_MAX 1024

/* What is written down. */
struct uplink {
	char interface[IFNAMSIZ]; /* the far side's name */
	char table[32];
	uint32_t network, prefix; /* the pool */
	uint32_t device_count, address_count;
	/*
	 * Indices of the devices of its default route that do not forward by themselves: the answers come in over them.
	 */
	uint32_t devices[UPLINK_DEVICES_MAX];
	uint32_t addresses[UPLINK_ADDRESSES_MAX]; /* the far end's own, host byte order */
};

/* Names of a state directory: mark tells it from others, number from its own former ones, which may not be gone yet. */
void uplink_name(struct uplink *uplink, uint32_t mark, uint32_t number);

/*
 * From looking until it is set up, and while it is taken down: routers of several state directories may have the same far end, and turn on forwarding of
 * the same device; the last one of them turns it off.  Any user can hold this lock, so it is waited for a moment only: what is lost without it
 * is the exactness of that.  Its descriptor (closing it unlocks), or -1.
 */
int uplink_lock(int far_end);

/*
 * Look at the far end (the caller is in it): its addresses, the devices of its default route.  0, or a negative errno with err set: EADDRINUSE when
 * one of its networks overlaps the pool.
 */
int uplink_survey(struct uplink *uplink, struct error *err);

/* Write down and read back.  0; -ENOENT (without err): nothing is written down; or another negative errno with err set. */
int uplink_save(const struct uplink *uplink, int directory, struct error *err);
int uplink_load(struct uplink *uplink, int directory, struct error *err);
int uplink_forget(int directory, struct error *err);

/* Set up the far end (the caller is in it, the link is there).  0 or a negative errno with err set. */
int uplink_set_up(struct uplink *uplink, struct error *err);

/* Take away what of it is there (the caller is in it).  All is tried; 0 or the first negative errno with err set. */
int uplink_take_down(struct uplink *uplink, struct error *err);

#endif
