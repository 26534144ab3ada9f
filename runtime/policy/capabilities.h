/* SPDX-License-Identifier: Apache-2.0 */
/* Capability names and numbers, capabilities(7) and include/uapi/linux/capability.h. */
#ifndef POLICY_CAPABILITIES_H
#define POLICY_CAPABILITIES_H

#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

#define CAPABILITY_COUNT 41 /* 0 CAP_CHOWN ... 40 CAP_CHECKPOINT_RESTORE */

struct capability_row {
	const char *name; /* "CAP_CHOWN" */
	uint8_t number;
	uint8_t profiles; /* bit per enum profile that holds it by default */
	const char *allows; /* one line: what holding it means in a sandbox */
	const char *danger; /* why it should not be added, or NULL */
};

/* CAPABILITY_COUNT rows, sorted by number. */
extern const struct capability_row capability_rows[CAPABILITY_COUNT];

/* The number of "CAP_CHOWN", "cap_chown" or "chown"; -1 when there is none. */
int capability_number(const char *name);

/* The set that a profile holds by default. */
uint64_t capability_defaults(enum profile profile);

#endif
