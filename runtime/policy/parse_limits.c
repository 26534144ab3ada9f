/* SPDX-License-Identifier: Apache-2.0 */
/* resource_limits and execution_limits, from the rows of limits.c; and --limit. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/limits.h"
#include "policy/parse.h"
#include "policy/suggest.h"

enum tier { CONTAINER, EXECUTION };

static const char *key_of(const struct limit_row *row, enum tier tier)
{
	return tier == CONTAINER ? row->container_key : row->execution_key;
}

static const struct limit_row *find_row(const char *key, enum tier tier)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (key_of(&limit_rows[i], tier) && strcmp(key_of(&limit_rows[i], tier), key) == 0)
			return &limit_rows[i];
	return NULL;
}

/* Check a value in its key's own unit.  0, or -EINVAL with what is wrong. */
static int check_value(const struct limit_row *row, enum tier tier, double value, struct error *err)
{
	bool percent = tier == EXECUTION && row->execution_scale == 0.01;
	double scale = percent ? 100 : 1;
	const char *unit = percent ? "percent of a core" : row->unit;

	if (!isfinite(value) || value < row->minimum * scale || value > row->maximum * scale)
		return error_say(err, EINVAL, "%.15g is out of range: from %.15g to %.15g %s", value,
				 row->minimum * scale, row->maximum * scale, unit);
	if (row->integer && value != (double)(int64_t)value)
		return error_say(err, EINVAL, "%.15g is not a whole number", value);
	return 0;
}

static void set_value(struct policy *policy, const struct limit_row *row, enum tier tier, double value)
{
	struct limits *limits = tier == CONTAINER ? &policy->container : &policy->execution;

	limits->value[row->limit] = tier == CONTAINER ? value : value * row->execution_scale;
	limits->set[row->limit] = true;
	limits->explicit_[row->limit] = true;
	/* A container's default that no document can name gives way to the execution's value that one did name. */
	if (tier == EXECUTION && !row->container_key && policy->container.value[row->limit] < limits->value[row->limit])
		policy->container.value[row->limit] = limits->value[row->limit];
}

static int read_limit(struct document *document, const struct place *place, json_t *value, enum tier tier)
{
	const struct limit_row *row = find_row(place->key, tier);
	struct error cause = {0};

	if (check_value(row, tier, json_number_value(value), &cause) < 0)
		return refuse_because(document, place, &cause);
	set_value(document->policy, row, tier, json_number_value(value));
	if (row->limit == LIMIT_NETWORK_REQUESTS && json_number_value(value) == 0)
		document->network_denied = true;
	return 0;
}

static int read_container_limit(struct document *document, const struct place *place, json_t *value)
{
	return read_limit(document, place, value, CONTAINER);
}

static int read_execution_limit(struct document *document, const struct place *place, json_t *value)
{
	return read_limit(document, place, value, EXECUTION);
}

static int read_network_access(struct document *document, const struct place *place, json_t *value)
{
	struct error cause = {0};

	if (network_mode_from_name(&document->policy->network, json_string_value(value), &cause) < 0)
		return refuse_because(document, place, &cause);
	document->network_named = true;
	return 0;
}

static size_t limit_fields(struct field fields[SECTION_FIELDS_MAX], enum tier tier, field_reader *read)
{
	size_t count = 0;

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (key_of(&limit_rows[i], tier))
			fields[count++] = (struct field){key_of(&limit_rows[i], tier), JSON_REAL, read};
	return count;
}

size_t resource_fields(struct field fields[SECTION_FIELDS_MAX])
{
	size_t count = limit_fields(fields, CONTAINER, read_container_limit);

	fields[count++] = (struct field){"network_access", JSON_STRING, read_network_access};
	return count;
}

size_t execution_fields(struct field fields[SECTION_FIELDS_MAX])
{
	return limit_fields(fields, EXECUTION, read_execution_limit);
}

/* --- --limit KEY=VALUE ------------------------------------------------------------------------------ */
static int refuse_limit_key(const char *key, struct error *err)
{
	struct suggestion suggestion = suggest_for(key);

	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		for (enum tier tier = CONTAINER; tier <= EXECUTION; tier++)
			if (key_of(&limit_rows[i], tier))
				suggest_offer(&suggestion, key_of(&limit_rows[i], tier));
	}
	int r = error_say(err, EINVAL, "--limit: \"%s\" is not a limit", key);
	suggest_hint(&suggestion, err, "write KEY=VALUE with a key of resource_limits or execution_limits");
	return r;
}

/* A plain decimal number, all of it: no blanks, no hexadecimal, no "nan" or "inf". */
static bool read_number(const char *text, double *value)
{
	char *end;

	if (!*text || text[strspn(text, "0123456789.eE+-")])
		return false;
	*value = strtod(text, &end);
	return *end == '\0' && end != text;
}

int policy_set_limit(struct policy *policy, const char *assignment, struct error *err)
{
	char key[64];
	size_t length = strcspn(assignment, "=");
	struct error cause = {0};
	double value;

	(void)snprintf(key, sizeof(key), "%.*s", (int)(length < sizeof(key) ? length : sizeof(key) - 1), assignment);
	enum tier tier = find_row(key, CONTAINER) ? CONTAINER : EXECUTION;
	const struct limit_row *row = find_row(key, tier);
	if (!row || assignment[length] != '=')
		return refuse_limit_key(key, err);
	if (!read_number(assignment + length + 1, &value))
		return error_say(err, EINVAL, "--limit %s: \"%.80s\" is not a number", key, assignment + length + 1);
	if (check_value(row, tier, value, &cause) < 0)
		return error_say(err, EINVAL, "--limit %s: %s", key, cause.text);
	set_value(policy, row, tier, value);
	if (row->limit == LIMIT_NETWORK_REQUESTS && value == 0)
		policy->network = NETWORK_NONE;
	return 0;
}
