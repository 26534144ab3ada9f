/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of one sandbox, as the host sees them. */
#ifndef HARNESS_MEMBERS_H
#define HARNESS_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Who belongs to it: a living process with one of the words as a word of its command line, or one in a pid namespace that is
 * a key of namespaces ("pid:[4026532201]").  Never the caller.
 */
struct members {
	const char *const *words;
	size_t count;
	const json_t
		*namespaces; /* an object, or NULL; kept alive, or its number is another's; never the caller's own */
};

/* Called with /proc, the process's directory in it, and data. */
typedef void member_function(int proc, const char *pid, void *data);

void members_visit(const struct members *members, member_function *function, void *data);

unsigned members_count(const struct members *members);

/* Does any live that has both: a word, and one of the namespaces?  Where no namespaces are known the word is enough. */
bool members_any_inside(const struct members *members);

/* SIGKILL all of them, until a look finds none, at most wait_ms; how many were left. */
unsigned members_kill(const struct members *members, int wait_ms);

#endif
