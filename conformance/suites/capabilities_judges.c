/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/capabilities.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/judges.h"
#include "suites/settle.h"

/* A set from both sources. */
struct sets {
	int64_t call, status;
	bool has_call, has_status;
};

static bool read_sets(const struct observation *observation, const char *set, struct sets *sets)
{
	char key[48];
	(void)snprintf(key, sizeof(key), "status_%s", set);
	sets->has_call = fact_integer_of(observation, set, &sets->call);
	sets->has_status = fact_integer_of(observation, key, &sets->status);
	return sets->has_call || sets->has_status;
}

void judge_capability_in_set(const struct requirement *row, const struct observation *observed,
			     const struct observation *control, struct verdict *verdict)
{
	struct sets sets;
	if (judge_unmeasured(row, observed, control, verdict))
		return;
	if (!read_sets(observed, row->fact, &sets)) {
		settle(verdict, STATUS_INCONCLUSIVE, "neither the system call nor /proc tells the %s set", row->fact);
		return;
	}
	bool by_call = sets.call >> row->number & 1, by_status = sets.status >> row->number & 1;
	bool present = sets.has_call ? by_call : by_status;
	settle_text(verdict->observed, "%s%s", present ? "set" : "clear",
		    !sets.has_call     ? " (by /proc alone)"
		    : !sets.has_status ? " (by system call alone)"
				       : "");
	if (sets.has_call && sets.has_status && by_call != by_status)
		settle(verdict, STATUS_FAIL, "the system call says %s and /proc says %s", by_call ? "set" : "clear",
		       by_status ? "set" : "clear");
	else if (present != (row->number2 == 1))
		settle(verdict, STATUS_FAIL, "it is %s in the %s set", present ? "set" : "clear", row->fact);
	else
		settle_pass(verdict);
}

void judge_capability_mask(const struct requirement *row, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	struct sets sets;
	if (judge_unmeasured(row, observed, control, verdict))
		return;
	if (!read_sets(observed, row->fact, &sets)) {
		settle(verdict, STATUS_INCONCLUSIVE, "neither the system call nor /proc tells the %s set", row->fact);
		return;
	}
	uint64_t value = (uint64_t)(sets.has_call ? sets.call : sets.status);
	settle_text(verdict->observed, "0x%" PRIx64, value);
	if (sets.has_call && sets.has_status && sets.call != sets.status)
		settle(verdict, STATUS_FAIL, "/proc says 0x%" PRIx64, (uint64_t)sets.status);
	else if (value != row->mask)
		settle(verdict, STATUS_FAIL, "the %s set is 0x%" PRIx64, row->fact, value);
	else
		settle_pass(verdict);
}

void judge_secure_bits(const struct requirement *row, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	int64_t bits;
	if (judge_unmeasured(row, observed, control, verdict))
		return;
	if (!fact_integer_of(observed, "securebits", &bits) || bits < 0) {
		settle(verdict, STATUS_INCONCLUSIVE, "the secure bits could not be read");
		return;
	}
	settle_text(verdict->observed, "0x%" PRIx64, (uint64_t)bits);
	if (((uint64_t)bits & row->mask) == (uint64_t)row->number)
		settle_pass(verdict);
	else
		settle(verdict, STATUS_FAIL, "of the bits 0x%" PRIx64 " those set are 0x%" PRIx64, row->mask,
		       (uint64_t)bits & row->mask);
}

void judge_declared_set(const struct requirement *row, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	(void)control;
	(void)observed;
	uint64_t golden = (uint64_t)row->number;
	settle_text(verdict->observed, "0x%" PRIx64, row->mask);
	if (golden & ~row->mask)
		settle(verdict, STATUS_FAIL, "the policy lost 0x%" PRIx64 " of its profile", golden & ~row->mask);
	else
		settle_pass(verdict);
}

/* --- Acts ---------------------------------------------------------------------------------------- */

/* What became of an act: setup says that it was stopped before the capability was asked for. */
struct act {
	int64_t ret, code;
	bool setup;
};

static bool read_act(const struct observation *observation, struct act *act, char *text, size_t size)
{
	const char *step = json_string_value(json_object_get(observation->facts, "setup"));
	act->ret = -1;
	act->setup = fact_integer_of(observation, "setup_errno", &act->code);
	if (!act->setup &&
	    (!fact_integer_of(observation, "ret", &act->ret) || !fact_integer_of(observation, "errno", &act->code)))
		return false;
	if (act->setup)
		(void)snprintf(text, size, "%s: %s", step ? step : "before", errno_name((int)act->code));
	else if (act->ret >= 0)
		(void)snprintf(text, size, "worked");
	else
		(void)snprintf(text, size, "%s", act->code ? errno_name((int)act->code) : "dropped");
	return true;
}

static bool came_past(const struct act *act, int64_t past)
{
	if (act->setup)
		return false;
	return past == 0 ? act->ret >= 0 : act->ret < 0 && act->code == past;
}

static bool refused(const struct requirement *row, const struct act *act)
{
	if (act->setup)
		return row->mask == 1 && (act->code == EPERM || act->code == ENOSYS || act->code == EAFNOSUPPORT);
	if (act->ret >= 0)
		return false;
	if (row->mask == 1 && (act->code == EPERM || act->code == EACCES || act->code == ENOSYS))
		return true;
	return word_listed(row->expected, act->code ? errno_name((int)act->code) : "dropped");
}

void judge_effect(const struct requirement *row, const struct observation *observed, const struct observation *control,
		  struct verdict *verdict)
{
	struct act act, bare;
	if (judge_unmeasured(row, observed, control, verdict))
		return;
	if (!read_act(observed, &act, verdict->observed, sizeof(verdict->observed)))
		settle(verdict, STATUS_ERROR, "the probe reported no result");
	else if (!control || !read_act(control, &bare, verdict->control, sizeof(verdict->control)))
		settle(verdict, STATUS_INCONCLUSIVE, "the control reported no result");
	else if (!came_past(&bare, row->number))
		settle(verdict, STATUS_INCONCLUSIVE, "it does not work unsandboxed either: %.100s", verdict->control);
	else if (row->number2 == 1 && !came_past(&act, row->number))
		settle(verdict, STATUS_FAIL, "the capability is granted and does not work: %.100s", verdict->observed);
	else if (row->number2 == 1 || refused(row, &act))
		settle_pass(verdict);
	else if (act.setup)
		settle(verdict, STATUS_INCONCLUSIVE, "the act could not be tried: %.100s", verdict->observed);
	else
		settle(verdict, STATUS_FAIL, "it was not refused: %.100s", verdict->observed);
}
