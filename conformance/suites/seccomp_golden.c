/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/seccomp_golden.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>

#include "suites/table.h"

static bool names(const struct string_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], name) == 0)
			return true;
	return false;
}

/* The text behind "WORD:", or NULL where the cell does not begin so. */
static const char *after(const char *cell, const char *word)
{
	size_t length = strlen(word);
	return strncmp(cell, word, length) == 0 ? cell + length : NULL;
}

static enum golden_verdict by_capability(const char *name, const struct policy *policy)
{
	cap_value_t number;
	if (cap_from_name(name, &number) < 0)
		return GOLDEN_NONE;
	return policy->capabilities >> number & 1 ? GOLDEN_ALLOW : GOLDEN_DENY;
}

/* clone3 keeps its flags in memory, so only the user namespace's limits can hold it: without one it is absent. */
static enum golden_verdict by_condition(const char *word, const struct policy *policy)
{
	return strcmp(word, "clone3") == 0 && !policy->user_namespace ? GOLDEN_ENOSYS : GOLDEN_CONDITIONAL;
}

/* GOLDEN_NONE for a cell that cannot be read. */
static enum golden_verdict read_cell(const char *cell, const struct policy *policy)
{
	const char *word;
	if (strcmp(cell, "allow") == 0)
		return GOLDEN_ALLOW;
	if (strcmp(cell, "deny") == 0)
		return GOLDEN_DENY;
	if (strcmp(cell, "enosys") == 0)
		return GOLDEN_ENOSYS;
	if (strcmp(cell, "any") == 0)
		return GOLDEN_ANY;
	if ((word = after(cell, "conditional:")))
		return by_condition(word, policy);
	if ((word = after(cell, "capability:")))
		return by_capability(word, policy);
	return GOLDEN_NONE;
}

static enum golden_verdict adjust(enum golden_verdict verdict, const char *name, const struct policy *policy)
{
	if (names(&policy->blocked_syscalls, name))
		return GOLDEN_DENY;
	if (names(&policy->allowed_syscalls, name) && verdict != GOLDEN_CONDITIONAL)
		return GOLDEN_ALLOW;
	return verdict;
}

static int read_line(struct golden_calls *calls, const struct table *table, const struct table_line *line,
		     const struct policy *policy, struct error *err)
{
	const char *digits = table_cell(table, line, "number"), *name = table_cell(table, line, "name");
	char *end;
	if (!*digits)
		return 0; /* a name without a number, kept for the reader */
	long number = strtol(digits, &end, 10);
	if (*end || number < 0 || number > GOLDEN_LAST_NUMBER || !*name)
		return error_say(err, EINVAL, "%s:%zu: not a system call", table->path, line->number);
	const char *cell = table_cell(table, line, profile_name(policy->profile));
	enum golden_verdict verdict = read_cell(cell, policy);
	if (verdict == GOLDEN_NONE)
		return error_say(err, EINVAL, "%s:%zu: %s: not a verdict", table->path, line->number, name);
	if (calls->by_number[number].name)
		return error_say(err, EINVAL, "%s:%zu: number %ld is there twice", table->path, line->number, number);
	verdict = adjust(verdict, name, policy);
	bool lifted = verdict == GOLDEN_ALLOW && strcmp(cell, "allow") != 0;
	calls->by_number[number] = (struct golden_call){name, table_cell(table, line, "note"), verdict, lifted};
	return 0;
}

int golden_calls_get(struct golden_calls *calls, const char *fixtures_dir, const struct policy *policy,
		     struct error *err)
{
	const struct table *table;
	struct golden_calls fresh = {0};
	int r = table_get(&table, fixtures_dir, "golden/syscalls.tsv", err);
	for (size_t i = 0; r == 0 && i < table->line_count; i++)
		r = read_line(&fresh, table, &table->lines[i], policy, err);
	if (r == 0)
		*calls = fresh;
	return r;
}

int golden_number(const struct golden_calls *calls, const char *name)
{
	for (int number = 0; number <= GOLDEN_LAST_NUMBER; number++)
		if (calls->by_number[number].name && strcmp(calls->by_number[number].name, name) == 0)
			return number;
	return -1;
}
