/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that the identity probes start: one to aim at, and one that executes a program and tells what it became. */
#ifndef PROBES_IDENTITY_CHILD_H
#define PROBES_IDENTITY_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A child that has prepared itself and waits to be ended. */
struct identity_child {
	pid_t pid;
	int hold; /* the child ends when this is closed */
};

/*
 * Fork a child, run prepare in it (0, or a positive errno), and wait until it has.
 * 0 with *child set (end it with identity_child_end), or a negative errno: prepare's or fork(2)'s.
 */
int identity_child_start(struct identity_child *child, int (*prepare)(void));
void identity_child_end(struct identity_child *child);

enum identity_how {
	IDENTITY_EXEC, /* the child's only thread executes the program */
	IDENTITY_EXEC_FROM_THREAD, /* another thread of the child does */
};

/*
 * Execute TOOLS/program with one word, the name of a probe, after before() has run (NULL: nothing), and keep the
 * start of what it prints in answer (NUL-terminated).  0, or a negative errno: before's (positive there), execve(2)'s,
 * or -EPROTO when the program ran and said nothing.
 */
int identity_exec(const char *program, const char *probe, enum identity_how how, int (*before)(void), char *answer,
		  size_t size);

/* The number that follows "key": in an answer line.  false when there is none. */
bool identity_answer_number(const char *answer, const char *key, int64_t *value);

#endif
