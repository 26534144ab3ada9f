/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a session: start, end, and why it ended. */
#include "harness/session.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness/hostpid.h"
#include "harness/session_private.h"

#define CLOSE_WAIT_MS 5000
#define KILL_WAIT_MS  2000

/* The pipes of a session: the sandbox's ends are handed to the adapter and closed after the start. */
struct pipes {
	int in[2], out[2], err[2];
};

static void close_pipes(const struct pipes *pipes)
{
	const int fds[] = {pipes->in[0], pipes->in[1], pipes->out[0], pipes->out[1], pipes->err[0], pipes->err[1]};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static int open_pipes(struct pipes *pipes, struct error *err)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
	if (pipe2(pipes->in, O_CLOEXEC) < 0 || pipe2(pipes->out, O_CLOEXEC) < 0 || pipe2(pipes->err, O_CLOEXEC) < 0) {
		int r = error_set(err, errno, "pipe");
		close_pipes(pipes);
		return r;
	}
	/* Only our ends: the flag belongs to the end, and the probe's own must block. */
	(void)fcntl(pipes->in[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(pipes->out[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(pipes->err[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static struct session *session_new(struct adapter *adapter, const struct adapter_launch *launch,
				   const struct pipes *pipes)
{
	static atomic_uint serial;
	static char program[] = "probe", verb[] = "serve";
	struct session *session = calloc(1, sizeof(*session));
	if (!session)
		return NULL;
	session->adapter = adapter;
	session->launch = *launch;
	(void)snprintf(session->token, sizeof(session->token), "token-%d-%u", (int)getpid(),
		       atomic_fetch_add(&serial, 1));
	session->command[0] = program;
	session->command[1] = verb;
	session->command[2] = session->token;
	session->launch.command = session->command;
	session->launch.stdin_fd = pipes->in[0];
	session->launch.stdout_fd = pipes->out[1];
	session->launch.stderr_fd = pipes->err[1];
	session->in_fd = pipes->in[1];
	session->out_fd = pipes->out[0];
	session->err_fd = pipes->err[0];
	session->host = (struct host_context){0, session->token, launch->policy};
	return session;
}

static void on_pipe(int number)
{
	(void)number;
}

/* Writing to a sandbox that died must not kill us.  A handler, since SIG_IGN would be inherited through exec. */
static void survive_sigpipe(void)
{
	struct sigaction now;
	if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
		struct sigaction action = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};
		(void)sigaction(SIGPIPE, &action, NULL);
	}
}

int session_open(struct session **session, struct adapter *adapter, const struct adapter_launch *launch,
		 struct error *err)
{
	char reason[256] = "";
	if (adapter->class->can_express && !adapter->class->can_express(adapter, launch, reason, sizeof(reason)))
		return error_say(err, EOPNOTSUPP, "%s", reason);

	survive_sigpipe();
	struct pipes pipes;
	int r = open_pipes(&pipes, err);
	if (r < 0)
		return r;
	struct session *fresh = session_new(adapter, launch, &pipes);
	if (!fresh) {
		close_pipes(&pipes);
		return error_set(err, ENOMEM, "session");
	}
	r = adapter->class->start(adapter, &fresh->launch, &fresh->pid, err);
	if (r < 0) {
		close_pipes(&pipes);
		free(fresh);
		return r;
	}
	(void)close(pipes.in[0]);
	(void)close(pipes.out[1]);
	(void)close(pipes.err[1]);
	*session = fresh;
	return 0;
}

int session_ask(struct session *session, const char *request, int timeout_ms, struct observation *observation,
		struct error *err)
{
	struct question question = {.request = request, .timeout_ms = timeout_ms};
	session_queue(session, &question, 1);
	while (session_busy(session)) {
		int r = sessions_wait(&session, 1, -1, CLOSE_WAIT_MS);
		if (r < 0)
			return error_set(err, -r, "poll");
	}
	if (session_answered(session) == 0) {
		char why[400];
		session_describe_death(session, why, sizeof(why));
		return error_say(err, EPIPE, "%s", why);
	}
	*observation = question.observation;
	return 0;
}

const struct host_context *session_host_context(struct session *session)
{
	if (session->host.probe_pid == 0)
		session->host.probe_pid = hostpid_find(session->token);
	return &session->host;
}

/* --- The end ------------------------------------------------------------------------------------- */

static bool reap(struct session *session)
{
	if (session->pid > 0 && waitpid(session->pid, &session->wait_status, WNOHANG) != 0)
		session->pid = 0;
	return session->pid == 0;
}

/* Read and drop answers that nobody waits for any more, so that the probe can come to its end. */
static void drop_answers(struct session *session)
{
	char buffer[4096];
	ssize_t n = read(session->out_fd, buffer, sizeof(buffer));
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		close_fd(&session->out_fd);
}

/* Wait until the runtime has ended, at most ms milliseconds; true when it has. */
static bool wait_end(struct session *session, int ms)
{
	if (reap(session))
		return true;
	uint64_t end = clock_us() + (uint64_t)ms * 1000;
	_cleanup_fd_ int pidfd = pidfd_open(session->pid, 0);
	while (!reap(session)) {
		uint64_t now = clock_us();
		if (now >= end)
			return false;
		/* Without pidfd_open(2) there is nothing to wake us. */
		int left = pidfd >= 0 ? (int)((end - now) / 1000) + 1 : 10;
		struct pollfd fds[] = {{pidfd, POLLIN, 0}, {session->out_fd, POLLIN, 0}, {session->err_fd, POLLIN, 0}};
		if (poll(fds, 3, left) < 0)
			continue;
		if (fds[1].revents)
			drop_answers(session);
		if (fds[2].revents)
			talk_read_errors(session);
	}
	return true;
}

static void describe_exit(int status, char *text, size_t size)
{
	if (WIFEXITED(status))
		(void)snprintf(text, size, "the runtime ended with status %d", WEXITSTATUS(status));
	else
		(void)snprintf(text, size, "the runtime was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
}

void session_describe_death(struct session *session, char *text, size_t size)
{
	char exit_text[96] = "the runtime still runs";
	if (session->dead_reason)
		(void)snprintf(exit_text, sizeof(exit_text), "%s", session->dead_reason);
	else if (wait_end(session, KILL_WAIT_MS))
		describe_exit(session->wait_status, exit_text, sizeof(exit_text));
	while (session->err_fd >= 0 && poll(&(struct pollfd){session->err_fd, POLLIN, 0}, 1, 0) > 0)
		talk_read_errors(session);

	size_t length = session->errors_length;
	while (length > 0 && isspace((unsigned char)session->errors[length - 1]))
		length--;
	(void)snprintf(text, size, "%s%s%.*s", exit_text, length ? ": " : "", (int)length, session->errors);
	for (char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
}

void session_close(struct session *session, int *exit_status)
{
	if (!session)
		return;
	close_fd(&session->in_fd);
	/* A session that hangs gets no second chance: its input has been closed for nothing. */
	if (!wait_end(session, session->dead && session->dead_reason ? 0 : CLOSE_WAIT_MS)) {
		(void)kill(session->pid, SIGTERM);
		(void)hostpid_kill(session->token);
		if (!wait_end(session, KILL_WAIT_MS)) {
			(void)kill(session->pid, SIGKILL);
			(void)wait_end(session, KILL_WAIT_MS);
		}
	}
	/* What outlived its runtime. */
	(void)hostpid_kill(session->token);
	if (session->adapter->class->finish)
		session->adapter->class->finish(session->adapter, &session->launch, session->pid);
	if (exit_status)
		*exit_status = session->wait_status;
	close_fd(&session->out_fd);
	close_fd(&session->err_fd);
	free(session->answer);
	free(session);
}
