/* SPDX-License-Identifier: Apache-2.0 */
/* How each system call can be made without changing anything, by root with nothing to stop it. */
#ifndef PROBES_SYSCALL_SAFE_H
#define PROBES_SYSCALL_SAFE_H

#include <stddef.h>
#include <stdint.h>

enum safe_manner {
	SAFE_PLAIN, /* the arguments alone make it harmless */
	SAFE_CHILD, /* it returns twice: the new child ends at once and is reaped */
	SAFE_EXIT, /* it does not return: a child of the probe makes it */
	SAFE_PAUSE, /* it waits for a signal: a timer is armed first */
	SAFE_NEW_SESSION, /* it acts on the controlling terminal: setsid(2) first, so that there is none */
	SAFE_NO_NEW_PRIVS, /* refused natively without no_new_privs: set it first, on this child alone */
};

struct safe_call {
	uint64_t args[6];
	const char *name;
	const char *why; /* why root can make it anywhere */
	enum safe_manner manner;
	int number;
};

#define SAFE(number, name, why, ...)                                                                                   \
	{                                                                                                              \
		{__VA_ARGS__}, #name, why, SAFE_PLAIN, number                                                          \
	}
#define SAFE_AS(manner, number, name, why, ...)                                                                        \
	{                                                                                                              \
		{__VA_ARGS__}, #name, why, manner, number                                                              \
	}

#define BAD  UINT64_C(8) /* an address in the first page, where nothing is ever mapped */
#define NOFD UINT64_C(0xffffffffffffffff) /* -1 */
#define NOID UINT64_C(0x7fffffff) /* no process, thread, user or key has it */
#define ODD  UINT64_C(0xffffffff) /* every flag bit, also the unknown ones */

/* Rows for 0..155, 156..334 and 335..469, each sorted by number. */
extern const struct safe_call safe_calls_early[], safe_calls_middle[], safe_calls_late[];
extern const size_t safe_call_early_count, safe_call_middle_count, safe_call_late_count;

/* The row of a number, or NULL. */
const struct safe_call *safe_call_find(uint32_t number);

#endif
