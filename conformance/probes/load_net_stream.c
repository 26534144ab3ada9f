/* SPDX-License-Identifier: Apache-2.0 */
/* The load `net`: TCP. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/load_net.h"

#define MANY_MS        5000
#define CONCURRENT_MAX 250
#define RETRANSMIT_MS  3500
#define LINE_SIZE      256

static int pending_error(int fd)
{
	int code = 0;
	socklen_t length = sizeof(code);
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0 ? errno : code;
}

static int finish_connect(int fd, int64_t deadline)
{
	int r = net_wait(fd, POLLOUT, deadline);
	return r ? r : pending_error(fd);
}

int net_connect(int type, const struct sockaddr *to, socklen_t length, int64_t deadline)
{
	int fd = socket(to->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int r = connect(fd, to, length) == 0 ? 0 : errno;
	if (r == EINPROGRESS)
		r = finish_connect(fd, deadline);
	if (r == 0)
		return fd;
	(void)close(fd);
	errno = r;
	return -1;
}

/* --- One echo -------------------------------------------------------------------------------------- */

/* The line that a server of the test internet begins with says which one it is. */
static void tell_banner(const struct net_step *step, char *text)
{
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "testnet ", 8) != 0)
		return;
	for (char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(" .:_-", *c))
			*c = '?';
	net_text(step, "banner", text + 8);
}

static int send_token(int fd)
{
	char line[LINE_SIZE];
	int length = snprintf(line, sizeof(line), "%s\n", load_token());
	return send(fd, line, (size_t)length, MSG_NOSIGNAL) == length ? 0 : errno;
}

int net_echo_stream(const struct net_step *step, int fd, bool sent, int64_t deadline)
{
	char text[4 * LINE_SIZE] = "";
	size_t used = 0, length = strlen(load_token());
	int r = sent ? 0 : send_token(fd);
	while (r == 0 && used + 1 < sizeof(text)) {
		r = net_wait(fd, POLLIN, deadline);
		ssize_t n = r ? 0 : recv(fd, text + used, sizeof(text) - 1 - used, 0);
		if (r == 0 && n <= 0)
			r = n < 0 ? errno : ECONNRESET; /* an orderly end before the echo is none, either */
		used += n > 0 ? (size_t)n : 0;
		text[used] = '\0';
		if (r == 0 && strstr(text, load_token())) {
			net_number(step, "bytes", (int64_t)length);
			tell_banner(step, text);
			return 0;
		}
	}
	return r ? r : EMSGSIZE;
}

static int exchange(struct net_step *step, const struct sockaddr *to, socklen_t length)
{
	int64_t deadline = load_now_ms() + NET_STEP_MS;
	int fd = net_connect(SOCK_STREAM, to, length, deadline);
	if (fd < 0)
		return errno;
	net_number(step, "connected", 1);
	int r = net_echo_stream(step, fd, false, deadline);
	if (step->kind->keeps)
		step->fd = fd;
	else
		(void)close(fd);
	return r;
}

static int run_tcp(struct net_run *run, struct net_step *step)
{
	struct sockaddr_in to;
	int r = net_address(run, step->words[0], step->words[1], &to);
	return r ? r : exchange(step, (const struct sockaddr *)&to, sizeof(to));
}

/* "2001_db8__1": colons part the words of a step. */
static int run_six(struct net_run *run, struct net_step *step)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)net_port(step->words[1]))};
	(void)run;
	(void)snprintf(text, sizeof(text), "%s", step->words[0]);
	for (char *c = text; *c; c++)
		*c = *c == '_' ? ':' : *c;
	if (inet_pton(AF_INET6, text, &to.sin6_addr) != 1)
		return NET_SKIPPED;
	/* A link-local address needs its link; the sandbox's is the first behind the loopback. */
	if (IN6_IS_ADDR_LINKLOCAL(&to.sin6_addr))
		to.sin6_scope_id = 2;
	return exchange(step, (const struct sockaddr *)&to, sizeof(to));
}

static int run_again(struct net_run *run, struct net_step *step)
{
	unsigned place = (unsigned)load_argument(step->words[0], NET_STEPS_MAX);
	const struct net_step *before = place >= 1 && place < step->number ? &run->steps[place - 1] : NULL;
	if (!before || before->fd < 0)
		return NET_SKIPPED;
	if (before->kind->type == SOCK_DGRAM)
		return net_echo_datagram(step, before->fd, load_now_ms() + NET_ECHO_MS);
	return net_echo_stream(step, before->fd, false, load_now_ms() + NET_STEP_MS);
}

/* --- Beginnings ------------------------------------------------------------------------------------ */

