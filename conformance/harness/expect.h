/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expectations: which cases are known to fail on a runtime, why, and until when.
 *
 * A JSON array of
 *   {"id": GLOB, "status": "FAIL"|"CRASH"|"TIMEOUT", "reason": TEXT, "reference": TEXT, "expires": "YYYY-MM-DD"}
 * in which every member is mandatory.  Only what the sandbox did can be expected; that nothing was
 * measured cannot.
 */
#ifndef HARNESS_EXPECT_H
#define HARNESS_EXPECT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "harness/verdict.h"

struct expectations {
	json_t *entries; /* owned */
	char today[11]; /* the day on which entries count as expired or not */
};

/* Read and check a file.  today: "YYYY-MM-DD", or NULL for the current day in UTC.  0 or a negative errno. */
int expectations_load(struct expectations *expectations, const char *path, const char *today, struct error *err);

/* Release; accepts a zeroed one. */
void expectations_clear(struct expectations *expectations);

/*
 * Lay the expectations over a verdict: the expected status becomes XFAIL, PASS becomes XPASS, another
 * status stays.  An entry excuses up to and including the day on which it expires; after that the verdict stays, and
 * its reason says so.  The first entry whose glob matches counts.
 */
void expectations_apply(const struct expectations *expectations, const char *id, struct verdict *verdict);

#endif
