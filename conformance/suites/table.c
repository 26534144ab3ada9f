/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

#define TABLE_BYTES_MAX (1 << 20)

static struct table *tables;

static void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->path);
	free(table->text);
	free(table->lines);
	free(table);
}

__attribute__((destructor)) static void tables_free(void)
{
	while (tables) {
		struct table *table = tables;
		tables = table->next;
		table_free(table);
	}
}

/* Cut a line into cells in place; their number, or -1 when there are too many. */
static int split(char *line, const char **cells)
{
	int count = 0;
	for (char *cell; (cell = strsep(&line, "\t"));) {
		if (count == TABLE_COLUMNS_MAX)
			return -1;
		cells[count++] = strcmp(cell, "-") == 0 ? "" : cell;
	}
	return count;
}

static int add_line(struct table *table, char *text, size_t number, struct error *err)
{
	struct table_line line = {.number = number};
	for (size_t i = 0; i < TABLE_COLUMNS_MAX; i++)
		line.cells[i] = "";
	int count = split(text, line.cells);
	if (table->column_count == 0 && count > 0) {
		memcpy(table->columns, line.cells, sizeof(line.cells));
		table->column_count = (size_t)count;
		return 0;
	}
	if (count < 0 || (size_t)count > table->column_count)
		return error_say(err, EINVAL, "%s:%zu: more cells than columns", table->path, number);
	struct table_line *lines = reallocarray(table->lines, table->line_count + 1, sizeof(*lines));
	if (!lines)
		return error_set(err, ENOMEM, "%s", table->path);
	table->lines = lines;
	table->lines[table->line_count++] = line;
	return 0;
}

static int table_parse(struct table *table, struct error *err)
{
	char *rest = table->text;
	size_t number = 0;
	for (char *line; (line = strsep(&rest, "\n"));) {
		number++;
		if (line[0] == '\0' || line[0] == '#')
			continue;
		int r = add_line(table, line, number, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int table_load(struct table *table, const char *path, struct error *err)
{
	table->path = strdup(path);
	if (!table->path)
		return error_set(err, ENOMEM, "%s", path);
	int r = io_read_file(AT_FDCWD, path, TABLE_BYTES_MAX, &table->text, NULL);
	return r < 0 ? error_set(err, -r, "read %s", path) : table_parse(table, err);
}

int table_get(const struct table **table, const char *dir, const char *name, struct error *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return error_set(err, ENAMETOOLONG, "%s", name);
	for (const struct table *known = tables; known; known = known->next) {
		if (strcmp(known->path, path) == 0) {
			*table = known;
			return 0;
		}
	}

	struct table *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return error_set(err, ENOMEM, "%s", path);
	int r = table_load(fresh, path, err);
	if (r < 0) {
		table_free(fresh);
		return r;
	}
	fresh->next = tables;
	*table = tables = fresh;
	return 0;
}

const char *table_cell(const struct table *table, const struct table_line *line, const char *column)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i], column) == 0)
			return line->cells[i];
	return "";
}
