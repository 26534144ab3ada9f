/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/judges.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

#define ERRNO_LAST 133

const char *errno_name(int code)
{
	static char number[16];
	const char *name = code == 0 ? "0" : strerrorname_np(code);
	if (name)
		return name;
	(void)snprintf(number, sizeof(number), "%d", code);
	return number;
}

/* --- Facts as text ------------------------------------------------------------------------------ */

static bool fact_integer(const struct observation *observation, const char *key, int64_t *value)
{
	json_t *fact = json_object_get(observation->facts, key);
	if (!json_is_integer(fact))
		return false;
	*value = json_integer_value(fact);
	return true;
}

/* The fact as text; false when the probe did not report it. */
static bool fact_as_text(const struct observation *observation, const char *key, char *text, size_t size)
{
	json_t *fact = json_object_get(observation->facts, key);
	if (json_is_string(fact))
		(void)snprintf(text, size, "%s", json_string_value(fact));
	else if (json_is_integer(fact))
		(void)snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(fact));
	else if (json_is_boolean(fact))
		(void)snprintf(text, size, "%s", json_is_true(fact) ? "true" : "false");
	else
		return false;
	return true;
}

static void describe_signal(int64_t number, char *text, size_t size)
{
	const char *name = sigabbrev_np((int)number);
	if (name)
		(void)snprintf(text, size, "SIG%s", name);
	else
		(void)snprintf(text, size, "signal %lld", (long long)number);
}

static int64_t signal_of(const struct observation *observation)
{
	int64_t number = 0;
	(void)fact_integer(observation, "signal", &number);
	return number;
}

/* How an observation that is not OBSERVED_DONE ended. */
static void describe_end(const struct observation *observation, char *text, size_t size)
{
	static const char *const ends[] = {
		[OBSERVED_NOTHING] = "no answer",
		[OBSERVED_DONE] = "done",
		[OBSERVED_TIMEOUT] = "no answer in time",
		[OBSERVED_UNKNOWN_PROBE] = "unknown request",
	};
	char name[32];
	if (observation->state == OBSERVED_SIGNAL) {
		describe_signal(signal_of(observation), name, sizeof(name));
		(void)snprintf(text, size, "killed by %s", name);
	} else {
		(void)snprintf(text, size, "%s", ends[observation->state]);
	}
}

/* --- What was not measured ---------------------------------------------------------------------- */

static void settle(struct verdict *verdict, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void settle(struct verdict *verdict, enum status status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	verdict->status = status;
	(void)vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
}

static void pass(struct verdict *verdict)
{
	verdict->status = STATUS_PASS;
	verdict->reason[0] = '\0';
}

struct unmeasured {
	enum observed_state state;
	enum status status;
	const char *reason;
};

static const struct unmeasured unmeasured_rows[] = {
	{OBSERVED_NOTHING, STATUS_ERROR, "the sandbox gave no answer"},
	{OBSERVED_UNKNOWN_PROBE, STATUS_ERROR, "the probe does not know the request"},
	{OBSERVED_TIMEOUT, STATUS_TIMEOUT, "the probe did not end in time"},
	{OBSERVED_SIGNAL, STATUS_CRASH, "the probe was killed by a signal that was not asked for"},
};

/* signal_allowed: a death by signal counts as measured, in the sandbox and in the control. */
static bool unmeasured(const struct requirement *requirement, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict, bool signal_allowed)
{
	static const struct observation nothing = {OBSERVED_NOTHING, NULL};
	if (!observed)
		observed = &nothing;
	if (!control && requirement->control != SESSION_COUNT)
		control = &nothing;

	if (observed->state != OBSERVED_DONE)
		describe_end(observed, verdict->observed, sizeof(verdict->observed));
	if (control && control->state != OBSERVED_DONE)
		describe_end(control, verdict->control, sizeof(verdict->control));

	for (size_t i = 0; i < ARRAY_SIZE(unmeasured_rows); i++) {
		const struct unmeasured *row = &unmeasured_rows[i];
		if (row->state != observed->state || (row->state == OBSERVED_SIGNAL && signal_allowed))
			continue;
		settle(verdict, row->status, "%s", row->reason);
		return true;
	}
	if (!control || control->state == OBSERVED_DONE || (control->state == OBSERVED_SIGNAL && signal_allowed))
		return false;
	settle(verdict, STATUS_INCONCLUSIVE, "the control measured nothing: %s", verdict->control);
	return true;
}

bool judge_unmeasured(const struct requirement *requirement, const struct observation *observed,
		      const struct observation *control, struct verdict *verdict)
{
	return unmeasured(requirement, observed, control, verdict, false);
}

/* --- Words separated by | ------------------------------------------------------------------------ */

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; *at; at += strcspn(at, "|"), at += *at == '|') {
		size_t n = strcspn(at, "|");
		if (n == length && strncmp(at, word, n) == 0)
			return true;
	}
	return false;
}

