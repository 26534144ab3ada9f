/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/rows.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "harness/judges.h"
#include "suites/outcomes.h"
#include "suites/table.h"

/* The oracle's name in a table, and what it takes for granted of the control. */
static const struct judge_row {
	const char *name;
	judge_function *judge;
	bool control_succeeds; /* number2 of judge_refused */
} judge_rows[] = {
	{"refused", judge_refused, false}, /* the control ends in another way */
	{"denied", judge_refused, true}, /* the control succeeds */
	{"absent", judge_absent, true}, /* the same, where the host has it */
	{"hidden", judge_hidden, false}, /* reading yields nothing */
	{"works", judge_works, false},
	{"equals", judge_fact_equals, false},
	{"one-of", judge_fact_one_of, false},
	{"differs", judge_fact_differs_from_control, false},
	{"at-most", judge_fact_at_most, false},
	{"only", judge_fact_only, false}, /* a list of words, all of them known */
	{"command", judge_command, false},
};

static const struct {
	const char *name;
	enum session_kind kind;
} session_rows[] = {
	{"full", SESSION_FULL},
	{"user", SESSION_USER},
	{"mac", SESSION_MAC_ALONE},
	{"landlock", SESSION_LANDLOCK_ALONE},
	{"rlimits", SESSION_RLIMITS_ALONE},
	{"seccomp", SESSION_SECCOMP_ALONE},
	{"capabilities", SESSION_CAPABILITIES_ALONE},
};

static const struct {
	const char *name;
	enum need need;
} need_rows[] = {
	{"landlock", NEED_LANDLOCK},
	{"shared-kernel", NEED_SHARED_KERNEL},
	{"python3", NEED_PYTHON3},
	{"node", NEED_NODE},
	{"gcc", NEED_GCC},
	{"git", NEED_GIT},
	{"apparmor", NEED_APPARMOR},
	{"signal-rules", NEED_SIGNAL_RULES},
	{"truncate-rules", NEED_TRUNCATE_RULES},
};

/* Is word one of the space-separated words of list? */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

bool rows_fill_in(const char *text, const struct rows_word *words, char *out, size_t size)
{
	size_t used = 0;
	while (*text && used + 1 < size) {
		const struct rows_word *word = words;
		size_t length = 0;
		while (word && word->name) {
			length = strlen(word->name);
			if (text[0] == '{' && strncmp(text + 1, word->name, length) == 0 && text[length + 1] == '}')
				break;
			word++;
		}
		if (!word || !word->name) {
			out[used++] = *text++;
			continue;
		}
		used += (size_t)snprintf(out + used, size - used, "%s", word->value);
		text += length + 2;
	}
	if (used >= size)
		return false;
	out[used] = '\0';
	return *text == '\0';
}

void rows_describe(struct requirement *row, const struct rows_text *text)
{
	row->rationale = text->why;
	row->remediation = text->fix;
	row->tags = text->tags && *text->tags ? text->tags : NULL;
}

void rows_control(struct requirement *row, const char *control)
{
	if (!*control)
		return;
	row->control = row->session == SESSION_USER ? SESSION_BARE_USER : SESSION_BARE;
	if (strcmp(control, "=") != 0)
		(void)snprintf(row->control_probe, sizeof(row->control_probe), "%s", control);
}

void rows_path_id(const char *path, char *id, size_t size)
{
	size_t used = 0;
	for (const char *at = path; *at && used + 1 < size; at++) {
		if (isalnum((unsigned char)*at) || *at == '.' || *at == '_')
			id[used++] = (char)tolower((unsigned char)*at);
		else if (used > 0 && id[used - 1] != '-')
			id[used++] = '-';
	}
	while (used > 0 && id[used - 1] == '-')
		used--;
	id[used] = '\0';
	if (used == 0)
		(void)snprintf(id, size, "slash");
}

unsigned rows_needs(const char *names)
{
	unsigned needs = 0;
	for (size_t i = 0; i < ARRAY_SIZE(need_rows); i++)
		if (has_word(names, need_rows[i].name))
			needs |= (unsigned)need_rows[i].need;
	return needs;
}

static const struct judge_row *judge_of(const char *name, bool *should)
{
	size_t length = strcspn(name, "?");
	*should = name[length] == '?';
	for (size_t i = 0; i < ARRAY_SIZE(judge_rows); i++)
		if (strlen(judge_rows[i].name) == length && strncmp(name, judge_rows[i].name, length) == 0)
			return &judge_rows[i];
	return NULL;
}

static bool session_of(const char *name, enum session_kind *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(session_rows); i++) {
		if (strcmp(name, session_rows[i].name) == 0) {
			*kind = session_rows[i].kind;
			return true;
		}
	}
	return false;
}

static bool is_mac(enum session_kind session)
{
	return session == SESSION_MAC_ALONE || session == SESSION_LANDLOCK_ALONE;
}

