/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 64

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int folded(char c)
{
	return tolower((unsigned char)c);
}

/* Optimal string alignment distance; three rolling rows of the usual matrix. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *previous = rows[1], *current = rows[2];

	for (size_t j = 0; j <= b_length; j++)
		previous[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		current[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t cost = folded(a[i - 1]) != folded(b[j - 1]);
			size_t best = smaller(previous[j] + 1, current[j - 1] + 1);
			best = smaller(best, previous[j - 1] + cost);
			if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
			    folded(a[i - 2]) == folded(b[j - 1]))
				best = smaller(best, before[j - 2] + 1);
			current[j] = best;
		}
		size_t *recycled = before;
		before = previous;
		previous = current;
		current = recycled;
	}
	return previous[b_length];
}

static size_t near_enough(size_t length)
{
	return length < 4 ? 1 : smaller(length < 6 ? 2 : length / 3, 6);
}

/* A long common beginning makes up for a far end: no_new_privs, max_file_desc. */
static bool same_beginning(const char *word, size_t length, const char *candidate)
{
	size_t common = 0;

	while (word[common] && folded(word[common]) == folded(candidate[common]))
		common++;
	return common >= 6 && common * 4 >= length * 3;
}

struct suggestion suggest_for(const char *word)
{
	return (struct suggestion){.word = word, .distance = SIZE_MAX};
}

void suggest_offer(struct suggestion *suggestion, const char *candidate)
{
	size_t length = strlen(suggestion->word), candidate_length = strlen(candidate);

	if (length == 0 || length > WORD_MAX || candidate_length > WORD_MAX)
		return;
	size_t distance = edit_distance(suggestion->word, length, candidate, candidate_length);
	/* A distance of the whole length would call any word of that length a neighbour. */
	bool near = distance <= near_enough(length) && distance < length;
	if ((!near && !same_beginning(suggestion->word, length, candidate)) || distance >= suggestion->distance)
		return;
	suggestion->best = candidate;
	suggestion->distance = distance;
}

void suggest_hint(const struct suggestion *suggestion, struct error *err, const char *otherwise)
{
	if (suggestion->best)
		(void)error_hint(err, "did you mean \"%s\"?", suggestion->best);
	else if (otherwise)
		(void)error_hint(err, "%s", otherwise);
}
