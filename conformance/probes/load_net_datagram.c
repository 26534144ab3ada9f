/* SPDX-License-Identifier: Apache-2.0 */
/* The load `net`: UDP, and the echo server that a companion is. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/load_net.h"

#define SERVED_MAX 64

static bool send_token(int fd)
{
	const char *token = load_token();
	return send(fd, token, strlen(token), MSG_NOSIGNAL) == (ssize_t)strlen(token);
}

static int send_token_to(int fd, const struct sockaddr_in *to)
{
	const char *token = load_token();
	return sendto(fd, token, strlen(token), MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof(*to)) < 0 ? errno : 0;
}

static void tell_sender(const struct net_step *step, const struct sockaddr_in *from)
{
	char text[INET_ADDRSTRLEN] = "";
	if (inet_ntop(AF_INET, &from->sin_addr, text, sizeof(text)))
		net_text(step, "from", text);
}

int net_echo_datagram(const struct net_step *step, int fd, int64_t deadline)
{
	char text[512];
	struct sockaddr_in from = {0};
	socklen_t length = sizeof(from);
	if (!send_token(fd))
		return errno;
	for (;;) {
		int r = net_wait(fd, POLLIN, deadline);
		if (r)
			return r;
		ssize_t n = recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &length);
		if (n < 0)
			return errno;
		if ((size_t)n != strlen(load_token()) || memcmp(text, load_token(), (size_t)n) != 0)
			continue; /* not ours */
		net_number(step, "bytes", n);
		tell_sender(step, &from);
		return 0;
	}
}

static int run_udp(struct net_run *run, struct net_step *step)
{
	struct sockaddr_in to;
	int64_t deadline = load_now_ms() + NET_ECHO_MS;
	int r = net_address(run, step->words[0], step->words[1], &to);
	int fd = r ? -1 : net_connect(SOCK_DGRAM, (const struct sockaddr *)&to, sizeof(to), deadline);
	if (fd < 0)
		return r ? r : errno;
	r = net_echo_datagram(step, fd, deadline);
	if (step->kind->keeps)
		step->fd = fd;
	else
		(void)close(fd);
	return r;
}

/* Not connected: an ICMP error of one datagram is no error of the next. */
static int run_quiet(struct net_run *run, struct net_step *step)
{
	struct sockaddr_in to;
	int64_t count = load_argument(step->words[2], NET_MANY_MAX), sent = 0;
	int r = net_address(run, step->words[0], step->words[1], &to);
	int fd = r ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return r ? r : errno;
	for (; sent < count && r == 0; sent += r == 0)
		r = send_token_to(fd, &to);
	net_number(step, "sent", sent);
	(void)close(fd);
	return r;
}

/* --- Many ------------------------------------------------------------------------------------------ */

static int64_t collect(struct pollfd *polls, int64_t count)
{
	char text[512];
	int64_t admitted = 0, open = count, deadline = load_now_ms() + NET_ECHO_MS;
	while (open > 0) {
		int64_t left = deadline - load_now_ms();
		if (left <= 0 || poll(polls, (nfds_t)count, (int)left) <= 0)
			break;
		for (int64_t i = 0; i < count; i++) {
			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			admitted += recv(polls[i].fd, text, sizeof(text), MSG_DONTWAIT) > 0;
			(void)close(polls[i].fd);
			polls[i].fd = -1;
			open--;
		}
	}
	return admitted;
}

static int run_many(struct net_run *run, struct net_step *step)
{
	static struct pollfd polls[NET_MANY_MAX];
	struct sockaddr_in to;
	int64_t count = load_argument(step->words[2], NET_MANY_MAX), opened = 0, sent = 0;
	int r = net_address(run, step->words[0], step->words[1], &to);
	for (; r == 0 && opened < count; opened++) {
		int fd = net_connect(SOCK_DGRAM, (const struct sockaddr *)&to, sizeof(to), load_now_ms());
		if (fd < 0) {
			r = errno;
			break;
		}
		polls[opened] = (struct pollfd){fd, POLLIN, 0};
		sent += send_token(fd);
	}
	if (r == NET_SKIPPED)
		return r;
	net_number(step, "sent", sent);
	net_number(step, "admitted", collect(polls, opened));
	for (int64_t i = 0; i < opened; i++)
		if (polls[i].fd >= 0)
			(void)close(polls[i].fd);
	return r;
}

/* --- Special addresses ----------------------------------------------------------------------------- */

static int send_one(const struct net_step *step, int fd, const struct sockaddr_in *to)
{
	int r = send_token_to(fd, to);
	net_number(step, "sent", r == 0);
	if (r)
		net_text(step, "step", "sendto");
	(void)close(fd);
	return r;
}

