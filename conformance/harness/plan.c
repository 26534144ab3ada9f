/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/requirement.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/plan.h"

/* A suite has no way to go on without its rows, and a run that lost some would look complete. */
static void out_of_memory(void)
{
	fputs("agentcore-conformance: out of memory while planning\n", stderr);
	exit(4);
}

struct requirement *plan_add(struct plan *plan, const char *area, const char *id_format, ...)
{
	if (plan->count == plan->allocated) {
		size_t allocated = plan->allocated ? plan->allocated * 2 : 256;
		struct requirement *rows = reallocarray(plan->rows, allocated, sizeof(*rows));
		if (!rows)
			out_of_memory();
		plan->rows = rows;
		plan->allocated = allocated;
	}
	struct requirement *row = &plan->rows[plan->count++];
	memset(row, 0, sizeof(*row));
	row->area = area;
	row->level = LEVEL_MUST;
	row->session = SESSION_FULL;
	row->control = SESSION_COUNT;

	int used = snprintf(row->id, sizeof(row->id), "%s.%s.", area, plan->profile);
	if (used > 0 && (size_t)used < sizeof(row->id)) {
		va_list args;
		va_start(args, id_format);
		(void)vsnprintf(row->id + used, sizeof(row->id) - (size_t)used, id_format, args);
		va_end(args);
	}
	return row;
}

const char *plan_text(struct plan *plan, const char *format, ...)
{
	char *text = NULL;
	char **texts = reallocarray(plan->texts, plan->text_count + 1, sizeof(*texts));
	va_list args;
	if (!texts)
		out_of_memory();
	plan->texts = texts;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	va_end(args);
	plan->texts[plan->text_count++] = text;
	return text;
}

void plan_clear(struct plan *plan)
{
	for (size_t i = 0; i < plan->text_count; i++)
		free(plan->texts[i]);
	free(plan->texts);
	plan->texts = NULL;
	plan->text_count = 0;
	free(plan->rows);
	plan->rows = NULL;
	plan->count = plan->allocated = 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp((*(const struct requirement *const *)a)->id, (*(const struct requirement *const *)b)->id);
}

static int check_row(const struct requirement *row, struct error *err)
{
	size_t length = strspn(row->id, "abcdefghijklmnopqrstuvwxyz0123456789_.-");
	if (row->id[length] || length >= sizeof(row->id) - 1)
		return error_say(err, EINVAL, "requirement %s: the id is too long or has characters beyond [a-z0-9_.-]",
				 row->id);
	if (!row->judge)
		return error_say(err, EINVAL, "requirement %s: no judge", row->id);
	if (!row->probe[0] && !row->host && !row->trial.load)
		return error_say(err, EINVAL, "requirement %s: nothing observes it", row->id);
	if (!row->rationale || !row->remediation)
		return error_say(err, EINVAL, "requirement %s: rationale or remediation is missing", row->id);
	if (row->trial.load &&
	    (row->probe[0] || row->host || row->session != SESSION_FULL || row->control != SESSION_COUNT))
		return error_say(err, EINVAL, "requirement %s: a trial is the whole observation, in no session",
				 row->id);
	if ((row->trial.load && !row->trial.limits) || (row->control_trial.load && !row->control_trial.limits))
		return error_say(err, EINVAL, "requirement %s: a trial without limits (\"\" for the policy's)",
				 row->id);
	if (row->control_trial.load && !row->trial.load)
		return error_say(err, EINVAL, "requirement %s: a control without its trial", row->id);
	if (strpbrk(row->probe, "\n") || strpbrk(row->control_probe, "\n"))
		return error_say(err, EINVAL, "requirement %s: a request holds a newline", row->id);
	return 0;
}

int plan_check(const struct plan *plan, struct error *err)
{
	const struct requirement **sorted = calloc(plan->count + 1, sizeof(const struct requirement *));
	if (!sorted)
		return error_set(err, ENOMEM, "plan");
	int r = 0;
	for (size_t i = 0; i < plan->count && r == 0; i++) {
		sorted[i] = &plan->rows[i];
		r = check_row(sorted[i], err);
	}
	if (r == 0)
		qsort(sorted, plan->count, sizeof(const struct requirement *), compare_ids);
	for (size_t i = 1; i < plan->count && r == 0; i++)
		if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
			r = error_say(err, EINVAL, "requirement %s: the id is used twice", sorted[i]->id);
	free(sorted);
	return r;
}
