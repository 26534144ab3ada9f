/* SPDX-License-Identifier: Apache-2.0 */
/* Run a function in a child, whose irrevocable changes then do not reach the test program. */
#ifndef TESTS_ENFORCE_CHILD_H
#define TESTS_ENFORCE_CHILD_H

#include <sys/wait.h>
#include <unistd.h>

/* Returns what the function returned (0..255), or -1 where the child did not end by itself. */
static inline int in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* A step of the child: ends it with the line's number when the condition does not hold. */
#define NEED(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return __LINE__ % 250 + 1;                                                                     \
	} while (0)

#endif
