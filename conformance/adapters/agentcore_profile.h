/* SPDX-License-Identifier: Apache-2.0 */
/* The AppArmor profiles that the reference runtime wants in the kernel before a start, where there is AppArmor. */
#ifndef ADAPTERS_AGENTCORE_PROFILE_H
#define ADAPTERS_AGENTCORE_PROFILE_H

#include "harness/adapter.h"

#define LOADED_MAX 64

/* Names of what this run has loaded, owned. */
struct loaded_profiles {
	char *names[LOADED_MAX];
	size_t count;
};

/* `agentcore profile load` for a launch with this bind, which does nothing where that very profile is there.  0 or a negative errno with its words in err. */
int agentcore_profile_load(const struct adapter *adapter, const struct adapter_launch *launch, const char *bind,
			   struct loaded_profiles *loaded, struct error *err);

/* Take them out of the kernel again. */
void agentcore_profile_unload(const struct adapter *adapter, struct loaded_profiles *loaded);

#endif