/* The kernel sends the SYN again after 1 and 3 s: one request, whatever it does. */
static int run_syn_quiet(struct net_run *run, struct net_step *step)
{
	struct sockaddr_in to;
	int r = net_address(run, step->words[0], step->words[1], &to);
	if (r)
		return r;
	int fd = net_connect(SOCK_STREAM, (const struct sockaddr *)&to, sizeof(to), load_now_ms() + RETRANSMIT_MS);
	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int run_tfo(struct net_run *run, struct net_step *step)
{
	char line[LINE_SIZE];
	struct sockaddr_in to;
	int64_t deadline = load_now_ms() + NET_STEP_MS;
	int length = snprintf(line, sizeof(line), "%s\n", load_token());
	int r = net_address(run, step->words[0], step->words[1], &to);
	int fd = r ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return r ? r : errno;
	ssize_t sent =
		sendto(fd, line, (size_t)length, MSG_FASTOPEN | MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof(to));
	r = sent < 0 && errno != EINPROGRESS ? errno : finish_connect(fd, deadline);
	if (r == 0)
		net_number(step, "connected", 1);
	/* Without a cookie it is an ordinary SYN, and the data is still to be sent. */
	r = r ? r : net_echo_stream(step, fd, sent == length, deadline);
	(void)close(fd);
	return r;
}

/* --- Many ------------------------------------------------------------------------------------------ */

struct many {
	struct pollfd polls[NET_MANY_MAX];
	bool sent[NET_MANY_MAX];
	int started, open, admitted, refused;
};

static void settle(struct many *many, int place, int *count)
{
	(*count)++;
	many->open--;
	/* It is kept until the end: what has been admitted stays a flow. */
	many->polls[place].fd = ~many->polls[place].fd;
}

/* false: no socket could be had, which says nothing of the network. */
static bool start_one(struct many *many, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	int place = many->started++;
	many->open++;
	many->polls[place] = (struct pollfd){fd, POLLOUT, 0};
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS)
		settle(many, place, &many->refused);
	return true;
}

/* Connected: send; what then comes first is the banner or the echo, from behind whatever admitted it. */
static void go_on(struct many *many, int place)
{
	char text[2 * LINE_SIZE];
	struct pollfd *poll_fd = &many->polls[place];
	if (!many->sent[place]) {
		int code = pending_error(poll_fd->fd);
		if (code || send_token(poll_fd->fd) != 0) {
			settle(many, place, &many->refused);
			return;
		}
		many->sent[place] = true;
		poll_fd->events = POLLIN;
		return;
	}
	ssize_t n = recv(poll_fd->fd, text, sizeof(text), 0);
	if (n > 0)
		settle(many, place, &many->admitted);
	else if (n == 0 || errno != EAGAIN)
		settle(many, place, &many->refused);
}

static void close_all(struct many *many)
{
	for (int i = 0; i < many->started; i++) {
		int fd = many->polls[i].fd;
		(void)close(fd < 0 ? ~fd : fd);
	}
}

static int run_many(struct net_run *run, struct net_step *step)
{
	static struct many many;
	struct sockaddr_in to;
	int count = (int)load_argument(step->words[2], NET_MANY_MAX);
	int most = (int)load_argument(step->words[3], CONCURRENT_MAX);
	int64_t deadline = load_now_ms() + MANY_MS;
	int r = net_address(run, step->words[0], step->words[1], &to);
	if (r)
		return r;
	memset(&many, 0, sizeof(many));
	while (many.open > 0 || many.started < count) {
		int64_t left = deadline - load_now_ms();
		while (many.started < count && many.open < most)
			if (!start_one(&many, &to)) {
				net_number(step, "unopened", count - many.started);
				count = many.started;
			}
		if (left <= 0 || poll(many.polls, (nfds_t)many.started, (int)left) <= 0)
			break;
		for (int i = 0; i < many.started; i++)
			if (many.polls[i].fd >= 0 && many.polls[i].revents)
				go_on(&many, i);
	}
	net_number(step, "admitted", many.admitted);
	net_number(step, "refused", many.refused);
	net_number(step, "silent", many.open);
	close_all(&many);
	return many.admitted == count ? 0 : many.refused > 0 ? ECONNREFUSED : ETIMEDOUT;
}

static const struct net_kind streams[] = {
	{"tcp", 2, 2, run_tcp, SOCK_STREAM, false},
	{"tcp-hold", 2, 2, run_tcp, SOCK_STREAM, true},
	{"again", 1, 1, run_again, 0, false},
	{"tcp-many", 4, 4, run_many, SOCK_STREAM, false},
	{"syn-quiet", 2, 2, run_syn_quiet, SOCK_STREAM, false},
	{"tfo", 2, 2, run_tfo, SOCK_STREAM, false},
	{"six", 2, 2, run_six, SOCK_STREAM, false},
};
NET_KINDS(streams);
