/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/seccomp.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/judges.h"

struct outcome {
	bool known; /* the probe told ret and errno, or was killed */
	int signal; /* 0: it was not killed */
	int64_t ret;
	int code; /* errno; 0 on success */
};

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

static struct outcome outcome_of(const struct observation *observation, char *text)
{
	struct outcome o = {0};
	if (!observation || (observation->state != OBSERVED_DONE && observation->state != OBSERVED_SIGNAL))
		return o;
	json_t *ret = json_object_get(observation->facts, "ret"), *code = json_object_get(observation->facts, "errno");
	if (observation->state == OBSERVED_SIGNAL) {
		o.known = true;
		o.signal = (int)json_integer_value(json_object_get(observation->facts, "signal"));
		const char *name = sigabbrev_np(o.signal);
		(void)snprintf(text, VERDICT_TEXT_MAX, "killed by SIG%s", name ? name : "?");
	} else if (json_is_integer(ret) && json_is_integer(code)) {
		o.known = true;
		o.ret = json_integer_value(ret);
		o.code = o.ret < 0 ? (int)json_integer_value(code) : 0;
		(void)snprintf(text, VERDICT_TEXT_MAX, "%s", o.ret < 0 ? errno_name(o.code) : "succeeded");
	}
	return o;
}

/* Both outcomes, described; false when *verdict is final. */
static bool measured(const struct requirement *requirement, const struct observation *observed,
		     const struct observation *control, struct verdict *verdict, struct outcome *o, struct outcome *c)
{
	*o = outcome_of(observed, verdict->observed);
	*c = outcome_of(control, verdict->control);
	if (o->known && (c->known || requirement->control == SESSION_COUNT))
		return true;
	if (judge_unmeasured(requirement, observed, control, verdict))
		return false;
	settle(verdict, o->known ? STATUS_INCONCLUSIVE : STATUS_ERROR, "the probe reported no ret and errno");
	return false;
}

static bool is_refusal(const struct requirement *requirement, const struct outcome *o)
{
	return o->code == EPERM || o->code == ENOSYS || ((requirement->mask & 1) && o->code == EAFNOSUPPORT);
}

static bool died(const struct outcome *o, struct verdict *verdict, const char *instead)
{
	if (o->signal == SIGSYS)
		settle(verdict, STATUS_FAIL, "the filter killed the caller; it must %s", instead);
	else if (o->signal)
		settle(verdict, STATUS_CRASH, "the probe was killed by a signal that no filter sends");
	return o->signal != 0;
}

void judge_call_denied(const struct requirement *requirement, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	struct outcome o, c;
	if (!measured(requirement, observed, control, verdict, &o, &c) || died(&o, verdict, "answer EPERM"))
		return;
	if (!is_refusal(requirement, &o))
		settle(verdict, STATUS_FAIL, "no filter stopped it: the kernel's own answer was \"%s\"",
		       verdict->observed);
	else if (c.code == o.code && (c.code == ENOSYS || c.code == EAFNOSUPPORT))
		settle(verdict, STATUS_UNSUPPORTED, "this kernel lacks it and says the same; the installed row judges");
	else if (c.code == o.code)
		settle(verdict, STATUS_INCONCLUSIVE, "the control was refused in the same way");
	else if (requirement->number2 == 1 && c.code)
		settle(verdict, STATUS_INCONCLUSIVE, "the control should have succeeded");
	else
		pass(verdict);
}

void judge_call_allowed(const struct requirement *requirement, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	struct outcome o, c;
	if (!measured(requirement, observed, control, verdict, &o, &c))
		return;
	/* rt_sigreturn without a frame kills the caller, when the filter lets it. */
	if (o.signal && o.signal == c.signal && o.signal != SIGSYS)
		pass(verdict);
	else if (died(&o, verdict, "let the call pass"))
		return;
	else if (o.code != EPERM && o.code != ENOSYS)
		pass(verdict);
	else if (o.code == c.code && o.code == ENOSYS)
		settle(verdict, STATUS_UNSUPPORTED, "this kernel lacks the call; the installed row judges");
	else if (o.code == c.code)
		settle(verdict, STATUS_INCONCLUSIVE, "the control was refused in the same way");
	else
		settle(verdict, STATUS_FAIL, "it must reach the kernel and was refused");
}

void judge_call_unknown(const struct requirement *requirement, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	struct outcome o, c;
	if (!measured(requirement, observed, control, verdict, &o, &c))
		return;
	if (o.code == ENOSYS || ((requirement->mask & 2) && o.signal == SIGSYS))
		pass(verdict);
	else if (died(&o, verdict, "answer ENOSYS"))
		return;
	else
		settle(verdict, STATUS_FAIL, "libc falls back from ENOSYS alone");
}

