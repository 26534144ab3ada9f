/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "harness/judges.h"
#include "suites/limits.h"
#include "suites/settle.h"
#include "suites/text.h"

#define STATUS_KILLED   137
#define STATUS_DEADLINE 124
#define MIB             ((int64_t)1 << 20)
#define LEAST_PERCENT   60 /* of a memory limit: the rest is the program's own and the kernel's for it */
#define QUOTA_PERCENT   90 /* of a quota: the rest is the file system's own */

static int64_t number_of(const struct observation *observation, const char *key, int64_t otherwise)
{
	int64_t value;
	return fact_integer_of(observation, key, &value) ? value : otherwise;
}

static bool is_told(const struct observation *observation, const char *key)
{
	int64_t value;
	return fact_integer_of(observation, key, &value);
}

/* --- The figures ------------------------------------------------------------------------------------ */

/* What is said of a trial, where the fact is there. */
static const struct figure {
	const char *fact, *before, *after;
} figures[] = {
	{"reached_mb", "reached ", " MiB"},
	{"bytes_read", "read ", " bytes back"},
	{"tasks", "", " tasks"},
	{"descriptors", "", " descriptors"},
	{"bytes", "", " bytes"},
	{"inodes", "", " inodes"},
	{"names", "", " names"},
	{"requests", "", " requests"},
	{"share_permille", "a share of ", "/1000"},
	{"least_permille", "from ", ""},
	{"best_permille", "to ", "/1000"},
	{"idle_permille", "the machine rested ", "/1000"},
	{"outlived_ms", "the rest outlived it by ", " ms"},
	{"survivors", "", " survivors"},
	{"survivors_gone_ms", "gone after ", " ms"},
	{"sandbox_alive", "sandbox alive: ", ""},
	{"companion_exit", "neighbour: exit ", ""},
};

static void describe(const struct observation *observation, char *out)
{
	struct text text = {out, VERDICT_TEXT_MAX, 0};
	int64_t value;
	if (fact_integer_of(observation, "signal", &value))
		text_add(&text, "runtime killed by SIG%s", sigabbrev_np((int)value));
	else
		text_add(&text, "exit %lld", (long long)number_of(observation, "exit", -1));
	if (fact_integer_of(observation, "after_ready_ms", &value))
		text_add(&text, " after %lld ms", (long long)value);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		if (fact_integer_of(observation, figures[i].fact, &value))
			text_add(&text, ", %s%lld%s", figures[i].before, (long long)value, figures[i].after);
	if (fact_integer_of(observation, "errno", &value) && value)
		text_add(&text, ", %s: %s", fact_text_of(observation, "step"), errno_name((int)value));
	if (*fact_text_of(observation, "residue"))
		text_add(&text, ", left: %s", fact_text_of(observation, "residue"));
}

/* --- What holds for every trial --------------------------------------------------------------------- */

static bool got_through(const struct observation *observation)
{
	return number_of(observation, "exit", -1) == 0 && number_of(observation, "through", 0) == 1;
}

static bool was_killed(const struct observation *observation)
{
	return number_of(observation, "exit", -1) == STATUS_KILLED;
}

/* Why a load has measured nothing, or NULL. */
static const char *not_measured(const struct observation *observation)
{
	if (!is_told(observation, "ready"))
		return is_told(observation, "broken") ? "the load could not be set up" : "the load did not start";
	return is_told(observation, "broken") ? "the load broke" : NULL;
}

static bool started(const struct requirement *row, const struct observation *observed,
		    const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(row, observed, control, verdict))
		return false;
	describe(observed, verdict->observed);
	if (control)
		describe(control, verdict->control);
	const char *why = not_measured(observed);
	if (why) {
		settle(verdict, STATUS_ERROR, "%s: %.150s", why, fact_text_of(observed, "stderr"));
		return false;
	}
	if (row->control_trial.load && !control) {
		settle(verdict, STATUS_INCONCLUSIVE, "the control was not tried");
		return false;
	}
	why = control ? not_measured(control) : NULL;
	if (why)
		settle(verdict, STATUS_INCONCLUSIVE, "in the control %s: %.150s", why, fact_text_of(control, "stderr"));
	return !why;
}

