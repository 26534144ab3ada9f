/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/namespaces.h"

#include <errno.h>
#include <string.h>

#include "harness/judges.h"
#include "suites/settle.h"

static void observe_result(struct verdict *verdict, int64_t ret, int64_t code)
{
	settle_text(verdict->observed, "%s", ret >= 0 ? "worked" : errno_name((int)code));
}

void judge_other_namespace(const struct requirement *row, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(row, observed, control, verdict))
		return;
	const char *inside = fact_text_of(observed, "inside"), *outside = fact_text_of(observed, "outside");
	settle_text(verdict->observed, "%s", inside);
	settle_text(verdict->control, "%s", outside);
	if (!*inside || !*outside)
		settle(verdict, STATUS_INCONCLUSIVE, "a namespace could not be read");
	else if (strcmp(inside, outside) == 0)
		settle(verdict, STATUS_FAIL, "it is the host's own: %s", outside);
	else
		settle_pass(verdict);
}

void judge_host_ids(const struct requirement *row, const struct observation *observed,
		    const struct observation *control, struct verdict *verdict)
{
	int64_t id, lowest;
	if (judge_unmeasured(row, observed, control, verdict) || !fact_needed(observed, "id", &id, verdict) ||
	    !fact_needed(observed, "lowest", &lowest, verdict))
		return;
	settle_text(verdict->observed, "id %lld, range from %lld", (long long)id, (long long)lowest);
	if (id < row->number || lowest < row->number)
		settle(verdict, STATUS_FAIL, "ids of the host below %lld are in the range", (long long)row->number);
	else
		settle_pass(verdict);
}

void judge_alone(const struct requirement *row, const struct observation *observed, const struct observation *control,
		 struct verdict *verdict)
{
	int64_t others;
	if (judge_unmeasured(row, observed, control, verdict) || !fact_needed(observed, "others", &others, verdict))
		return;
	settle_text(verdict->observed, "%lld others%s%s", (long long)others, others ? ": " : "",
		    fact_text_of(observed, "first_other"));
	if (others > 0)
		settle(verdict, STATUS_FAIL, "processes that are not the command's can be seen");
	else if (!fact_flag_of(observed, "sees_child"))
		settle(verdict, STATUS_INCONCLUSIVE, "/proc does not even show the probe's own child");
	else
		settle_pass(verdict);
}

/* EPERM tells that a process is there; only its start tells whose. */
void judge_no_such_process(const struct requirement *row, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	int64_t ret, code, started;
	if (judge_unmeasured(row, observed, control, verdict) || !fact_needed(observed, "ret", &ret, verdict) ||
	    !fact_needed(observed, "errno", &code, verdict) || !fact_needed(observed, "started", &started, verdict))
		return;
	observe_result(verdict, ret, code);
	if (row->number < 0)
		settle(verdict, STATUS_INCONCLUSIVE, "the harness does not know when it started");
	else if (!(ret < 0 && code == ESRCH) && (started < 0 || started == row->number))
		settle(verdict, STATUS_FAIL, "the harness's process is there");
	else
		settle_pass(verdict);
}

void judge_other_init(const struct requirement *row, const struct observation *observed,
		      const struct observation *control, struct verdict *verdict)
{
	int64_t started;
	if (judge_unmeasured(row, observed, control, verdict) || !fact_needed(observed, "started", &started, verdict))
		return;
	settle_text(verdict->observed, "started at tick %lld: %.150s", (long long)started,
		    fact_text_of(observed, "cmdline"));
	if (row->number < 0 || started < 0)
		settle(verdict, STATUS_INCONCLUSIVE, "PID 1 could not be read on both sides");
	else if (started == row->number)
		settle(verdict, STATUS_FAIL, "PID 1 is the host's");
	else
		settle_pass(verdict);
}

/* Where the probe kept its hands off because PID 1 is the machine's, there is nothing more to ask. */
static bool init_is_the_machines(const struct observation *observed, struct verdict *verdict)
{
	if (!fact_flag_of(observed, "initial"))
		return false;
	settle_text(verdict->observed, "the machine's pid namespace");
	settle(verdict, STATUS_FAIL, "the command shares the machine's pid namespace");
	return true;
}

static bool init_is_the_command(const struct observation *observed, struct verdict *verdict)
{
	if (!fact_flag_of(observed, "pid1_is_ours"))
		return false;
	settle_text(verdict->observed, "the command is PID 1");
	settle(verdict, STATUS_NOT_APPLICABLE, "this runtime has no PID 1 of its own: the command is it");
	return true;
}

