/* SPDX-License-Identifier: Apache-2.0 */
/* How the command was started, and what its PID 1 is like: /proc/PID/status, proc(5). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/probe.h"

#define THE_COMMAND "the command itself"

/* Read a file of /proc whole; "" where that fails. */
static size_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void report_field(struct facts *facts, const char *fact, const char *status, const char *field)
{
	char value[64] = "";
	const char *line = strstr(status, field);

	if (line)
		(void)sscanf(line + strlen(field), " %63s", value);
	fact_text(facts, fact, value);
}

/* The command is the server: this child's parent. */
static int run_command(int argc, char **argv, struct facts *facts)
{
	char status[4096];

	(void)argc;
	(void)argv;
	(void)read_proc(getppid(), "status", status, sizeof(status));
	report_field(facts, "blocked", status, "\nSigBlk:");
	report_field(facts, "ignored", status, "\nSigIgn:");
	/* 0 stands for a leader whom this pid namespace does not see. */
	fact_text(facts, "session", getsid(getppid()) > 0 ? "inside" : "outside");
	return 0;
}

static const struct probe command = {"posture-command", "", "the command's signal mask, ignored signals and session",
				     run_command};
PROBE(command);

static int run_init(int argc, char **argv, struct facts *facts)
{
	char status[4096], line[4096];

	(void)argc;
	(void)argv;
	if (getppid() == 1) {
		fact_text(facts, "seccomp", THE_COMMAND);
		fact_text(facts, "capabilities", THE_COMMAND);
		fact_text(facts, "names", THE_COMMAND);
		return 0;
	}
	(void)read_proc(1, "status", status, sizeof(status));
	report_field(facts, "seccomp", status, "\nSeccomp:");
	report_field(facts, "capabilities", status, "\nCapEff:");
	size_t length = read_proc(1, "cmdline", line, sizeof(line));
	fact_text(facts, "names", memchr(line, '/', length) ? "files of the host" : "nothing");
	return 0;
}

static const struct probe init = {"posture-init", "", "PID 1's seccomp mode, effective capabilities and command line",
				  run_init};
PROBE(init);
