/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's ends: what programs inside find at 127.0.0.53. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netpolicy/resolver.h"

#define BACKLOG 16

/*
 * Neither SO_REUSEADDR nor SO_REUSEPORT: without them on the first socket, no later one can be bound beside it, also not by a
 * workload that has the capability for port 53.
 */
static int open_bound(int type, struct error *err)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(RESOLVER_PORT),
		.sin_addr.s_addr = htonl(RESOLVER_ADDRESS),
	};
	_cleanup_fd_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return error_set(err, errno, "resolver's %s socket", type == SOCK_STREAM ? "TCP" : "UDP");
	return TAKE_FD(fd);
}

int resolver_open_sockets(int *udp, int *tcp, struct error *err)
{
	_cleanup_fd_ int datagrams = open_bound(SOCK_DGRAM, err);
	if (datagrams < 0)
		return datagrams;

	int streams = open_bound(SOCK_STREAM, err);
	if (streams < 0)
		return streams;
	*udp = TAKE_FD(datagrams);
	*tcp = streams;
	return 0;
}