void judge_init_survives(const struct requirement *row, const struct observation *observed,
			 const struct observation *control, struct verdict *verdict)
{
	int64_t ret, code;
	if (judge_unmeasured(row, observed, control, verdict) || init_is_the_machines(observed, verdict) ||
	    !fact_needed(observed, "ret", &ret, verdict) || !fact_needed(observed, "errno", &code, verdict))
		return;
	settle_text(verdict->observed, "%s, PID 1 %s", ret < 0 ? errno_name((int)code) : "signal sent",
		    fact_flag_of(observed, "alive") ? "lives" : "is gone");
	if (fact_flag_of(observed, "alive"))
		settle_pass(verdict);
	else
		settle(verdict, STATUS_FAIL, "the command can end PID 1");
}

void judge_init_shielded(const struct requirement *row, const struct observation *observed,
			 const struct observation *control, struct verdict *verdict)
{
	int64_t ret, code, bare = -1, bare_code = 0;
	if (judge_unmeasured(row, observed, control, verdict) || init_is_the_machines(observed, verdict) ||
	    init_is_the_command(observed, verdict) || !fact_needed(observed, "ret", &ret, verdict) ||
	    !fact_needed(observed, "errno", &code, verdict))
		return;
	observe_result(verdict, ret, code);
	if (ret >= 0) {
		settle(verdict, STATUS_FAIL, "the command can reach into PID 1");
		return;
	}
	if (!control || !fact_needed(control, "ret", &bare, verdict) ||
	    !fact_needed(control, "errno", &bare_code, verdict) || bare < 0 || code == ENOENT)
		settle(verdict, STATUS_INCONCLUSIVE, "it does not work unsandboxed either");
	else
		settle_pass(verdict);
	if (control && json_is_integer(json_object_get(control->facts, "ret")))
		settle_text(verdict->control, "%s", bare >= 0 ? "worked" : errno_name((int)bare_code));
}

void judge_reaped(const struct requirement *row, const struct observation *observed, const struct observation *control,
		  struct verdict *verdict)
{
	int64_t ret, code;
	if (judge_unmeasured(row, observed, control, verdict) || init_is_the_command(observed, verdict) ||
	    !fact_needed(observed, "ret", &ret, verdict) || !fact_needed(observed, "errno", &code, verdict))
		return;
	settle_text(verdict->observed, "%s", ret >= 0 ? "waited for" : errno_name((int)code));
	if (ret >= 0)
		settle_pass(verdict);
	else if (code == ETIMEDOUT)
		settle(verdict, STATUS_FAIL, "the orphan stays a zombie");
	else
		settle(verdict, STATUS_INCONCLUSIVE, "no orphan could be made");
}

void judge_out_of_reach(const struct requirement *row, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	int64_t ret, code, value = 0;
	if (judge_unmeasured(row, observed, control, verdict) || !fact_needed(observed, "ret", &ret, verdict) ||
	    !fact_needed(observed, "errno", &code, verdict))
		return;
	observe_result(verdict, ret, code);
	bool from_host = row->number2 == 1 || fact_flag_of(observed, "from_host");
	settle_text(verdict->control, "%s", from_host ? "reached from the host" : "not reached from the host");
	if (!from_host) {
		settle(verdict, STATUS_INCONCLUSIVE, "the host itself could not make or reach the object");
		return;
	}
	if (ret >= 0 && row->fact && !fact_needed(observed, row->fact, &value, verdict))
		return;
	if (ret >= 0 && row->fact && value != row->number) {
		settle_text(verdict->observed, "%s %lld, not the host's %lld", row->fact, (long long)value,
			    (long long)row->number);
		settle_pass(verdict);
	} else if (ret >= 0) {
		settle(verdict, STATUS_FAIL, "the host's object can be reached");
	} else if (word_listed(row->expected, errno_name((int)code))) {
		settle_pass(verdict);
	} else {
		settle(verdict, STATUS_INCONCLUSIVE, "it failed for a reason that proves nothing: %s",
		       errno_name((int)code));
	}
}

void judge_not_asked_for(const struct requirement *row, const struct observation *observed,
			 const struct observation *control, struct verdict *verdict)
{
	(void)observed;
	(void)control;
	settle(verdict, STATUS_NOT_APPLICABLE, "%s", row->expected);
}
