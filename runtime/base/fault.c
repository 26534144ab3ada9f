/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#ifdef AGENTCORE_FAULTS
#include <stdlib.h>
#include <string.h>

bool fault_wished(const char *kind, const char *name)
{
	/* Asked once, before the clone: CMD, which shares PID 1's memory until its exec, sets an environment of its own. */
	static const char *wishes;
	size_t kind_length = strlen(kind), name_length = strlen(name);

	if (!wishes)
		wishes = getenv("AGENTCORE_FAULT");
	for (const char *wish = wishes; wish; wish = strchr(wish, ',') ? strchr(wish, ',') + 1 : NULL) {
		const char *after = wish + kind_length + 1 + name_length;
		if (strncmp(wish, kind, kind_length) == 0 && wish[kind_length] == ':' &&
		    strncmp(wish + kind_length + 1, name, name_length) == 0 && (*after == ',' || !*after))
			return true;
	}
	return false;
}
#endif
