/* SPDX-License-Identifier: Apache-2.0 */
/* The published schema and the parser know the same keys, words and ranges. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "policy/limits.h"
#include "policy/mac.h"
#include "policy/parse.h"
#include "policy/seccomp_profiles.h"

#define SCHEMA FIXTURES_DIR "/../runtime/policy/policy.schema.json"

static json_t *schema;

static int load_schema(void **state)
{
	json_error_t error;

	(void)state;
	schema = json_load_file(SCHEMA, JSON_REJECT_DUPLICATES, &error);
	return schema ? 0 : -1;
}

static int release_schema(void **state)
{
	(void)state;
	json_decref(schema);
	return 0;
}

/* The object that describes a section; the top for NULL. */
static json_t *section_schema(const char *key)
{
	json_t *found = key ? json_object_get(json_object_get(schema, "properties"), key) : schema;

	assert_non_null(found);
	return found;
}

static json_t *property(const char *section, const char *key)
{
	return json_object_get(json_object_get(section_schema(section), "properties"), key);
}

static const char *wanted_type(const struct field *field, const char *section)
{
	bool whole = false;

	for (size_t i = 0; section && i < LIMIT_COUNT; i++) {
		const char *key = strcmp(section, "execution_limits") == 0 ? limit_rows[i].execution_key
									   : limit_rows[i].container_key;
		whole = whole || (key && strcmp(key, field->key) == 0 && limit_rows[i].integer);
	}
	switch (field->type) {
	case JSON_REAL:
		return whole ? "integer" : "number";
	case JSON_TRUE:
		return "boolean";
	case JSON_ARRAY:
		return "array";
	case JSON_OBJECT:
		return "object";
	default:
		return "string";
	}
}

static void test_same_keys_and_types(void **state)
{
	(void)state;
	for (size_t s = 0; s < SECTION_COUNT; s++) {
		const struct section *section = &policy_sections[s];
		struct field fields[SECTION_FIELDS_MAX];
		size_t count = section->fields(fields);
		json_t *described = section_schema(section->key);

		assert_true(json_is_false(json_object_get(described, "additionalProperties")));
		assert_int_equal(json_object_size(json_object_get(described, "properties")), count);
		for (size_t i = 0; i < count; i++) {
			json_t *found = property(section->key, fields[i].key);
			if (!found)
				fail_msg("the schema does not know %s", fields[i].key);
			if (json_object_get(found, "enum"))
				assert_int_equal(fields[i].type, JSON_STRING);
			else
				assert_string_equal(json_string_value(json_object_get(found, "type")),
						    wanted_type(&fields[i], section->key));
		}
	}
}

static void check_range(const char *section, const char *key, double minimum, double maximum)
{
	json_t *found = property(section, key);

	assert_true(json_number_value(json_object_get(found, "minimum")) == minimum);
	assert_true(json_number_value(json_object_get(found, "maximum")) == maximum);
}

static void test_same_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = &limit_rows[i];
		double percent = row->execution_scale == 0.01 ? 100 : 1;
		if (row->container_key) {
			check_range("resource_limits", row->container_key, row->minimum, row->maximum);
			assert_true(json_number_value(json_object_get(property("resource_limits", row->container_key),
								      "default")) == row->defaults[PROFILE_STANDARD]);
		}
		if (row->execution_key)
			check_range("execution_limits", row->execution_key, row->minimum * percent,
				    row->maximum * percent);
	}
}

static void check_words(const char *section, const char *key, const char *(*word)(int), int count)
{
	json_t *words = json_object_get(property(section, key), "enum");

	assert_int_equal(json_array_size(words), count);
	for (int i = 0; i < count; i++)
		assert_string_equal(json_string_value(json_array_get(words, (size_t)i)), word(i));
}

static const char *profile_word(int i)
{
	return profile_name((enum profile)i);
}

static const char *network_word(int i)
{
	return network_mode_name((enum network_mode)i);
}

static const char *seccomp_word(int i)
{
	return seccomp_profile_name((enum profile)i);
}

static const char *apparmor_word(int i)
{
	return mac_template_name((enum mac_template)i);
}

static void test_same_words(void **state)
{
	(void)state;
	check_words("security_profile", "profile_name", profile_word, PROFILE_COUNT);
	check_words("security_profile", "seccomp_profile", seccomp_word, PROFILE_COUNT);
	check_words("security_profile", "apparmor_profile", apparmor_word, MAC_TEMPLATE_COUNT);
	check_words("resource_limits", "network_access", network_word, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_keys_and_types),
		cmocka_unit_test(test_same_ranges),
		cmocka_unit_test(test_same_words),
	};
	return cmocka_run_group_tests(tests, load_schema, release_schema);
}
