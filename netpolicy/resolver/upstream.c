/* SPDX-License-Identifier: Apache-2.0 */
/* Asking servers over UDP. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "resolver/service.h"

#define READS_MAX 32 /* of one socket, before others have their turn */

static int open_connected(const struct resolver_server *server)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(server->port),
		.sin_addr.s_addr = htonl(server->address),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* Connected: the kernel hands over what comes from the server's address and port, and nothing else. */
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return fd;
}

/* No socket can be made later, so ports are drawn now, and which of them a question leaves from each time. */
int upstream_open(struct service *service, struct error *err)
{
	for (unsigned server = 0; server < service->server_count; server++)
		for (unsigned i = 0; i < UPSTREAM_SOCKETS; i++) {
			int fd = open_connected(&service->servers[server]);
			int r = fd < 0 ? fd
				       : service_watch(service, fd, SOURCE_UPSTREAM, server * UPSTREAM_SOCKETS + i,
						       EPOLLIN);
			if (r < 0) {
				char text[ADDRESS_TEXT_MAX];
				address_text(service->servers[server].address, text);
				return error_set(err, -r, "socket for name server %s", text);
			}
			service->upstream[server][i] = fd;
		}
	return 0;
}

void upstream_ask(struct service *service, struct query *query)
{
	uint8_t random[ASKED_RANDOM_SIZE + 1];

	stream_close(query);
	bytes_clear(&query->wire);
	query->state = QUERY_ASKED;
	query->attempt_end = service->now + ATTEMPT_MS;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random) ||
	    asked_make(&query->question, random, &query->asked, &query->wire) < 0) {
		query_fail(service, query);
		return;
	}
	query->socket = random[ASKED_RANDOM_SIZE] % UPSTREAM_SOCKETS;
	if (send(service->upstream[query->server][query->socket], query->wire.data, query->wire.length, MSG_NOSIGNAL) <
	    0)
		upstream_next(service, query);
}

void upstream_next(struct service *service, struct query *query)
{
	if (query->server + 1 >= service->server_count) {
		query_fail(service, query);
		return;
	}
	query->server++;
	upstream_ask(service, query);
}

static bool waits_on(const struct query *query, unsigned server, unsigned socket)
{
	return query->state == QUERY_ASKED && query->server == server && query->socket == socket;
}

/* By id alone first: an answer belongs to at most one question, and every other one on its socket has met a stranger. */
static void hear(struct service *service, unsigned server, unsigned socket, const uint8_t *data, size_t length)
{
	uint16_t id = length >= 2 ? (uint16_t)(data[0] << 8 | data[1]) : 0;

	for (int i = 0; i < QUERIES_MAX; i++) {
		struct query *query = &service->queries[i];
		if (!waits_on(query, server, socket))
			continue;
		if (length >= 2 && query->asked.id == id) {
			query_judge(service, query, false, data, length);
			return;
		}
	}
	for (int i = 0; i < QUERIES_MAX; i++)
		if (waits_on(&service->queries[i], server, socket))
			query_judge(service, &service->queries[i], false, data, length);
}

/* The network said that nobody is there (ICMP): no reason to wait for the time to pass. */
static void unreachable(struct service *service, unsigned server, unsigned socket)
{
	for (int i = 0; i < QUERIES_MAX; i++)
		if (waits_on(&service->queries[i], server, socket))
			upstream_next(service, &service->queries[i]);
}

void upstream_read(struct service *service, unsigned index)
{
	unsigned server = index / UPSTREAM_SOCKETS, socket = index % UPSTREAM_SOCKETS;
	uint8_t data[DNS_UDP_MAX];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t length = recv(service->upstream[server][socket], data, sizeof(data), 0);
		if (length >= 0)
			hear(service, server, socket, data, (size_t)length);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			unreachable(service, server, socket);
	}
}
