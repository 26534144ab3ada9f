/* SPDX-License-Identifier: Apache-2.0 */
/* The stage table is complete, and its ordering constraints hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "recipe/stages.h"

static size_t place(const char *name)
{
	for (size_t i = 0; i < stage_count; i++)
		if (!strcmp(stages[i].name, name))
			return i;
	fail_msg("no stage %s", name);
	return 0;
}

static void every_stage_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < stage_count; i++) {
		assert_non_null(stages[i].run);
		assert_true(strlen(stages[i].why) > 20);
		assert_true(strlen(stages[i].name) < sizeof(((struct error *)0)->stage));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(stages[i].name, stages[j].name);
	}
}

static void sides_follow_each_other(void **state)
{
	(void)state;
	for (size_t i = 1; i < stage_count; i++)
		assert_true(stages[i - 1].side <= stages[i].side);
}

/* Each row: what must stand before what.  The reasons are the table's own. */
static void constraints_hold(void **state)
{
	static const char *const before[][2] = {
		{"refuse", "state-directory"},
		{"become-root", "die-with-monitor"},
		{"kernel-filesystems", "enter-root"},
		{"enter-root", "masks"},
		{"masks", "forbid-namespaces"},
		{"seal-root", "forbid-namespaces"},
		{"hide-init", "lock-pipe"},
		{"init-descriptors", "init-filter"},
		{"init-capabilities", "init-filter"},
		{"no-new-privs", "mac"},
		{"no-new-privs", "filter"},
		{"bounding-set", "filter-with-admin"},
		{"bounding-set", "user"},
		{"mac", "user"},
		{"filter-with-admin", "capabilities"},
		{"user", "capabilities"},
		{"capabilities", "filter"},
		{"await-lock", "filter"},
		{"descriptors", "filter"},
		{"filter", "execute"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (place(before[i][0]) >= place(before[i][1]))
			fail_msg("%s must stand before %s", before[i][0], before[i][1]);
	assert_int_equal(place("execute"), stage_count - 1);
}

static void every_layer_has_a_stage(void **state)
{
	(void)state;
	for (int layer = LAYER_ALWAYS; layer < LAYER_COUNT; layer++) {
		size_t found = 0;
		for (size_t i = 0; i < stage_count; i++)
			found += stages[i].layer == (enum layer)layer;
		assert_true(found > 0);
		assert_int_equal(layer_rows[layer].layer, layer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_stage_says_why),
		cmocka_unit_test(sides_follow_each_other),
		cmocka_unit_test(constraints_hold),
		cmocka_unit_test(every_layer_has_a_stage),
	};
	return cmocka_run_group_tests_name("stages", tests, NULL, NULL);
}
