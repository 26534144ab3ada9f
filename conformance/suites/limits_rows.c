/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of fixtures/golden/limits.tsv.  Columns, by name:
 *
 *   id, profiles, needs, tags, why, fix    as in rows.h
 *   limits           laid over the policy; one that the execution tier has is "execution.KEY=VALUE"
 *   load             words after `probe load`
 *   tier             run (also when empty): a sandbox with one command;
 *                    exec: an execution in a sandbox that must live on; container: the same, but the container's own limit may end all
 *   end              itself (also when empty), term, kill: what ends it, harness/trial.h
 *   companion        the load of a second sandbox beside it
 *   control-limits   wider ones, for the control; empty: no control; "=": the same
 *   control-load     where the control's load differs
 *   judge            a name from judge_rows; with a '?' behind it the row is a SHOULD
 *   operands         [FACT] NUMBER [NUMBER2] of the judge
 *   timeout          ms of the trial and of its control
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "suites/limits.h"
#include "suites/rows.h"
#include "suites/table.h"

/* The oracle's name in the table, and what it expects in words. */
static const struct judge_row {
	const char *name;
	judge_function *judge;
	const char *expects;
} judge_rows[] = {
	{"killed", judge_limit_killed, "the sandbox dies (137) at {number} MiB, within 1 s"},
	{"survives", judge_limit_survives, "it gets through; what counts is killed"},
	{"refused", judge_limit_refused, "exactly {number} {fact}"},
	{"bounded", judge_limit_bounded, "from {number} to {number2} {fact}"},
	{"quota", judge_limit_quota, "full at {number} MiB, at least 90 % of them written"},
	{"share", judge_limit_share, "{number}/1000 of a core, within 5 %"},
	{"share-at-most", judge_limit_share_at_most, "at most {number}/1000 of a core, and 5 %"},
	{"ended", judge_limit_ended, "all over (124) after {number} ms, nobody alive 100 ms later"},
	{"clean", judge_limit_clean, "end {number}, nobody alive and nothing left on the host"},
	{"exits", judge_limit_exits, "exit {number}"},
};

static const struct judge_row *judge_of(const char *name, enum level *level)
{
	size_t length = strcspn(name, "?");
	*level = name[length] == '?' ? LEVEL_SHOULD : LEVEL_MUST;
	for (size_t i = 0; i < ARRAY_SIZE(judge_rows); i++)
		if (strlen(judge_rows[i].name) == length && strncmp(name, judge_rows[i].name, length) == 0)
			return &judge_rows[i];
	return NULL;
}

static const struct tier_row {
	const char *name;
	enum trial_tier tier;
	uint64_t mask;
} tier_rows[] = {
	{"", TRIAL_RUN, 0},
	{"run", TRIAL_RUN, 0},
	{"exec", TRIAL_EXEC, LIMITS_CONTAINER_LIVES},
	{"container", TRIAL_EXEC, 0},
};

static const struct end_row {
	const char *name;
	enum trial_end end;
} end_rows[] = {
	{"", TRIAL_END_ITSELF},
	{"itself", TRIAL_END_ITSELF},
	{"term", TRIAL_END_TERM},
	{"kill", TRIAL_END_KILL},
};

static const struct tier_row *tier_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tier_rows); i++)
		if (strcmp(tier_rows[i].name, name) == 0)
			return &tier_rows[i];
	return NULL;
}

static const struct end_row *end_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(end_rows); i++)
		if (strcmp(end_rows[i].name, name) == 0)
			return &end_rows[i];
	return NULL;
}

/* [FACT] NUMBER [NUMBER2]; the fact's name becomes the plan's. */
static bool read_operands(struct plan *plan, const char *text, struct requirement *row)
{
	size_t length = strcspn(text, " ");
	if (*text && strchr("-0123456789", *text) == NULL) {
		row->fact = plan_text(plan, "%.*s", (int)length, text);
		text += length + strspn(text + length, " ");
	}
	char *end = NULL;
	row->number = strtoll(text, &end, 10);
	row->number2 = strtoll(end, &end, 10);
	return *end == '\0';
}

static bool write_expected(const char *format, struct requirement *row)
{
	char number[24], number2[24];
	(void)snprintf(number, sizeof(number), "%lld", (long long)row->number);
	(void)snprintf(number2, sizeof(number2), "%lld", (long long)row->number2);
	const struct rows_word words[] = {
		{"number", number}, {"number2", number2}, {"fact", row->fact ? row->fact : ""}, {NULL, NULL}};
	return rows_fill_in(format, words, row->expected, sizeof(row->expected));
}

static const char *cell_or_null(const struct table *table, const struct table_line *line, const char *column)
{
	const char *cell = table_cell(table, line, column);
	return *cell ? cell : NULL;
}

/* The control is the same trial but for what its columns say. */
static void fill_trials(const struct table *table, const struct table_line *line, struct requirement *row)
{
	const char *limits = table_cell(table, line, "control-limits"),
		   *load = cell_or_null(table, line, "control-load");
	row->trial.limits = table_cell(table, line, "limits");
	row->trial.load = table_cell(table, line, "load");
	row->trial.companion = cell_or_null(table, line, "companion");
	row->trial.timeout_ms = atoi(table_cell(table, line, "timeout"));
	if (!*limits)
		return;
	row->control_trial = row->trial;
	row->control_trial.companion = NULL;
	if (strcmp(limits, "=") != 0)
		row->control_trial.limits = limits;
	if (load)
		row->control_trial.load = load;
}

static int add(struct plan *plan, const struct table *table, const struct table_line *line, const void *context,
	       struct error *err)
{
	(void)context;
	enum level level;
	const struct judge_row *judge = judge_of(table_cell(table, line, "judge"), &level);
	const struct tier_row *tier = tier_of(table_cell(table, line, "tier"));
	const struct end_row *end = end_of(table_cell(table, line, "end"));
	if (!judge || !tier || !end)
		return error_say(err, EINVAL, "%s:%zu: no such %s", table->path, line->number,
				 !judge  ? "judge"
				 : !tier ? "tier"
					 : "end");

	struct requirement *row = plan_add(plan, "limits", "%s", table_cell(table, line, "id"));
	row->level = level;
	row->judge = judge->judge;
	row->needs = rows_needs(table_cell(table, line, "needs"));
	row->mask = tier->mask;
	row->trial.tier = tier->tier;
	row->trial.end = end->end;
	fill_trials(table, line, row);
	rows_describe(row, &(struct rows_text){table_cell(table, line, "why"), table_cell(table, line, "fix"),
					       table_cell(table, line, "tags")});
	if (!read_operands(plan, table_cell(table, line, "operands"), row) || !write_expected(judge->expects, row))
		return error_say(err, EINVAL, "%s:%zu: operands are [FACT] NUMBER [NUMBER2]", table->path,
				 line->number);
	return 0;
}

int limits_add_rows(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	return rows_each(plan, fixtures_dir, "golden/limits.tsv", add, NULL, err);
}
