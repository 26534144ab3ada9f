/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requirements straight from a golden table.  Columns, by name:
 *
 *   id        after "AREA.PROFILE."
 *   profiles  "minimal standard privileged", or "*"
 *   needs     "landlock apparmor signal-rules truncate-rules shared-kernel python3 node gcc git"; empty: none; "user-namespace": of the policy, else not asked
 *   judge     a name from rows.c; with a '?' behind it the row is a SHOULD
 *   session   full (also when empty), user, mac, landlock, rlimits, seccomp, capabilities; of several words each makes a row: the first has the line's id,
 *             another "WORD.ID"
 *   probe     the request; {canary}, {nofile} and the like are filled in from the words given
 *   control   empty: none; "=": the same request in the bare session; else the bare session's request
 *   alone     as needs, for the sessions mac and landlock
 *   others    expected in sessions other than those two, where it differs
 *   fact, expected, tags, why, fix
 */
#ifndef SUITES_ROWS_H
#define SUITES_ROWS_H

#include "harness/requirement.h"
#include "suites/table.h"

/* What {name} stands for in a table. */
struct rows_word {
	const char *name, *value;
};

/* Add the table's rows that are for this plan's profile.  words ends with a NULL name; NULL: none.  0 or a negative errno. */
int rows_add(struct plan *plan, const char *area, const char *fixtures_dir, const char *table,
	     const struct rows_word *words, struct error *err);

/*
 * A single row with the usual members.  control as in the table.  Text is borrowed: it must outlive the plan.
 * Never NULL.
 */
struct rows_text {
	const char *why, *fix, *tags;
};
void rows_describe(struct requirement *row, const struct rows_text *text);

/* Set the control: none (""), the same request in the bare session ("="), or another one. */
void rows_control(struct requirement *row, const char *control);

/* --- For tables with columns of their own ----------------------------------------------------------- */

/* Is the line for this policy, by its columns profiles, needs and session? */
bool rows_wanted(const struct policy *policy, const struct table *table, const struct table_line *line);

/* The enum need bits of a cell of the column needs. */
unsigned rows_needs(const char *names);

/* Copy text to out with every {name} replaced; false when it does not fit. */
bool rows_fill_in(const char *text, const struct rows_word *words, char *out, size_t size);

/* Call add for each line of the table that is for this policy.  0, or the first negative errno with err set. */
typedef int rows_adder(struct plan *plan, const struct table *table, const struct table_line *line, const void *context,
		       struct error *err);
int rows_each(struct plan *plan, const char *fixtures_dir, const char *table, rows_adder *add, const void *context,
	      struct error *err);

/* A part of an id made of a path: "/proc/sys" is "proc-sys", "/" is "slash". */
void rows_path_id(const char *path, char *id, size_t size);

#endif
