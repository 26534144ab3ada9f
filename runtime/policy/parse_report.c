/* SPDX-License-Identifier: Apache-2.0 */
/* How the parser says what is wrong, and where. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/parse.h"

#define PATH_TEXT_MAX 200

static bool plain_key(const char *key)
{
	if (!isalpha((unsigned char)key[0]) && key[0] != '_')
		return false;
	for (; *key; key++)
		if (!isalnum((unsigned char)*key) && *key != '_')
			return false;
	return true;
}

static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

static void append_key(char *text, size_t size, const char *key)
{
	if (plain_key(key))
		append(text, size, ".%s", key);
	else
		append(text, size, "[\"%.64s\"]", key);
}

static void append_place(char *text, size_t size, const struct place *place)
{
	if (!place)
		return;
	append_place(text, size, place->parent);
	if (place->key)
		append_key(text, size, place->key);
	else
		append(text, size, "[%zu]", place->index);
}

/* The document is quoted in messages that end up on terminals: no control characters, C1 ones in UTF-8 included. */
static void scrub(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
}

int refuse(struct document *document, const struct place *place, const char *format, ...)
{
	char path[PATH_TEXT_MAX] = "$", text[400];
	va_list args;

	append_place(path, sizeof(path), place);
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	scrub(path);
	scrub(text);
	return error_say(document->err, EINVAL, "%s: %s: %s", document->name, path, text);
}

int refuse_because(struct document *document, const struct place *place, const struct error *cause)
{
	int r = refuse(document, place, "%s", cause->text);

	if (cause->hint[0])
		(void)error_hint(document->err, "%s", cause->hint);
	return r;
}

int out_of_memory(struct document *document)
{
	return error_set(document->err, ENOMEM, "%s", document->name);
}

/* --- The path at an offset ------------------------------------------------------------------------ */
#define DEPTH_MAX 16
#define KEY_MAX   64

struct level {
	size_t index; /* of an array: the item */
	char key[KEY_MAX + 1];
	bool object;
	bool awaits_key; /* of an object: the next string is a key */
};

/* Past the string that starts at text[at] (its opening quote), or limit; its bytes as written go to key. */
static size_t skip_string(const char *text, size_t at, size_t limit, char key[KEY_MAX + 1])
{
	size_t used = 0;

	for (at++; at < limit && text[at] != '"'; at++) {
		if (used < KEY_MAX)
			key[used++] = text[at];
		if (text[at] == '\\' && at + 1 < limit)
			at++;
	}
	key[used] = '\0';
	return at < limit ? at + 1 : limit;
}

static void next_item(struct level *level)
{
	if (level->object)
		level->awaits_key = true;
	else
		level->index++;
}

void json_path_at(const char *text, size_t offset, char *path, size_t size)
{
	struct level levels[DEPTH_MAX];
	char string[KEY_MAX + 1];
	size_t depth = 0;

	for (size_t at = 0; at < offset && depth < DEPTH_MAX;) {
		struct level *level = depth ? &levels[depth - 1] : NULL;
		char c = text[at];

		if (c == '"') {
			at = skip_string(text, at, offset, string);
			if (level && level->awaits_key) {
				(void)snprintf(level->key, sizeof(level->key), "%s", string);
				level->awaits_key = false;
			}
			continue;
		}
		if (c == '{' || c == '[')
			levels[depth++] = (struct level){.object = c == '{', .awaits_key = c == '{'};
		else if ((c == '}' || c == ']') && depth)
			depth--;
		else if (c == ',' && level)
			next_item(level);
		at++;
	}

	(void)snprintf(path, size, "$");
	for (size_t i = 0; i < depth; i++) {
		if (!levels[i].object)
			append(path, size, "[%zu]", levels[i].index);
		else if (levels[i].key[0])
			append_key(path, size, levels[i].key);
	}
	scrub(path);
}
