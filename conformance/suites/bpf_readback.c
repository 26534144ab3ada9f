/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/bpf_readback.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* Read filter number index, the oldest being 0.  0, -ENOENT beyond the newest, or another negative errno. */
static int read_one(pid_t pid, size_t index, struct bpf_program *program)
{
	void *which = (void *)(uintptr_t)index;
	long count = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, which, NULL);
	if (count < 0)
		return -errno;
	struct sock_filter *instructions = calloc((size_t)count, sizeof(*instructions));
	if (!instructions)
		return -ENOMEM;
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, pid, which, instructions) != count) {
		int code = errno;
		free(instructions);
		return -code;
	}
	*program = (struct bpf_program){instructions, (size_t)count};
	return 0;
}

static int read_all(pid_t pid, struct bpf_stack *stack)
{
	for (;;) {
		struct bpf_program program = {0};
		int r = read_one(pid, stack->count, &program);
		/* A process that never had a filter answers EINVAL: it is in no seccomp mode. */
		if (r == -ENOENT || (r == -EINVAL && stack->count == 0))
			return 0;
		if (r < 0)
			return r;
		struct bpf_program *more = reallocarray(stack->programs, stack->count + 1, sizeof(*more));
		if (!more) {
			free(program.instructions);
			return -ENOMEM;
		}
		stack->programs = more;
		stack->programs[stack->count++] = program;
	}
}

int bpf_read_installed(pid_t pid, struct bpf_stack *stack, struct error *err)
{
	struct bpf_stack fresh = {0};
	int status;

	/* Seize, not attach: no SIGSTOP that the process could see or that would outlive us. */
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return error_set(err, errno, "cannot trace process %d", pid);
	errno = 0;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, &status, __WALL) != pid ||
	    !WIFSTOPPED(status)) {
		int code = errno;
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
		return error_set(err, code ? code : ESRCH, "cannot stop process %d", pid);
	}
	int r = read_all(pid, &fresh);
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	if (r < 0) {
		bpf_stack_clear(&fresh);
		return error_set(err, -r, "cannot read the filters of process %d", pid);
	}
	*stack = fresh;
	return 0;
}
