/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/denied_packet.h"

#include <netinet/in.h>

#define IPV4_HEADER_MIN 20
#define FRAGMENT_OFFSET 0x1fff

static uint16_t word(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t double_word(const uint8_t *at)
{
	return (uint32_t)word(at) << 16 | word(at + 2);
}

void denied_read_packet(const uint8_t *packet, size_t length, struct denied_flow *flow)
{
	if (length < IPV4_HEADER_MIN || packet[0] >> 4 != 4)
		return;
	flow->protocol = packet[9];
	flow->source = double_word(packet + 12);
	flow->target = double_word(packet + 16);

	size_t header = (size_t)(packet[0] & 15) * 4;
	bool first = (word(packet + 6) & FRAGMENT_OFFSET) == 0;
	bool ports = flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP || flow->protocol == IPPROTO_SCTP;
	if (header < IPV4_HEADER_MIN || !first || !ports || length < header + 4)
		return;
	flow->source_port = word(packet + header);
	flow->target_port = word(packet + header + 2);
}