void judge_works_or_absent(const struct requirement *requirement, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	struct outcome o, c;
	if (!measured(requirement, observed, control, verdict, &o, &c) || died(&o, verdict, "answer"))
		return;
	if (c.code)
		settle(verdict, STATUS_INCONCLUSIVE, "the control should have succeeded");
	else if (!o.code || o.code == ENOSYS)
		pass(verdict);
	else
		settle(verdict, STATUS_FAIL, "libc falls back from ENOSYS alone");
}

void judge_call_killed(const struct requirement *requirement, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	struct outcome o, c;
	if (!measured(requirement, observed, control, verdict, &o, &c))
		return;
	if (c.signal == SIGSYS)
		settle(verdict, STATUS_INCONCLUSIVE, "the control was killed as well");
	else if (o.signal == SIGSYS)
		pass(verdict);
	else if (o.signal)
		settle(verdict, STATUS_CRASH, "the probe was killed by a signal that no filter sends");
	else
		settle(verdict, STATUS_FAIL, "another ABI's call was answered; it must kill the caller");
}

static bool flag_of(const struct observation *observation, const char *name)
{
	return observation && json_is_true(json_object_get(observation->facts, name));
}

void judge_no_namespace(const struct requirement *requirement, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	struct outcome o, c;
	if (!measured(requirement, observed, control, verdict, &o, &c) || died(&o, verdict, "answer with an errno"))
		return;
	if (!o.code)
		settle(verdict, STATUS_FAIL, "the call worked%s",
		       flag_of(observed, "new_namespace") ? " and made a new namespace" : "");
	else if (c.code)
		settle(verdict, STATUS_INCONCLUSIVE, "the control should have succeeded");
	else
		pass(verdict);
}

void judge_no_special_mode(const struct requirement *requirement, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	struct outcome o, c;
	/* Without a writable /tmp there was no file to try it on. */
	if (observed && observed->state == OBSERVED_DONE && !flag_of(observed, "ready")) {
		settle(verdict, STATUS_INCONCLUSIVE, "the probe could not make a file of its own under /tmp");
		return;
	}
	if (!measured(requirement, observed, control, verdict, &o, &c) || died(&o, verdict, "answer with an errno"))
		return;
	if (flag_of(observed, "special"))
		settle(verdict, STATUS_FAIL, "the file has mode %04llo",
		       (unsigned long long)json_integer_value(json_object_get(observed->facts, "mode")));
	else if (c.code == ENOSYS)
		settle(verdict, STATUS_UNSUPPORTED, "this kernel lacks the call; the installed row judges");
	else if (!flag_of(control, "special"))
		settle(verdict, STATUS_INCONCLUSIVE, "the control's file has no such mode either");
	else
		pass(verdict);
}

static bool installed_as_wanted(const struct requirement *requirement, const char *action, int data)
{
	bool error = strcmp(action, "ERRNO") == 0;
	bool killed = strcmp(action, "KILL_PROCESS") == 0 || strcmp(action, "KILL_THREAD") == 0;
	switch ((enum installed_want)requirement->number2) {
	case INSTALLED_ALLOW:
		return strcmp(action, "ALLOW") == 0 || strcmp(action, "LOG") == 0;
	case INSTALLED_DENY:
		return error && (data == EPERM || data == ENOSYS || ((requirement->mask & 1) && data == EAFNOSUPPORT));
	case INSTALLED_UNKNOWN:
		return error && data == ENOSYS;
	case INSTALLED_KILL:
		return killed;
	case INSTALLED_CLOSED:
		return error || killed;
	}
	return false;
}

void judge_installed(const struct requirement *requirement, const struct observation *observed,
		     const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	const char *action = json_string_value(json_object_get(observed->facts, "action"));
	int data = (int)json_integer_value(json_object_get(observed->facts, "data"));
	if (!action) {
		settle(verdict, STATUS_ERROR, "the filter was not evaluated");
		return;
	}
	(void)snprintf(verdict->observed, sizeof(verdict->observed), "%s%s%s%s", action, data ? "(" : "",
		       data ? errno_name(data) : "", data ? ")" : "");
	if (json_integer_value(json_object_get(observed->facts, "filters")) == 0)
		settle(verdict, STATUS_FAIL, "no filter is installed");
	else if (installed_as_wanted(requirement, action, data))
		pass(verdict);
	else
		settle(verdict, STATUS_FAIL, "the installed filter answers otherwise");
}

void judge_installed_count(const struct requirement *requirement, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	json_t *allowed = json_object_get(observed->facts, "allowed");
	int64_t count = json_integer_value(allowed);
	if (!json_is_integer(allowed)) {
		settle(verdict, STATUS_ERROR, "the filter was not evaluated");
		return;
	}
	(void)snprintf(verdict->observed, sizeof(verdict->observed), "%lld allowed", (long long)count);
	if (count < requirement->number || count > requirement->number2)
		settle(verdict, STATUS_FAIL, "the filter lets %s calls pass",
		       count < requirement->number ? "too few" : "too many");
	else
		pass(verdict);
}
