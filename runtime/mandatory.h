/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the kernel's modules holds a sandbox to the rules of policy/mac.h: AppArmor where it is turned on, else Landlock. */
#ifndef RECIPE_MANDATORY_H
#define RECIPE_MANDATORY_H

#include <stddef.h>

#include "base/error.h"
#include "policy/mac.h"
#include "policy/policy.h"

enum mandatory_module {
	MANDATORY_ANY, /* as a wish: AppArmor, else Landlock */
	MANDATORY_APPARMOR,
	MANDATORY_LANDLOCK,
	MANDATORY_NONE, /* the policy says unconfined */
};

/* --mac.  0 or -EINVAL with err set. */
int mandatory_from_name(enum mandatory_module *module, const char *name, struct error *err);
const char *mandatory_name(enum mandatory_module module);

/* What a sandbox is to be held by, and to what beside its template. */
struct mandatory {
	enum mandatory_module wish;
	const struct mac_grant *grants; /* borrowed */
	size_t grant_count;
	bool checked; /* mandatory_check has found it in order: mandatory_say need not */
};

/* The module that a policy gets here; whether it can be had is mandatory_check's to say. */
enum mandatory_module mandatory_choose(const struct policy *policy, enum mandatory_module wish);

/*
 * Can it be enforced?  Under AppArmor the policy's profile must be in the kernel, with these very rules, and enforced.  0, or a negative errno with err
 * set and a hint what to do.
 */
int mandatory_check(const struct policy *policy, const struct mandatory *mandatory, struct error *err);

/* In words, for people and for the record.  False: nothing holds. */
bool mandatory_say(const struct policy *policy, const struct mandatory *mandatory, char *text, size_t size);

#endif
