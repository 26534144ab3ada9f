/* SPDX-License-Identifier: Apache-2.0 */
#include "saboteurs/judgement.h"

#include <fnmatch.h>
#include <string.h>

enum colour { GREEN, RED, UNMEASURED };

static const char *text_of(const json_t *result, const char *key)
{
	const char *text = json_string_value(json_object_get(result, key));
	return text ? text : "";
}

/* A sandbox that does not start proves nothing: an ERROR must never count as having noticed the saboteur. */
static enum colour colour_of(const json_t *result)
{
	static const char *const red[] = {"FAIL", "CRASH", "TIMEOUT"};
	const char *status = text_of(result, "status");
	for (size_t i = 0; i < sizeof(red) / sizeof(red[0]); i++) {
		if (strcmp(status, red[i]) == 0)
			return RED;
	}
	return strcmp(status, "PASS") == 0 ? GREEN : UNMEASURED;
}

/* id -> result, borrowed. */
static json_t *index_by_id(json_t *results)
{
	json_t *index = json_object(), *result;
	size_t i;
	json_array_foreach(results, i, result) json_object_set(index, text_of(result, "id"), result);
	return index;
}

static void note_met(const struct saboteur *saboteur, const char *id, bool met[SABOTEUR_PATTERNS_MAX])
{
	for (size_t i = 0; i < SABOTEUR_PATTERNS_MAX && saboteur->must[i]; i++)
		met[i] |= fnmatch(saboteur->must[i], id, 0) == 0;
}

static void note_case(const struct saboteur *saboteur, const char *id, const json_t *now, struct judgement *judgement)
{
	enum colour colour = colour_of(now);
	bool allowed = saboteur_matches(saboteur->must, id) || saboteur_matches(saboteur->may, id);
	if (colour == RED)
		judgement->reds++;
	if (colour == RED && !allowed)
		json_array_append_new(judgement->strays, json_string(id));
	if (colour == UNMEASURED && !allowed)
		json_array_append_new(judgement->unmeasured,
				      json_sprintf("%s (%s)", id, now ? text_of(now, "status") : "no result"));
}

void judge_saboteur(const struct saboteur *saboteur, json_t *baseline, json_t *broken, struct judgement *judgement)
{
	*judgement = (struct judgement){
		.strays = json_array(), .unmeasured = json_array(), .unmet = json_array(), .killed = true};
	bool met[SABOTEUR_PATTERNS_MAX] = {false};
	json_t *index = index_by_id(broken), *before;
	size_t i;
	json_array_foreach(baseline, i, before)
	{
		const char *id = text_of(before, "id");
		if (colour_of(before) != GREEN)
			continue;
		const json_t *now = json_object_get(index, id);
		note_case(saboteur, id, now, judgement);
		if (colour_of(now) == RED)
			note_met(saboteur, id, met);
	}
	json_decref(index);
	for (i = 0; i < SABOTEUR_PATTERNS_MAX && saboteur->must[i]; i++) {
		if (!met[i])
			json_array_append_new(judgement->unmet, json_string(saboteur->must[i]));
	}
	judgement->killed = saboteur->must[0] && json_array_size(judgement->unmet) == 0;
}

bool judgement_is_good(const struct judgement *judgement)
{
	return judgement->killed && json_array_size(judgement->strays) == 0 &&
	       json_array_size(judgement->unmeasured) == 0;
}

void judgement_clear(struct judgement *judgement)
{
	json_decref(judgement->strays);
	json_decref(judgement->unmeasured);
	json_decref(judgement->unmet);
	*judgement = (struct judgement){0};
}
