/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the monitor. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "resolver/service.h"

static int tell(const struct resolver_request *request)
{
	return send(RESOLVER_FD_CONTROL, request, sizeof(*request), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int control_pin(struct query *query, const struct answer *answer)
{
	struct resolver_request request = {.kind = RESOLVER_PIN, .id = query->serial, .count = (uint32_t)answer->count};

	memcpy(request.name, query->question.name, sizeof(request.name));
	memcpy(request.addresses, answer->addresses, answer->count * sizeof(*answer->addresses));
	return tell(&request);
}

int control_dial(const struct query *query)
{
	const struct resolver_request request = {
		.kind = RESOLVER_DIAL, .id = query->serial, .server = (uint16_t)query->server};

	return tell(&request);
}

void control_refused(struct service *service, const struct question *question)
{
	struct resolver_request request = {.kind = RESOLVER_REFUSED, .type = question->type};

	if (!resolver_rate_admits(&service->refused, service->now))
		return;
	memcpy(request.name, question->name, sizeof(request.name));
	(void)tell(&request);
}

/* The descriptor that came along, or -1. */
static int passed_descriptor(struct msghdr *message)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void handle(struct service *service, const struct resolver_reply *reply, int passed)
{
	_cleanup_fd_ int fd = passed;
	struct query *query;

	/* A question that has given way meanwhile is not there any more. */
	if (reply->kind == RESOLVER_PIN) {
		query = query_of_serial(service, reply->id, QUERY_PINNING);
		if (query && reply->result == 0)
			query_finish(service, query);
		else if (query)
			query_fail(service, query);
	} else if (reply->kind == RESOLVER_DIAL) {
		query = query_of_serial(service, reply->id, QUERY_DIALING);
		if (query && reply->result == 0 && fd >= 0)
			stream_connected(service, query, TAKE_FD(fd));
		else if (query)
			upstream_next(service, query);
	}
}

int control_read(struct service *service)
{
	struct resolver_reply reply;
	struct iovec part = {.iov_base = &reply, .iov_len = sizeof(reply)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space)};
	ssize_t length = recvmsg(RESOLVER_FD_CONTROL, &message, MSG_CMSG_CLOEXEC);

	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	if (length != (ssize_t)sizeof(reply))
		return -EPIPE;
	handle(service, &reply, passed_descriptor(&message));
	return 0;
}
