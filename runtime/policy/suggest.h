/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest of some candidates to a word that nobody knows. */
#ifndef POLICY_SUGGEST_H
#define POLICY_SUGGEST_H

#include <stddef.h>

#include "base/error.h"

struct suggestion {
	const char *word; /* borrowed */
	const char *best; /* the nearest candidate so far, or NULL while none is near enough */
	size_t distance; /* of best */
};

/* Begin: nothing is offered yet. */
struct suggestion suggest_for(const char *word);

/*
 * Offer one candidate (borrowed).  It becomes the best when it is nearer than the last best and
 * near enough: at most one edit (insert, remove, replace, swap neighbours) for every three letters,
 * and two for words of four or five; or three quarters of the word (six letters at least) begin both.
 * Case does not count.  Words beyond 64 letters have no neighbours.
 */
void suggest_offer(struct suggestion *suggestion, const char *candidate);

/* Hint at the best candidate (did you mean "x"?), or with otherwise (may be NULL) where nothing was near. */
void suggest_hint(const struct suggestion *suggestion, struct error *err, const char *otherwise);

#endif
