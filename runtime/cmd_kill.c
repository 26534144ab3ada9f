/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "recipe/commands.h"
#include "recipe/control.h"
#include "recipe/verb.h"

static const char help[] = "Usage: agentcore kill ID [SIGNAL] [OPTION]...\n"
			   "\n"
			   "Send a signal to the command of a sandbox, or end the sandbox.\n"
			   "\n"
			   "SIGNAL is a name or a number, TERM by default.  It goes to CMD alone, which may catch it.\n"
			   "KILL or --all ends PID 1, and with it everybody inside.\n"
			   "\n"
			   "  --all            end everybody, at once\n"
			   "  --audit-dir DIR  where the audit log is (default " AUDIT_DEFAULT_DIRECTORY ")\n"
			   "  --root STATEDIR  state directory (default /run/agentcore)\n"
			   "\n"
			   "Exit status: 0 the signal was sent; 125 it was not.\n"
			   "\n"
			   "Examples:\n"
			   "  agentcore kill job1             ask CMD to end\n"
			   "  agentcore kill job1 USR1\n"
			   "  agentcore kill --all job1       end it now; its monitor clears up\n";

static const struct verb verb = {.name = "kill", .options = "aA", .help = help};

/* "TERM", "SIGTERM" or "15": the number, or -1. */
static int signal_number(const char *text)
{
	const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end != text)
		return !*end && *text != '-' && *text != '+' && number >= 1 && number <= (unsigned long)SIGRTMAX
			       ? (int)number
			       : -1;
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && !strcasecmp(sigabbrev_np(i), name))
			return i;
	return -1;
}

/* By the monitor and PID 1: inside, CMD has a pid that only PID 1 can be sure of. */
static int signal_command(const struct target *target, int number, struct error *err)
{
	struct control_request request = {.kind = CONTROL_SIGNAL, .number = (uint32_t)number};
	_cleanup_fd_ int fd = -1;
	int r = control_connect(target->directory, &fd, err);

	return r < 0 ? r : control_ask(fd, &request, NULL, err);
}

static int act(const struct verb *self, const struct verb_options *options, struct error *err)
{
	if (options->word_count < 1 || options->word_count > 2)
		return verb_usage(self, err, options->word_count ? "more than an id and a signal" : "no id");
	int number = options->word_count == 2 ? signal_number(options->words[1]) : SIGTERM;
	if (number < 0)
		return verb_usage(self, err, "no signal \"%.40s\"", options->words[1]);

	struct target target;
	int r = target_open(options, options->words[0], &target, err);
	if (r < 0)
		return r;
	bool everybody = options->all || number == SIGKILL;
	/* A sandbox that is starting or ending can be killed; CMD can be signalled only when there is one. */
	r = everybody && target.record.init_fd >= 0 ? 0 : target_must_run(&target, err);
	if (r == 0)
		r = everybody ? pidfd_signal(target.record.init_fd, SIGKILL, err)
			      : signal_command(&target, number, err);
	target_audit(&target, "sandbox_kill", "kill", sigabbrev_np(everybody ? SIGKILL : number), "allowed", err, NULL);
	target_close(&target);
	return r;
}

int command_kill(int argc, char **argv)
{
	return verb_main(&verb, argc, argv, act);
}
