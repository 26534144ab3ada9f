/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/syscall_safe.h"

#include <stdlib.h>

static int compare(const void *key, const void *row)
{
	int64_t difference = (int64_t) * (const uint32_t *)key - ((const struct safe_call *)row)->number;
	return difference < 0 ? -1 : difference > 0;
}

const struct safe_call *safe_call_find(uint32_t number)
{
	const struct safe_call *rows = number <= 155   ? safe_calls_early
				       : number <= 334 ? safe_calls_middle
						       : safe_calls_late;
	size_t count = number <= 155   ? safe_call_early_count
		       : number <= 334 ? safe_call_middle_count
				       : safe_call_late_count;
	return bsearch(&number, rows, count, sizeof(rows[0]), compare);
}
