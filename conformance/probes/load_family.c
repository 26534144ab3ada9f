/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/load_family.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNALS 65

bool family_open(struct family *family)
{
	return pipe(family->ends) == 0;
}

static void be_there(const struct family *family)
{
	const char byte = 0;
	while (write(family->ends[1], &byte, 1) < 0 && errno == EINTR)
		;
}

static void close_everything(void)
{
	for (int fd = 0; fd < 16; fd++)
		(void)close(fd);
}

static void wait_out(const struct family *family)
{
	close_everything();
	load_sleep_ms(family->until_ms - load_now_ms());
	_exit(0);
}

/* The child in the middle makes `count` and ends; how they went shows in its status. */
static bool fork_in_between(struct family *family, int count, bool own_session)
{
	int status = 1;
	pid_t middle = fork();
	if (middle == 0) {
		if (own_session)
			(void)setsid();
		for (int i = 0; i < count; i++) {
			pid_t child = fork();
			if (child < 0)
				_exit(1);
			if (child > 0)
				continue;
			if (own_session)
				(void)setsid();
			be_there(family);
			wait_out(family);
		}
		_exit(0);
	}
	while (middle > 0 && waitpid(middle, &status, 0) < 0 && errno == EINTR)
		;
	family->expected += count;
	return middle > 0 && status == 0;
}

bool family_add_daemons(struct family *family, int count)
{
	return fork_in_between(family, count, true);
}

bool family_add_orphans(struct family *family, int count)
{
	return fork_in_between(family, count, false);
}

bool family_add_stopped(struct family *family, int count)
{
	for (int i = 0; i < count; i++) {
		int status;
		pid_t child = fork();
		if (child < 0)
			return false;
		if (child == 0) {
			(void)setsid();
			be_there(family);
			(void)raise(SIGSTOP);
			wait_out(family);
		}
		family->stopped[family->stopped_count++] = child;
		family->expected++;
		while (waitpid(child, &status, WUNTRACED) < 0 && errno == EINTR)
			;
	}
	return true;
}

/* The first link is in the place of a daemon. */
static void go_on(const struct family *family, int64_t every_ms)
{
	close_everything();
	while (load_now_ms() < family->until_ms) {
		load_sleep_ms(every_ms);
		/* A fork that is refused is tried again: the chain must not break for that. */
		if (fork() > 0)
			_exit(0);
	}
	_exit(0);
}

bool family_add_chain(struct family *family, int64_t every_ms)
{
	int status = 1;
	pid_t middle = fork();
	if (middle == 0) {
		(void)setsid();
		pid_t child = fork();
		if (child == 0) {
			be_there(family);
			go_on(family, every_ms);
		}
		_exit(child < 0);
	}
	while (middle > 0 && waitpid(middle, &status, 0) < 0 && errno == EINTR)
		;
	family->expected++;
	return middle > 0 && status == 0;
}

bool family_gathered(struct family *family)
{
	char byte;
	(void)close(family->ends[1]);
	for (int i = 0; i < family->expected; i++) {
		ssize_t n;
		do
			n = read(family->ends[0], &byte, 1);
		while (n < 0 && errno == EINTR);
		if (n != 1)
			return false;
	}
	(void)close(family->ends[0]);
	return true;
}

void family_kill_stopped(struct family *family)
{
	for (int i = 0; i < family->stopped_count; i++) {
		(void)kill(family->stopped[i], SIGKILL);
		(void)waitpid(family->stopped[i], NULL, 0);
	}
}

void go_deaf(void)
{
	sigset_t all;
	for (int number = 1; number < SIGNALS; number++)
		if (number != SIGCHLD) /* its dead children would be reaped for it, and waitpid wait for nothing */
			(void)signal(number, SIG_IGN);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
}
