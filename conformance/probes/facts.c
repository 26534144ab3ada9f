/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct facts *facts_new(void)
{
	void *memory = mmap(NULL, sizeof(struct facts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void facts_reset(struct facts *facts, int limit_ms)
{
	facts->count = 0;
	facts->rejected = false;
	facts->limit_ms = limit_ms;
}

void facts_allow_time(struct facts *facts, int ms)
{
	if (ms > facts->limit_ms)
		facts->limit_ms = ms;
}

/* The entry of that name, or a fresh one; NULL when the table is full. */
static struct fact *entry(struct facts *facts, const char *key, bool *fresh)
{
	*fresh = false;
	for (size_t i = 0; i < facts->count; i++)
		if (strcmp(facts->entries[i].key, key) == 0)
			return &facts->entries[i];
	if (facts->count >= FACTS_MAX)
		return NULL;
	*fresh = true;
	struct fact *fact = &facts->entries[facts->count];
	(void)snprintf(fact->key, sizeof(fact->key), "%s", key);
	return fact;
}

static void set(struct facts *facts, const char *key, enum fact_type type, int64_t number, const char *text)
{
	int saved = errno;
	bool fresh;
	struct fact *fact = entry(facts, key, &fresh);
	if (fact) {
		fact->type = type;
		fact->number = number;
		(void)snprintf(fact->text, sizeof(fact->text), "%s", text);
		/* Last: a child killed half-way leaves no half-written entry. */
		if (fresh)
			facts->count++;
	}
	errno = saved;
}

void fact_number(struct facts *facts, const char *key, int64_t value)
{
	set(facts, key, FACT_NUMBER, value, "");
}

void fact_text(struct facts *facts, const char *key, const char *value)
{
	set(facts, key, FACT_TEXT, 0, value);
}

void fact_flag(struct facts *facts, const char *key, bool value)
{
	set(facts, key, FACT_FLAG, value, "");
}

void fact_result(struct facts *facts, long ret)
{
	int code = ret < 0 ? errno : 0;
	fact_number(facts, "ret", ret);
	fact_number(facts, "errno", code);
}

struct text {
	char *at;
	size_t used, size;
};

static void put(struct text *text, char c)
{
	if (text->used + 1 < text->size)
		text->at[text->used++] = c;
}

static void put_string(struct text *text, const char *string)
{
	while (*string)
		put(text, *string++);
}

/* Bytes beyond ASCII go out as U+0080..U+00FF: what a sandboxed program prints need not be UTF-8. */
static void put_quoted(struct text *text, const char *string)
{
	put(text, '"');
	for (const unsigned char *s = (const unsigned char *)string; *s; s++) {
		char escape[8];
		if (*s == '"' || *s == '\\') {
			put(text, '\\');
			put(text, (char)*s);
		} else if (*s < 0x20 || *s >= 0x7f) {
			(void)snprintf(escape, sizeof(escape), "\\u%04x", *s);
			put_string(text, escape);
		} else {
			put(text, (char)*s);
		}
	}
	put(text, '"');
}

static void put_value(struct text *text, const struct fact *fact)
{
	char number[24];
	switch (fact->type) {
	case FACT_NUMBER:
		(void)snprintf(number, sizeof(number), "%lld", (long long)fact->number);
		put_string(text, number);
		break;
	case FACT_FLAG:
		put_string(text, fact->number ? "true" : "false");
		break;
	case FACT_TEXT:
		put_quoted(text, fact->text);
		break;
	}
}

size_t facts_format(const struct facts *facts, char *out, size_t size)
{
	struct text text = {out, 0, size};
	put(&text, '{');
	for (size_t i = 0; i < facts->count; i++) {
		if (i > 0)
			put(&text, ',');
		put_quoted(&text, facts->entries[i].key);
		put(&text, ':');
		put_value(&text, &facts->entries[i]);
	}
	put(&text, '}');
	out[text.used] = '\0';
	return text.used;
}
