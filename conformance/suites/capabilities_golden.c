/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/capabilities.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static bool yes_or_no(const char *word, bool *value)
{
	*value = strcmp(word, "yes") == 0;
	return *value || strcmp(word, "no") == 0;
}

/* Rows come in the order of their numbers: a missing or doubled one shows. */
static bool parse_row(const char *line, struct golden_capability *row, int expected_number)
{
	char minimal[8], standard[8], privileged[8], rest;
	memset(row, 0, sizeof(*row));
	return sscanf(line, "%d\t%39[a-z_]\t%7[a-z]\t%7[a-z]\t%7[a-z]%c", &row->number, row->name, minimal, standard,
		      privileged, &rest) == 6 &&
	       rest == '\n' && row->number == expected_number && yes_or_no(minimal, &row->held[PROFILE_MINIMAL]) &&
	       yes_or_no(standard, &row->held[PROFILE_STANDARD]) &&
	       yes_or_no(privileged, &row->held[PROFILE_PRIVILEGED]);
}

int golden_capabilities_load(struct golden_capabilities *golden, const char *fixtures_dir, struct error *err)
{
	char path[4096], line[512];
	struct golden_capabilities loaded = {.count = 0};
	(void)snprintf(path, sizeof(path), "%s/golden/capabilities.tsv", fixtures_dir);
	_cleanup_file_ FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, errno, "%s", path);
	for (int number = 1; fgets(line, sizeof(line), file); number++) {
		if (line[0] == '#')
			continue;
		if (loaded.count == CAPABILITY_MAX || !parse_row(line, &loaded.rows[loaded.count], (int)loaded.count))
			return error_say(err, EINVAL, "%s:%d: not number, name, yes or no three times", path, number);
		loaded.count++;
	}
	if (loaded.count == 0)
		return error_say(err, EINVAL, "%s: no rows", path);
	*golden = loaded;
	return 0;
}

uint64_t golden_capabilities_mask(const struct golden_capabilities *golden, enum profile profile)
{
	uint64_t mask = 0;
	for (size_t i = 0; i < golden->count; i++)
		mask |= (uint64_t)golden->rows[i].held[profile] << golden->rows[i].number;
	return mask;
}

uint64_t capabilities_expected(const struct plan *plan, const struct golden_capabilities *golden)
{
	bool built_in = strcmp(plan->profile, profile_name(plan->policy->profile)) == 0;
	return built_in ? golden_capabilities_mask(golden, plan->policy->profile) : plan->policy->capabilities;
}