static int errno_from_word(const char *word, size_t length)
{
	for (int code = 1; code <= ERRNO_LAST; code++) {
		const char *name = strerrorname_np(code);
		if (name && strlen(name) == length && strncmp(name, word, length) == 0)
			return code;
	}
	return 0;
}

/* Are all words of the list errno names?  Then they, and no others, are the refusals asked for. */
static bool names_errnos(const char *list)
{
	if (!*list)
		return false;
	for (const char *at = list; *at; at += strcspn(at, "|"), at += *at == '|') {
		size_t n = strcspn(at, "|");
		if (!errno_from_word(at, n) && strncmp(at, "SIG", 3) != 0)
			return false;
	}
	return true;
}

static bool is_refusal(const struct requirement *requirement, int64_t code)
{
	if (names_errnos(requirement->expected))
		return has_word(requirement->expected, errno_name((int)code));
	return code == EPERM || code == EACCES || code == ENOSYS || code == EROFS;
}

/* --- The judges ---------------------------------------------------------------------------------- */

struct outcome {
	int64_t ret, code;
};

static bool outcome_of(const struct observation *observation, struct outcome *outcome, char *text, size_t size)
{
	if (observation->state != OBSERVED_DONE || !fact_integer(observation, "ret", &outcome->ret) ||
	    !fact_integer(observation, "errno", &outcome->code))
		return false;
	if (outcome->ret < 0)
		(void)snprintf(text, size, "%s", errno_name((int)outcome->code));
	else
		(void)snprintf(text, size, "succeeded (%lld)", (long long)outcome->ret);
	return true;
}

static bool killed_as_refusal(const struct requirement *requirement, const struct observation *observed)
{
	char name[32];
	if (!observed || observed->state != OBSERVED_SIGNAL)
		return false;
	describe_signal(signal_of(observed), name, sizeof(name));
	return names_errnos(requirement->expected) && has_word(requirement->expected, name);
}

/* Does the control show that the action would have gone further? */
static void judge_refusal_control(const struct requirement *requirement, int64_t code,
				  const struct observation *control, struct verdict *verdict)
{
	struct outcome outcome;
	if (!control) {
		pass(verdict);
		return;
	}
	if (!outcome_of(control, &outcome, verdict->control, sizeof(verdict->control))) {
		settle(verdict, STATUS_INCONCLUSIVE, "the control reported no result");
		return;
	}
	if (outcome.ret < 0 && outcome.code == code)
		settle(verdict, STATUS_INCONCLUSIVE, "the control ended in the same way: %s", verdict->control);
	else if (outcome.ret < 0 && requirement->number2 == 1)
		settle(verdict, STATUS_INCONCLUSIVE, "the control should have succeeded: %s", verdict->control);
	else
		pass(verdict);
}

