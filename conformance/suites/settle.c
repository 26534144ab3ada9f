/* SPDX-License-Identifier: Apache-2.0 */
#include "suites/settle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void settle(struct verdict *verdict, enum status status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	verdict->status = status;
	(void)vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
}

void settle_pass(struct verdict *verdict)
{
	verdict->status = STATUS_PASS;
	verdict->reason[0] = '\0';
}

void settle_text(char *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, VERDICT_TEXT_MAX, format, args);
	va_end(args);
}

bool fact_integer_of(const struct observation *observation, const char *key, int64_t *value)
{
	json_t *fact = json_object_get(observation->facts, key);
	if (!json_is_integer(fact))
		return false;
	*value = json_integer_value(fact);
	return true;
}

bool fact_flag_of(const struct observation *observation, const char *key)
{
	return json_is_true(json_object_get(observation->facts, key));
}

const char *fact_text_of(const struct observation *observation, const char *key)
{
	const char *text = json_string_value(json_object_get(observation->facts, key));
	return text ? text : "";
}

bool fact_needed(const struct observation *observation, const char *key, int64_t *value, struct verdict *verdict)
{
	if (fact_integer_of(observation, key, value))
		return true;
	settle(verdict, STATUS_ERROR, "the probe did not report %s", key);
	return false;
}

bool word_listed(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == '|') && (at[length] == '\0' || at[length] == '|'))
			return true;
	return false;
}
