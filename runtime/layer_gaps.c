/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the mandatory layer cannot be told, or this kernel's does not hear, with the layer that covers it.  docs/mac.md has the same with the cases of
 * the suite; tests/build/docs_test.sh compares them.
 */
#include <linux/capability.h>

#include "base/array.h"
#include "enforce/apparmor.h"
#include "enforce/landlock.h"
#include "policy/mac.h"
#include "recipe/layers.h"

#define LANDLOCK (1u << MANDATORY_LANDLOCK)
#define APPARMOR (1u << MANDATORY_APPARMOR)

enum only_if {
	ALWAYS,
	NO_RAW, /* the policy does not grant CAP_NET_RAW */
	NO_FAMILY, /* the template has no internet sockets without a network, and there is none */
	NO_EXECUTION, /* what was written is not executed */
	ABI_2, /* Landlock is no newer */
	ABI_4,
	ABI_5,
	NO_LANDLOCK, /* beside AppArmor: stage own-program has nothing to hold by */
	NO_UNIX, /* AppArmor knows no rules for unix sockets: not before Linux 6.17, but Ubuntu's */
};

#define READ_ONLY "the root is read-only, or a private copy"
#define APART     "they are in other namespaces"

/* clang-format off */
static const struct row {
	unsigned modules;
	enum only_if only_if;
	struct layer_gap gap;
} rows[] = {
	{LANDLOCK | APPARMOR, ALWAYS, {"times and extended attributes outside the writable places", LAYER_FILESYSTEM, READ_ONLY}},
	{LANDLOCK, ALWAYS, {"chmod and chown outside the writable places", LAYER_FILESYSTEM, READ_ONLY}},
	{LANDLOCK, ABI_2, {"truncating files outside the writable places", LAYER_FILESYSTEM, READ_ONLY}},
	{LANDLOCK, ALWAYS, {"what /proc and /sys tell of the host", LAYER_FILESYSTEM, "the places are masked"}},
	{LANDLOCK, NO_EXECUTION, {"mapping a library that was written inside", LAYER_FILESYSTEM, "writable places and binds are noexec"}},
	{LANDLOCK, ALWAYS, {"device nodes that are made inside", LAYER_FILESYSTEM, "writable places are nodev"}},
	{LANDLOCK, ABI_4, {"requests (ioctl) to devices", LAYER_FILESYSTEM, "/dev has none that would obey"}},
	{LANDLOCK, NO_RAW, {"raw and packet sockets", LAYER_CAPABILITIES, "no CAP_NET_RAW"}},
	{LANDLOCK, ALWAYS, {"the kernel's crypto sockets", LAYER_SECCOMP, "families of sockets are an allowlist"}},
	{LANDLOCK, NO_FAMILY, {"internet sockets, TCP and UDP, without a network", LAYER_NETWORK, "the namespace is empty"}},
	{LANDLOCK, ALWAYS, {"capabilities", LAYER_CAPABILITIES, "the sets are bounded"}},
	{LANDLOCK, ABI_5, {"signals to processes outside", LAYER_ALWAYS, APART}},
	{LANDLOCK, ABI_5, {"abstract sockets of processes outside", LAYER_ALWAYS, APART}},
	{APPARMOR, NO_LANDLOCK, {"the interpreter that a script names, the runtime's own program", LAYER_NAMESPACES, "it is nobody's inside"}},
	{APPARMOR, NO_UNIX, {"abstract sockets of processes outside", LAYER_ALWAYS, APART}},
};
/* clang-format on */

static bool counts(enum only_if only_if, const struct policy *policy, enum mac_template template_)
{
	switch (only_if) {
	case NO_RAW:
		return !(policy->capabilities >> CAP_NET_RAW & 1);
	case NO_FAMILY:
		return template_ == MAC_MINIMAL && policy->network == NETWORK_NONE;
	case NO_EXECUTION:
		return !mac_written_executes(policy);
	case ABI_2:
		return landlock_abi() <= 2;
	case ABI_4:
		return landlock_abi() <= 4;
	case ABI_5:
		return landlock_abi() <= 5;
	case NO_LANDLOCK:
		return landlock_abi() == 0;
	case NO_UNIX:
		return !apparmor_mediates_unix();
	default:
		return true;
	}
}

size_t layer_gaps(const struct policy *policy, const struct mandatory *mandatory,
		  const struct layer_gap *gaps[LAYER_GAPS_MAX])
{
	const unsigned module = 1u << mandatory_choose(policy, mandatory->wish);
	enum mac_template template_;
	size_t count = 0;

	_Static_assert(ARRAY_SIZE(rows) <= LAYER_GAPS_MAX, "room for each gap");
	if (mac_template_from_name(&template_, policy->apparmor_profile, NULL) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].modules & module && counts(rows[i].only_if, policy, template_))
			gaps[count++] = &rows[i].gap;
	return count;
}
