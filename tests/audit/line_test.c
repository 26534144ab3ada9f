/* SPDX-License-Identifier: Apache-2.0 */
/* One line: its fields, hostile strings, its length. */
#include "fixture.h"

static const struct timespec noon = {.tv_sec = DAY(0), .tv_nsec = 123456789};

static char line[AUDIT_LINE_MAX + 1];

static const char *line_of(const struct audit_event *event)
{
	struct audit_link last = audit_chain_start();
	size_t length = audit_line(line, event, &last, &noon);

	assert_in_range(length, 1, AUDIT_LINE_MAX);
	line[length] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + length - 1);
	for (size_t i = 0; i + 1 < length; i++)
		assert_in_range((unsigned char)line[i], 0x20, 0x7e);
	return line;
}

/* The line read again; its owner releases it. */
static json_t *read_again(const char *text)
{
	uint64_t sequence;
	char previous[AUDIT_DIGEST_SIZE];
	json_t *event = NULL;
	const char *wrong = audit_line_read(text, strlen(text) - 1, &sequence, previous, &event);

	if (wrong)
		fail_msg("%s: %s", wrong, text);
	assert_int_equal(sequence, 1);
	return event;
}

static void expect_text(const char *given, const char *expected)
{
	json_t *event = read_again(line_of(&(struct audit_event){.event_type = "breach", .reason = given}));

	assert_string_equal(json_string_value(json_object_get(event, "reason")), expected);
	json_decref(event);
}

static void test_fields_in_their_order(void **state)
{
	(void)state;
	json_t *metadata = json_pack("{s:i, s:s}", "limit", 64, "command", "/bin/true");
	struct audit_event event = {.event_type = "breach",
				    .sandbox_id = "box",
				    .agent_id = "demo",
				    .operation = "run",
				    .resource = "memory",
				    .permission = "max_memory_mb",
				    .result = "killed",
				    .metadata = metadata};

	assert_string_equal(
		line_of(&event),
		"{\"timestamp\":\"2020-03-01T12:00:00.123456Z\",\"event_type\":\"breach\",\"sandbox_id\":\"box\","
		"\"agent_id\":\"demo\",\"operation\":\"run\",\"resource\":\"memory\","
		"\"permission\":\"max_memory_mb\",\"result\":\"killed\",\"reason\":null,"
		"\"metadata\":{\"limit\":64,\"command\":\"/bin/true\"},\"sequence\":1,\"previous\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}\n");
	json_decref(metadata);
	json_decref(read_again(line));
}

static void test_hostile_strings(void **state)
{
	(void)state;
	static const struct {
		const char *given, *expected;
	} rows[] = {
		{"", ""},
		{"plain", "plain"},
		{"\"},\"sequence\":9", "\"},\"sequence\":9"},
		{"two\nlines\r\n\t\b", "two\nlines\r\n\t\b"},
		{"back\\slash\\", "back\\slash\\"},
		{"\x1b[2J\x7f", "\x1b[2J\x7f"},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\xe2\x80\xa8 another line", "\xe2\x80\xa8 another line"},
		/* Not UTF-8: a lone continuation, a sequence cut off, overlong, a surrogate, beyond the last, 0xff. */
		{"a\x80z", "a\xef\xbf\xbdz"},
		{"a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_text(rows[i].given, rows[i].expected);
}

static void test_every_two_bytes_make_a_good_line(void **state)
{
	(void)state;
	for (int first = 1; first < 256; first++) {
		for (int second = 1; second < 256; second++) {
			char text[] = {(char)first, (char)second, '\0'};
			json_decref(read_again(line_of(&(struct audit_event){.event_type = text})));
		}
	}
}

static void test_long_strings_are_cut(void **state)
{
	(void)state;
	static char longest[5000];
	static const char *const units[] = {"x", "\x01", "\xff", "\xf0\x9f\x98\x80", "\""};

	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		size_t unit = strlen(units[u]);
		memset(longest, 0, sizeof(longest));
		for (size_t i = 0; i + unit < sizeof(longest); i += unit)
			memcpy(longest + i, units[u], unit);
		json_t *event = read_again(line_of(&(struct audit_event){longest, longest, longest, longest, longest,
									 longest, longest, longest, NULL}));
		const char *reason = json_string_value(json_object_get(event, "reason"));
		assert_non_null(strstr(reason, "[cut]"));
		assert_string_equal(strstr(reason, "[cut]"), "[cut]");
		json_decref(event);
	}
}

static void test_what_fits_is_not_cut(void **state)
{
	(void)state;
	char text[1002];

	memset(text, 'y', sizeof(text));
	text[1000] = '\0';
	expect_text(text, text);
}

static json_t *metadata_of(json_t *metadata)
{
	json_t *event = read_again(line_of(&(struct audit_event){.event_type = "x", .metadata = metadata}));
	json_t *found = json_incref(json_object_get(event, "metadata"));

	json_decref(event);
	json_decref(metadata);
	return found;
}

static void test_metadata_is_cut(void **state)
{
	(void)state;
	json_t *words = json_array();

	for (int i = 0; i < 2000; i++)
		json_array_append_new(words, json_sprintf("word %d \xe2\x82\xac\x01", i));
	json_t *found = metadata_of(json_pack("{s:o, s:i}", "command", words, "uid", 7));
	json_t *kept = json_object_get(found, "command");
	assert_int_equal(json_integer_value(json_object_get(found, "uid")), 7);
	assert_string_equal(json_string_value(json_array_get(kept, 0)), "word 0 \xe2\x82\xac\x01");
	assert_string_equal(json_string_value(json_array_get(kept, json_array_size(kept) - 1)), "[cut]");
	json_decref(found);

	char *text = malloc(100001);
	assert_non_null(text);
	memset(text, 'z', 100000);
	text[100000] = '\0';
	found = metadata_of(json_pack("{s:s}", "text", text));
	assert_string_equal(strchr(json_string_value(json_object_get(found, "text")), '['), "[cut]");
	json_decref(found);
	free(text);
}

static void test_metadata_that_cannot_be_cut(void **state)
{
	(void)state;
	json_t *many = json_object();
	char key[32];

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "key-%d", i);
		json_object_set_new(many, key, json_integer(i));
	}
	json_t *found = metadata_of(many);
	assert_true(json_is_true(json_object_get(found, "[cut]")));
	json_decref(found);
	found = metadata_of(json_string("no object"));
	assert_int_equal(json_object_size(found), 0);
	json_decref(found);
}

