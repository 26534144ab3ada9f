/* SPDX-License-Identifier: Apache-2.0 */
/* Logged packets of the sandbox's making, cut off anywhere: nothing is read behind the end, and nothing told that is not there. */
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netpolicy/denied_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of exactly that size: a byte too far is the sanitizer's. */
	uint8_t *packet = malloc(size ? size : 1);
	struct denied_flow flow = {0};

	if (!packet)
		return 0;
	if (size > 0)
		memcpy(packet, data, size);
	denied_read_packet(packet, size, &flow);
	bool empty = !flow.source && !flow.target && !flow.protocol && !flow.source_port && !flow.target_port;
	if (size < 20 && !empty)
		abort();
	if ((flow.source_port || flow.target_port) && (!has_ports(flow.protocol) || size < 24))
		abort();
	free(packet);
	return 0;
}