static int run_multicast(struct net_run *run, struct net_step *step)
{
	struct sockaddr_in to;
	int r = net_address(run, step->words[0], step->words[1], &to);
	int fd = r ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? (r ? r : errno) : send_one(step, fd, &to);
}

static int run_broadcast(struct net_run *run, struct net_step *step)
{
	struct sockaddr_in to;
	const int one = 1;
	(void)net_address(run, "255.255.255.255", step->words[0], &to);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) < 0)
		return errno;
	return send_one(step, fd, &to);
}

/* IP_FREEBIND wants no privilege, but leaves the route to the kernel, which knows its own addresses alone; IP_TRANSPARENT does all, for who may set it. */
static int run_source(struct net_run *run, struct net_step *step)
{
	struct sockaddr_in from, to;
	const int one = 1;
	int r = net_address(run, step->words[0], "0", &from);
	r = r ? r : net_address(run, step->words[1], step->words[2], &to);
	int fd = r ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return r ? r : errno;
	if (setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)) < 0)
		(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0)
		return send_one(step, fd, &to);
	r = errno;
	net_text(step, "step", "bind");
	(void)close(fd);
	return r;
}

static int run_bind_six(struct net_run *run, struct net_step *step)
{
	const struct sockaddr_in6 self = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	(void)run;
	(void)step;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	int r = bind(fd, (const struct sockaddr *)&self, sizeof(self)) < 0 ? errno : 0;
	(void)close(fd);
	return r;
}

/* --- The echo server ------------------------------------------------------------------------------- */

static int open_server(int type, int port)
{
	const int one = 1;
	struct sockaddr_in self = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&self, sizeof(self)) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, SERVED_MAX) == 0))
		return fd;
	int code = errno;
	(void)close(fd);
	errno = code;
	return -1;
}

static void echo_datagram(int fd)
{
	char text[2048];
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	ssize_t n = recvfrom(fd, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
	if (n >= 0)
		(void)sendto(fd, text, (size_t)n, MSG_DONTWAIT, (const struct sockaddr *)&from, length);
}

static bool echo_stream(int fd)
{
	char text[2048];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	return n > 0 && send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

static _Noreturn void serve(int listener, int datagrams)
{
	struct pollfd polls[2 + SERVED_MAX] = {{listener, POLLIN, 0}, {datagrams, POLLIN, 0}};
	nfds_t count = 2;
	for (;;) {
		polls[0].fd = count < 2 + SERVED_MAX ? listener : -1;
		if (poll(polls, count, -1) < 0)
			continue;
		nfds_t had = count;
		if (polls[1].revents)
			echo_datagram(datagrams);
		int fd = polls[0].revents ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0)
			polls[count++] = (struct pollfd){fd, POLLIN, 0};
		for (nfds_t i = had; i-- > 2;) {
			if (!polls[i].revents || echo_stream(polls[i].fd))
				continue;
			(void)close(polls[i].fd);
			polls[i] = polls[--count];
		}
	}
}

static int run_listen(struct net_run *run, struct net_step *step)
{
	(void)run;
	int listener = open_server(SOCK_STREAM, net_port(step->words[0]));
	int datagrams = listener < 0 ? -1 : open_server(SOCK_DGRAM, net_port(step->words[0]));
	pid_t parent = getpid();
	pid_t child = datagrams < 0 ? -1 : fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The harness waits for the end of the load's output. */
		(void)close(STDIN_FILENO);
		(void)close(STDOUT_FILENO);
		if (getppid() != parent)
			_exit(0);
		serve(listener, datagrams);
	}
	int r = child < 0 ? errno : 0;
	if (listener >= 0)
		(void)close(listener);
	if (datagrams >= 0)
		(void)close(datagrams);
	return r;
}

static const struct net_kind datagrams[] = {
	{"udp", 2, 2, run_udp, SOCK_DGRAM, false},
	{"udp-hold", 2, 2, run_udp, SOCK_DGRAM, true},
	{"udp-quiet", 3, 3, run_quiet, SOCK_DGRAM, false},
	{"udp-many", 3, 3, run_many, SOCK_DGRAM, false},
	{"multicast", 2, 2, run_multicast, SOCK_DGRAM, false},
	{"broadcast", 1, 1, run_broadcast, SOCK_DGRAM, false},
	{"source", 3, 3, run_source, SOCK_DGRAM, false},
	{"bind-six", 0, 0, run_bind_six, SOCK_DGRAM, false},
	{"listen", 1, 1, run_listen, 0, false},
};
NET_KINDS(datagrams);
