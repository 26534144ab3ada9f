/* SPDX-License-Identifier: Apache-2.0 */
/* What the resolver's program asks of the monitor, and what it gets.  Each field is a stranger's. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netpolicy/resolver_internal.h"

/* A call ends after so many, that a program which floods the monitor does not keep it from its other duties. */
#define REQUESTS_PER_CALL 32

int resolver_receive(const struct resolver *resolver, struct resolver_request *request)
{
	ssize_t length;

	do
		length = recv(resolver->control, request, sizeof(*request), MSG_DONTWAIT | MSG_TRUNC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? 0 : -EPIPE;
	if (length == 0)
		return -EPIPE;
	return length == (ssize_t)sizeof(*request) ? 1 : -EBADMSG;
}

void resolver_clean_text(char text[RESOLVER_NAME_SIZE])
{
	text[RESOLVER_NAME_SIZE - 1] = '\0';
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static bool is_terminated(const struct resolver_request *request)
{
	return strnlen(request->name, sizeof(request->name)) <= HOST_NAME_MAX_TEXT;
}

/* The program does not wait for room: a reply that it has no room for is lost, and the name fails. */
static void reply(const struct resolver *resolver, const struct resolver_request *request, int result, int passed)
{
	struct resolver_reply answer = {.kind = request->kind, .id = request->id, .result = result};
	struct iovec part = {.iov_base = &answer, .iov_len = sizeof(answer)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (passed >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	}
	(void)sendmsg(resolver->control, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The program names a name and addresses; which ports that opens, and whether it opens any, is read from the list here. */
static int pin(const struct resolver *resolver, const struct resolver_request *request,
	       const struct resolver_calls *calls)
{
	uint16_t ports[RESOLVER_PORTS_MAX];
	struct rules_pin pins[RESOLVER_ADDRESSES_MAX * RESOLVER_PORTS_MAX];
	size_t count = 0;

	if (resolver->mode != NETWORK_RESTRICTED || request->count < 1 || request->count > RESOLVER_ADDRESSES_MAX ||
	    !is_terminated(request))
		return -EINVAL;
	size_t port_count = host_list_name_ports(&resolver->hosts, request->name, ports, RESOLVER_PORTS_MAX);
	if (port_count == 0)
		return -EACCES;
	for (uint32_t i = 0; i < request->count; i++) {
		const struct resolver_pinned *wished = &request->addresses[i];
		/* RFC 2181, section 8: the top bit means 0. */
		uint32_t ttl = wished->ttl > INT32_MAX ? 0 : wished->ttl;
		if (!resolver_address_passes(&resolver->hosts, wished->address))
			return -EACCES;
		for (size_t port = 0; port < port_count; port++)
			pins[count++] = (struct rules_pin){
				.address = wished->address,
				.port = ports[port],
				.seconds = ttl > RESOLVER_PIN_SECONDS ? ttl : RESOLVER_PIN_SECONDS,
			};
	}
	return calls->pin(calls->context, pins, count);
}

/* A socket that connects to one of the servers, made where the caller is. */
static int open_stream(const struct resolver_server *server)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(server->port),
		.sin_addr.s_addr = htonl(server->address),
	};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS))
		return -errno;
	return TAKE_FD(fd);
}

/*
 * Connecting is the monitor's: a filter of system calls does not see addresses, so a program that may connect could be made to reach
 * whatever the host reaches.  So it may not, and names a server by number.
 * *stuck tells that this thread could not come back to its own network namespace.
 */
static int dial(const struct resolver *resolver, const struct resolver_request *request, bool *stuck)
{
	if (request->server >= resolver->server_count)
		return -EINVAL;

	const struct resolver_server *server = &resolver->servers[request->server];
	if (resolver->far_end < 0)
		return open_stream(server);

	_cleanup_fd_ int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(resolver->far_end, CLONE_NEWNET) < 0)
		return -errno;
	int fd = open_stream(server);
	*stuck = setns(own, CLONE_NEWNET) < 0;
	return fd;
}

static int serve_one(struct resolver *resolver, struct resolver_request *request, const struct resolver_calls *calls)
{
	bool stuck = false;

	switch (request->kind) {
	case RESOLVER_PIN:
		reply(resolver, request, pin(resolver, request, calls), -1);
		return 0;
	case RESOLVER_REFUSED:
		resolver_clean_text(request->name);
		if (calls->refused && resolver_rate_admits(&resolver->refused, resolver_now()))
			calls->refused(calls->context, request->name, request->type);
		return 0;
	case RESOLVER_DIAL: {
		_cleanup_fd_ int fd = dial(resolver, request, &stuck);
		reply(resolver, request, fd < 0 ? fd : 0, fd);
		return stuck ? -ENOTRECOVERABLE : 0;
	}
	default:
		return -EBADMSG;
	}
}

int resolver_serve(struct resolver *resolver, const struct resolver_calls *calls)
{
	for (int i = 0; i < REQUESTS_PER_CALL; i++) {
		struct resolver_request request;
		int r = resolver_receive(resolver, &request);
		if (r > 0)
			r = serve_one(resolver, &request, calls);
		else if (r == 0)
			return 0;
		if (r < 0)
			return r;
	}
	return 0;
}
