/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a policy document: the top, the sections' common rules, and what only the whole can tell. */
#include "policy/parse.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "policy/suggest.h"

#define DOCUMENT_MAX ((size_t)1 << 20)

static void release_json(json_t **json)
{
	json_decref(*json);
}
#define _cleanup_json_ __attribute__((cleanup(release_json)))

/* --- Sections ------------------------------------------------------------------------------------- */
static field_reader read_agent_id, read_security, read_resources, read_execution, read_sandbox;

static size_t top_fields(struct field fields[SECTION_FIELDS_MAX])
{
	static const struct field top[] = {
		{"agent_id", JSON_STRING, read_agent_id},         {"security_profile", JSON_OBJECT, read_security},
		{"resource_limits", JSON_OBJECT, read_resources}, {"execution_limits", JSON_OBJECT, read_execution},
		{"sandbox", JSON_OBJECT, read_sandbox},
	};

	memcpy(fields, top, sizeof(top));
	return ARRAY_SIZE(top);
}

enum { TOP, SECURITY, RESOURCES, EXECUTION, SANDBOX };

const struct section policy_sections[SECTION_COUNT] = {
	[TOP] = {NULL, top_fields},
	[SECURITY] = {"security_profile", security_fields},
	[RESOURCES] = {"resource_limits", resource_fields},
	[EXECUTION] = {"execution_limits", execution_fields},
	[SANDBOX] = {"sandbox", sandbox_fields},
};

static int read_security(struct document *document, const struct place *place, json_t *value)
{
	return read_section(document, place, value, &policy_sections[SECURITY]);
}

static int read_resources(struct document *document, const struct place *place, json_t *value)
{
	return read_section(document, place, value, &policy_sections[RESOURCES]);
}

static int read_execution(struct document *document, const struct place *place, json_t *value)
{
	return read_section(document, place, value, &policy_sections[EXECUTION]);
}

static int read_sandbox(struct document *document, const struct place *place, json_t *value)
{
	return read_section(document, place, value, &policy_sections[SANDBOX]);
}

static int read_agent_id(struct document *document, const struct place *place, json_t *value)
{
	const char *id = json_string_value(value);
	bool valid = isalnum((unsigned char)id[0]) && strlen(id) <= POLICY_AGENT_ID_MAX;

	for (const char *at = id; *at; at++)
		valid = valid && (isalnum((unsigned char)*at) || *at == '_' || *at == '-');
	if (!valid) {
		(void)refuse(document, place, "\"%.80s\" cannot name an agent", id);
		return error_hint(document->err, "use letters, digits, _ and -, a letter or digit first, at most %d",
				  POLICY_AGENT_ID_MAX);
	}
	(void)snprintf(document->policy->agent_id, sizeof(document->policy->agent_id), "%s", id);
	return 0;
}

/* --- Types ------------------------------------------------------------------------------------------ */
static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	default:
		return "null";
	}
}

static bool has_type(const json_t *value, json_type type)
{
	if (type == JSON_REAL)
		return json_is_number(value);
	return type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == type;
}

static int refuse_type(struct document *document, const struct place *place, const json_t *value, json_type wanted)
{
	int r = refuse(document, place, "must be %s, not %s", type_name(wanted), type_name(json_typeof(value)));
	const char *text = json_string_value(value);

	if (json_is_null(value))
		return error_hint(document->err, "leave the key out for the profile's default");
	if (text && (wanted == JSON_REAL || wanted == JSON_TRUE))
		return error_hint(document->err, "write it without quotes");
	if (text && wanted == JSON_ARRAY)
		return error_hint(document->err, "put it in brackets: [\"...\"]");
	return r;
}

/* --- Keys ------------------------------------------------------------------------------------------- */
static bool section_has(const struct section *section, const char *key)
{
	struct field fields[SECTION_FIELDS_MAX];
	size_t count = section->fields(fields);

	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].key, key) == 0)
			return true;
	return false;
}

/* The section whose key it is; failing that, the nearest key here; failing that, the keys that there are. */
static int refuse_key(struct document *document, const struct place *place, const struct section *section)
{
	int r = refuse(document, place, "unknown key");

	for (size_t i = 0; i < SECTION_COUNT; i++) {
		const struct section *other = &policy_sections[i];
		if (other == section || !section_has(other, place->key))
			continue;
		return other->key ? error_hint(document->err, "it belongs to \"%s\"", other->key)
				  : error_hint(document->err, "it belongs to the top of the document");
	}

	struct field fields[SECTION_FIELDS_MAX];
	size_t count = section->fields(fields);
	struct suggestion suggestion = suggest_for(place->key);
	for (size_t i = 0; i < count; i++)
		suggest_offer(&suggestion, fields[i].key);
	suggest_hint(&suggestion, document->err, "see \"agentcore profile show\" for the keys that there are");
	return r;
}

