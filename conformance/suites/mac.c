/* SPDX-License-Identifier: Apache-2.0 */
/* Mandatory access control, alone and with all other layers, by outcome: rows of fixtures/golden/mac.tsv, and the label. */
#include <stdio.h>
#include <string.h>

#include "harness/judges.h"
#include "suites/rows.h"

static const char *label_of(const struct observation *observation, char *shown)
{
	const char *label = json_string_value(json_object_get(observation->facts, "label"));
	(void)snprintf(shown, VERDICT_TEXT_MAX, "%s", label ? label : "no label");
	return label;
}

static void judge_label(const struct requirement *requirement, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	const char *label = label_of(observed, verdict->observed);
	const char *bare = label_of(control, verdict->control);
	verdict->status = STATUS_FAIL;
	if (!label)
		(void)snprintf(verdict->reason, sizeof(verdict->reason), "proc tells no label");
	else if (strcmp(label, requirement->expected) != 0)
		(void)snprintf(verdict->reason, sizeof(verdict->reason), "the label in effect is %.100s", label);
	else
		verdict->status = bare && strcmp(bare, "unconfined") == 0 ? STATUS_PASS : STATUS_INCONCLUSIVE;
	if (verdict->status == STATUS_INCONCLUSIVE)
		(void)snprintf(verdict->reason, sizeof(verdict->reason), "the control is confined as well");
}

static void add_label(struct plan *plan, const char *id, enum session_kind session)
{
	struct requirement *row = plan_add(plan, "mac", "%s", id);
	row->session = session;
	row->needs = NEED_APPARMOR;
	row->judge = judge_label;
	(void)snprintf(row->probe, sizeof(row->probe), "mac-label");
	/* In any other mode the rules are words. */
	(void)snprintf(row->expected, sizeof(row->expected), "agentcore-%s-%s (enforce)", plan->policy->agent_id,
		       profile_name(plan->policy->profile));
	rows_control(row, "=");
	rows_describe(
		row,
		&(struct rows_text){
			.why = "the profile that was asked for says nothing: the kernel's word on the process does",
			.fix = "read the label back behind the change of profile, from proc itself",
			.tags = "CVE-2025-52881",
		});
}

static int plan_mac(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	if (strcmp(plan->policy->apparmor_profile, "unconfined") != 0) {
		add_label(plan, "label.in-effect", SESSION_MAC_ALONE);
		add_label(plan, "full.label.in-effect", SESSION_FULL);
	}
	return rows_add(plan, "mac", fixtures_dir, "golden/mac.tsv", NULL, err);
}

static const struct suite mac = {
	.name = "mac",
	.summary = "the mandatory layer: writing, reading, executing, mounting, reaching others beyond what it grants; "
		   "the label",
	.plan = plan_mac,
};
SUITE(mac);
