/* SPDX-License-Identifier: Apache-2.0 */
#include "saboteurs/saboteur.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "base/array.h"

const struct saboteur *saboteur_at(size_t index)
{
	static const struct saboteur_table *const tables[] = {&saboteurs_of_bundles, &saboteurs_of_the_reference,
							      &saboteurs_of_the_network, &saboteurs_of_mac};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (index < tables[i]->count)
			return &tables[i]->rows[index];
		index -= tables[i]->count;
	}
	return NULL;
}

const struct saboteur *saboteur_find(const char *name)
{
	const struct saboteur *row;

	for (size_t i = 0; (row = saboteur_at(i)); i++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

bool saboteur_matches(const char *const patterns[SABOTEUR_PATTERNS_MAX], const char *id)
{
	for (size_t i = 0; i < SABOTEUR_PATTERNS_MAX && patterns[i]; i++) {
		if (fnmatch(patterns[i], id, 0) == 0)
			return true;
	}
	return false;
}

/* Only a sandbox with the whole policy masks anything: the bare root of a layer alone has nothing masked. */
static bool has_whole_policy(const json_t *config)
{
	return json_array_size(json_object_get(json_object_get(config, "linux"), "maskedPaths")) > 0;
}

int saboteur_edit(const struct saboteur *saboteur, json_t *config, struct error *err)
{
	if (has_whole_policy(config))
		return edit_apply(config, saboteur->edits, SABOTEUR_EDITS_MAX, err);
	if (!saboteur->layers_alone)
		return 0;
	json_t *copy = json_deep_copy(config);
	if (!copy)
		return error_set(err, ENOMEM, "copy of config.json");
	if (edit_apply(copy, saboteur->edits, SABOTEUR_EDITS_MAX, NULL) == 0)
		(void)json_object_update(config, copy);
	json_decref(copy);
	return 0;
}
