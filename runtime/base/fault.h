/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on purpose, in test builds alone (build/agentcore-faults, -DAGENTCORE_FAULTS): AGENTCORE_FAULT is a list, with commas, of
 *   fail:STAGE    the stage fails: every stage must fail closed
 *   skip:STAGE    the stage is left out: the suite must notice
 *   break:POINT   a point does its work badly: the suite must notice
 *   drop:ROW      a row of the network's rules, or of the mandatory layer's (its path), is not installed: the suite must notice
 * In any other build fault_wished is false and costs nothing.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

#ifdef AGENTCORE_FAULTS
bool fault_wished(const char *kind, const char *name);
#else
static inline bool fault_wished(const char *kind, const char *name)
{
	(void)kind;
	(void)name;
	return false;
}
#endif

#endif
