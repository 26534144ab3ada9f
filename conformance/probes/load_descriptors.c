/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors by every road: opened, copied, made in pairs, received from another process, and parked in sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/load.h"

#define DESCRIPTORS_MAX 4096
#define PARKED_EACH     100 /* more do not fit into one socket's buffer */

/* Descriptors are counted by the highest number: what was open before the load began counts as well. */
static int reached(int highest, int most, const char *step, int code)
{
	load_say("\"descriptors\":%d,\"step\":\"%s\",\"errno\":%d", highest + 1, step, code);
	return highest + 1 < most ? LOAD_REFUSED : load_through();
}

/* A soft limit alone binds nobody. */
static void raise_soft_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Make until refused or most is reached; make returns the highest new descriptor or -1. */
static int exhaust(const char *step, const char *most_text, int (*make)(void))
{
	int most = (int)load_argument(most_text, DESCRIPTORS_MAX), highest = -1, code = 0;
	raise_soft_limit();
	load_ready();
	while (highest + 1 < most) {
		int fd = make();
		if (fd < 0) {
			code = errno;
			break;
		}
		highest = fd > highest ? fd : highest;
	}
	return reached(highest, most, step, code);
}

static int make_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int make_dup(void)
{
	return dup(STDOUT_FILENO);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* A pair that does not fit any more may still leave room for one. */
static int make_pipe(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) == 0)
		return ends[0] > ends[1] ? ends[0] : ends[1];
	return make_dup();
}

static int run_open(int argc, char **argv)
{
	(void)argc;
	return exhaust("open", argv[1], make_open);
}

static int run_dup(int argc, char **argv)
{
	(void)argc;
	return exhaust("dup", argv[1], make_dup);
}

static int run_socket(int argc, char **argv)
{
	(void)argc;
	return exhaust("socket", argv[1], make_socket);
}

static int run_pipe(int argc, char **argv)
{
	(void)argc;
	return exhaust("pipe", argv[1], make_pipe);
}

static const struct load open_load = {"open", "MOST", "opens /dev/null", 1, 1, run_open};
static const struct load dup_load = {"dup", "MOST", "copies a descriptor", 1, 1, run_dup};
static const struct load socket_load = {"socket", "MOST", "makes sockets", 1, 1, run_socket};
static const struct load pipe_load = {"pipe", "MOST", "makes pipes", 1, 1, run_pipe};
LOAD(open_load);
LOAD(dup_load);
LOAD(socket_load);
LOAD(pipe_load);

/* --- Passing them ---------------------------------------------------------------------------------- */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static bool send_descriptor(int socket, int fd)
{
	char byte = 0;
	union control control = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* The kernel drops what the receiver has no room for, and says so by MSG_CTRUNC alone: that is EMFILE, as a dup shows. */
static int receive_descriptor(int socket)
{
	char byte;
	int fd = -1;
	union control control;
	struct iovec data = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	if (recvmsg(socket, &message, 0) != 1)
		return -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd >= 0 ? fd : dup(socket);
}

/* Another process sends one descriptor for each byte that it is asked with. */
static void serve_descriptors(int socket)
{
	char byte;
	while (read(socket, &byte, 1) == 1 && send_descriptor(socket, STDOUT_FILENO))
		;
	_exit(0);
}

static int server = -1;

static int make_received(void)
{
	char byte = 0;
	return write(server, &byte, 1) == 1 ? receive_descriptor(server) : -1;
}

static int run_passed(int argc, char **argv)
{
	int ends[2];
	(void)argc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return load_broken("socketpair");
	pid_t child = fork();
	if (child < 0)
		return load_broken("fork");
	if (child == 0) {
		(void)close(ends[0]);
		serve_descriptors(ends[1]);
	}
	(void)close(ends[1]);
	server = ends[0];
	int end = exhaust("recvmsg", argv[1], make_received);
	(void)close(server);
	(void)waitpid(child, NULL, 0);
	return end;
}

static const struct load passed = {"passed", "MOST", "receives descriptors from another process", 1, 1, run_passed};
LOAD(passed);

/* Descriptors that lie in sockets belong to no process: unix(7), ETOOMANYREFS. */
static int run_parked(int argc, char **argv)
{
	(void)argc;
	int most = (int)load_argument(argv[1], DESCRIPTORS_MAX), parked = 0, code = 0, ends[2] = {-1, -1};
	raise_soft_limit();
	load_ready();
	for (; parked < most; parked++) {
		if (parked % PARKED_EACH == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
			code = errno;
			break;
		}
		if (!send_descriptor(ends[0], STDOUT_FILENO)) {
			code = errno;
			break;
		}
	}
	load_say("\"descriptors\":%d,\"step\":\"sendmsg\",\"errno\":%d", parked, code);
	return parked < most ? LOAD_REFUSED : load_through();
}

static const struct load parked = {"parked", "MOST", "sends descriptors that nobody receives", 1, 1, run_parked};
LOAD(parked);
