/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line.  Every string may come from whoever runs the sandbox: nothing in it ends the line, the string or the JSON, and nothing
 * is more than ASCII, so that no byte of it does anything to a terminal either.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "base/array.h"

#define CUT          "[cut]"
#define STRING_MAX   1000 /* of the escaped text; eight of them, the metadata and the rest stay below AUDIT_LINE_MAX */
#define METADATA_MAX 6144

static const struct string_row {
	const char *key;
	size_t offset;
} string_rows[] = {
	{"event_type", offsetof(struct audit_event, event_type)},
	{"sandbox_id", offsetof(struct audit_event, sandbox_id)},
	{"agent_id", offsetof(struct audit_event, agent_id)},
	{"operation", offsetof(struct audit_event, operation)},
	{"resource", offsetof(struct audit_event, resource)},
	{"permission", offsetof(struct audit_event, permission)},
	{"result", offsetof(struct audit_event, result)},
	{"reason", offsetof(struct audit_event, reason)},
};

struct text {
	char *data;
	size_t used;
};

static void put(struct text *text, const char *what)
{
	size_t length = strlen(what);

	memcpy(text->data + text->used, what, length);
	text->used += length;
}

/* --- UTF-8 ------------------------------------------------------------------------------------------------ */
/* Length of the sequence at `at`, with its code point; 1 with U+FFFD for a byte that begins none. */
static size_t decode(const unsigned char *at, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = *at < 0x80 ? 1 : *at >= 0xf0 && *at < 0xf8 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc0 ? 2 : 0;
	uint32_t value = *at;

	*code = 0xfffd;
	if (length == 0 || *at >= 0xf8)
		return 1;
	if (length > 1)
		value &= 0x7fU >> length;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 1;
	*code = value;
	return length;
}

/* At most 12 bytes and a NUL. */
static size_t escape(char out[16], uint32_t code)
{
	if (code == '"' || code == '\\')
		return (size_t)snprintf(out, 16, "\\%c", (int)code);
	if (code >= 0x20 && code < 0x7f) {
		out[0] = (char)code;
		out[1] = '\0';
		return 1;
	}
	if (code < 0x10000)
		return (size_t)snprintf(out, 16, "\\u%04x", code);
	code -= 0x10000;
	return (size_t)snprintf(out, 16, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

static void put_string(struct text *text, const char *string)
{
	const unsigned char *at = (const unsigned char *)string;
	char escaped[16];
	uint32_t code;

	put(text, "\"");
	size_t end = text->used + STRING_MAX;
	while (*at) {
		at += decode(at, &code);
		if (text->used + escape(escaped, code) > end) {
			put(text, CUT);
			break;
		}
		put(text, escaped);
	}
	put(text, "\"");
}

void audit_print_escaped(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	char escaped[16];
	uint32_t code;

	while (*at) {
		at += decode(at, &code);
		(void)escape(escaped, code);
		(void)fputs(code == '"' ? "\"" : escaped, out);
	}
}

/* --- Metadata ---------------------------------------------------------------------------------------------- */
static json_t *shorten_string(json_t *value, size_t limit)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);

	if (length <= limit)
		return json_incref(value);
	while (limit > 0 && (text[limit] & 0xc0) == 0x80)
		limit--; /* not in the middle of a character */
	return json_sprintf("%.*s" CUT, (int)limit, text);
}

/* A copy with strings of at most limit bytes and arrays of a sixteenth as many elements. */
static json_t *shorten(json_t *value, size_t limit)
{
	json_t *copy, *element;
	const char *key;
	size_t index;

	if (json_is_string(value))
		return shorten_string(value, limit);
	if (json_is_array(value)) {
		copy = json_array();
		json_array_foreach(value, index, element)
		{
			(void)json_array_append_new(copy,
						    index < limit / 16 ? shorten(element, limit) : json_string(CUT));
			if (index >= limit / 16)
				break;
		}
		return copy;
	}
	if (!json_is_object(value))
		return json_incref(value);
	copy = json_object();
	json_object_foreach(value, key, element)(void) json_object_set_new(copy, key, shorten(element, limit));
	return copy;
}

