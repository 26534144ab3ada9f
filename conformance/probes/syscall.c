/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/facts.h"
#include "probes/probe.h"
#include "probes/syscall_raw.h"
#include "probes/syscall_safe.h"

#define X32_BIT UINT32_C(0x40000000)

bool syscall_parse_number(const char *text, uint64_t *value)
{
	char *end;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return end != text && *end == '\0' && errno == 0;
}

static void report(struct facts *facts, long ret)
{
	fact_result(facts, syscall_libc_style(ret));
}

static int run_syscall(int argc, char **argv, struct facts *facts)
{
	uint64_t number, args[6] = {0};
	if (argc < 2 || argc > 8 || !syscall_parse_number(argv[1], &number))
		return 1;
	for (int i = 2; i < argc; i++)
		if (!syscall_parse_number(argv[i], &args[i - 2]))
			return 1;
	report(facts, syscall_raw(number, args));
	return 0;
}

static void call_with_child(uint64_t number, const struct safe_call *call, struct facts *facts)
{
	long pid = syscall_raw_child_exits(number, call->args);
	report(facts, pid);
	if (pid > 0)
		(void)waitpid((pid_t)pid, NULL, 0);
}

/* Success is that the grandchild ended with the status that it gave; otherwise it leaves the errno behind. */
static void call_in_child(uint64_t number, const struct safe_call *call, struct facts *facts)
{
	volatile long *refusal =
		mmap(NULL, sizeof(*refusal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (refusal == MAP_FAILED)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		*refusal = syscall_raw(number, call->args);
		for (;;)
			(void)raise(SIGKILL);
	}
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return;
	if (*refusal == 0 && WIFSIGNALED(status))
		(void)raise(WTERMSIG(status));
	fact_number(facts, "status", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	report(facts, *refusal);
}

static void on_alarm(int signal_number)
{
	(void)signal_number;
}

/* The timer repeats: the first tick may come before the call waits. */
static void call_with_timer(uint64_t number, const struct safe_call *call, struct facts *facts)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	const struct itimerval tick = {{0, 10000}, {0, 10000}};
	const struct itimerval never = {{0, 0}, {0, 0}};
	if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &tick, NULL))
		return;
	long ret = syscall_raw(number, call->args);
	(void)setitimer(ITIMER_REAL, &never, NULL);
	report(facts, ret);
}

static void call_safely(uint64_t number, const struct safe_call *call, struct facts *facts)
{
	switch (call->manner) {
	case SAFE_CHILD:
		call_with_child(number, call, facts);
		return;
	case SAFE_EXIT:
		call_in_child(number, call, facts);
		return;
	case SAFE_PAUSE:
		call_with_timer(number, call, facts);
		return;
	case SAFE_NEW_SESSION:
		/* Only with no terminal left is the call harmless.  The child leads no group, so this works. */
		if (setsid() < 0)
			return;
		break;
	case SAFE_NO_NEW_PRIVS:
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		break;
	case SAFE_PLAIN:
		break;
	}
	report(facts, syscall_raw(number, call->args));
}

/*
 * The number goes to the kernel as given, high bits and all; the row is that of the call which the kernel could take
 * it for.  A number without a row gets -1 in every register: no descriptor, no address, no known flag.
 */
static int run_safe(int argc, char **argv, struct facts *facts)
{
	static const struct safe_call unknown = {
		{NOFD, NOFD, NOFD, NOFD, NOFD, NOFD}, "unknown", "bad in every register", SAFE_PLAIN, -1};
	uint64_t number;
	if (argc != 2 || !syscall_parse_number(argv[1], &number))
		return 1;
	const struct safe_call *call = safe_call_find((uint32_t)number & ~X32_BIT);
	call_safely(number, call ? call : &unknown, facts);
	return 0;
}

static const struct probe raw = {
	"syscall", "NR [A0 [A1 [A2 [A3 [A4 [A5]]]]]]",
	"make one system call with these registers, past libc; the caller answers for its being harmless", run_syscall};
PROBE(raw);

static const struct probe safe = {"syscall-safe", "NR",
				  "make one system call with arguments that are harmless even for root", run_safe};
PROBE(safe);
