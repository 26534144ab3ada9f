/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe, one child, one answer line.
 *
 * This has to work under very small system call allowlists: fork, wait4, setitimer, kill and write are
 * all that the parent needs.
 */
#include "probes/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 20

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The handler has nothing to do: it exists so that SIGALRM interrupts wait4. */
static void on_alarm(int signal)
{
	(void)signal;
}

/* A repeating timer: a single shot could fire just before wait4 blocks and be lost. */
static void tick(bool on)
{
	struct itimerval every = {0};
	if (on) {
		struct sigaction action = {.sa_handler = on_alarm};
		(void)sigaction(SIGALRM, &action, NULL);
		every.it_value.tv_usec = every.it_interval.tv_usec = TICK_MS * 1000;
	}
	(void)setitimer(ITIMER_REAL, &every, NULL);
}

/* Wait for the child within facts->limit_ms; true when it had to be killed. */
static bool wait_bounded(const struct facts *facts, pid_t child, int *status)
{
	int64_t start = now_ms();
	bool killed = false;

	tick(true);
	while (waitpid(child, status, 0) < 0 && errno == EINTR) {
		if (!killed && now_ms() - start >= facts->limit_ms) {
			(void)kill(child, SIGKILL);
			killed = true;
		}
	}
	tick(false);
	return killed;
}

/*
 * The child must neither eat requests nor write into the answers: its input is empty and its
 * output is the error stream.
 */
static void detach_streams(void)
{
	(void)close(0);
	if (open("/dev/null", O_RDONLY) < 0)
		(void)dup2(2, 0);
	(void)dup2(2, 1);
}

static void run_child(const struct probe *probe, int argc, char **argv, struct facts *facts)
{
	(void)signal(SIGALRM, SIG_DFL);
	detach_streams();
	facts->rejected = probe->run(argc, argv, facts) != 0;
	_exit(0);
}

static const char *state_of(struct facts *facts, int status, bool timed_out)
{
	if (timed_out)
		return "timeout";
	if (WIFSIGNALED(status)) {
		fact_number(facts, "signal", WTERMSIG(status));
		fact_number(facts, "sigcode", WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED);
		return "signal";
	}
	return facts->rejected ? "unknown" : "done";
}

static const char *run(struct facts *facts, int argc, char **argv)
{
	const struct probe *probe = argc > 0 ? probe_find(argv[0]) : NULL;
	if (!probe)
		return "unknown";

	pid_t child = fork();
	if (child < 0) {
		fact_number(facts, "errno", errno);
		return "unforkable";
	}
	if (child == 0)
		run_child(probe, argc, argv, facts);
	int status = 0;
	bool timed_out = wait_bounded(facts, child, &status);
	return state_of(facts, status, timed_out);
}

void probe_answer(struct facts *facts, long id, int limit_ms, int argc, char **argv, int fd)
{
	/* Every byte may become six; the pages are touched only as far as they are used. */
	static char line[FACTS_MAX * (FACT_KEY_MAX + FACT_TEXT_MAX + 16) * 6];

	facts_reset(facts, limit_ms);
	const char *state = run(facts, argc, argv);
	size_t used = (size_t)snprintf(line, sizeof(line), "{\"id\":%ld,\"state\":\"%s\",\"facts\":", id, state);
	used += facts_format(facts, line + used, sizeof(line) - used - 3);
	memcpy(line + used, "}\n", 2);
	ssize_t written;
	do
		written = write(fd, line, used + 2);
	while (written < 0 && errno == EINTR);
}
