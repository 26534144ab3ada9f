/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of both tiers: one row per quantity. */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include "policy/policy.h"

struct limit_row {
	const char *container_key; /* key in resource_limits, or NULL */
	const char *execution_key; /* key in execution_limits, or NULL */
	double execution_scale; /* execution value times this is the container's unit (percent to cores: 0.01) */
	double minimum, maximum; /* of the container's unit, inclusive */
	double defaults[PROFILE_COUNT]; /* container tier; negative: none */
	const char *unit;
	const char *mechanism; /* what enforces it */
	const char *at_the_limit; /* what the workload sees */
	enum limit limit;
	bool integer;
};

extern const struct limit_row limit_rows[LIMIT_COUNT]; /* indexed by enum limit */

#endif
