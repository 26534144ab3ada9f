/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/access.h"
#include "report/result.h"

static int keep(json_t **slot, json_t *line, const char *path, size_t number, struct error *err)
{
	if (*slot)
		return error_say(err, EINVAL, "%s:%zu: a second line of this type", path, number);
	*slot = json_incref(line);
	return 0;
}

static int take_result(struct results *results, json_t *line, const char *path, size_t number, struct error *err)
{
	const char *id = json_string_value(json_object_get(line, "id"));
	const char *status = json_string_value(json_object_get(line, "status"));
	if (!id || !status || status_from_name(status) < 0)
		return error_say(err, EINVAL, "%s:%zu: a result needs an id and a known status", path, number);
	if (json_array_append(results->results, line) < 0 ||
	    (!json_object_get(results->layers, id) && json_object_set_new(results->layers, id, json_null()) < 0))
		return error_set(err, ENOMEM, "%s", path);
	return 0;
}

/* Each layer is asked once, and only one that was asked can deny. */
static bool is_layers(const json_t *line)
{
	const json_t *asked = json_object_get(line, "asked"), *denied = json_object_get(line, "denied");
	size_t index;
	json_t *layer;
	json_array_foreach(asked, index, layer)
	{
		if (json_string_length(layer) == 0 || place_of(asked, layer) != index)
			return false;
	}
	json_array_foreach(denied, index, layer)
	{
		if (place_of(asked, layer) == json_array_size(asked))
			return false;
	}
	return json_is_string(json_object_get(line, "id")) && json_array_size(asked) > 0 && json_is_array(denied);
}

/* They stand behind the result, which left an empty place for them. */
static int take_layers(struct results *results, json_t *line, const char *path, size_t number, struct error *err)
{
	if (!is_layers(line))
		return error_say(err, EINVAL,
				 "%s:%zu: layers need an id, names asked, and among them those that denied", path,
				 number);
	const char *id = text_of(line, "id");
	const json_t *place = json_object_get(results->layers, id);
	if (!place)
		return error_say(err, EINVAL, "%s:%zu: layers of no result before it", path, number);
	if (!json_is_null(place))
		return error_say(err, EINVAL, "%s:%zu: a second line of layers for %s", path, number, id);
	return json_object_set(results->layers, id, line) < 0 ? error_set(err, ENOMEM, "%s", path) : 0;
}

/* Lines of types that are not known are for newer readers. */
static int take_line(struct results *results, json_t *line, const char *path, size_t number, struct error *err)
{
	const char *type = json_string_value(json_object_get(line, "type"));
	if (!type)
		return error_say(err, EINVAL, "%s:%zu: no \"type\"", path, number);
	if (strcmp(type, "run") == 0)
		return keep(&results->run, line, path, number, err);
	if (strcmp(type, "summary") == 0)
		return keep(&results->summary, line, path, number, err);
	if (strcmp(type, "result") == 0)
		return take_result(results, line, path, number, err);
	if (strcmp(type, "layers") == 0)
		return take_layers(results, line, path, number, err);
	return 0;
}

static int read_lines(struct results *results, FILE *file, const char *path, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	ssize_t length;
	for (size_t number = 1; (length = getline(&text, &size, file)) >= 0; number++) {
		json_error_t why;
		json_t *line = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &why);
		if (!line)
			return error_say(err, EINVAL, "%s:%zu: %s", path, number, why.text);
		int r = take_line(results, line, path, number, err);
		json_decref(line);
		if (r < 0)
			return r;
	}
	return 0;
}

int results_load(struct results *results, const char *path, struct error *err)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, errno, "%s", path);
	struct results fresh = {.results = json_array(), .layers = json_object()};
	int r = read_lines(&fresh, file, path, err);
	if (r < 0)
		results_clear(&fresh);
	else
		*results = fresh;
	return r;
}

void results_clear(struct results *results)
{
	json_decref(results->run);
	json_decref(results->results);
	json_decref(results->layers);
	json_decref(results->summary);
	*results = (struct results){0};
}