/* The neighbour and the container of an execution are nobody's prey.  FAIL, or PASS where all is well. */
static void settle_bystanders(const struct requirement *row, const struct observation *observed,
			      struct verdict *verdict)
{
	if (row->trial.companion &&
	    (number_of(observed, "companion_exit", -1) != 0 || number_of(observed, "companion_through", 0) != 1))
		settle(verdict, STATUS_FAIL, "the sandbox beside it was harmed: exit %lld",
		       (long long)number_of(observed, "companion_exit", -1));
	else if (row->mask & LIMITS_CONTAINER_LIVES && number_of(observed, "sandbox_alive", 0) != 1)
		settle(verdict, STATUS_FAIL, "the execution's limit ended its sandbox too");
	else
		settle_pass(verdict);
}

/* The usual control: wider limits, and the same load gets through. */
static void settle_with_control(const struct requirement *row, const struct observation *observed,
				const struct observation *control, struct verdict *verdict)
{
	if (control && !got_through(control))
		settle(verdict, STATUS_INCONCLUSIVE, "the same load does not get through with a larger limit either");
	else
		settle_bystanders(row, observed, verdict);
}

static bool nobody_left(const struct observation *observed, struct verdict *verdict, int64_t most_ms)
{
	int64_t gone = number_of(observed, "survivors_gone_ms", -1);
	if (gone >= 0 && gone <= most_ms)
		return true;
	if (gone < 0)
		settle(verdict, STATUS_FAIL, "%lld processes are still alive",
		       (long long)number_of(observed, "survivors", -1));
	else
		settle(verdict, STATUS_FAIL, "processes lived for another %lld ms", (long long)gone);
	return false;
}

/* --- Memory ----------------------------------------------------------------------------------------- */

void judge_limit_killed(const struct requirement *row, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	if (!started(row, observed, control, verdict))
		return;
	int64_t reached = number_of(observed, "reached_mb", 0), most = row->number + row->number2;
	int64_t kill_ms = number_of(observed, "after_ready_ms", -1) - number_of(observed, "at_ms", 0);
	size_t used = strlen(verdict->observed);
	(void)snprintf(verdict->observed + used, sizeof(verdict->observed) - used, ", dead %lld ms after the breach",
		       (long long)kill_ms);
	if (!was_killed(observed))
		settle(verdict, STATUS_FAIL, "the sandbox was not killed: it reached %lld of %lld MiB",
		       (long long)reached, (long long)row->number);
	else if (reached > most)
		settle(verdict, STATUS_FAIL, "it reached %lld MiB, the limit is %lld", (long long)reached,
		       (long long)row->number);
	else if (reached * 100 < row->number * LEAST_PERCENT)
		settle(verdict, STATUS_FAIL, "it was killed at %lld MiB, far below the limit of %lld",
		       (long long)reached, (long long)row->number);
	else if (kill_ms > LIMITS_KILL_MS)
		settle(verdict, STATUS_FAIL, "it lived for another %lld ms", (long long)kill_ms);
	else if (nobody_left(observed, verdict, LIMITS_KILL_MS - (kill_ms > 0 ? kill_ms : 0)))
		settle_with_control(row, observed, control, verdict);
}

/* Here the control is what dies: it shows that the limit was in force. */
void judge_limit_survives(const struct requirement *row, const struct observation *observed,
			  const struct observation *control, struct verdict *verdict)
{
	if (!started(row, observed, control, verdict))
		return;
	if (!got_through(observed))
		settle(verdict, STATUS_FAIL, "it must get through");
	else if (control && !was_killed(control))
		settle(verdict, STATUS_INCONCLUSIVE, "nothing shows that the limit was in force");
	else
		settle_bystanders(row, observed, verdict);
}

/* --- Counts ----------------------------------------------------------------------------------------- */

static const struct {
	const char *fact, *errnos;
} refusals[] = {
	{"tasks", "EAGAIN"},
	{"descriptors", "EMFILE|ETOOMANYREFS"},
	{"bytes", "ENOSPC|EDQUOT"},
	{"inodes", "ENOSPC|EDQUOT"},
	{"names", "ENOSPC|EDQUOT|EMLINK"},
	{"requests", "ENETUNREACH|EPERM|EACCES|ECONNREFUSED|EHOSTUNREACH"},
};

