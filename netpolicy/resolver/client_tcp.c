/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's questions over TCP: several at once on a connection, answered as answers come (RFC 7766). */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "resolver/service.h"

static void close_connection(struct connection *connection)
{
	cleanup_fd(&connection->fd);
	connection->fd = -1;
}

static struct connection *connection_of(struct service *service, const struct client *client)
{
	if (client->connection < 0)
		return NULL;
	struct connection *connection = &service->connections[client->connection];
	return connection->fd >= 0 && connection->generation == client->generation ? connection : NULL;
}

static unsigned index_of(const struct service *service, const struct connection *connection)
{
	return (unsigned)(connection - service->connections);
}

/* One that has ended its side is closed when all it asked is answered and taken. */
static void watch(const struct service *service, struct connection *connection)
{
	uint32_t events = (connection->ended ? 0 : (uint32_t)EPOLLIN) | (connection->out_used ? (uint32_t)EPOLLOUT : 0);

	if ((connection->ended && !connection->waiting && !connection->out_used) ||
	    service_rewatch(service, connection->fd, SOURCE_CONNECTION, index_of(service, connection), events) < 0)
		close_connection(connection);
}

void client_accept(struct service *service)
{
	int fd = accept4(RESOLVER_FD_TCP, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;

	struct connection *place = &service->connections[0];
	for (int i = 1; i < CONNECTIONS_MAX && place->fd >= 0; i++)
		if (service->connections[i].fd < 0 || service->connections[i].active < place->active)
			place = &service->connections[i];
	close_connection(place);
	place->fd = fd;
	place->generation = ++service->generation;
	place->waiting = 0;
	place->ended = false;
	place->active = service->now;
	place->in_used = place->out_used = 0;
	if (service_watch(service, fd, SOURCE_CONNECTION, index_of(service, place), EPOLLIN) < 0)
		close_connection(place);
}

static int flush(struct connection *connection)
{
	ssize_t sent = send(connection->fd, connection->out, connection->out_used, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	connection->out_used -= (size_t)sent;
	memmove(connection->out, connection->out + sent, connection->out_used);
	return 0;
}

void client_tcp_send(struct service *service, const struct client *client, const struct bytes *reply)
{
	struct connection *connection = connection_of(service, client);

	if (!connection)
		return;
	/* A client that asks and does not listen. */
	if (connection->out_used + 2 + reply->length > sizeof(connection->out)) {
		close_connection(connection);
		return;
	}
	uint8_t *out = connection->out + connection->out_used;
	out[0] = (uint8_t)(reply->length >> 8);
	out[1] = (uint8_t)reply->length;
	memcpy(out + 2, reply->data, reply->length);
	connection->out_used += 2 + reply->length;
	connection->active = service->now;
	if (flush(connection) < 0)
		close_connection(connection);
	else
		watch(service, connection);
}

void client_tcp_wait(struct service *service, const struct client *client, int by)
{
	struct connection *connection = connection_of(service, client);

	if (!connection)
		return;
	connection->waiting += (unsigned)by;
	watch(service, connection);
}

/* Whole messages are taken out; false where the connection is of no more use. */
static bool take_messages(struct service *service, struct connection *connection)
{
	const struct client client = {.connection = (int)index_of(service, connection),
				      .generation = connection->generation};

	while (connection->in_used >= 2) {
		uint8_t message[DNS_QUERY_MAX];
		size_t length = (size_t)(connection->in[0] << 8 | connection->in[1]);
		if (length > sizeof(message))
			return false;
		if (connection->in_used < 2 + length)
			break;
		memcpy(message, connection->in + 2, length);
		connection->in_used -= 2 + length;
		memmove(connection->in, connection->in + 2 + length, connection->in_used);
		query_take(service, &client, message, length);
		if (!connection_of(service, &client))
			return true;
	}
	return true;
}

static void read_messages(struct service *service, struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->in + connection->in_used,
			   sizeof(connection->in) - connection->in_used, 0);
	bool good = true;

	if (got > 0) {
		connection->in_used += (size_t)got;
		connection->active = service->now;
		good = take_messages(service, connection);
	} else if (got == 0) {
		connection->ended = true;
		watch(service, connection);
	} else {
		good = errno == EAGAIN || errno == EINTR;
	}
	if (!good)
		close_connection(connection);
}

void client_tcp_event(struct service *service, unsigned index, uint32_t events)
{
	struct connection *connection = &service->connections[index];

	if (connection->fd < 0)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		close_connection(connection);
		return;
	}
	if (events & EPOLLOUT) {
		if (flush(connection) < 0) {
			close_connection(connection);
			return;
		}
		watch(service, connection);
	}
	if ((events & EPOLLIN) && connection->fd >= 0)
		read_messages(service, connection);
}

void client_tcp_expire(struct service *service)
{
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &service->connections[i];
		if (connection->fd >= 0 && connection->active + CONNECTION_IDLE_MS <= service->now)
			close_connection(connection);
	}
}