/* What either module could do Landlock has to do there, also beside AppArmor. */
static unsigned by_landlock(unsigned needs)
{
	static const struct {
		unsigned either, landlock;
	} pairs[] = {
		{NEED_SIGNAL_RULES, NEED_LANDLOCK_SIGNALS},
		{NEED_TRUNCATE_RULES, NEED_LANDLOCK_TRUNCATE},
	};
	unsigned of_landlock = NEED_LANDLOCK;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!(needs & pairs[i].either))
			continue;
		needs &= ~pairs[i].either;
		of_landlock |= pairs[i].landlock;
	}
	return needs | of_landlock;
}

/* Of the mandatory layer alone more may have to be there: other layers deny the same in another way. */
static unsigned needs_of(const struct table *table, const struct table_line *line, enum session_kind session)
{
	unsigned needs = rows_needs(table_cell(table, line, "needs"));
	if (is_mac(session))
		needs |= rows_needs(table_cell(table, line, "alone"));
	return session == SESSION_LANDLOCK_ALONE ? by_landlock(needs) : needs;
}

/* What rows_add is called with, besides the table. */
struct adding {
	const char *area;
	const struct rows_word *words;
};

/* One session of a line; prefix is "" for its first. */
static int add_row(struct plan *plan, const struct table *table, const struct table_line *line,
		   const struct adding *adding, const char *prefix, enum session_kind session, struct error *err)
{
	const struct rows_word *words = adding->words;
	char control[sizeof(((struct requirement *)NULL)->control_probe)];
	const char *others = is_mac(session) ? "" : table_cell(table, line, "others");
	bool should;
	const struct judge_row *judge = judge_of(table_cell(table, line, "judge"), &should);
	if (!judge)
		return error_say(err, EINVAL, "%s:%zu: no such judge", table->path, line->number);

	struct requirement *row =
		plan_add(plan, adding->area, "%s%s%s", prefix, *prefix ? "." : "", table_cell(table, line, "id"));
	row->session = session;
	row->level = should ? LEVEL_SHOULD : LEVEL_MUST;
	row->needs = needs_of(table, line, session);
	row->judge = judge->judge;
	row->denial = judge->judge == judge_refused || judge->judge == judge_absent;
	row->number2 = judge->control_succeeds;
	row->fact = table_cell(table, line, "fact");
	rows_describe(row, &(struct rows_text){table_cell(table, line, "why"), table_cell(table, line, "fix"),
					       table_cell(table, line, "tags")});
	if (!rows_fill_in(table_cell(table, line, "probe"), words, row->probe, sizeof(row->probe)) ||
	    !rows_fill_in(table_cell(table, line, "control"), words, control, sizeof(control)) ||
	    !rows_fill_in(*others ? others : table_cell(table, line, "expected"), words, row->expected,
			  sizeof(row->expected)))
		return error_say(err, EINVAL, "%s:%zu: a cell is too long", table->path, line->number);
	rows_control(row, control);
	return 0;
}

static int add(struct plan *plan, const struct table *table, const struct table_line *line, const void *context,
	       struct error *err)
{
	const char *names = table_cell(table, line, "session");
	int r = 0;
	if (!*names)
		return add_row(plan, table, line, context, "", SESSION_FULL, err);
	for (const char *at = names; r == 0 && *at; at += strspn(at, " ")) {
		enum session_kind session;
		char name[16];
		const int length = (int)strcspn(at, " ");
		(void)snprintf(name, sizeof(name), "%.*s", length, at);
		if (!session_of(name, &session))
			return error_say(err, EINVAL, "%s:%zu: no such session", table->path, line->number);
		r = add_row(plan, table, line, context, at == names ? "" : name, session, err);
		at += length;
	}
	return r;
}

/*
 * A user that is not root cannot hold the policy's capabilities: such a sandbox is refused, so nothing is asked in it.
 * Without a user namespace uid 0 inside is the machine's root, to whom more is open.
 */
bool rows_wanted(const struct policy *policy, const struct table *table, const struct table_line *line)
{
	const char *profiles = table_cell(table, line, "profiles");
	if (!policy->user_namespace && has_word(table_cell(table, line, "needs"), "user-namespace"))
		return false;
	if (policy->capabilities && strcmp(table_cell(table, line, "session"), "user") == 0)
		return false;
	return strcmp(profiles, "*") == 0 || has_word(profiles, profile_name(policy->profile));
}

int rows_add(struct plan *plan, const char *area, const char *fixtures_dir, const char *name,
	     const struct rows_word *words, struct error *err)
{
	return rows_each(plan, fixtures_dir, name, add, &(const struct adding){area, words}, err);
}

int rows_each(struct plan *plan, const char *fixtures_dir, const char *name, rows_adder *adder, const void *context,
	      struct error *err)
{
	const struct table *table;
	int r = table_get(&table, fixtures_dir, name, err);
	for (size_t i = 0; r == 0 && i < table->line_count; i++)
		if (rows_wanted(plan->policy, table, &table->lines[i]))
			r = adder(plan, table, &table->lines[i], context, err);
	return r;
}
