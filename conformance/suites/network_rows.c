/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of fixtures/golden/network.tsv.  Columns, by name:
 *
 *   id, profiles, needs, tags, why, fix    as in rows.h
 *   network    mode and allowed hosts, laid over the policy; empty: the policy's own
 *   limits     laid over the policy as well, as in limits.tsv
 *   load       steps of `probe load net`; empty: the sandbox only waits ("wait:3000")
 *   companion  steps of a second sandbox of the same policy beside it
 *   outside    requests of the test internet once the load is ready, with ";" between them; KILL: the monitor gets SIGKILL
 *   victims    who must see nothing (judge blocked)
 *   control    empty: none; "=": the same in the bare ground; "bare STEP...": other steps there, nothing from outside; "unlimited": the same in the runtime without
 *              the row's limits; "policy MODE HOST...": the same in the runtime with another network
 *   judge      works, blocked, refuses; with a '?' behind it the row is a SHOULD
 *   operands   terms (network.h), the control's own behind a "|"
 *   timeout    ms of the trial and of its control
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "suites/network.h"
#include "suites/rows.h"
#include "suites/table.h"

static const struct judge_row {
	const char *name;
	judge_function *judge;
	const char *expects; /* before the terms */
	bool victims; /* without terms there have to be victims */
} judge_rows[] = {
	{"works", judge_network_works, "", false},
	{"blocked", judge_network_blocked, "no victim sees a frame", true},
	{"refuses", judge_network_refuses, "the policy is refused", false},
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

static const char *cell_or_null(const struct table *table, const struct table_line *line, const char *column)
{
	const char *cell = table_cell(table, line, column);
	return *cell ? cell : NULL;
}

/* "net STEP..."; NULL where there are none. */
static const char *load_of(struct plan *plan, const char *steps)
{
	return steps && *steps ? plan_text(plan, "net %s", steps) : NULL;
}

static void fill_trial(struct plan *plan, const struct table *table, const struct table_line *line, struct trial *trial)
{
	const char *outside = cell_or_null(table, line, "outside"), *steps = cell_or_null(table, line, "load");
	bool kill = outside && strcmp(outside, "KILL") == 0;
	*trial = (struct trial){
		.limits = table_cell(table, line, "limits"),
		.load = load_of(plan, steps ? steps : "wait:3000"),
		.companion = load_of(plan, cell_or_null(table, line, "companion")),
		.end = kill ? TRIAL_END_KILL : TRIAL_END_ITSELF,
		.network = {.ground = GROUND_RUNTIME,
			    .policy = cell_or_null(table, line, "network"),
			    .outside = kill ? NULL : outside,
			    .victims = cell_or_null(table, line, "victims")},
		.timeout_ms = atoi(table_cell(table, line, "timeout")),
	};
}

/* The bare ground knows no policy: what differs between two rows of one load must not make two trials of it. */
static void make_bare(struct trial *trial)
{
	trial->limits = "";
	trial->end = TRIAL_END_ITSELF;
	trial->network.ground = GROUND_BARE;
	trial->network.policy = NULL;
}

static bool fill_control(struct plan *plan, const char *control, const struct trial *trial, struct trial *out)
{
	if (!*control)
		return true;
	*out = *trial;
	if (strcmp(control, "=") == 0) {
		make_bare(out);
	} else if (strncmp(control, "bare ", 5) == 0) {
		make_bare(out);
		out->network.outside = NULL;
		out->load = load_of(plan, control + 5);
	} else if (strcmp(control, "unlimited") == 0) {
		out->limits = "";
	} else if (strncmp(control, "policy ", 7) == 0) {
		out->network.policy = control + 7;
	} else {
		return false;
	}
	return true;
}

static void write_expected(struct requirement *row, const struct judge_row *judge)
{
	char terms[VERDICT_TEXT_MAX / 2];
	network_terms_describe(row->fact, terms, sizeof(terms));
	(void)snprintf(row->expected, sizeof(row->expected), "%s%s%s", judge->expects,
		       *judge->expects && *terms ? "; " : "", terms);
}

static int add(struct plan *plan, const struct table *table, const struct table_line *line, const void *context,
	       struct error *err)
{
	(void)context;
	enum level level;
	const struct judge_row *judge = judge_of(table_cell(table, line, "judge"), &level);
	const char *terms = table_cell(table, line, "operands");
	if (!judge)
		return error_say(err, EINVAL, "%s:%zu: no such judge", table->path, line->number);
	if (!network_terms_valid(terms, NULL))
		return error_say(err, EINVAL, "%s:%zu: operands are terms (network.h), not \"%s\"", table->path,
				 line->number, terms);

	struct requirement *row = plan_add(plan, "network", "%s", table_cell(table, line, "id"));
	row->level = level;
	row->judge = judge->judge;
	row->needs = rows_needs(table_cell(table, line, "needs"));
	row->fact = terms;
	fill_trial(plan, table, line, &row->trial);
	rows_describe(row, &(struct rows_text){table_cell(table, line, "why"), table_cell(table, line, "fix"),
					       table_cell(table, line, "tags")});
	write_expected(row, judge);
	if (!*terms && !(judge->victims && row->trial.network.victims))
		return error_say(err, EINVAL, "%s:%zu: nothing is asked of the trial", table->path, line->number);
	if (!fill_control(plan, table_cell(table, line, "control"), &row->trial, &row->control_trial))
		return error_say(err, EINVAL, "%s:%zu: no such control", table->path, line->number);
	return 0;
}

int network_add_rows(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	return rows_each(plan, fixtures_dir, "golden/network.tsv", add, NULL, err);
}
