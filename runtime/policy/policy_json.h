/* SPDX-License-Identifier: Apache-2.0 */
/* A policy as a document again, with nothing left to a default. */
#ifndef POLICY_POLICY_JSON_H
#define POLICY_POLICY_JSON_H

#include <jansson.h>

#include "policy/policy.h"

/* The complete document: policy_parse makes the same sandbox of it.  NULL without memory; the caller releases it. */
json_t *policy_to_json(const struct policy *policy);

#endif
