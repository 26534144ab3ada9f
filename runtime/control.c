/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/control.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "recipe/faults.h"

#define CONNECTIONS_MAX 128
#define END_MS          200 /* for an execution's processes to die; what is left then goes with the sandbox */
#define ANSWER_SECONDS  10

struct connection {
	struct source source;
	unsigned execution; /* its N, or 0 */
};

struct control {
	struct source listener;
	const struct cgroup_layout *layout;
	const char *cgroup;
	unsigned last_execution;
	struct connection connections[CONNECTIONS_MAX];
};

/* The path by way of the descriptor: an address holds 107 bytes, and the state directory may lie deep. */
static struct sockaddr_un address_in(int directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control", directory);
	return address;
}

/* --- Requests -------------------------------------------------------------------------------------------- */

static int forward_signal(struct monitor *monitor, uint32_t number)
{
	unsigned char byte = (unsigned char)number;

	if (number < 1 || number > (uint32_t)SIGRTMAX)
		return -EINVAL;
	/* PID 1 sends it: inside, it needs no pid of ours that could be another's by then. */
	return io_write_all(monitor_sandbox(monitor)->control, &byte, 1);
}

static int number_execution(struct control *control, struct connection *connection)
{
	if (!control->cgroup)
		return -EOPNOTSUPP;
	if (connection->execution)
		return -EALREADY;
	connection->execution = ++control->last_execution;
	return 0;
}

static int serve(struct control *control, struct connection *connection, struct monitor *monitor,
		 const struct control_request *request)
{
	switch (request->kind) {
	case CONTROL_SIGNAL:
		return forward_signal(monitor, request->number);
	case CONTROL_LIMIT:
		if (request->number >= LIMIT_COUNT || !isfinite(request->value) || request->value <= 0)
			return -EINVAL;
		return monitor_set_limit(monitor, (enum limit)request->number, request->value);
	case CONTROL_EXECUTE:
		return number_execution(control, connection);
	default:
		return -ENOSYS;
	}
}

/* --- Connections ----------------------------------------------------------------------------------------- */

/*
 * Usually its owner has removed the cgroup itself.  Else it was killed: nobody else knows of these processes, which are
 * children of nobody here.
 */
static void end_execution(struct control *control, struct connection *connection)
{
	char name[CGROUP_NAME_MAX];
	struct cgroup *cgroup = NULL;

	if (!connection->execution || fault_wished("break", FAULT_EXEC_ORPHANED))
		return;
	(void)snprintf(name, sizeof(name), "%s/exec-%u", control->cgroup, connection->execution);
	connection->execution = 0;
	if (cgroup_open(control->layout, name, CGROUP_EXECUTION, &cgroup, NULL) < 0)
		return;
	(void)cgroup_kill(cgroup, END_MS, NULL);
	(void)cgroup_remove(cgroup, END_MS, NULL);
	cgroup_free(cgroup);
}

static void disconnect(struct control *control, struct connection *connection, struct monitor *monitor)
{
	int fd = connection->source.fd;

	if (fd < 0)
		return;
	if (monitor)
		(void)monitor_forget(monitor, &connection->source);
	connection->source.fd = -1;
	/* First the processes, then the end of the connection: whoever waits for that finds them gone. */
	end_execution(control, connection);
	(void)close(fd);
}

static void connection_ready(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct control *control = source->data;
	/* The source is its connection's first member. */
	struct connection *connection = (struct connection *)source;
	struct control_request request;
	ssize_t n = recv(source->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(request)) {
		disconnect(control, connection, monitor);
		return;
	}
	struct control_answer answer = {.code = -serve(control, connection, monitor, &request)};
	answer.number = connection->execution;
	(void)send(source->fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static struct connection *free_connection(struct control *control)
{
	for (size_t i = 0; i < ARRAY_SIZE(control->connections); i++)
		if (control->connections[i].source.fd < 0)
			return &control->connections[i];
	return NULL;
}

static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

static void listener_ready(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct control *control = source->data;
	_cleanup_fd_ int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *connection = fd < 0 ? NULL : free_connection(control);

	(void)events;
	/* Closed without an answer: one too many, or someone else's. */
	if (!connection || !is_ours(fd))
		return;
	*connection = (struct connection){.source = {.fd = fd, .ready = connection_ready, .data = control}};
	if (monitor_watch(monitor, &connection->source, EPOLLIN) < 0)
		connection->source.fd = -1;
	else
		TAKE_FD(fd);
}

/* --- The monitor's side ---------------------------------------------------------------------------------- */

int control_open(int directory, const struct cgroup_layout *layout, const char *cgroup, struct control **control,
		 struct error *err)
{
	struct sockaddr_un address = address_in(directory);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return error_set(err, errno, "control socket of the sandbox");
	struct control *new_control = calloc(1, sizeof(*new_control));
	if (!new_control)
		return error_set(err, ENOMEM, "control socket of the sandbox");
	for (size_t i = 0; i < ARRAY_SIZE(new_control->connections); i++)
		new_control->connections[i].source.fd = -1;
	new_control->layout = layout;
	new_control->cgroup = cgroup;
	new_control->listener = (struct source){.fd = TAKE_FD(fd), .ready = listener_ready, .data = new_control};
	*control = new_control;
	return 0;
}

int control_watch(struct control *control, struct monitor *monitor)
{
	return monitor_watch(monitor, &control->listener, EPOLLIN);
}

void control_close(struct control *control, struct monitor *monitor)
{
	if (!control)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(control->connections); i++)
		disconnect(control, &control->connections[i], monitor);
	int fd = control->listener.fd;
	if (monitor && fd >= 0)
		(void)monitor_forget(monitor, &control->listener);
	cleanup_fd(&fd);
	free(control);
}

/* --- The side of those who ask --------------------------------------------------------------------------- */

int control_connect(int directory, int *fd, struct error *err)
{
	const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	struct sockaddr_un address = address_in(directory);
	_cleanup_fd_ int new_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (new_fd < 0 || setsockopt(new_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(new_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(new_fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "control socket of the sandbox");
	*fd = TAKE_FD(new_fd);
	return 0;
}

int control_ask(int fd, const struct control_request *request, struct control_answer *answer, struct error *err)
{
	struct control_answer got;

	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return error_set(err, errno, "request to the monitor");
	ssize_t n = recv(fd, &got, sizeof(got), 0);
	if (n != (ssize_t)sizeof(got))
		return error_set(err, n < 0 ? errno : ECONNRESET, "answer of the monitor");
	if (got.code)
		return error_set(err, got.code, "the monitor");
	if (answer)
		*answer = got;
	return 0;
}
