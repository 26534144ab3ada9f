/* SPDX-License-Identifier: Apache-2.0 */
/* Reading result objects, for the derived reports. */
#ifndef REPORT_ACCESS_H
#define REPORT_ACCESS_H

#include <jansson.h>

#include "harness/verdict.h"
#include "report/result.h"

/* A text member, "" where it is missing. */
static inline const char *text_of(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value ? value : "";
}

/* A number member, 0 where it is missing. */
static inline json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* The status; what cannot be read is ERROR. */
static inline enum status status_of(const json_t *result)
{
	int status = status_from_name(text_of(result, "status"));
	return status < 0 ? STATUS_ERROR : (enum status)status;
}

/* Where an item stands in a list; the length of the list if it is not there. */
static inline size_t place_of(const json_t *list, const json_t *item)
{
	size_t place;
	json_t *other;
	json_array_foreach(list, place, other)
	{
		if (json_equal(other, item))
			break;
	}
	return place;
}

/* Which layers were asked alone, and which of them denied it; NULL where none was asked. */
static inline const json_t *layers_of(const struct results *results, const json_t *result)
{
	const json_t *layers = json_object_get(results->layers, text_of(result, "id"));
	return json_is_object(layers) ? layers : NULL;
}

/* What one of the layers asked did alone. */
static inline bool has_denied(const json_t *layers, const json_t *layer)
{
	const json_t *denied = json_object_get(layers, "denied");
	return place_of(denied, layer) < json_array_size(denied);
}

static inline const char *answer_of(const json_t *layers, const json_t *layer)
{
	return has_denied(layers, layer) ? "denied" : "not denied";
}

/* What the four words of other report formats make of a status. */
enum outcome { OUTCOME_OK, OUTCOME_FAILURE, OUTCOME_ERROR, OUTCOME_SKIPPED };

static inline enum outcome outcome_of_status(enum status status)
{
	static const enum outcome outcomes[STATUS_COUNT] = {
		[STATUS_PASS] = OUTCOME_OK,
		[STATUS_FAIL] = OUTCOME_FAILURE,
		[STATUS_XFAIL] = OUTCOME_SKIPPED, /* known and excused */
		[STATUS_XPASS] = OUTCOME_FAILURE, /* the expectation is out of date */
		[STATUS_NOT_APPLICABLE] = OUTCOME_SKIPPED,
		[STATUS_UNSUPPORTED] = OUTCOME_SKIPPED,
		[STATUS_SKIP] = OUTCOME_SKIPPED,
		[STATUS_INCONCLUSIVE] = OUTCOME_ERROR,
		[STATUS_TIMEOUT] = OUTCOME_ERROR,
		[STATUS_CRASH] = OUTCOME_ERROR,
		[STATUS_ERROR] = OUTCOME_ERROR,
	};
	return outcomes[status];
}

#endif
