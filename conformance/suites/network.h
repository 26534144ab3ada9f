/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network, by what arrives.  A row is a trial on the test internet (harness/trial.h): steps of the load `net` in a sandbox, what is
 * done to it from outside, and who may see a frame of it.  Its control takes the same steps where nothing filters.  Rows stand
 * in fixtures/golden/network.tsv.
 *
 * What must come of a trial is a list of terms, separated by blanks (`fact` of the requirement):
 *
 *   N+ N- N~          step N got its bytes (or an answer) back; got none; got none or could not be tried at all.  "N..M+" for several
 *   KEY=V KEY!V       the fact is there and is, or is not, that number or text ("" for nothing behind it)
 *   KEY<V KEY>V       the fact is a number and smaller, or larger
 *   KEY%V KEY^V       the fact is a text that contains V, or does not
 *
 * Terms behind a "|" are the control's.  Without a "|" the control has to get through every step that the terms name.
 */
#ifndef SUITES_NETWORK_H
#define SUITES_NETWORK_H

#include "harness/requirement.h"

/* The terms hold; with a control where its terms do not hold, nothing was proven. */
judge_function judge_network_works;

/* The terms hold, and none of the victims saw a frame; in the control each of them did. */
judge_function judge_network_blocked;

/* The runtime refuses the policy: the load never starts, and the terms hold (of `exit` and `stderr`); in the control it starts. */
judge_function judge_network_refuses;

/* Is it a list of terms?  Where not, *bad (may be NULL) is the one that is none. */
bool network_terms_valid(const char *terms, const char **bad);

/* The same in words, for people: "step 1 echoed, step 2 nothing". */
void network_terms_describe(const char *terms, char *out, size_t size);

/* Lay the rows of fixtures/golden/network.tsv. */
int network_add_rows(struct plan *plan, const char *fixtures_dir, struct error *err);

#endif
