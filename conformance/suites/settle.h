/* SPDX-License-Identifier: Apache-2.0 */
/* The small words that the suites' own oracles are written in. */
#ifndef SUITES_SETTLE_H
#define SUITES_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/requirement.h"

/* Set the verdict's status and its reason. */
void settle(struct verdict *verdict, enum status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* PASS, without a reason. */
void settle_pass(struct verdict *verdict);

/* Write a text of VERDICT_TEXT_MAX bytes: verdict->observed, verdict->control. */
void settle_text(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The facts of an observation: false, or "" where the probe did not report it. */
bool fact_integer_of(const struct observation *observation, const char *key, int64_t *value);
bool fact_flag_of(const struct observation *observation, const char *key);
const char *fact_text_of(const struct observation *observation, const char *key);

/* As fact_integer_of, but a missing fact settles the verdict: ERROR. */
bool fact_needed(const struct observation *observation, const char *key, int64_t *value, struct verdict *verdict);

/* Is word among the words of list, which '|' separates? */
bool word_listed(const char *list, const char *word);

#endif