static const char *refusal_of(const char *fact)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (strcmp(refusals[i].fact, fact) == 0)
			return refusals[i].errnos;
	return "";
}

/* The count lies between least and most, and the kernel said no in the right way. */
static bool settle_count(const struct requirement *row, const struct observation *observed, int64_t least, int64_t most,
			 struct verdict *verdict)
{
	int64_t count, code = number_of(observed, "errno", 0);
	if (!fact_needed(observed, row->fact, &count, verdict))
		return false;
	if (count > most || is_told(observed, "through"))
		settle(verdict, STATUS_FAIL, "%lld %s, the limit is %lld", (long long)count, row->fact,
		       (long long)most);
	else if (count < least)
		settle(verdict, STATUS_FAIL, "refused at %lld %s, %lld must be possible", (long long)count, row->fact,
		       (long long)least);
	else if (!word_listed(refusal_of(row->fact), errno_name((int)code)))
		settle(verdict, STATUS_FAIL, "refused with %s instead of %s", errno_name((int)code),
		       refusal_of(row->fact));
	else
		return true;
	return false;
}

void judge_limit_refused(const struct requirement *row, const struct observation *observed,
			 const struct observation *control, struct verdict *verdict)
{
	if (started(row, observed, control, verdict) && settle_count(row, observed, row->number, row->number, verdict))
		settle_with_control(row, observed, control, verdict);
}

void judge_limit_bounded(const struct requirement *row, const struct observation *observed,
			 const struct observation *control, struct verdict *verdict)
{
	if (started(row, observed, control, verdict) && settle_count(row, observed, row->number, row->number2, verdict))
		settle_with_control(row, observed, control, verdict);
}

void judge_limit_quota(const struct requirement *row, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	int64_t quota = row->number * MIB;
	if (started(row, observed, control, verdict) &&
	    settle_count(row, observed, quota / 100 * QUOTA_PERCENT, quota, verdict))
		settle_with_control(row, observed, control, verdict);
}

/* --- CPU -------------------------------------------------------------------------------------------- */

/* Nobody else wanted the processors: less than this of each, in thousandths. */
#define OTHERS_PERMILLE 150
/*
 * The best of some periods: what was left of the first one comes on top, and that of others who kept it waiting.  A quota of a longer
 * period than 100 ms gives a multiple.
 */
#define AT_ONCE_PERCENT 150
/* What the control has to get beyond the limit to show that more was to be had. */
#define CONTROL_PERCENT 110

static bool machine_was_idle(const struct observation *observed, int64_t share)
{
	int64_t cpus = number_of(observed, "cpus", 0), idle;
	if (cpus < 1 || !fact_integer_of(observed, "idle_permille", &idle))
		return false;
	return cpus * 1000 - idle - share <= cpus * OTHERS_PERMILLE;
}

/* What it had when nobody kept it from more: over a few periods, the best of all. */
static int64_t best_of(const struct observation *observation)
{
	return number_of(observation, "best_permille", number_of(observation, "share_permille", 0));
}

static void settle_share(const struct requirement *row, const struct observation *observed,
			 const struct observation *control, bool at_most, struct verdict *verdict)
{
	int64_t share, least, limit = row->number;
	if (!started(row, observed, control, verdict) || !fact_needed(observed, "share_permille", &share, verdict) ||
	    !fact_needed(observed, "least_permille", &least, verdict))
		return;
	int64_t best = best_of(observed);
	if (least * 100 > limit * 105)
		settle(verdict, STATUS_FAIL, "a share of %lld/1000, the limit is %lld/1000", (long long)least,
		       (long long)limit);
	else if (at_most && best * 100 > limit * AT_ONCE_PERCENT)
		settle(verdict, STATUS_FAIL, "a share of %lld/1000 at once, the limit is %lld/1000", (long long)best,
		       (long long)limit);
	else if (!at_most && best * 100 < limit * 95 && machine_was_idle(observed, share))
		settle(verdict, STATUS_FAIL, "a share of %lld/1000 of %lld/1000, though nobody else wanted more",
		       (long long)best, (long long)limit);
	else if (!at_most && best * 100 < limit * 95)
		settle(verdict, STATUS_INCONCLUSIVE, "a share of %lld/1000 of %lld/1000: the machine was busy",
		       (long long)best, (long long)limit);
	else if (control && best_of(control) * 100 < limit * CONTROL_PERCENT)
		settle(verdict, STATUS_INCONCLUSIVE, "with a larger limit it got no more: %lld/1000",
		       (long long)best_of(control));
	else
		settle_with_control(row, observed, control, verdict);
}

