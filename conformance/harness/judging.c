/* SPDX-License-Identifier: Apache-2.0 */
/* From the answers to a verdict, and which cases count. */
#include <stdio.h>
#include <string.h>

#include "harness/engine.h"
#include "harness/needs.h"

bool status_executed(enum status status)
{
	return status == STATUS_PASS || status == STATUS_FAIL || status == STATUS_XFAIL || status == STATUS_XPASS;
}

bool case_required(const struct test_case *test_case)
{
	if (test_case->row->level != LEVEL_MUST || test_case->verdict.status == STATUS_NOT_APPLICABLE)
		return false;
	if (test_case->verdict.status != STATUS_UNSUPPORTED)
		return true;
	/*
	 * A judge's own UNSUPPORTED says that this kernel has not what is asked for: nothing to demand of a runtime.  A limit
	 * for which a runtime has no word is its caller's to enforce, as OCI has it of wall time: the counts show it.
	 * The attribution of layers adds to what the full session shows; a runtime whose layers cannot be had one by one
	 * is still judged on what happens.
	 */
	const char *why;
	return !test_case->missing && !test_case->row->trial.load && ask_is_asked(&test_case->observed) &&
	       ask_is_unsupported(&test_case->observed, &why) && !session_kind_is_alone(test_case->row->session);
}

static void conclude(struct verdict *verdict, enum status status, const char *reason)
{
	verdict->status = status;
	(void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
}

/* The judges see that nothing was measured; only here is it known why. */
static void explain(struct verdict *verdict, const struct observation *observed, const char *why,
		    const struct observation *control, const char *control_why)
{
	if (verdict->status == STATUS_ERROR && observed->state == OBSERVED_NOTHING && *why)
		(void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", why);
	else if (verdict->status == STATUS_INCONCLUSIVE && control && control->state == OBSERVED_NOTHING &&
		 *control_why)
		(void)snprintf(verdict->reason, sizeof(verdict->reason), "the control measured nothing: %.200s",
			       control_why);
}

static void judge_answers(struct test_case *test_case)
{
	const struct requirement *row = test_case->row;
	struct verdict *verdict = &test_case->verdict;
	const char *why = "", *control_why = "";
	const struct observation *control = NULL;
	uint64_t ignored;

	const struct observation *observed = ask_result(&test_case->observed, &why, &test_case->duration_us);
	if (ask_is_asked(&test_case->control))
		control = ask_result(&test_case->control, &control_why, &ignored);
	row->judge(row, observed, control, verdict);
	test_case->facts = row->trial.load ? observed->facts : NULL;
	if (test_case->facts && test_case->attempts > 0)
		(void)json_object_set_new(test_case->facts, "attempts", json_integer(test_case->attempts + 1));
	test_case->control_facts = row->trial.load && control ? control->facts : NULL;
	explain(verdict, observed, why, control, control_why);
}

void case_judge(struct test_case *test_case, const struct expectations *expectations)
{
	struct verdict *verdict = &test_case->verdict;
	const char *why;
	*verdict = (struct verdict){.status = STATUS_ERROR};
	if (test_case->missing) {
		verdict->status = STATUS_UNSUPPORTED;
		needs_describe(test_case->missing, verdict->reason, sizeof(verdict->reason));
	} else if (ask_is_unsupported(&test_case->observed, &why)) {
		conclude(verdict, STATUS_UNSUPPORTED, why);
	} else {
		judge_answers(test_case);
	}
	if (expectations)
		expectations_apply(expectations, test_case->row->id, verdict);
	test_case->required = case_required(test_case);
	test_case->judged = true;
}
