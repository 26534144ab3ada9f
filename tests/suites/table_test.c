/* SPDX-License-Identifier: Apache-2.0 */
/* The golden tables are read as written, and a broken one is refused with its line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "suites/table.h"

static char directory[] = "/tmp/table-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	static const char *const names[] = {"good.tsv", "wide.tsv", "empty.tsv"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)unlink(path);
	}
	return rmdir(directory);
}

static void cells_are_found_by_column(void **state)
{
	(void)state;
	const struct table *table, *again;
	struct error err = {0};
	write_file("good.tsv", "# comment\nname\twhy\ttags\n\n/proc\ta reason\t-\n# more\n/sys\n");
	assert_int_equal(table_get(&table, directory, "good.tsv", &err), 0);
	assert_int_equal(table->line_count, 2);
	assert_string_equal(table_cell(table, &table->lines[0], "name"), "/proc");
	assert_string_equal(table_cell(table, &table->lines[0], "why"), "a reason");
	assert_string_equal(table_cell(table, &table->lines[0], "tags"), "");
	assert_string_equal(table_cell(table, &table->lines[0], "nothing"), "");
	assert_string_equal(table_cell(table, &table->lines[1], "name"), "/sys");
	assert_string_equal(table_cell(table, &table->lines[1], "why"), "");
	assert_int_equal(table->lines[1].number, 6);
	assert_int_equal(table_get(&again, directory, "good.tsv", &err), 0);
	assert_ptr_equal(table, again);
}

static void a_line_with_too_many_cells_is_refused(void **state)
{
	(void)state;
	const struct table *table = NULL;
	struct error err = {0};
	write_file("wide.tsv", "a\tb\n1\t2\n1\t2\t3\n");
	assert_int_equal(table_get(&table, directory, "wide.tsv", &err), -EINVAL);
	assert_null(table);
	assert_non_null(strstr(err.text, "wide.tsv:3:"));
}

static void an_empty_table_has_no_lines(void **state)
{
	(void)state;
	const struct table *table;
	struct error err = {0};
	write_file("empty.tsv", "# nothing\n");
	assert_int_equal(table_get(&table, directory, "empty.tsv", &err), 0);
	assert_int_equal(table->line_count, 0);
}

static void a_missing_table_names_its_path(void **state)
{
	(void)state;
	const struct table *table = NULL;
	struct error err = {0};
	assert_int_equal(table_get(&table, directory, "missing.tsv", &err), -ENOENT);
	assert_null(table);
	assert_non_null(strstr(err.text, "missing.tsv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_found_by_column),
		cmocka_unit_test(a_line_with_too_many_cells_is_refused),
		cmocka_unit_test(an_empty_table_has_no_lines),
		cmocka_unit_test(a_missing_table_names_its_path),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
