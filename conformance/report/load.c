/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/result.h"

static int keep(json_t **slot, json_t *line, const char *path, size_t number, struct error *err)
{
	if (*slot)
		return error_say(err, EINVAL, "%s:%zu: a second line of this type", path, number);
	*slot = json_incref(line);
	return 0;
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
	if (strcmp(type, "result") != 0)
		return 0;

	const char *status = json_string_value(json_object_get(line, "status"));
	if (!json_is_string(json_object_get(line, "id")) || !status || status_from_name(status) < 0)
		return error_say(err, EINVAL, "%s:%zu: a result needs an id and a known status", path, number);
	if (json_array_append(results->results, line) < 0)
		return error_set(err, ENOMEM, "%s", path);
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
	struct results fresh = {.results = json_array()};
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
	json_decref(results->summary);
	*results = (struct results){0};
}