void judge_refused(const struct requirement *requirement, const struct observation *observed,
		   const struct observation *control, struct verdict *verdict)
{
	struct outcome outcome;
	bool killed = killed_as_refusal(requirement, observed);
	if (unmeasured(requirement, observed, control, verdict, killed))
		return;
	if (killed) {
		judge_refusal_control(requirement, -1, control, verdict);
		return;
	}
	if (!outcome_of(observed, &outcome, verdict->observed, sizeof(verdict->observed))) {
		settle(verdict, STATUS_ERROR, "the probe reported no ret and errno");
		return;
	}
	if (outcome.ret < 0 && is_refusal(requirement, outcome.code)) {
		judge_refusal_control(requirement, outcome.code, control, verdict);
		return;
	}
	struct outcome ignored;
	if (control)
		(void)outcome_of(control, &ignored, verdict->control, sizeof(verdict->control));
	settle(verdict, STATUS_FAIL,
	       outcome.ret < 0 ? "it reached the kernel and ended in %s" : "it was not refused: %s", verdict->observed);
}

void judge_works(const struct requirement *requirement, const struct observation *observed,
		 const struct observation *control, struct verdict *verdict)
{
	struct outcome outcome, unsandboxed = {0, 0};
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	if (!outcome_of(observed, &outcome, verdict->observed, sizeof(verdict->observed)))
		settle(verdict, STATUS_ERROR, "the probe reported no ret and errno");
	else if (control && !outcome_of(control, &unsandboxed, verdict->control, sizeof(verdict->control)))
		settle(verdict, STATUS_INCONCLUSIVE, "the control reported no result");
	else if (unsandboxed.ret < 0)
		settle(verdict, STATUS_INCONCLUSIVE, "it does not work unsandboxed either: %s", verdict->control);
	else if (outcome.ret < 0)
		settle(verdict, STATUS_FAIL, "it must work and ended in %s", verdict->observed);
	else
		pass(verdict);
}

/* Fetch the row's fact from both sides; false when *verdict has been settled. */
static bool fetch_fact(const struct requirement *requirement, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	int64_t code = 0;
	if (judge_unmeasured(requirement, observed, control, verdict))
		return false;
	if (!fact_as_text(observed, requirement->fact, verdict->observed, sizeof(verdict->observed))) {
		if (fact_integer(observed, "errno", &code) && code)
			(void)snprintf(verdict->observed, sizeof(verdict->observed), "%s", errno_name((int)code));
		settle(verdict, STATUS_ERROR, "the probe did not report %s", requirement->fact);
		return false;
	}
	if (control && !fact_as_text(control, requirement->fact, verdict->control, sizeof(verdict->control))) {
		settle(verdict, STATUS_INCONCLUSIVE, "the control did not report %s", requirement->fact);
		return false;
	}
	return true;
}

/* matches tells whether a value is what the row expects: the sandbox's must be, the control's must not. */
static void judge_match(const struct requirement *requirement, const struct observation *observed,
			const struct observation *control, struct verdict *verdict,
			bool (*matches)(const char *expected, const char *value))
{
	if (!fetch_fact(requirement, observed, control, verdict))
		return;
	if (!matches(requirement->expected, verdict->observed))
		settle(verdict, STATUS_FAIL, "%s is %.100s", requirement->fact, verdict->observed);
	else if (control && matches(requirement->expected, verdict->control))
		settle(verdict, STATUS_INCONCLUSIVE, "%s is the same without the sandbox", requirement->fact);
	else
		pass(verdict);
}

static bool equals(const char *expected, const char *value)
{
	return strcmp(expected, value) == 0;
}

static bool one_of(const char *expected, const char *value)
{
	static const char prefix[] = "one of ";
	if (strncmp(expected, prefix, sizeof(prefix) - 1) == 0)
		expected += sizeof(prefix) - 1;
	return has_word(expected, value);
}

void judge_fact_equals(const struct requirement *requirement, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	judge_match(requirement, observed, control, verdict, equals);
}

void judge_fact_one_of(const struct requirement *requirement, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	judge_match(requirement, observed, control, verdict, one_of);
}

void judge_fact_differs_from_control(const struct requirement *requirement, const struct observation *observed,
				     const struct observation *control, struct verdict *verdict)
{
	if (!fetch_fact(requirement, observed, control, verdict))
		return;
	if (!control)
		settle(verdict, STATUS_INCONCLUSIVE, "no control to compare with");
	else if (strcmp(verdict->observed, verdict->control) == 0)
		settle(verdict, STATUS_FAIL, "%s is the same as without the sandbox", requirement->fact);
	else
		pass(verdict);
}

