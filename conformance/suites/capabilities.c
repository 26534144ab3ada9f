/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities: each of them in each of the five sets, the sets after what may change them, the secure bits,
 * and what a process can really do (capabilities_effects.c).
 *
 * The golden table is independent of the runtime's own.
 */
#include "suites/capabilities.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

#define AREA "capabilities"

static const struct set {
	const char *name;
	bool follows_policy; /* the policy's set; else always empty */
	const char *rationale, *remediation, *tags;
} sets[] = {
	{"effective", true, "What the command can do now is what the policy grants, neither more nor less",
	 "Set the effective set to the policy's capabilities before exec", "CIS-5.3"},
	{"permitted", true, "A capability that is permitted can be made effective at any time",
	 "Set the permitted set to the policy's capabilities before exec", "CIS-5.3"},
	{"inheritable", false, "Inheritable capabilities come back through files that carry them",
	 "Clear the inheritable set", "CVE-2022-29162 CVE-2022-24769"},
	{"bounding", true, "The bounding set is the ceiling of whatever is executed later",
	 "Drop every capability outside the policy from the bounding set", "CIS-5.3"},
	{"ambient", false, "Ambient capabilities survive the execve of any program", "Clear the ambient set", NULL},
};

static const char *set_bits(bool held)
{
	return held ? "set" : "clear";
}

static void plan_sets(struct plan *plan, const struct golden_capabilities *golden, uint64_t allowed)
{
	for (size_t s = 0; s < ARRAY_SIZE(sets); s++)
		for (size_t i = 0; i < golden->count; i++) {
			int number = golden->rows[i].number;
			bool held = sets[s].follows_policy && (allowed >> number & 1);
			struct requirement *row = plan_add(plan, AREA, "%s.%s", sets[s].name, golden->rows[i].name);
			row->judge = judge_capability_in_set;
			row->fact = sets[s].name;
			row->number = number;
			row->number2 = held;
			(void)snprintf(row->probe, sizeof(row->probe), "capability-sets");
			(void)snprintf(row->expected, sizeof(row->expected), "%s", set_bits(held));
			row->rationale = sets[s].rationale;
			row->remediation = sets[s].remediation;
			row->tags = sets[s].tags;
		}
}

/* Moments after which the sets are looked at again. */
static const struct moment {
	const char *id, *probe;
	enum session_kind session;
	bool unprivileged; /* a user that is not root: nothing effective, nothing permitted */
	uint64_t needs; /* capabilities without which it cannot be brought about; then it is not planned */
	const char *rationale, *remediation;
} moments[] = {
	{"after_exec", "capability-sets-after exec", SESSION_FULL, false, 0,
	 "A program that the command executes has no more than the command",
	 "Bound the sets so that execve as uid 0 gains nothing (capabilities(7))"},
	{"late_thread", "capability-sets-after thread", SESSION_FULL, false, 0,
	 "A thread that starts late has what the first one has", "Set the capabilities before the command starts"},
	{"after_setuid", "capability-sets-after setuid", SESSION_FULL, true, 1ULL << CAP_SETUID,
	 "Leaving uid 0 gives the capabilities up", "Do not set SECBIT_KEEP_CAPS or SECBIT_NO_SETUID_FIXUP"},
	{"user", "capability-sets", SESSION_USER, true, 0, "A command that does not run as uid 0 has no capability",
	 "Clear all sets but the bounding set when the command runs as another user"},
};

static uint64_t expected_set(const struct moment *moment, const struct set *set, uint64_t allowed)
{
	if (!set->follows_policy)
		return 0;
	return moment->unprivileged && strcmp(set->name, "bounding") != 0 ? 0 : allowed;
}

static void plan_moments(struct plan *plan, uint64_t allowed)
{
	for (size_t m = 0; m < ARRAY_SIZE(moments); m++) {
		const struct moment *moment = &moments[m];
		/* A user who is not root and a policy that grants capabilities contradict each other: a runtime may
		 * refuse that start. */
		if (moment->needs & ~allowed || (moment->session == SESSION_USER && allowed))
			continue;
		for (size_t s = 0; s < ARRAY_SIZE(sets); s++) {
			struct requirement *row = plan_add(plan, AREA, "%s.%s", moment->id, sets[s].name);
			row->session = moment->session;
			row->judge = judge_capability_mask;
			row->fact = sets[s].name;
			row->mask = expected_set(moment, &sets[s], allowed);
			(void)snprintf(row->probe, sizeof(row->probe), "%s", moment->probe);
			(void)snprintf(row->expected, sizeof(row->expected), "0x%" PRIx64, row->mask);
			row->rationale = moment->rationale;
			row->remediation = moment->remediation;
			row->tags = sets[s].tags;
		}
	}
}

