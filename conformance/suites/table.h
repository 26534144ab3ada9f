/* SPDX-License-Identifier: Apache-2.0 */
/* Tab-separated tables under fixtures/: '#' starts a comment line; the first other line names the columns. */
#ifndef SUITES_TABLE_H
#define SUITES_TABLE_H

#include <stddef.h>

#include "base/error.h"

#define TABLE_COLUMNS_MAX 16

struct table_line {
	size_t number; /* in the file, from 1 */
	const char *cells[TABLE_COLUMNS_MAX]; /* "" for a cell that holds "-" or is missing */
};

struct table {
	char *path, *text; /* owned */
	const char *columns[TABLE_COLUMNS_MAX];
	size_t column_count;
	struct table_line *lines; /* owned; cells point into text */
	size_t line_count;
	struct table *next;
};

/*
 * The table dir/name, read once: it lives until the program ends, so that rows may point into it.
 * 0, or a negative errno with err set (-EINVAL for a line with more cells than there are columns).
 */
int table_get(const struct table **table, const char *dir, const char *name, struct error *err);

/* The cell of that column; "" where the table has no such column. */
const char *table_cell(const struct table *table, const struct table_line *line, const char *column);

#endif
