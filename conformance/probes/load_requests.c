/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the network: datagrams to addresses that are nobody's (RFC 5737), each of which would be a flow. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/load.h"

#define REQUESTS_MAX 250
#define PORT_DISCARD 9

static bool send_to(int fd, uint32_t address, in_port_t port)
{
	const char byte = 0;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(address)};
	return sendto(fd, &byte, 1, 0, (const struct sockaddr *)&to, sizeof(to)) == 1;
}

/* The control within: that sockets work at all shows in a datagram to oneself. */
static bool reaches_itself(int fd)
{
	char byte;
	struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(self);
	return bind(fd, (const struct sockaddr *)&self, sizeof(self)) == 0 &&
	       getsockname(fd, (struct sockaddr *)&self, &length) == 0 && send_to(fd, INADDR_LOOPBACK, self.sin_port) &&
	       recv(fd, &byte, 1, 0) == 1;
}

static int run_requests(int argc, char **argv)
{
	(void)argc;
	int most = (int)load_argument(argv[1], REQUESTS_MAX), made = 0, code = 0;
	int self = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (self < 0 || out < 0 || !reaches_itself(self))
		return load_broken("loopback");
	load_ready();
	for (; made < most; made++) {
		/* 198.51.100.1 and on: TEST-NET-2 */
		if (!send_to(out, 0xc6336401U + (uint32_t)made, htons(PORT_DISCARD))) {
			code = errno;
			break;
		}
	}
	load_say("\"requests\":%d,\"step\":\"sendto\",\"errno\":%d", made, code);
	return made < most ? LOAD_REFUSED : load_through();
}

static const struct load requests = {"requests", "MOST", "sends datagrams to addresses that are nobody's",
				     1,          1,      run_requests};
LOAD(requests);
