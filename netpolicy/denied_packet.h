/* SPDX-License-Identifier: Apache-2.0 */
/* What a logged packet was: the part of denied.c that reads bytes of the sandbox's making.  Pure; fuzzed. */
#ifndef NETPOLICY_DENIED_PACKET_H
#define NETPOLICY_DENIED_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "netpolicy/denied.h"

/* Fill in addresses, protocol and ports as far as the first `length` bytes of the IPv4 packet tell them. */
void denied_read_packet(const uint8_t *packet, size_t length, struct denied_flow *flow);

#endif
