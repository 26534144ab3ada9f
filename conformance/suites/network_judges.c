/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/network.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/judges.h"
#include "suites/settle.h"
#include "suites/text.h"

#define STEPS_MAX 24
#define KEY_MAX   48
#define WORD_MAX  96

/* --- Terms ------------------------------------------------------------------------------------------ */

struct term {
	char text[WORD_MAX];
	unsigned first, last; /* steps; 0: a term of a fact */
	char key[KEY_MAX];
	char sign; /* '+', '-', '~' of steps; '=', '!', '<', '>', '%', '^' of a fact */
	const char *value; /* within text */
};

static bool parse_steps(struct term *term)
{
	char *end = NULL;
	unsigned long first = strtoul(term->text, &end, 10), last = first;
	if (strncmp(end, "..", 2) == 0)
		last = strtoul(end + 2, &end, 10);
	if (first < 1 || last < first || last > STEPS_MAX || !*end || !strchr("+-~", *end) || end[1])
		return false;
	term->first = (unsigned)first;
	term->last = (unsigned)last;
	term->sign = *end;
	return true;
}

static bool parse_fact(struct term *term)
{
	size_t length = strspn(term->text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	if (length == 0 || length >= sizeof(term->key) || !term->text[length] || !strchr("=!<>%^", term->text[length]))
		return false;
	(void)snprintf(term->key, sizeof(term->key), "%.*s", (int)length, term->text);
	term->sign = term->text[length];
	term->value = term->text + length + 1;
	char *end = NULL;
	(void)strtoll(term->value, &end, 10);
	return !strchr("<>", term->sign) || (*term->value && !*end);
}

/* The next word of *at, which moves behind it: 1, 0 at the end of the list or before a "|", -1 for a word that is no term. */
static int next_term(const char **at, struct term *term)
{
	*at += strspn(*at, " ");
	size_t length = strcspn(*at, " ");
	*term = (struct term){0};
	if (length == 0 || **at == '|')
		return 0;
	(void)snprintf(term->text, sizeof(term->text), "%.*s", (int)length, *at);
	if (length >= sizeof(term->text) || !(isdigit((unsigned char)**at) ? parse_steps(term) : parse_fact(term)))
		return -1;
	*at += length;
	return 1;
}

/* The control's own, or NULL. */
static const char *control_terms(const char *terms)
{
	const char *bar = strchr(terms, '|');
	return bar ? bar + 1 : NULL;
}

bool network_terms_valid(const char *terms, const char **bad)
{
	struct term term;
	int r;
	for (int part = 0; terms && part < 2; part++) {
		const char *at = terms;
		while ((r = next_term(&at, &term)) > 0)
			;
		if (r < 0 || (*at && part == 1)) {
			if (bad)
				*bad = at;
			return false;
		}
		terms = control_terms(terms);
	}
	return true;
}

/* --- Texts ------------------------------------------------------------------------------------------ */

void network_terms_describe(const char *terms, char *out, size_t size)
{
	struct text text = {out, size, 0};
	struct term term;
	*out = '\0';
	while (next_term(&terms, &term) > 0) {
		const char *separator = text.used ? ", " : "";
		if (!term.first)
			text_add(&text, "%s%s", separator, term.text);
		else if (term.first == term.last)
			text_add(&text, "%sstep %u %s", separator, term.first,
				 term.sign == '+' ? "answered" : "nothing");
		else
			text_add(&text, "%ssteps %u to %u %s", separator, term.first, term.last,
				 term.sign == '+' ? "answered" : "nothing");
	}
}

static bool step_fact(const struct observation *observation, unsigned step, const char *name, int64_t *value)
{
	char key[KEY_MAX];
	(void)snprintf(key, sizeof(key), "s%u_%s", step, name);
	return fact_integer_of(observation, key, value);
}

/* Bytes of ours, or an answer with something in it; a connection alone is neither. */
static bool step_answered(const struct observation *observation, unsigned step)
{
	int64_t result, count;
	if (!step_fact(observation, step, "result", &result) || result != 0)
		return false;
	return (step_fact(observation, step, "bytes", &count) && count > 0) ||
	       (step_fact(observation, step, "answers", &count) && count > 0);
}

static void describe_step(struct text *text, const struct observation *observation, unsigned step)
{
	static const char *const counts[] = {"bytes", "answers", "rcode", "admitted", "sent"};
	int64_t value;
	if (!step_fact(observation, step, "result", &value))
		return;
	const char *separator = text->used ? "; " : "";
	if (step_fact(observation, step, "skipped", &(int64_t){0}))
		text_add(text, "%s%u: not tried", separator, step);
	else
		text_add(text, "%s%u: %s", separator, step, value ? errno_name((int)value) : "done");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (step_fact(observation, step, counts[i], &value))
			text_add(text, ", %s %lld", counts[i], (long long)value);
}

/* What victims saw comes first: it is never cut off. */
static void describe(const struct observation *observation, char *out)
{
	struct text text = {out, VERDICT_TEXT_MAX, 0};
	const char *key;
	json_t *value;
	json_object_foreach(observation->facts, key, value) if (strncmp(key, "seen_", 5) == 0 && json_is_integer(value))
		text_add(&text, "%s%s: %lld", text.used ? "; " : "", key, (long long)json_integer_value(value));
	for (unsigned step = 1; step <= STEPS_MAX; step++)
		describe_step(&text, observation, step);
	if (*fact_text_of(observation, "questions"))
		text_add(&text, "; asked: %s", fact_text_of(observation, "questions"));
	if (!text.used)
		text_add(&text, "exit %lld",
			 (long long)json_integer_value(json_object_get(observation->facts, "exit")));
}

/* --- Do they hold? ---------------------------------------------------------------------------------- */

static bool steps_hold(const struct observation *observation, const struct term *term, unsigned *failed)
{
	for (unsigned step = term->first; step <= term->last; step++) {
		int64_t ignored;
		bool told = step_fact(observation, step, "result", &ignored);
		bool skipped = step_fact(observation, step, "skipped", &ignored);
		*failed = step;
		if (!told || (skipped && term->sign != '~') || step_answered(observation, step) != (term->sign == '+'))
			return false;
	}
	return true;
}

static bool text_holds(const char *fact, const struct term *term)
{
	switch (term->sign) {
	case '=':
		return strcmp(fact, term->value) == 0;
	case '!':
		return strcmp(fact, term->value) != 0;
	case '%':
		return strstr(fact, term->value) != NULL;
	case '^':
		return strstr(fact, term->value) == NULL;
	default:
		return false;
	}
}

static bool number_holds(int64_t fact, const struct term *term)
{
	int64_t value = strtoll(term->value, NULL, 10);
	switch (term->sign) {
	case '=':
		return fact == value;
	case '!':
		return fact != value;
	case '<':
		return fact < value;
	case '>':
		return fact > value;
	default:
		return false;
	}
}

static bool fact_holds(const struct observation *observation, const struct term *term)
{
	json_t *fact = json_object_get(observation->facts, term->key);
	if (json_is_string(fact))
		return text_holds(json_string_value(fact), term);
	return json_is_integer(fact) && number_holds(json_integer_value(fact), term);
}

/* All of them; where not, why says which. */
static bool all_hold(const struct observation *observation, const char *terms, char *why, size_t size)
{
	struct term term;
	while (next_term(&terms, &term) > 0) {
		unsigned failed = 0;
		if (term.first ? steps_hold(observation, &term, &failed) : fact_holds(observation, &term))
			continue;
		if (!term.first)
			(void)snprintf(why, size, "not %s", term.text);
		else
			(void)snprintf(why, size, "step %u %s", failed,
				       term.sign == '+'                     ? "got no answer"
				       : step_answered(observation, failed) ? "got through"
									    : "was not tried");
		return false;
	}
	return true;
}

/* Without terms of its own the control gets through every step. */
static bool control_holds(const struct observation *control, const char *terms, char *why, size_t size)
{
	struct term term;
	const char *own = control_terms(terms);
	if (own)
		return all_hold(control, own, why, size);
	while (next_term(&terms, &term) > 0) {
		unsigned failed = 0;
		term.sign = '+';
		if (term.first && !steps_hold(control, &term, &failed)) {
			(void)snprintf(why, size, "step %u got no answer", failed);
			return false;
		}
	}
	return true;
}

/* --- Victims ---------------------------------------------------------------------------------------- */

/* Somebody saw something; who and how much is in the verdict. */
static bool anybody_saw(const struct observation *observed, struct verdict *verdict)
{
	const char *key;
	json_t *value;
	json_object_foreach(observed->facts, key, value)
	{
		if (strncmp(key, "seen_", 5) == 0 && json_integer_value(value) > 0) {
			settle(verdict, STATUS_FAIL, "%s saw %lld frames: %.150s", key + 5,
			       (long long)json_integer_value(value), fact_text_of(observed, "seen"));
			return true;
		}
	}
	return false;
}

/* "world:198.51.100.99 lan" of the row: the fact of each victim has to be there. */
static bool each_victim(const char *victims, const struct observation *observation, bool saw, const char **who,
			int *length)
{
	char key[KEY_MAX];
	for (const char *at = victims ? victims : ""; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
		int64_t frames;
		*who = at;
		*length = (int)strcspn(at, ": ");
		(void)snprintf(key, sizeof(key), "seen_%.*s", *length, at);
		if (!fact_integer_of(observation, key, &frames) || (saw && frames == 0))
			return false;
	}
	return true;
}

/* --- The oracles ------------------------------------------------------------------------------------ */

static const char *not_measured(const struct observation *observation)
{
	int64_t value;
	if (!fact_integer_of(observation, "ready", &value))
		return fact_integer_of(observation, "broken", &value) ? "the load could not be set up"
								      : "the load did not start";
	return fact_integer_of(observation, "broken", &value) ? "the load broke" : NULL;
}

/* A load that was killed on purpose is not through. */
static bool got_through(const struct trial *trial, const struct observation *observation)
{
	int64_t value;
	return trial->end == TRIAL_END_KILL || fact_integer_of(observation, "through", &value);
}

static bool is_settled(const struct requirement *row, const struct observation *observed,
		       const struct observation *control, struct verdict *verdict)
{
	if (judge_unmeasured(row, observed, control, verdict))
		return true;
	describe(observed, verdict->observed);
	if (control)
		describe(control, verdict->control);
	if (!row->control_trial.load || control)
		return false;
	settle(verdict, STATUS_INCONCLUSIVE, "the control was not tried");
	return true;
}

static bool is_measured(const struct requirement *row, const struct observation *observed, struct verdict *verdict)
{
	const char *why = not_measured(observed);
	if (!why && !got_through(&row->trial, observed))
		why = "the load did not take all its steps";
	if (why)
		settle(verdict, STATUS_ERROR, "%s: %.150s", why, fact_text_of(observed, "stderr"));
	return !why;
}

static bool control_worked(const struct requirement *row, const struct observation *control, struct verdict *verdict)
{
	char why[WORD_MAX + 32] = "";
	const char *broken = control ? not_measured(control) : NULL;
	if (!control)
		return true;
	if (broken)
		settle(verdict, STATUS_INCONCLUSIVE, "in the control %s: %.150s", broken,
		       fact_text_of(control, "stderr"));
	else if (!got_through(&row->control_trial, control))
		settle(verdict, STATUS_INCONCLUSIVE, "in the control the load did not take all its steps");
	else if (!control_holds(control, row->fact, why, sizeof(why)))
		settle(verdict, STATUS_INCONCLUSIVE, "in the control %s", why);
	else
		return true;
	return false;
}

void judge_network_works(const struct requirement *row, const struct observation *observed,
			 const struct observation *control, struct verdict *verdict)
{
	char why[WORD_MAX + 32];
	if (is_settled(row, observed, control, verdict) || !is_measured(row, observed, verdict) ||
	    !control_worked(row, control, verdict))
		return;
	if (!all_hold(observed, row->fact, why, sizeof(why)))
		settle(verdict, STATUS_FAIL, "%s", why);
	else
		settle_pass(verdict);
}

/* What got through is a failure, whatever the control shows; only what did not needs it. */
void judge_network_blocked(const struct requirement *row, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	char why[WORD_MAX + 32];
	const char *victims = row->trial.network.victims, *who = "";
	int length = 0;
	if (is_settled(row, observed, control, verdict) || anybody_saw(observed, verdict) ||
	    !is_measured(row, observed, verdict))
		return;
	if (!all_hold(observed, row->fact, why, sizeof(why)))
		settle(verdict, STATUS_FAIL, "%s", why);
	else if (!each_victim(victims, observed, false, &who, &length))
		settle(verdict, STATUS_ERROR, "nobody watched %.*s", length, who);
	else if (!control_worked(row, control, verdict))
		return;
	else if (control && !each_victim(row->control_trial.network.victims, control, true, &who, &length))
		settle(verdict, STATUS_INCONCLUSIVE, "in the control %.*s saw nothing", length, who);
	else
		settle_pass(verdict);
}

void judge_network_refuses(const struct requirement *row, const struct observation *observed,
			   const struct observation *control, struct verdict *verdict)
{
	char why[WORD_MAX + 32];
	int64_t value;
	if (is_settled(row, observed, control, verdict))
		return;
	if (fact_integer_of(observed, "ready", &value))
		settle(verdict, STATUS_FAIL, "the runtime took the policy");
	else if (!all_hold(observed, row->fact, why, sizeof(why)))
		settle(verdict, STATUS_FAIL, "%s: %.150s", why, fact_text_of(observed, "stderr"));
	else if (control && not_measured(control))
		settle(verdict, STATUS_INCONCLUSIVE, "a policy without the entry is refused, too: %.150s",
		       fact_text_of(control, "stderr"));
	else
		settle_pass(verdict);
}
