/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/signals.h"

/* The kernel's layout, for the two signals that libc does not let through. */
static int ignore(int number)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} action = {.handler = (void *)1 /* SIG_IGN */};
	return (int)syscall(SYS_rt_sigaction, number, &action, NULL, sizeof(action.mask));
}

static unsigned long long field(const char *name)
{
	char line[256];
	unsigned long long value = ~0ULL;
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, name, strlen(name)))
			(void)sscanf(line + strlen(name), " %llx", &value);
	if (status)
		(void)fclose(status);
	return value;
}

static int child(void)
{
	sigset_t all;

	if (ignore(SIGPIPE) < 0 || ignore(32) < 0 || ignore(33) < 0 || ignore(64) < 0)
		return 1;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (field("SigIgn:") == 0 || field("SigBlk:") == 0)
		return 2;
	if (signals_reset() != 0)
		return 3;
	return field("SigIgn:") != 0 || field("SigBlk:") != 0 || field("SigCgt:") != 0 ? 4 : 0;
}

static void nothing_is_ignored_or_blocked_afterwards(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_ignored_or_blocked_afterwards)};
	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
