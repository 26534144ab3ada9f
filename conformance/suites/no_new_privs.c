/* SPDX-License-Identifier: Apache-2.0 */
/*
 * no_new_privs: the bit is there and stays, and a setuid-root program gains nothing, with the whole policy and with this
 * layer alone.  Where the policy leaves it off, every row is NOT_APPLICABLE and says so.
 */
#include <linux/capability.h>
#include <stdio.h>

#include "base/array.h"
#include "harness/judges.h"
#include "suites/rows.h"
#include "suites/settle.h"

#define AREA "no_new_privs"

#define FIX "Set no_new_privs with prctl(PR_SET_NO_NEW_PRIVS, 1) before exec"

static const struct rows_text bit = {"execve can no longer grant what the caller does not have", FIX, "CIS-5.26"};
static const struct rows_text stays = {"Programs, threads and prctl from inside must not lose it", FIX, "CIS-5.26"};
static const struct rows_text suid = {"A setuid-root program that the command finds or makes gains it nothing", FIX,
				      "CIS-5.26"};

/*
 * For SESSION_USER and the layer alone the control is the bare user's.  Where the policy grants capabilities, which a
 * user who is not root cannot have, a runtime may refuse to start as one: then the command drops to that user by itself.
 */
static const struct row {
	const char *id;
	enum session_kind session;
	const char *probe, *fact, *expected;
	uint64_t needs; /* capabilities without which the command cannot do it; then it is not planned */
	const struct rows_text *text;
} rows[] = {
	{"set.prctl", SESSION_FULL, "privilege-identity", "no_new_privs", "1", 0, &bit},
	{"set.status", SESSION_FULL, "privilege-identity", "status_no_new_privs", "1", 0, &bit},
	{"after_exec.prctl", SESSION_FULL, "privilege-exec plain", "no_new_privs", "1", 0, &stays},
	{"after_exec.status", SESSION_FULL, "privilege-exec plain", "status_no_new_privs", "1", 0, &stays},
	{"late_thread.prctl", SESSION_FULL, "privilege-thread", "no_new_privs", "1", 0, &stays},
	{"late_thread.status", SESSION_FULL, "privilege-thread", "status_no_new_privs", "1", 0, &stays},
	{"not_cleared", SESSION_FULL, "privilege-clear", "no_new_privs", "1", 0, &stays},
	{"dropped.suid.euid", SESSION_FULL, "privilege-exec suid-dropped", "euid", "1000",
	 1ULL << CAP_SETUID | 1ULL << CAP_SETGID, &suid},
	{"dropped.suid.permitted", SESSION_FULL, "privilege-exec suid-dropped", "permitted", "0",
	 1ULL << CAP_SETUID | 1ULL << CAP_SETGID, &suid},
	{"user.set.prctl", SESSION_USER, "privilege-identity", "no_new_privs", "1", 0, &bit},
	{"user.set.status", SESSION_USER, "privilege-identity", "status_no_new_privs", "1", 0, &bit},
	{"user.suid.euid", SESSION_USER, "privilege-exec suid", "euid", "1000", 0, &suid},
	{"user.suid.permitted", SESSION_USER, "privilege-exec suid", "permitted", "0", 0, &suid},
	{"user.suid_thread.euid", SESSION_USER, "privilege-exec suid-thread", "euid", "1000", 0, &suid},
	{"user.suid_thread.permitted", SESSION_USER, "privilege-exec suid-thread", "permitted", "0", 0, &suid},
	{"alone.set.prctl", SESSION_NO_NEW_PRIVS_ALONE, "privilege-identity", "no_new_privs", "1", 0, &bit},
	{"alone.set.status", SESSION_NO_NEW_PRIVS_ALONE, "privilege-identity", "status_no_new_privs", "1", 0, &bit},
	{"alone.suid.euid", SESSION_NO_NEW_PRIVS_ALONE, "privilege-exec suid", "euid", "1000", 0, &suid},
	{"alone.suid.permitted", SESSION_NO_NEW_PRIVS_ALONE, "privilege-exec suid", "permitted", "0", 0, &suid},
	{"alone.suid_thread.euid", SESSION_NO_NEW_PRIVS_ALONE, "privilege-exec suid-thread", "euid", "1000", 0, &suid},
	{"alone.suid_thread.permitted", SESSION_NO_NEW_PRIVS_ALONE, "privilege-exec suid-thread", "permitted", "0", 0,
	 &suid},
};

static void judge_left_off(const struct requirement *row, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	(void)row;
	(void)observed;
	(void)control;
	settle(verdict, STATUS_NOT_APPLICABLE, "the policy has no_new_privileges false");
}

static void plan_row(struct plan *plan, const struct row *from)
{
	bool asked_for = plan->policy->no_new_privileges;
	struct requirement *row = plan_add(plan, AREA, "%s", from->id);
	row->judge = asked_for ? judge_fact_equals : judge_left_off;
	row->fact = from->fact;
	/* Without the layer there is no sandbox of it alone to start: the row is said in the full one. */
	row->session = asked_for ? from->session : SESSION_FULL;
	row->control = from->session == SESSION_FULL ? SESSION_BARE : SESSION_BARE_USER;
	(void)snprintf(row->probe, sizeof(row->probe), "%s", asked_for ? from->probe : "noop");
	(void)snprintf(row->expected, sizeof(row->expected), "%s", from->expected);
	rows_describe(row, from->text);
	if (!asked_for)
		row->control = SESSION_COUNT;
}

static int plan_no_new_privs(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	(void)fixtures_dir;
	(void)err;
	uint64_t allowed = plan->policy->capabilities;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!(rows[i].needs & ~allowed) && !(rows[i].session == SESSION_USER && allowed))
			plan_row(plan, &rows[i]);
	return 0;
}

static const struct suite no_new_privs = {"no_new_privs", "a setuid program gains nothing", plan_no_new_privs};
SUITE(no_new_privs);
