/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/outcomes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/judges.h"

static void settle(struct verdict *verdict, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void settle(struct verdict *verdict, enum status status, const char *format, ...)
{
	va_list args;
	verdict->status = status;
	va_start(args, format);
	(void)vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
}

static void pass(struct verdict *verdict)
{
	verdict->status = STATUS_PASS;
	verdict->reason[0] = '\0';
}

/* A text fact, copied to the verdict's text; NULL when the probe did not report it. */
static const char *text_of(const struct observation *observation, const char *key, char *shown)
{
	const char *text = json_string_value(json_object_get(observation->facts, key));
	if (text)
		(void)snprintf(shown, VERDICT_TEXT_MAX, "%s", text);
	return text;
}

static bool number_of(const struct observation *observation, const char *key, int64_t *number, char *shown)
{
	const json_t *fact = json_object_get(observation->facts, key);
	if (!json_is_integer(fact))
		return false;
	*number = json_integer_value(fact);
	(void)snprintf(shown, VERDICT_TEXT_MAX, "%lld", (long long)*number);
	return true;
}

void judge_absent(const struct requirement *requirement, const struct observation *observed,
		  const struct observation *control, struct verdict *verdict)
{
	int64_t code = 0;
	char shown[VERDICT_TEXT_MAX];
	if (control && control->state == OBSERVED_DONE && number_of(control, "errno", &code, shown) && code == ENOENT &&
	    observed->state == OBSERVED_DONE && number_of(observed, "errno", &code, shown) && code != 0) {
		(void)snprintf(verdict->control, sizeof(verdict->control), "ENOENT");
		(void)snprintf(verdict->observed, sizeof(verdict->observed), "%s", errno_name((int)code));
		settle(verdict, STATUS_UNSUPPORTED, "this host does not have it either");
		return;
	}
	judge_refused(requirement, observed, control, verdict);
}

static bool yields_nothing(const char *yields)
{
	return strcmp(yields, "absent") == 0 || strcmp(yields, "refused") == 0 || strcmp(yields, "nothing") == 0;
}

void judge_hidden(const struct requirement *requirement, const struct observation *observed,
		  const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	const char *inside = text_of(observed, "yields", verdict->observed);
	const char *bare = control ? text_of(control, "yields", verdict->control) : NULL;
	if (!inside)
		settle(verdict, STATUS_ERROR, "the probe did not report what reading yields");
	else if (!bare)
		settle(verdict, STATUS_INCONCLUSIVE, "the control did not report what reading yields");
	else if (!yields_nothing(inside))
		settle(verdict, STATUS_FAIL, "reading yields %s", inside);
	else if (yields_nothing(bare))
		settle(verdict, STATUS_UNSUPPORTED, "this kernel or host has nothing to read there");
	else
		pass(verdict);
}

void judge_fact_at_most(const struct requirement *requirement, const struct observation *observed,
			const struct observation *control, struct verdict *verdict)
{
	int64_t limit = strtoll(requirement->expected, NULL, 10), inside, bare;
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	if (!number_of(observed, requirement->fact, &inside, verdict->observed))
		settle(verdict, STATUS_ERROR, "the probe did not report %s", requirement->fact);
	else if (inside > limit)
		settle(verdict, STATUS_FAIL, "%s is %lld, more than %lld", requirement->fact, (long long)inside,
		       (long long)limit);
	else if (control && !number_of(control, requirement->fact, &bare, verdict->control))
		settle(verdict, STATUS_INCONCLUSIVE, "the control did not report %s", requirement->fact);
	else if (control && bare <= limit)
		settle(verdict, STATUS_INCONCLUSIVE, "it is no more than that without the sandbox");
	else
		pass(verdict);
}

/* Does known, a space-separated list, cover the word of that length? */
static bool covered(const char *known, const char *word, size_t length)
{
	while (*known) {
		size_t known_length = strcspn(known, " ");
		bool prefix = known_length > 0 && known[known_length - 1] == '/';
		if ((prefix ? length >= known_length : length == known_length) &&
		    strncmp(known, word, known_length) == 0)
			return true;
		known += known_length;
		known += strspn(known, " ");
	}
	return false;
}

/* The first word of list that known does not cover, copied to stranger; false when there is none. */
static bool find_stranger(const char *known, const char *list, char *stranger, size_t size)
{
	while (*list) {
		size_t length = strcspn(list, " ");
		if (length > 0 && !covered(known, list, length)) {
			(void)snprintf(stranger, size, "%.*s", (int)length, list);
			return true;
		}
		list += length;
		list += strspn(list, " ");
	}
	return false;
}

void judge_fact_only(const struct requirement *requirement, const struct observation *observed,
		     const struct observation *control, struct verdict *verdict)
{
	char stranger[128];
	if (judge_unmeasured(requirement, observed, control, verdict))
		return;
	const char *inside = text_of(observed, requirement->fact, verdict->observed);
	const char *bare = control ? text_of(control, requirement->fact, verdict->control) : NULL;
	if (!inside)
		settle(verdict, STATUS_ERROR, "the probe did not report %s", requirement->fact);
	else if (find_stranger(requirement->expected, inside, stranger, sizeof(stranger)))
		settle(verdict, STATUS_FAIL, "%s has %s", requirement->fact, stranger);
	else if (control && !bare)
		settle(verdict, STATUS_INCONCLUSIVE, "the control did not report %s", requirement->fact);
	else if (bare && !find_stranger(requirement->expected, bare, stranger, sizeof(stranger)))
		settle(verdict, STATUS_INCONCLUSIVE, "it has nothing else without the sandbox");
	else
		pass(verdict);
}