void judge_limit_share(const struct requirement *row, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	settle_share(row, observed, control, false, verdict);
}

void judge_limit_share_at_most(const struct requirement *row, const struct observation *observed,
			       const struct observation *control, struct verdict *verdict)
{
	settle_share(row, observed, control, true, verdict);
}

/* --- Ends ------------------------------------------------------------------------------------------- */

/* An execution that goes down with its container was killed; whose deadline it was is the container's to say. */
static bool is_deadline_status(const struct requirement *row, int64_t status)
{
	bool with_container = row->trial.tier == TRIAL_EXEC && !(row->mask & LIMITS_CONTAINER_LIVES);
	return status == STATUS_DEADLINE || (with_container && status == STATUS_KILLED);
}

/* The clock runs from the runtime's start at the earliest and from the load's at the latest. */
void judge_limit_ended(const struct requirement *row, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	if (!started(row, observed, control, verdict))
		return;
	int64_t end = number_of(observed, "end_ms", -1), after = number_of(observed, "after_ready_ms", -1);
	if (is_told(observed, "through"))
		settle(verdict, STATUS_FAIL, "it was not ended: the limit is %lld ms", (long long)row->number);
	else if (!is_deadline_status(row, number_of(observed, "exit", -1)))
		settle(verdict, STATUS_FAIL, "exit %lld instead of %d", (long long)number_of(observed, "exit", -1),
		       STATUS_DEADLINE);
	else if (end < row->number - LIMITS_EARLY_MS)
		settle(verdict, STATUS_FAIL, "ended after %lld ms, the limit is %lld", (long long)end,
		       (long long)row->number);
	else if (after > row->number + LIMITS_LATE_MS)
		settle(verdict, STATUS_FAIL, "ended %lld ms late", (long long)(after - row->number));
	else if (nobody_left(observed, verdict, LIMITS_GONE_MS))
		settle_with_control(row, observed, control, verdict);
}

/* Only what no process has to hold: the kernel takes the rest back when the last one ends. */
static bool is_reclaimed_later(const char *residue)
{
	for (const char *at = residue; *at; at += strcspn(at, ";"), at += strspn(at, "; "))
		if (strncmp(at, "cgroup ", 7) != 0 && strncmp(at, "file ", 5) != 0)
			return false;
	return true;
}

static bool is_clean(const struct observation *observed, bool monitor_killed, struct verdict *verdict)
{
	const char *residue = fact_text_of(observed, "residue");
	const char *removed = fact_text_of(observed, "residue_removed");
	if (monitor_killed ? !is_reclaimed_later(residue) : *residue != '\0')
		settle(verdict, STATUS_FAIL, "left on the host: %.200s", residue);
	else if (*removed)
		settle(verdict, STATUS_FAIL, "left also after the sandbox was removed: %.180s", removed);
	else
		return true;
	return false;
}

void judge_limit_clean(const struct requirement *row, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	if (!started(row, observed, control, verdict))
		return;
	bool killed = row->number < 0;
	int64_t end = killed ? -number_of(observed, "signal", 0) : number_of(observed, "exit", -1);
	if (!json_is_string(json_object_get(observed->facts, "residue")))
		settle(verdict, STATUS_ERROR, "the harness did not look at what was left");
	else if (end != row->number)
		settle(verdict, STATUS_FAIL, "%s %lld instead of %lld", killed ? "signal" : "exit", (long long)end,
		       (long long)row->number);
	else if (nobody_left(observed, verdict, killed ? LIMITS_KILL_MS : LIMITS_GONE_MS) &&
		 is_clean(observed, killed, verdict))
		settle_with_control(row, observed, control, verdict);
}

void judge_limit_exits(const struct requirement *row, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	if (!started(row, observed, control, verdict))
		return;
	if (number_of(observed, "exit", -1) != row->number)
		settle(verdict, STATUS_FAIL, "exit %lld instead of %lld", (long long)number_of(observed, "exit", -1),
		       (long long)row->number);
	else
		settle_with_control(row, observed, control, verdict);
}