/* A mechanism, so SHOULD: what must hold is seen at the moments above. */
static const struct secure_bit {
	const char *id;
	uint64_t bit;
	enum { BIT_CLEAR, BIT_SET, BIT_SET_WITHOUT_CAPABILITIES } state;
	const char *rationale;
} secure_bits[] = {
	{"noroot", SECBIT_NOROOT, BIT_SET_WITHOUT_CAPABILITIES,
	 "Where nothing is allowed uid 0 shall mean nothing; elsewhere the bit would take the allowed away at exec"},
	{"keep_caps", SECBIT_KEEP_CAPS, BIT_CLEAR, "Leaving uid 0 shall give the capabilities up"},
	{"no_setuid_fixup", SECBIT_NO_SETUID_FIXUP, BIT_CLEAR, "Leaving uid 0 shall give the capabilities up"},
	{"no_ambient_raise", SECBIT_NO_CAP_AMBIENT_RAISE, BIT_SET,
	 "What the command holds shall not become ambient, which every program it executes would get"},
	{"noroot_locked", SECBIT_NOROOT_LOCKED, BIT_SET, "What the runtime chose shall not be undone from inside"},
	{"keep_caps_locked", SECBIT_KEEP_CAPS_LOCKED, BIT_SET,
	 "What the runtime chose shall not be undone from inside"},
	{"no_setuid_fixup_locked", SECBIT_NO_SETUID_FIXUP_LOCKED, BIT_SET,
	 "What the runtime chose shall not be undone from inside"},
	{"no_ambient_raise_locked", SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, BIT_SET,
	 "What the runtime chose shall not be undone from inside"},
};

static void plan_secure_bits(struct plan *plan, uint64_t allowed)
{
	for (size_t i = 0; i < ARRAY_SIZE(secure_bits); i++) {
		const struct secure_bit *bit = &secure_bits[i];
		bool set = bit->state == BIT_SET || (bit->state == BIT_SET_WITHOUT_CAPABILITIES && !allowed);
		struct requirement *row = plan_add(plan, AREA, "securebits.%s", bit->id);
		row->level = LEVEL_SHOULD;
		row->judge = judge_secure_bits;
		row->mask = bit->bit;
		row->number = set ? (int64_t)bit->bit : 0;
		(void)snprintf(row->probe, sizeof(row->probe), "capability-sets");
		(void)snprintf(row->expected, sizeof(row->expected), "%s", set_bits(set));
		row->rationale = bit->rationale;
		row->remediation = "Set the secure bits with prctl(PR_SET_SECUREBITS) and lock them before exec";
	}
}

/* For a policy document the rows follow the policy's set: this one says so, and that the profile's is in it. */
static void plan_declared(struct plan *plan, uint64_t golden)
{
	struct requirement *row = plan_add(plan, AREA, "declared");
	row->judge = judge_declared_set;
	row->mask = plan->policy->capabilities;
	row->number = (int64_t)golden;
	(void)snprintf(row->probe, sizeof(row->probe), "noop");
	(void)snprintf(row->expected, sizeof(row->expected), "at least 0x%" PRIx64, golden);
	row->rationale = "allowed_capabilities adds to the profile's set and takes nothing away";
	row->remediation = "Start from the profile's capabilities";
}

static int plan_capabilities(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	struct golden_capabilities golden;
	int r = golden_capabilities_load(&golden, fixtures_dir, err);
	if (r < 0)
		return r;
	uint64_t allowed = capabilities_expected(plan, &golden);
	uint64_t profile = golden_capabilities_mask(&golden, plan->policy->profile);
	plan_sets(plan, &golden, allowed);
	plan_moments(plan, allowed);
	plan_secure_bits(plan, allowed);
	capabilities_plan_effects(plan, allowed);
	if (allowed != profile)
		plan_declared(plan, profile);
	return 0;
}

static const struct suite capabilities = {"capabilities", "capability sets and what they let a process do",
					  plan_capabilities};
SUITE(capabilities);
