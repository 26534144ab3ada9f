/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and ending the resolver's program. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/signals.h"
#include "netpolicy/resolver_internal.h"

/* Opening sockets and locking down takes milliseconds; a machine under load gets a thousand times that. */
#define READY_MS 10000

static int keep_options(struct resolver *resolver, const struct resolver_options *options, struct error *err)
{
	size_t count = options->hosts ? options->hosts->count : 0;

	resolver->program = strdup(options->program);
	if (!resolver->program)
		return error_set(err, ENOMEM, "resolver");
	resolver->mode = options->mode;
	resolver->server_count = options->server_count;
	memcpy(resolver->servers, options->servers, options->server_count * sizeof(*options->servers));
	if (options->far_end >= 0) {
		resolver->far_end = fcntl(options->far_end, F_DUPFD_CLOEXEC, 0);
		if (resolver->far_end < 0)
			return error_set(err, errno, "resolver: network namespace of its servers");
	}
	if (count == 0)
		return 0;
	resolver->hosts.rules = calloc(count, sizeof(*resolver->hosts.rules));
	if (!resolver->hosts.rules)
		return error_set(err, ENOMEM, "resolver: list of hosts");
	memcpy(resolver->hosts.rules, options->hosts->rules, count * sizeof(*resolver->hosts.rules));
	resolver->hosts.count = count;
	return 0;
}

/* A memfd, read by the program before it locks itself down: a list of hosts may be longer than a socket's buffer. */
static int write_config(const struct resolver *resolver, struct error *err)
{
	struct resolver_config config = {
		.magic = RESOLVER_MAGIC,
		.rule_size = sizeof(struct host_rule),
		.parent = getpid(),
		.mode = resolver->mode,
		.server_count = (uint32_t)resolver->server_count,
		.rule_count = (uint32_t)resolver->hosts.count,
	};
	memcpy(config.servers, resolver->servers, sizeof(config.servers));

	_cleanup_fd_ int fd = memfd_create("resolver", MFD_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "resolver: configuration");
	int r = io_write_all(fd, &config, sizeof(config));
	if (r == 0)
		r = io_write_all(fd, resolver->hosts.rules, resolver->hosts.count * sizeof(struct host_rule));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		return error_set(err, -r, "resolver: configuration");
	return TAKE_FD(fd);
}