static int read_key(struct document *document, const struct place *place, json_t *value, const struct section *section)
{
	struct field fields[SECTION_FIELDS_MAX];
	size_t count = section->fields(fields);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(fields[i].key, place->key) != 0)
			continue;
		return has_type(value, fields[i].type) ? fields[i].read(document, place, value)
						       : refuse_type(document, place, value, fields[i].type);
	}
	return refuse_key(document, place, section);
}

int read_section(struct document *document, const struct place *place, json_t *object, const struct section *section)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		struct place here = {.parent = place, .key = key};
		int r = read_key(document, &here, value, section);
		if (r < 0)
			return r;
	}
	return 0;
}

int read_strings(struct document *document, const struct place *place, json_t *list, field_reader *read)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct place here = {.parent = place, .index = i};
		json_t *item = json_array_get(list, i);

		if (!json_is_string(item))
			return refuse_type(document, &here, item, JSON_STRING);
		if (json_string_length(item) == 0)
			return refuse(document, &here, "must not be empty");
		for (size_t j = 0; j < i; j++)
			if (json_equal(item, json_array_get(list, j)))
				return refuse(document, &here, "\"%.80s\" is listed twice", json_string_value(item));
		int r = read(document, &here, item);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- The document ------------------------------------------------------------------------------------ */
static json_t *parse_json(const char *name, const char *text, size_t length, struct error *err)
{
	json_error_t error;
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	char path[200];

	if (root)
		return root;
	json_path_at(text, error.position > 0 && (size_t)error.position < length ? (size_t)error.position : length,
		     path, sizeof(path));
	if (json_error_code(&error) == json_error_duplicate_key) {
		(void)error_say(err, EINVAL, "%s: %s: line %d: the key is given twice", name, path, error.line);
		(void)error_hint(err, "keep one of them");
	} else {
		(void)error_say(err, EINVAL, "%s: %s: line %d, column %d: %s", name, path, error.line, error.column,
				error.text);
	}
	return NULL;
}

/* The profile comes before everything else: it decides the defaults that the rest is laid over. */
static int read_profile(struct document *document, const json_t *root)
{
	json_t *security = json_object_get(root, "security_profile");
	json_t *value = json_object_get(security, "profile_name");
	struct place section = {.key = "security_profile"}, place = {.parent = &section, .key = "profile_name"};
	enum profile profile = PROFILE_STANDARD;
	struct error cause = {0};

	if (value && !json_is_string(value))
		return refuse_type(document, &place, value, JSON_STRING);
	if (value && profile_from_name(&profile, json_string_value(value), &cause) < 0)
		return refuse_because(document, &place, &cause);
	policy_defaults(document->policy, profile);
	return 0;
}

static int complete(struct document *document)
{
	struct policy *policy = document->policy;
	struct place section = {.key = "security_profile"}, place = {.parent = &section, .key = "user_namespace"};

	if (!policy->user_namespace && policy->profile != PROFILE_PRIVILEGED) {
		(void)refuse(document, &place, "false is for the privileged profile alone");
		return error_hint(document->err, "remove it, or set profile_name to \"privileged\"");
	}
	/* allow_network opens what only the profile's default closed; what the document closes stays closed. */
	if (document->network_allowed && !document->network_named && policy->network == NETWORK_NONE)
		policy->network = NETWORK_RESTRICTED;
	if (document->network_denied)
		policy->network = NETWORK_NONE;
	return 0;
}

int policy_parse(struct policy *policy, const char *name, const char *json, size_t length, struct error *err)
{
	struct policy fresh = {0};
	struct error discarded = {0};
	struct document document = {.name = name, .policy = &fresh, .err = err ? err : &discarded};
	_cleanup_json_ json_t *root = parse_json(name, json, length, document.err);

	if (!root)
		return -EINVAL;
	if (!json_is_object(root))
		return refuse_type(&document, NULL, root, JSON_OBJECT);
	int r = read_profile(&document, root);
	if (r == 0)
		r = read_section(&document, NULL, root, &policy_sections[TOP]);
	if (r == 0)
		r = complete(&document);
	if (r < 0) {
		policy_clear(&fresh);
		return r;
	}
	*policy = fresh;
	return 0;
}

static int read_input(const char *path, char **text, size_t *length)
{
	if (strcmp(path, "-") != 0)
		return io_read_file(AT_FDCWD, path, DOCUMENT_MAX, text, length);

	_cleanup_free_ char *buffer = malloc(DOCUMENT_MAX + 1);
	if (!buffer)
		return -ENOMEM;
	ssize_t n = io_read_all(STDIN_FILENO, buffer, DOCUMENT_MAX + 1);
	if (n < 0)
		return (int)n;
	if ((size_t)n > DOCUMENT_MAX)
		return -EFBIG;
	*length = (size_t)n;
	*text = TAKE_PTR(buffer);
	return 0;
}

int policy_load(struct policy *policy, const char *path, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	int r = read_input(path, &text, &length);

	if (r == -EFBIG)
		return error_say(err, EFBIG, "%s: larger than 1 MiB: no policy is", name);
	if (r < 0)
		return error_set(err, -r, "%s", name);
	return policy_parse(policy, name, text, length, err);
}