/* A character is not cut in two: that would be no UTF-8, and no string. */
static void test_metadata_is_cut_between_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		char text[8192];
		memset(text, 'a', shift);
		for (size_t i = shift; i + 4 < sizeof(text); i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 5);
		json_t *found = metadata_of(json_pack("{s:s}", "text", text));
		assert_non_null(strstr(json_string_value(json_object_get(found, "text")), "[cut]"));
		json_decref(found);
	}
}

static void test_lines_that_are_none(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to;
	} edits[] = {
		{"{\"timestamp\"", "[\"timestamp\""},
		{"\"timestamp\":", "\"time\":"},
		{"\"agent_id\":null,", ""},
		{"\"agent_id\":null", "\"agent_id\":5"},
		{"\"agent_id\":null", "\"agent_id\":null,\"agent_id\":null"},
		{"\"operation\":null,\"resource\":null", "\"resource\":null,\"operation\":null"},
		{"\"metadata\":{}", "\"metadata\":[]"},
		{"\"sequence\":1", "\"sequence\":\"1\""},
		{"\"sequence\":1", "\"sequence\":0"},
		{"\"sequence\":1", "\"sequence\":-1"},
		{"\"sequence\":1", "\"sequence\":1.5"},
		{"\"previous\":\"0", "\"previous\":\"A"},
		{"\"previous\":\"00", "\"previous\":\"0"},
		{"\"}", "\",\"more\":1}"},
		{"\"}", "\"}}"},
		{"\"}", "\""},
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char edited[1024];
		uint64_t sequence = 77;
		const char *whole = line_of(&(struct audit_event){.event_type = "x"});
		const char *at = strstr(whole, edits[i].from);
		assert_non_null(at);
		int length = snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - whole), whole, edits[i].to,
				      at + strlen(edits[i].from));
		if (!audit_line_read(edited, (size_t)length - 1, &sequence, NULL, NULL))
			fail_msg("accepted: %s", edited);
		assert_int_equal(sequence, 77);
	}
}

static void test_dates(void **state)
{
	(void)state;
	static const struct {
		time_t when;
		const char *stamp;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000000Z"},          {-5, "1970-01-01T00:00:00.000000Z"},
		{951782399, "2000-02-28T23:59:59.000000Z"},  {951782400, "2000-02-29T00:00:00.000000Z"},
		{951868800, "2000-03-01T00:00:00.000000Z"},  {1583063999, "2020-03-01T11:59:59.000000Z"},
		{1798761599, "2026-12-31T23:59:59.000000Z"}, {1798761600, "2027-01-01T00:00:00.000000Z"},
		{4107542400, "2100-03-01T00:00:00.000000Z"}, {253402300799, "9999-12-31T23:59:59.000000Z"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char stamp[AUDIT_STAMP_SIZE];
		audit_stamp(&(struct timespec){.tv_sec = rows[i].when}, stamp);
		assert_string_equal(stamp, rows[i].stamp);
	}
	/* Against the C library, over every day of 200 years. */
	for (time_t when = 0; when < (time_t)200 * 366 * AUDIT_SECONDS_A_DAY; when += AUDIT_SECONDS_A_DAY) {
		char name[AUDIT_NAME_SIZE], expected[AUDIT_NAME_SIZE];
		struct tm tm;
		(void)strftime(expected, sizeof(expected), "audit_%Y-%m-%d.jsonl", gmtime_r(&when, &tm));
		audit_file_name(when, name);
		assert_string_equal(name, expected);
	}
}

static void test_digest(void **state)
{
	(void)state;
	char digest[AUDIT_DIGEST_SIZE];

	/* FIPS 180-2, appendix B.1. */
	audit_digest("abc", 3, digest);
	assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_in_their_order),
		cmocka_unit_test(test_hostile_strings),
		cmocka_unit_test(test_every_two_bytes_make_a_good_line),
		cmocka_unit_test(test_long_strings_are_cut),
		cmocka_unit_test(test_what_fits_is_not_cut),
		cmocka_unit_test(test_metadata_is_cut),
		cmocka_unit_test(test_metadata_that_cannot_be_cut),
		cmocka_unit_test(test_metadata_is_cut_between_characters),
		cmocka_unit_test(test_lines_that_are_none),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