/* Put descriptors at 3 and up, in order.  First all out of the way: one may lie where another has to go. */
static int place_descriptors(const int *fds, int count)
{
	int moved[RESOLVER_FD_NEXT];

	for (int i = 0; i < count; i++) {
		moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, RESOLVER_FD_NEXT);
		if (moved[i] < 0)
			return -errno;
	}
	for (int i = 0; i < count; i++)
		if (dup2(moved[i], RESOLVER_FD_CONTROL + i) < 0)
			return -errno;
	return close_range(RESOLVER_FD_NEXT, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

/* Does not return where it succeeds.  *control is the pair's end, wherever it lies by then. */
static int become_program(const struct resolver_options *options, const int *fds, pid_t monitor, int *control)
{
	char *const arguments[] = {(char[]){"agentcore-resolver"}, NULL};
	char *const environment[] = {NULL};
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* The monitor may have died before it was asked for. */
	if (getppid() != monitor)
		return -ESRCH;
	r = signals_reset();
	if (r < 0)
		return r;
	/* Sockets belong to the namespace that they are made in: its servers are asked from the far end. */
	if (options->far_end >= 0 && setns(options->far_end, CLONE_NEWNET) < 0)
		return -errno;
	r = place_descriptors(fds, RESOLVER_FD_NEXT - RESOLVER_FD_CONTROL);
	if (r < 0)
		return r;
	*control = RESOLVER_FD_CONTROL;
	(void)execve(options->program, arguments, environment);
	return -errno;
}

static _Noreturn void run_child(const struct resolver_options *options, const int *fds, pid_t monitor)
{
	struct resolver_request request = {.kind = RESOLVER_FAILED, .name = "start"};

	int control = fds[0];

	request.id = (uint32_t)-become_program(options, fds, monitor, &control);
	(void)send(control, &request, sizeof(request), MSG_NOSIGNAL);
	_exit(127);
}

static int launch(struct resolver *resolver, const struct resolver_options *options, struct error *err)
{
	int pair[2];
	_cleanup_fd_ int config = write_config(resolver, err);
	if (config < 0)
		return config;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return error_set(err, errno, "resolver: socket pair");
	resolver->control = pair[0];
	_cleanup_fd_ int theirs = pair[1];

	const int fds[] = {theirs, options->udp, options->tcp, config};
	pid_t monitor = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return error_set(err, errno, "resolver: fork");
	if (pid == 0)
		run_child(options, fds, monitor);
	resolver->pid = pid;
	return 0;
}

static int failed(const struct resolver *resolver, struct resolver_request *request, struct error *err)
{
	int code = request->id > 0 && request->id < 4096 ? (int)request->id : EPROTO;

	resolver_clean_text(request->name);
	(void)error_set(err, code, "resolver %s: %s", resolver->program, request->name);
	if (code == ENOENT || code == EACCES)
		(void)error_hint(err, "the program agentcore-resolver lies beside agentcore, or in "
				      "PREFIX/libexec/agentcore: `make install` puts it there");
	return -code;
}

int resolver_wait_ready(const struct resolver *resolver, struct error *err)
{
	int64_t end = resolver_now() + READY_MS;

	for (;;) {
		struct resolver_request request;
		int r = resolver_receive(resolver, &request);
		if (r == 1 && request.kind == RESOLVER_READY)
			return 0;
		if (r == 1 && request.kind == RESOLVER_FAILED)
			return failed(resolver, &request, err);
		if (r == -EPIPE)
			return error_say(err, EPIPE, "resolver %s: ended before it was ready", resolver->program);
		if (r != 0)
			return error_say(err, EPROTO, "resolver %s: is another version's", resolver->program);

		int64_t left = end - resolver_now();
		struct pollfd wait = {.fd = resolver->control, .events = POLLIN};
		if (left <= 0)
			return error_say(err, ETIMEDOUT, "resolver %s: not ready within %d s", resolver->program,
					 READY_MS / 1000);
		if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
			return error_set(err, errno, "resolver %s", resolver->program);
	}
}

int resolver_launch(struct resolver **resolver, const struct resolver_options *options, struct error *err)
{
	if (options->server_count < 1 || options->server_count > RESOLVER_SERVERS_MAX) {
		(void)error_say(err, EINVAL, "resolver: %zu name servers", options->server_count);
		(void)error_hint(err, "name 1 to %d with --dns ADDRESS", RESOLVER_SERVERS_MAX);
		return -EINVAL;
	}

	struct resolver *new = calloc(1, sizeof(*new));
	if (!new) {
		(void)error_set(err, ENOMEM, "resolver");
		return -ENOMEM;
	}
	new->control = -1;
	new->far_end = -1;

	int r = keep_options(new, options, err);
	if (r == 0)
		r = launch(new, options, err);
	if (r < 0) {
		resolver_stop(new);
		return r;
	}
	*resolver = new;
	return 0;
}

int resolver_start(struct resolver **resolver, const struct resolver_options *options, struct error *err)
{
	struct resolver *new = NULL;
	int r = resolver_launch(&new, options, err);

	if (r < 0)
		return r;
	r = resolver_wait_ready(new, err);
	if (r < 0) {
		resolver_stop(new);
		return r;
	}
	*resolver = new;
	return 0;
}

int resolver_fd(const struct resolver *resolver)
{
	return resolver->control;
}

void resolver_stop(struct resolver *resolver)
{
	if (!resolver)
		return;
	if (resolver->pid > 0) {
		(void)kill(resolver->pid, SIGKILL);
		while (waitpid(resolver->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	cleanup_fd(&resolver->control);
	cleanup_fd(&resolver->far_end);
	host_list_clear(&resolver->hosts);
	free(resolver->program);
	free(resolver);
}