static void put_metadata(struct text *text, json_t *metadata)
{
	static const size_t limits[] = {1024, 256, 64, 16};
	size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII;
	size_t length = json_dumpb(metadata, text->data + text->used, METADATA_MAX, flags);

	for (size_t i = 0; length > METADATA_MAX && i < ARRAY_SIZE(limits); i++) {
		json_t *copy = shorten(metadata, limits[i]);
		length = json_dumpb(copy, text->data + text->used, METADATA_MAX, flags);
		json_decref(copy);
	}
	if (length > 0 && length <= METADATA_MAX)
		text->used += length;
	else
		put(text, "{\"" CUT "\":true}");
}

/* --- Writing -------------------------------------------------------------------------------------------------- */
size_t audit_line(char line[AUDIT_LINE_MAX], const struct audit_event *event, const struct audit_link *last,
		  const struct timespec *now)
{
	struct text text = {.data = line};
	char stamp[AUDIT_STAMP_SIZE], number[24];

	audit_stamp(now, stamp);
	put(&text, "{\"timestamp\":\"");
	put(&text, stamp);
	put(&text, "\"");
	for (size_t i = 0; i < ARRAY_SIZE(string_rows); i++) {
		const char *value = *(const char *const *)((const char *)event + string_rows[i].offset);
		put(&text, ",\"");
		put(&text, string_rows[i].key);
		put(&text, "\":");
		if (value)
			put_string(&text, value);
		else
			put(&text, "null");
	}
	put(&text, ",\"metadata\":");
	if (json_is_object(event->metadata))
		put_metadata(&text, event->metadata);
	else
		put(&text, "{}");
	(void)snprintf(number, sizeof(number), "%" PRIu64, last->sequence + 1);
	put(&text, ",\"sequence\":");
	put(&text, number);
	put(&text, ",\"previous\":\"");
	put(&text, last->digest);
	put(&text, "\"}\n");
	return text.used;
}

/* --- Reading -------------------------------------------------------------------------------------------------- */
static bool is_digest(const json_t *value)
{
	return json_is_string(value) && json_string_length(value) == AUDIT_DIGEST_SIZE - 1 &&
	       strspn(json_string_value(value), "0123456789abcdef") == AUDIT_DIGEST_SIZE - 1;
}

/* What is wrong with the key number `index` of a line, or NULL. */
static const char *check_key(size_t index, const char *key, const json_t *value)
{
	if (index == 0)
		return strcmp(key, "timestamp") != 0 || !json_is_string(value) ? "timestamp is missing" : NULL;
	if (--index < ARRAY_SIZE(string_rows)) {
		if (strcmp(key, string_rows[index].key) != 0)
			return "a field is missing, unknown, or not in its place";
		return json_is_string(value) || json_is_null(value) ? NULL : "a field is neither a string nor null";
	}
	index -= ARRAY_SIZE(string_rows);
	if (index == 0)
		return strcmp(key, "metadata") != 0 || !json_is_object(value) ? "metadata is missing" : NULL;
	if (index == 1)
		return strcmp(key, "sequence") != 0 || json_integer_value(value) <= 0 ? "sequence is missing" : NULL;
	if (index == 2)
		return strcmp(key, "previous") != 0 || !is_digest(value) ? "previous is missing" : NULL;
	return "a field too many";
}

const char *audit_line_read(const char *line, size_t length, uint64_t *sequence, char previous[AUDIT_DIGEST_SIZE],
			    json_t **document)
{
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL), *value;
	const char *key, *wrong = json_is_object(object) ? NULL : "it is not JSON";
	size_t index = 0;

	if (!wrong) {
		json_object_foreach(object, key, value)
		{
			wrong = check_key(index++, key, value);
			if (wrong)
				break;
		}
	}
	if (!wrong && index != ARRAY_SIZE(string_rows) + 4)
		wrong = "fields are missing at its end";
	if (!wrong) {
		*sequence = (uint64_t)json_integer_value(json_object_get(object, "sequence"));
		if (previous)
			memcpy(previous, json_string_value(json_object_get(object, "previous")), AUDIT_DIGEST_SIZE);
	}
	if (!wrong && document)
		*document = object;
	else
		json_decref(object);
	return wrong;
}
