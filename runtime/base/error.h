/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a negative errno for the caller, and a sentence for the person.
 *
 * Library code never logs and never exits.  It fills in a struct error and returns the negative
 * errno; main (or the child after clone) prints it.  Outputs are untouched on failure.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* What failed.  Zero-initialise before use; a code of 0 means "no error". */
struct error {
	int code; /* positive errno */
	char stage[32]; /* which step of the recipe, or "" */
	char text[512]; /* the object and the errno text */
	char hint[256]; /* what to do about it, or "" */
};

/*
 * Record a failure: text becomes "<formatted>: <strerror(code)>".
 * err may be NULL.  code is a positive errno.  An error that is already set is kept as it is:
 * the first failure is the cause.  Returns -code.
 */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same without the errno text, for failures that are not a system call's. */
int error_say(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Add what to do.  Returns -err->code, so that it can end a return statement. */
int error_hint(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Name the stage, if none is named yet. */
void error_stage(struct error *err, const char *stage);

/* Print "program: stage NAME: text; hint" and a newline to fd. */
void error_print(const struct error *err, const char *program, int fd);

#endif
