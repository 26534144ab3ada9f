/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_MAX       8192
#define REQUEST_WORDS_MAX 256

extern const struct probe *const __start_probes[];
extern const struct probe *const __stop_probes[];

const struct probe *const *probes_all(size_t *count)
{
	*count = (size_t)(__stop_probes - __start_probes);
	return __start_probes;
}

const struct probe *probe_find(const char *name)
{
	for (const struct probe *const *p = __start_probes; p < __stop_probes; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo %XX in place; a % that is not followed by two digits stays. */
static void decode(char *word)
{
	char *out = word;
	for (const char *in = word; *in; in++, out++) {
		if (in[0] == '%' && hex(in[1]) >= 0 && hex(in[2]) >= 0) {
			*out = (char)(hex(in[1]) * 16 + hex(in[2]));
			in += 2;
		} else {
			*out = *in;
		}
	}
	*out = '\0';
}

/* Single spaces separate, so two in a row enclose an empty word. */
static int split(char *line, char **words, int max)
{
	int count = 0;
	for (char *word; count < max - 1 && (word = strsep(&line, " ")); count++)
		words[count] = word;
	words[count] = NULL;
	return count;
}

static void serve_line(struct facts *facts, char *line)
{
	char *words[REQUEST_WORDS_MAX];
	int count = split(line, words, REQUEST_WORDS_MAX), at = 0, limit_ms = PROBE_DEFAULT_MS;

	if (at < count && words[at][0] == '@')
		limit_ms = atoi(words[at++] + 1);
	if (at >= count)
		return;
	long id = strtol(words[at++], NULL, 10);
	for (int i = at; i < count; i++)
		decode(words[i]);
	probe_answer(facts, id, limit_ms, count - at, words + at, STDOUT_FILENO);
}

/* Serve the complete lines of buffer and move the rest to its start; the count of bytes left. */
static size_t serve_lines(struct facts *facts, char *buffer, size_t used)
{
	char *line = buffer, *end = buffer + used, *newline;
	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		*newline = '\0';
		serve_line(facts, line);
		line = newline + 1;
	}
	memmove(buffer, line, (size_t)(end - line));
	return (size_t)(end - line);
}

int probe_serve(void)
{
	static char buffer[REQUEST_MAX];
	size_t used = 0;
	struct facts *facts = facts_new();
	if (!facts)
		return 1;

	/* A request longer than the buffer cannot be answered: reading 0 bytes ends the loop. */
	for (;;) {
		ssize_t n = read(STDIN_FILENO, buffer + used, sizeof(buffer) - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 && used == 0 ? 0 : 1;
		used = serve_lines(facts, buffer, used + (size_t)n);
	}
}
