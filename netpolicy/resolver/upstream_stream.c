/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a server over TCP: one connection for one question. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "resolver/service.h"

void stream_close(struct query *query)
{
	cleanup_fd(&query->stream.fd);
	bytes_clear(&query->stream.in);
	query->stream = (struct stream){.fd = -1};
}

void stream_ask(struct service *service, struct query *query)
{
	query->state = QUERY_DIALING;
	query->attempt_end = service->now + ATTEMPT_STREAM_MS;
	if (control_dial(query) < 0)
		upstream_next(service, query);
}

/* A watch on a socket that is not connected yet is told when it is. */
void stream_connected(struct service *service, struct query *query, int fd)
{
	query->stream.fd = fd;
	query->state = QUERY_STREAM;
	if (service_watch(service, fd, SOURCE_STREAM, (unsigned)(query - service->queries), EPOLLIN | EPOLLOUT) < 0)
		upstream_next(service, query);
}

/* 1 when all is sent, 0 when there is no room, or a negative errno. */
static int send_question(struct query *query)
{
	struct stream *stream = &query->stream;
	uint8_t data[2 + DNS_UDP_MAX];
	size_t total = 2 + query->wire.length;

	if (total > sizeof(data))
		return -EMSGSIZE;
	data[0] = (uint8_t)(query->wire.length >> 8);
	data[1] = (uint8_t)query->wire.length;
	memcpy(data + 2, query->wire.data, query->wire.length);
	ssize_t sent = send(stream->fd, data + stream->sent, total - stream->sent, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	stream->sent += (size_t)sent;
	return stream->sent == total;
}

/* Read into a buffer that holds size bytes, used of which are there.  1 when it is full, 0 when there is no more now, or a negative errno. */
static int fill(int fd, uint8_t *data, size_t size, size_t *used)
{
	while (*used < size) {
		ssize_t got = recv(fd, data + *used, size - *used, 0);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		*used += (size_t)got;
	}
	return 1;
}

/* 1 when stream->in is the whole answer. */
static int read_answer(struct stream *stream)
{
	if (!stream->in.data) {
		int r = fill(stream->fd, stream->prefix, sizeof(stream->prefix), &stream->got);
		if (r <= 0)
			return r;
		stream->in.length = (size_t)(stream->prefix[0] << 8 | stream->prefix[1]);
		if (stream->in.length < DNS_HEADER_SIZE || stream->in.length > DNS_ANSWER_MAX)
			return -EMSGSIZE;
		stream->in.data = malloc(stream->in.length);
		if (!stream->in.data)
			return -ENOMEM;
		stream->got = 0;
	}
	return fill(stream->fd, stream->in.data, stream->in.length, &stream->got);
}

void stream_event(struct service *service, struct query *query)
{
	size_t total = 2 + query->wire.length;
	int r = 1;

	/* An event of one that has ended in the same round. */
	if (query->state != QUERY_STREAM)
		return;
	if (query->stream.sent < total) {
		r = send_question(query);
		if (r > 0)
			r = service_rewatch(service, query->stream.fd, SOURCE_STREAM,
					    (unsigned)(query - service->queries), EPOLLIN);
	} else {
		r = read_answer(&query->stream);
	}
	if (r < 0) {
		upstream_next(service, query);
	} else if (r > 0) {
		struct bytes whole = query->stream.in;
		query->stream.in = (struct bytes){0};
		query_judge(service, query, true, whole.data, whole.length);
		bytes_clear(&whole);
	}
}
