/* SPDX-License-Identifier: Apache-2.0 */
/* The words in which the suite speaks of one case. */
#ifndef HARNESS_VERDICT_H
#define HARNESS_VERDICT_H

enum status {
	STATUS_PASS,
	STATUS_FAIL,
	STATUS_XFAIL, /* failed, as the expectations file says it would */
	STATUS_XPASS, /* passed although the expectations file says it fails: fails the run */
	STATUS_NOT_APPLICABLE, /* the policy does not ask for it */
	STATUS_UNSUPPORTED, /* the kernel or the adapter cannot express it: reason given */
	STATUS_SKIP, /* left out by the user's choice */
	STATUS_INCONCLUSIVE, /* the control did not show what it must: nothing was proven */
	STATUS_TIMEOUT, /* the probe did not answer in time */
	STATUS_CRASH, /* the probe died of a signal that was not the enforcement's */
	STATUS_ERROR, /* the harness or the runtime failed to do the measurement */
	STATUS_COUNT,
};

enum level { LEVEL_MUST, LEVEL_SHOULD };

#define VERDICT_TEXT_MAX 256

struct verdict {
	enum status status;
	char observed[VERDICT_TEXT_MAX]; /* what the kernel did, in short: "EPERM", "wrote 4 bytes" */
	char control[VERDICT_TEXT_MAX]; /* what it did without the sandbox; "" where no control is asked for */
	char reason[VERDICT_TEXT_MAX]; /* for every status but PASS: why */
};

/* "PASS", "FAIL", ... and "MUST", "SHOULD". */
const char *status_name(enum status status);
const char *level_name(enum level level);

/* The status of that name, or -1. */
int status_from_name(const char *name);

#endif
