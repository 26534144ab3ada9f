/* SPDX-License-Identifier: Apache-2.0 */
/* Refused flows as the kernel logs them (NFLOG): what the audit log hears of.  The kernel limits the rate; rules_read_counts has the exact sums. */
#ifndef NETPOLICY_DENIED_H
#define NETPOLICY_DENIED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "netpolicy/rules.h"

struct denied; /* opaque: a listener */

struct denied_flow {
	enum refusal refusal;
	bool frame; /* from the bridge table: the addresses may be forged, or there are none (0) */
	uint16_t ethertype; /* of a frame */
	uint32_t source, target; /* host byte order */
	uint8_t protocol; /* IPPROTO_*; 0 where there is none */
	uint16_t source_port, target_port; /* 0 where there are none */
};

/* Listen to a group in the caller's network namespace (the router's: see router_inside).  0 or a negative errno with err set. */
int denied_open(struct denied **denied, uint16_t group, struct error *err);

/* Its descriptor: non-blocking, close-on-exec, readable when there is something to read. */
int denied_fd(const struct denied *denied);

/*
 * Hand over what has come, at most 64 messages a call; never blocks.  What the packets hold is the sandbox's: every length is checked.
 * *lost is raised by one where the kernel had to drop messages (ENOBUFS).  0 or a negative errno.
 */
int denied_read(struct denied *denied, void (*each)(void *context, const struct denied_flow *flow), void *context,
		uint64_t *lost);

void denied_close(struct denied *denied); /* accepts NULL */

#endif
