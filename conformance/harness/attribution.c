/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/attribution.h"

#include <string.h>

#include "harness/judges.h"

static bool is_denial(const struct test_case *test_case)
{
	const struct requirement *row = test_case->row;
	return row->probe[0] && (row->judge == judge_refused || row->denial);
}

bool attribution_find(const struct test_case *cases, size_t count, const struct test_case *full,
		      struct attribution *attribution)
{
	*attribution = (struct attribution){0};
	if (full->row->session != SESSION_FULL || full->verdict.status != STATUS_PASS || !is_denial(full))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct test_case *alone = &cases[i];
		const enum session_kind kind = alone->row->session;
		if (!session_kind_is_alone(kind) || alone->subject != full->subject || !is_denial(alone) ||
		    !status_executed(alone->verdict.status) || strcmp(alone->row->probe, full->row->probe) != 0)
			continue;
		attribution->asked |= 1U << kind;
		attribution->denied |= alone->verdict.status == STATUS_PASS ? 1U << kind : 0;
	}
	return attribution->asked != 0;
}
