/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: how the command starts, and what the runtime's own process inside is like.  The latter is
 * SHOULD: by outcome it is guarded already (namespaces: pid.init_*); these rows ask for the second line.
 */
#include <stdio.h>

#include "base/array.h"
#include "harness/judges.h"
#include "harness/requirement.h"

#define NO_SIGNAL "0000000000000000"

static const struct row {
	const char *id, *probe, *fact, *expected;
	enum level level;
	const char *rationale, *remediation;
} rows[] = {
	{"command.session", "posture-command", "session", "inside", LEVEL_MUST,
	 "In the caller's session the command reaches the caller's terminal", "Call setsid before exec"},
	{"command.blocked", "posture-command", "blocked", NO_SIGNAL, LEVEL_SHOULD,
	 "A blocked signal stays blocked through exec: the command could not be ended politely",
	 "Empty the signal mask before exec"},
	{"command.ignored", "posture-command", "ignored", NO_SIGNAL, LEVEL_SHOULD,
	 "An ignored signal stays ignored through exec: pipelines would not end with their readers",
	 "Set every signal to its default before exec"},
	{"init.filter", "posture-init", "seccomp", "2|the command itself", LEVEL_SHOULD,
	 "A PID 1 that is taken over should be able to do no more than its work",
	 "Install a filter in PID 1 that admits what it calls"},
	{"init.capabilities", "posture-init", "capabilities", NO_SIGNAL "|0000000000000020|the command itself",
	 LEVEL_SHOULD, "PID 1 has to signal the command, and needs CAP_KILL at most",
	 "Drop the other capabilities in PID 1"},
	{"init.command_line", "posture-init", "names", "nothing|the command itself", LEVEL_SHOULD,
	 "The runtime's command line names files of the host", "Overwrite argv in PID 1"},
};

static int plan_processes(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	(void)fixtures_dir;
	(void)err;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct requirement *row = plan_add(plan, "processes", "%s", rows[i].id);
		row->level = rows[i].level;
		row->judge = judge_fact_one_of;
		row->fact = rows[i].fact;
		row->rationale = rows[i].rationale;
		row->remediation = rows[i].remediation;
		(void)snprintf(row->probe, sizeof(row->probe), "%s", rows[i].probe);
		(void)snprintf(row->expected, sizeof(row->expected), "%s", rows[i].expected);
	}
	return 0;
}

static const struct suite processes = {
	.name = "processes",
	.summary = "how the command is started, and what PID 1 beside it is like",
	.plan = plan_processes,
};
SUITE(processes);
