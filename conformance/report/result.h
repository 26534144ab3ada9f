/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON Lines: the one source of every other report. */
#ifndef REPORT_RESULT_H
#define REPORT_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "harness/verdict.h"

/* One line of type "result". */
struct result {
	const char *id, *area, *session, *expected, *rationale, *remediation, *tags, *profile;
	enum level level;
	struct verdict verdict;
	uint64_t duration_us;
	bool required; /* counts towards executed = required */
	json_t *facts, *control_facts; /* figures, objects or NULL; borrowed */
};

struct summary {
	/*
	 * required: the MUST cases but those that the policy does not ask for (NOT_APPLICABLE) and those UNSUPPORTED
	 * because the machine lacks what they need, because the adapter cannot start a layer alone, or because the runtime
	 * has no word for a limit, which is then its caller's to enforce.
	 * executed: how many of the required ended in PASS, FAIL, XFAIL or XPASS.
	 */
	size_t required, executed, total;
	size_t counts[STATUS_COUNT];
	bool breached; /* a MUST failed, or an expectation is out of date */
	bool conformant; /* not breached, and executed = required */
	uint64_t duration_us;
	unsigned sandbox_starts;
};

/* A parsed results file: the run line, all results, the summary; NULL members where a line is missing. */
struct results {
	json_t *run; /* owned */
	json_t *results; /* owned array of result objects */
	json_t *layers; /* owned object: by the id of each result its line of layers, or null */
	json_t *summary; /* owned */
};

int results_load(struct results *results, const char *path, struct error *err);
void results_clear(struct results *results);

/* Derived reports, each from the JSON Lines alone.  0 or a negative errno. */
int report_write_tap(const struct results *results, FILE *out);
int report_write_junit(const struct results *results, FILE *out);
int report_write_html(const struct results *results, FILE *out);

#endif
