/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A requirement is a row: what is asked, how it is observed, and what must be seen.
 *
 * A suite lays its rows into a plan.  The harness opens one sandbox per kind of session, asks all
 * its probes there, asks the controls in the bare session, and then judges every row by a pure
 * function of the two observations.  A row that needs a sandbox of its own has a trial instead.
 */
#ifndef HARNESS_REQUIREMENT_H
#define HARNESS_REQUIREMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/trial.h"
#include "harness/verdict.h"
#include "policy/policy.h"

/* Where a probe is asked. */
enum session_kind {
	SESSION_FULL, /* the runtime under test with the whole policy, CMD as uid 0 */
	SESSION_USER, /* the same, CMD as uid and gid 1000 of the sandbox */
	SESSION_SECCOMP_ALONE, /* only seccomp, all capabilities, otherwise as the bare control */
	SESSION_CAPABILITIES_ALONE,
	SESSION_NO_NEW_PRIVS_ALONE, /* as uid 1000 */
	SESSION_MAC_ALONE, /* Landlock or AppArmor, alone */
	SESSION_LANDLOCK_ALONE, /* Landlock alone, also where there is AppArmor */
	SESSION_RLIMITS_ALONE,
	SESSION_BARE, /* the control: root in throwaway namespaces, nothing denied */
	SESSION_BARE_USER, /* the same as uid and gid 1000 */
	SESSION_COUNT,
};

const char *session_kind_name(enum session_kind kind);

/* One layer, all others off. */
bool session_kind_is_alone(enum session_kind kind);

/* What a case needs besides its session; what is missing makes it UNSUPPORTED with the reason. */
enum need {
	NEED_LANDLOCK = 1 << 0, /* landlock_create_ruleset(2) answers */
	NEED_FILTER_READBACK = 1 << 1, /* PTRACE_SECCOMP_GET_FILTER works on this kernel */
	NEED_IA32 = 1 << 2, /* int 0x80 reaches the kernel */
	NEED_SHARED_KERNEL = 1 << 3, /* host processes can see the sandbox's (not a VM, not gVisor) */
	NEED_NODE = 1 << 4, /* the host has /usr/bin/node */
	NEED_GCC = 1 << 5,
	NEED_GIT = 1 << 6,
	NEED_PYTHON3 = 1 << 7,
	NEED_APPARMOR = 1 << 8, /* turned on, and it labels processes */
	NEED_SIGNAL_RULES = 1 << 9, /* AppArmor, or a Landlock that knows of signals */
	NEED_TRUNCATE_RULES = 1 << 10, /* AppArmor, or a Landlock that knows of truncate(2) */
	NEED_LANDLOCK_SIGNALS = 1 << 11, /* ABI 6 */
	NEED_LANDLOCK_TRUNCATE = 1 << 12, /* ABI 3 */
};

/*
 * One observation: what a probe reported, or what came of a trial (its facts: harness/trial.h; a timed-out one has facts too).
 * state is how it ended; facts is a flat JSON object (never NULL when state is OBSERVED_DONE).
 */
enum observed_state {
	OBSERVED_NOTHING, /* never answered: the session died or was not opened */
	OBSERVED_DONE,
	OBSERVED_SIGNAL, /* the probe's child was killed: facts.signal, facts.sigcode */
	OBSERVED_TIMEOUT,
	OBSERVED_UNKNOWN_PROBE, /* the probe binary does not know the name: a harness error */
};

struct observation {
	enum observed_state state;
	json_t *facts; /* borrowed */
};

struct requirement;

/*
 * Judge one case.  Pure: no input but its arguments, no output but *verdict, which comes in as
 * STATUS_ERROR.  control is NULL where the row asks for none.
 */
typedef void judge_function(const struct requirement *requirement, const struct observation *observed,
			    const struct observation *control, struct verdict *verdict);

struct host_context; /* harness/session.h */

/*
 * Observe a live sandbox from the host (read the installed filter, /proc/PID/...): returns a new
 * facts object, or NULL with err set.
 */
typedef json_t *host_probe_function(const struct host_context *context, const struct requirement *requirement,
				    struct error *err);

struct requirement {
	char id[96]; /* "seccomp.standard.deny.mount"; stable, unique, [a-z0-9_.-] */
	const char *area; /* "seccomp": the suite's name */
	enum level level;
	enum session_kind session;
	unsigned needs; /* enum need */
	char probe[512]; /* request line for the probe, without the id: "syscall 165 ..." (probes/PROTOCOL.md) */
	host_probe_function *host; /* instead of probe: asked from the host while the session is live */
	struct trial
		trial; /* instead of probe: a sandbox of its own (trial.load NULL: none); session stays SESSION_FULL */
	struct trial
		control_trial; /* its control, in the same runtime (load NULL: none): the same load with a larger limit */
	enum session_kind control; /* the session of the control; SESSION_COUNT: no control */
	char control_probe[512]; /* request of the control where it differs from probe; "" for the same */
	judge_function *judge;
	bool denial; /* PASS says that it was refused; known of judge_refused */
	/* Parameters of the judge; their meaning is the judge's. */
	const char *fact; /* name of the fact it looks at, or NULL */
	char expected[VERDICT_TEXT_MAX]; /* printed as "expected"; also the operand of the text judges */
	int64_t number; /* an operand: a system call number, a capability, ... */
	int64_t number2;
	uint64_t mask;
	int timeout_ms; /* of the probe; 0: 2000 */
	const char *rationale; /* one line */
	const char *remediation; /* one line: what the runtime's author should do */
	const char *tags; /* "CVE-2019-5736 CIS-5.21", or NULL */
};

/* A growing list of rows for one policy. */
struct plan {
	const struct policy *policy;
	const char *profile; /* the name in the ids: minimal, standard, privileged, or the policy file's agent_id */
	struct requirement *rows;
	size_t count, allocated;
	char **texts; /* plan_text() */
	size_t text_count;
};

/*
 * Append a row: returns a zeroed row with area, level MUST, session FULL, control SESSION_COUNT
 * and the id "AREA.PROFILE.<formatted>" filled in.  Never NULL: running out of memory ends the harness (exit 4).
 */
struct requirement *plan_add(struct plan *plan, const char *area, const char *id_format, ...)
	__attribute__((format(printf, 3, 4)));

/* A text that lives as long as the plan, for the members that are borrowed.  Never NULL, as plan_add. */
const char *plan_text(struct plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where the row is observed, for people: the kind of session, "trial" or "trial-exec". */
const char *requirement_place(const struct requirement *requirement);

/* A suite lays its rows.  It reads golden tables from under fixtures_dir. */
struct suite {
	const char *name;
	const char *summary; /* one line for `list` */
	int (*plan)(struct plan *plan, const char *fixtures_dir, struct error *err);
};

/* Every suite announces itself with this, so that none can be written and never run. */
#define SUITE(variable)                                                                                                \
	static const struct suite *const suite_##variable __attribute__((used, section("suites"))) = &(variable)

/* All announced suites, sorted by name. */
size_t suites_all(const struct suite ***suites);

#endif
