/* SPDX-License-Identifier: Apache-2.0 */
/* The loop. */
#include "resolver/service.h"

#include <errno.h>
#include <sys/epoll.h>

#define EVENTS_MAX 64

static uint64_t data_of(enum source source, unsigned index)
{
	return (uint64_t)source << 32 | index;
}

int service_watch(const struct service *service, int fd, enum source source, unsigned index, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = data_of(source, index)};

	return epoll_ctl(service->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int service_rewatch(const struct service *service, int fd, enum source source, unsigned index, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = data_of(source, index)};

	return epoll_ctl(service->epoll, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

int service_open(struct service *service, struct error *err)
{
	static const struct {
		int fd;
		enum source source;
	} rows[] = {
		{RESOLVER_FD_CONTROL, SOURCE_CONTROL},
		{RESOLVER_FD_UDP, SOURCE_UDP},
		{RESOLVER_FD_TCP, SOURCE_LISTENER},
	};

	for (int i = 0; i < CONNECTIONS_MAX; i++)
		service->connections[i].fd = -1;
	for (int i = 0; i < QUERIES_MAX; i++)
		service->queries[i].stream.fd = -1;
	service->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (service->epoll < 0)
		return error_set(err, errno, "epoll");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int r = service_watch(service, rows[i].fd, rows[i].source, 0, EPOLLIN);
		if (r < 0)
			return error_set(err, -r, "descriptor %d", rows[i].fd);
	}
	return upstream_open(service, err);
}

static int handle(struct service *service, const struct epoll_event *event)
{
	unsigned index = (unsigned)(event->data.u64 & UINT32_MAX);

	switch ((enum source)(event->data.u64 >> 32)) {
	case SOURCE_CONTROL:
		return control_read(service);
	case SOURCE_UDP:
		client_udp_read(service);
		break;
	case SOURCE_LISTENER:
		client_accept(service);
		break;
	case SOURCE_CONNECTION:
		client_tcp_event(service, index, event->events);
		break;
	case SOURCE_UPSTREAM:
		upstream_read(service, index);
		break;
	case SOURCE_STREAM:
		stream_event(service, &service->queries[index]);
		break;
	}
	return 0;
}

/* Milliseconds until something is due; -1: nothing is. */
static int time_left(const struct service *service)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < QUERIES_MAX; i++) {
		const struct query *query = &service->queries[i];
		int64_t due = query->attempt_end < query->end ? query->attempt_end : query->end;
		if (query->state != QUERY_FREE && due < next)
			next = due;
	}
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *connection = &service->connections[i];
		if (connection->fd >= 0 && connection->active + CONNECTION_IDLE_MS < next)
			next = connection->active + CONNECTION_IDLE_MS;
	}
	if (next == INT64_MAX)
		return -1;
	return next <= service->now ? 0 : (int)(next - service->now);
}

int service_run(struct service *service)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		service->now = resolver_now();
		query_expire(service);
		client_tcp_expire(service);

		int count = epoll_wait(service->epoll, events, EVENTS_MAX, time_left(service));
		if (count < 0 && errno != EINTR)
			return -errno;
		service->now = resolver_now();
		for (int i = 0; i < count; i++) {
			int r = handle(service, &events[i]);
			if (r < 0)
				return r == -EPIPE ? 0 : r;
		}
	}
}