/* First line of a text fact. */
static void first_line(const struct observation *observation, const char *key, char *line, size_t size)
{
	const char *text = json_string_value(json_object_get(observation->facts, key));
	(void)snprintf(line, size, "%.*s", (int)(text ? strcspn(text, "\n") : 0), text ? text : "");
}

enum command_end { COMMAND_OK, COMMAND_WRONG, COMMAND_TIMED_OUT, COMMAND_UNKNOWN };

static enum command_end command_end(const char *expected, const struct observation *observation, char *text,
				    size_t size)
{
	int64_t code = 0, number = 0;
	char line[160], name[32];
	if (json_is_true(json_object_get(observation->facts, "timed_out"))) {
		(void)snprintf(text, size, "no end in time");
		return COMMAND_TIMED_OUT;
	}
	if (fact_integer(observation, "exec_errno", &number)) {
		(void)snprintf(text, size, "not started: %s", errno_name((int)number));
		return COMMAND_WRONG;
	}
	if (fact_integer(observation, "signal", &number)) {
		describe_signal(number, name, sizeof(name));
		(void)snprintf(text, size, "killed by %s", name);
		return COMMAND_WRONG;
	}
	if (!fact_integer(observation, "exit", &code)) {
		(void)snprintf(text, size, "no exit status");
		return COMMAND_UNKNOWN;
	}
	first_line(observation, "stdout", line, sizeof(line));
	bool right = code == 0 && (!*expected || strcmp(line, expected) == 0);
	if (code != 0)
		first_line(observation, "stderr", line, sizeof(line));
	(void)snprintf(text, size, "exit %lld%s%s", (long long)code, line[0] ? ": " : "", line);
	return right ? COMMAND_OK : COMMAND_WRONG;
}

void judge_command(const struct requirement *requirement, const struct observation *observed,
		   const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	enum command_end end =
		command_end(requirement->expected, observed, verdict->observed, sizeof(verdict->observed));
	enum command_end unsandboxed = COMMAND_OK;
	if (control)
		unsandboxed = command_end(requirement->expected, control, verdict->control, sizeof(verdict->control));

	if (end == COMMAND_UNKNOWN)
		settle(verdict, STATUS_ERROR, "the probe reported no exit status");
	else if (unsandboxed != COMMAND_OK)
		settle(verdict, STATUS_INCONCLUSIVE, "it does not work unsandboxed either: %.100s", verdict->control);
	else if (end == COMMAND_TIMED_OUT)
		settle(verdict, STATUS_TIMEOUT, "the command did not end in time");
	else if (end == COMMAND_WRONG)
		settle(verdict, STATUS_FAIL, "the command must work: %.100s", verdict->observed);
	else
		pass(verdict);
}

void judge_killed_by(const struct requirement *requirement, const struct observation *observed,
		     const struct observation *control, struct verdict *verdict)
{
	if (unmeasured(requirement, observed, control, verdict, true))
		return;
	struct outcome outcome;
	bool killed = observed->state == OBSERVED_SIGNAL && signal_of(observed) == requirement->number;
	bool control_killed = control && control->state == OBSERVED_SIGNAL && signal_of(control) == requirement->number;

	if (control && control->state == OBSERVED_DONE &&
	    !outcome_of(control, &outcome, verdict->control, sizeof(verdict->control)))
		(void)snprintf(verdict->control, sizeof(verdict->control), "survived");
	if (!killed) {
		if (observed->state == OBSERVED_DONE &&
		    !outcome_of(observed, &outcome, verdict->observed, sizeof(verdict->observed)))
			(void)snprintf(verdict->observed, sizeof(verdict->observed), "survived");
		settle(verdict, STATUS_FAIL, "it was not killed as asked: %.100s", verdict->observed);
	} else if (control_killed) {
		settle(verdict, STATUS_INCONCLUSIVE, "the control was killed as well");
	} else {
		pass(verdict);
	}
}
