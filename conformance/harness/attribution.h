/* SPDX-License-Identifier: Apache-2.0 */
/* Which layer denied it: what is refused with all layers on is looked up among the sessions that had one layer alone. */
#ifndef HARNESS_ATTRIBUTION_H
#define HARNESS_ATTRIBUTION_H

#include "harness/engine.h"

/* Bits per enum session_kind, of the layers alone. */
struct attribution {
	unsigned asked; /* the same request was answered there */
	unsigned denied; /* and refused, with a control that was not */
};

/*
 * For a case of the session full that passed because it was refused.  False: it is no such case, or no layer alone was asked the same.
 * Pure; all cases must be judged.
 */
bool attribution_find(const struct test_case *cases, size_t count, const struct test_case *full,
		      struct attribution *attribution);

#endif
