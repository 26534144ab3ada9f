/* SPDX-License-Identifier: Apache-2.0 */
#include "saboteurs/edit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/array.h"

#define KEY_MAX 64

/* Walk all of path but its last key, which is left in key.  NULL where something on the way is missing. */
static json_t *find_parent(json_t *document, const char *path, char key[KEY_MAX])
{
	json_t *at = document;
	for (;;) {
		const char *begin = path + 1;
		size_t length = strcspn(begin, "/");
		if (path[0] != '/' || length == 0 || length >= KEY_MAX)
			return NULL;
		memcpy(key, begin, length);
		key[length] = '\0';
		path = begin + length;
		if (*path == '\0')
			return json_is_object(at) ? at : NULL;
		at = json_object_get(at, key);
	}
}

static bool matches(json_t *element, json_t *match)
{
	const char *key;
	json_t *value;
	if (!json_is_object(match) || !json_is_object(element))
		return json_equal(element, match);
	json_object_foreach(match, key, value)
	{
		if (!json_equal(json_object_get(element, key), value))
			return false;
	}
	return true;
}

/* What one edit works with, decoded. */
struct operands {
	json_t *document;
	json_t *parent; /* of the last key of path */
	char key[KEY_MAX];
	json_t *match, *value;
};

static bool op_set(const struct operands *on)
{
	if (!on->parent || json_equal(json_object_get(on->parent, on->key), on->value))
		return false;
	return json_object_set(on->parent, on->key, on->value) == 0;
}

static bool op_remove(const struct operands *on)
{
	return on->parent && json_object_del(on->parent, on->key) == 0;
}

static bool op_append(const struct operands *on)
{
	if (!on->parent)
		return false;
	if (!json_object_get(on->parent, on->key))
		json_object_set_new(on->parent, on->key, json_array());
	return json_array_append(json_object_get(on->parent, on->key), on->value) == 0;
}

static bool op_drop(const struct operands *on)
{
	json_t *array = on->parent ? json_object_get(on->parent, on->key) : NULL;
	bool changed = false;
	for (size_t i = json_array_size(array); i-- > 0;) {
		if (matches(json_array_get(array, i), on->match))
			changed |= json_array_remove(array, i) == 0;
	}
	return changed;
}

/* Lay the members over the object; one that is null goes. */
static bool lay_over(json_t *object, json_t *members)
{
	const char *key;
	json_t *value;
	if (json_object_update(object, members) < 0)
		return false;
	json_object_foreach(members, key, value)
	{
		if (json_is_null(value))
			(void)json_object_del(object, key);
	}
	return true;
}

static bool op_patch(const struct operands *on)
{
	json_t *array = on->parent ? json_object_get(on->parent, on->key) : NULL;
	bool changed = false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *element = json_array_get(array, i);
		if (matches(element, on->match) && !matches(element, on->value))
			changed |= lay_over(element, on->value);
	}
	return changed;
}

static bool change_integer(const struct operands *on, json_int_t factor, json_int_t summand)
{
	json_t *now = on->parent ? json_object_get(on->parent, on->key) : NULL;
	json_int_t before = json_integer_value(now), after = before * factor + summand;
	return json_is_integer(now) && after != before && json_integer_set(now, after) == 0;
}

static bool op_times(const struct operands *on)
{
	return change_integer(on, json_integer_value(on->value), 0);
}

static bool op_plus(const struct operands *on)
{
	return change_integer(on, 1, json_integer_value(on->value));
}

static json_t *seccomp_rules(const struct operands *on)
{
	return json_object_get(json_object_get(json_object_get(on->document, "linux"), "seccomp"), "syscalls");
}

/* The name leaves every rule that it is in, since libseccomp refuses rules that contradict each other. */
static bool op_seccomp_allow(const struct operands *on)
{
	json_t *rules = seccomp_rules(on);
	for (size_t i = json_array_size(rules); i-- > 0;) {
		json_t *names = json_object_get(json_array_get(rules, i), "names");
		for (size_t j = json_array_size(names); j-- > 0;) {
			if (json_equal(json_array_get(names, j), on->value))
				(void)json_array_remove(names, j);
		}
		if (json_array_size(names) == 0)
			(void)json_array_remove(rules, i);
	}
	json_t *rule = json_pack("{s:[O], s:s}", "names", on->value, "action", "SCMP_ACT_ALLOW");
	return rules && json_array_append_new(rules, rule) == 0;
}

static bool swap_errno(json_t *object, const char *key, const struct operands *on)
{
	json_t *now = json_object_get(object, key);
	return now && json_equal(now, json_object_get(on->value, "from")) &&
	       json_object_set(object, key, json_object_get(on->value, "to")) == 0;
}

static bool op_seccomp_errno(const struct operands *on)
{
	json_t *rules = seccomp_rules(on);
	bool changed =
		swap_errno(json_object_get(json_object_get(on->document, "linux"), "seccomp"), "defaultErrnoRet", on);
	for (size_t i = 0; i < json_array_size(rules); i++)
		changed |= swap_errno(json_array_get(rules, i), "errnoRet", on);
	return changed;
}

/* Each returns whether the document has changed. */
static bool (*const operations[])(const struct operands *on) = {
	[EDIT_SET] = op_set,
	[EDIT_REMOVE] = op_remove,
	[EDIT_APPEND] = op_append,
	[EDIT_DROP] = op_drop,
	[EDIT_PATCH] = op_patch,
	[EDIT_TIMES] = op_times,
	[EDIT_PLUS] = op_plus,
	[EDIT_SECCOMP_ALLOW] = op_seccomp_allow,
	[EDIT_SECCOMP_ERRNO] = op_seccomp_errno,
};

static int decode(const char *text, json_t **value, struct error *err)
{
	json_error_t where;
	if (text && !(*value = json_loads(text, JSON_DECODE_ANY, &where)))
		return error_say(err, EINVAL, "edit value %s: %s", text, where.text);
	return 0;
}

static int apply_one(json_t *document, const struct edit *edit, struct error *err)
{
	struct operands on = {.document = document};
	int r = decode(edit->match, &on.match, err);
	r = r < 0 ? r : decode(edit->value, &on.value, err);
	if (edit->path)
		on.parent = find_parent(document, edit->path, on.key);
	if (r == 0 && !operations[edit->op](&on))
		r = error_say(err, EINVAL, "edit of %s changes nothing", edit->path ? edit->path : edit->value);
	json_decref(on.match);
	json_decref(on.value);
	return r;
}

int edit_apply(json_t *document, const struct edit *edits, size_t count, struct error *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < count && edits[i].op != EDIT_NONE; i++)
		r = apply_one(document, &edits[i], err);
	return r;
}
