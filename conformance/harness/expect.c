/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/expect.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/array.h"

#define DATE_LENGTH 10

static const char *const members[] = {"id", "status", "reason", "reference", "expires"};
static const enum status expectable[] = {STATUS_FAIL, STATUS_CRASH, STATUS_TIMEOUT};

/* Dates of this form sort as text. */
static bool is_date(const char *text)
{
	static const char form[] = "dddd-dd-dd";
	struct tm day = {0};
	if (strlen(text) != DATE_LENGTH)
		return false;
	for (size_t i = 0; i < DATE_LENGTH; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	const char *end = strptime(text, "%Y-%m-%d", &day);
	return end && !*end;
}

static bool is_expectable(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(expectable); i++)
		if (strcmp(status_name(expectable[i]), name) == 0)
			return true;
	return false;
}

static bool is_member(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (strcmp(members[i], key) == 0)
			return true;
	return false;
}

static const char *member(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(entry, key));
}

static int check_entry(json_t *entry, const char *path, size_t index, struct error *err)
{
	const char *key;
	json_t *value;
	if (!json_is_object(entry))
		return error_say(err, EINVAL, "%s: $[%zu]: an object is needed", path, index);
	json_object_foreach(entry, key, value) if (!is_member(key)) return error_say(
		err, EINVAL, "%s: $[%zu].%s: unknown key", path, index, key);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!member(entry, members[i]) || !*member(entry, members[i]))
			return error_say(err, EINVAL, "%s: $[%zu].%s: a text is needed", path, index, members[i]);
	if (!is_expectable(member(entry, "status")))
		return error_say(err, EINVAL, "%s: $[%zu].status: only FAIL, CRASH or TIMEOUT can be expected", path,
				 index);
	if (!is_date(member(entry, "expires")))
		return error_say(err, EINVAL, "%s: $[%zu].expires: a date YYYY-MM-DD is needed", path, index);
	return 0;
}

static void set_today(struct expectations *expectations, const char *today)
{
	time_t now = time(NULL);
	struct tm day;
	if (today)
		(void)snprintf(expectations->today, sizeof(expectations->today), "%s", today);
	else if (gmtime_r(&now, &day))
		(void)strftime(expectations->today, sizeof(expectations->today), "%Y-%m-%d", &day);
}

int expectations_load(struct expectations *expectations, const char *path, const char *today, struct error *err)
{
	json_error_t why;
	json_t *entries = json_load_file(path, JSON_REJECT_DUPLICATES, &why), *entry;
	size_t index;
	if (!entries)
		return error_say(err, EINVAL, "%s:%d: %s", path, why.line, why.text);
	int r = json_is_array(entries) ? 0 : error_say(err, EINVAL, "%s: $: an array is needed", path);
	json_array_foreach(entries, index, entry)
	{
		if (r == 0)
			r = check_entry(entry, path, index, err);
	}
	if (r < 0) {
		json_decref(entries);
		return r;
	}
	expectations->entries = entries;
	set_today(expectations, today);
	return 0;
}

void expectations_clear(struct expectations *expectations)
{
	json_decref(expectations->entries);
	expectations->entries = NULL;
}

static const json_t *find(const struct expectations *expectations, const char *id)
{
	size_t index;
	json_t *entry;
	json_array_foreach(expectations->entries, index, entry)
	{
		if (fnmatch(member(entry, "id"), id, 0) == 0)
			return entry;
	}
	return NULL;
}

void expectations_apply(const struct expectations *expectations, const char *id, struct verdict *verdict)
{
	const json_t *entry = find(expectations, id);
	if (!entry)
		return;
	char reason[VERDICT_TEXT_MAX];
	bool expected = strcmp(status_name(verdict->status), member(entry, "status")) == 0;
	if (verdict->status == STATUS_PASS) {
		verdict->status = STATUS_XPASS;
		(void)snprintf(reason, sizeof(reason), "passes, but %s was expected (%s)", member(entry, "status"),
			       member(entry, "reference"));
	} else if (expected && strcmp(expectations->today, member(entry, "expires")) > 0) {
		(void)snprintf(reason, sizeof(reason), "%.120s (no longer excused: the expectation expired on %s)",
			       verdict->reason, member(entry, "expires"));
	} else if (expected) {
		verdict->status = STATUS_XFAIL;
		(void)snprintf(reason, sizeof(reason), "%s (%s, until %s)", member(entry, "reason"),
			       member(entry, "reference"), member(entry, "expires"));
	} else {
		return;
	}
	memcpy(verdict->reason, reason, sizeof(reason));
}
