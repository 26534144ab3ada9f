/* SPDX-License-Identifier: Apache-2.0 */
/* Results written, read back, and turned into the other formats. */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/io.h"
#include "report/digest.h"
#include "report/jsonl.h"
#include "report/result.h"

/* Text that would break every format that forgot to quote it. */
#define NASTY "a<b>&\"c\"'#\n\\ \x01\xff ]]>"

static char path[] = "/tmp/report-test.XXXXXX";

static void write_layers(FILE *out)
{
	static const struct {
		const char *id, *asked[3], *denied[3];
	} rows[] = {
		{"area0.standard.case0", {"mac-alone", NASTY, NULL}, {"mac-alone", NULL}}, /* PASS */
		{"area1.standard.case1", {"landlock-alone", NULL}, {NULL}}, /* FAIL */
		{"area0.standard.case2", {NASTY, "mac-alone", NULL}, {NASTY, "mac-alone", NULL}}, /* XFAIL */
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(jsonl_write_layers(out, rows[i].id, rows[i].asked, rows[i].denied), 0);
}

static void write_results(void)
{
	FILE *out = fopen(path, "we");
	assert_non_null(out);
	const struct run_policy policy = {"standard", "/p.json", "00"};
	const struct run_info info = {.kernel = "Linux 6",
				      .arch = "x86_64",
				      .lsms = "landlock",
				      .cgroup = "v2",
				      .runtime = NASTY,
				      .runtime_version = "1",
				      .adapter = "oci",
				      .started = "now",
				      .policies = &policy,
				      .policy_count = 1};
	struct summary summary = {.required = 11,
				  .executed = 4,
				  .total = STATUS_COUNT,
				  .duration_us = 1500000,
				  .sandbox_starts = 2,
				  .conformant = false};
	assert_int_equal(jsonl_write_run(out, &info), 0);
	for (int status = 0; status < STATUS_COUNT; status++) {
		char id[32];
		(void)snprintf(id, sizeof(id), "area%d.standard.case%d", status % 2, status);
		struct result result = {.id = id,
					.area = status % 2 ? "odd" : "even",
					.session = "full",
					.expected = NASTY,
					.rationale = "why",
					.remediation = "how",
					.tags = "CVE-1",
					.profile = "standard",
					.level = LEVEL_MUST,
					.duration_us = 1000,
					.required = true};
		result.verdict.status = (enum status)status;
		(void)snprintf(result.verdict.observed, sizeof(result.verdict.observed), "%s", NASTY);
		(void)snprintf(result.verdict.reason, sizeof(result.verdict.reason), "%s", status ? NASTY : "");
		summary.counts[status]++;
		assert_int_equal(jsonl_write_result(out, &result), 0);
	}
	write_layers(out);
	/* Readers that do not know a type pass it over. */
	assert_true(fputs("{\"type\":\"weather\"}\n", out) >= 0);
	assert_int_equal(jsonl_write_summary(out, &summary), 0);
	assert_int_equal(fclose(out), 0);
}

static struct results load(void)
{
	struct results results = {0};
	struct error err = {0};
	if (results_load(&results, path, &err) < 0)
		fail_msg("%s", err.text);
	return results;
}

typedef int report_function(const struct results *results, FILE *out);

/* The report as text; the caller frees it. */
static char *render(report_function *write)
{
	struct results results = load();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(write(&results, out), 0);
	assert_int_equal(fclose(out), 0);
	results_clear(&results);
	return text;
}

static void test_round_trip(void **state)
{
	struct results results = load();
	(void)state;
	assert_string_equal(json_string_value(json_object_get(results.run, "kernel")), "Linux 6");
	assert_int_equal(json_array_size(results.results), STATUS_COUNT);
	for (int status = 0; status < STATUS_COUNT; status++) {
		const json_t *result = json_array_get(results.results, (size_t)status);
		assert_string_equal(json_string_value(json_object_get(result, "status")),
				    status_name((enum status)status));
		assert_string_equal(json_string_value(json_object_get(result, "level")), "MUST");
		assert_true(json_is_true(json_object_get(result, "required")));
		assert_int_equal(json_integer_value(json_object_get(result, "duration_us")), 1000);
		/* The contract's fields are there even where there is nothing to say. */
		assert_true(json_is_string(json_object_get(result, "control")));
		/* What is not UTF-8 is replaced, and the rest survives. */
		assert_string_equal(json_string_value(json_object_get(result, "observed")),
				    "a<b>&\"c\"'#\n\\ \x01? ]]>");
	}
	assert_int_equal(json_integer_value(json_object_get(results.summary, "required")), 11);
	assert_true(json_is_false(json_object_get(results.summary, "conformant")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(results.summary, "counts"), "XPASS")), 1);
	results_clear(&results);
}

static void test_layers_round_trip(void **state)
{
	struct results results = load();
	const json_t *layers = json_object_get(results.layers, "area0.standard.case0");
	(void)state;
	assert_int_equal(json_array_size(json_object_get(layers, "asked")), 2);
	assert_int_equal(json_array_size(json_object_get(layers, "denied")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(layers, "denied"), 0)), "mac-alone");
	/* Where no layer was asked, there is nothing to tell. */
	assert_true(json_is_null(json_object_get(results.layers, "area1.standard.case3")));
	json_t *held = json_incref(results.layers);
	results_clear(&results);
	assert_null(results.layers);
	assert_int_equal(held->refcount, 1);
	json_decref(held);
}

#define RESULT          "{\"type\":\"result\",\"id\":\"a\",\"status\":\"PASS\"}\n"
#define LAYERS(members) RESULT "{\"type\":\"layers\"," members "}\n"

static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"{", ":1: "},
		{"{\"type\":\"run\"}\n{}\n", ":2: no \"type\""},
		{"{\"type\":\"run\"}\n{\"type\":\"run\"}\n", ":2: a second line"},
		{"{\"type\":\"result\",\"id\":\"a\",\"status\":\"GOOD\"}\n", ":1: a result needs"},
		{"{\"type\":\"result\",\"status\":\"PASS\"}\n", ":1: a result needs"},
		{"{\"type\":\"run\",\"type\":\"run\"}\n", ":1: "},
		{LAYERS("\"asked\":[\"x\"],\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":7,\"asked\":[\"x\"],\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":[],\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":\"x\",\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":[\"x\",7],\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":[\"\"],\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":[\"x\",\"y\",\"x\"],\"denied\":[]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":[\"x\"]"), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":[\"x\"],\"denied\":\"x\""), ":2: layers need"},
		{LAYERS("\"id\":\"a\",\"asked\":[\"x\"],\"denied\":[\"y\"]"), ":2: layers need"},
		{LAYERS("\"id\":\"b\",\"asked\":[\"x\"],\"denied\":[]"), ":2: layers of no result before it"},
		{LAYERS("\"id\":\"a\",\"asked\":[\"x\"],\"denied\":[]}\n"
			"{\"type\":\"layers\",\"id\":\"a\",\"asked\":[\"x\"],\"denied\":[]"),
		 ":3: a second line of layers"},
	};
	char file[] = "/tmp/report-bad.XXXXXX";
	int fd = mkstemp(file);
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct results results = {0};
		struct error err = {0};
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(io_write_all(fd, rows[i].text, strlen(rows[i].text)), 0);
		assert_int_equal(results_load(&results, file, &err), -EINVAL);
		assert_null(results.results);
		if (!strstr(err.text, rows[i].message))
			fail_msg("\"%s\" lacks \"%s\"", err.text, rows[i].message);
	}
	(void)close(fd);
	(void)unlink(file);
	struct results results = {0};
	assert_int_equal(results_load(&results, file, NULL), -ENOENT);
}

/* A run that was cut off has no summary: it can still be read and rendered. */
static void test_unfinished(void **state)
{
	struct results results = load();
	char *text = NULL;
	size_t size;
	(void)state;
	json_decref(results.summary);
	results.summary = NULL;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(report_write_html(&results, out), 0);
	(void)fclose(out);
	assert_non_null(strstr(text, "unfinished"));
	free(text);
	results_clear(&results);
}

static size_t count_of(const char *text, const char *needle)
{
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, needle)); at++)
		count++;
	return count;
}

struct tap_counts {
	int planned, ok, not_ok, skipped;
};

/* Every line is one that TAP 13 has: version, plan, test, or an indented YAML block. */
static struct tap_counts read_tap(char *text)
{
	struct tap_counts counts = {0};
	int number = 0, in_yaml = 0;
	char *rest = text, *line = strsep(&rest, "\n");
	assert_string_equal(line, "TAP version 13");
	line = strsep(&rest, "\n");
	assert_int_equal(sscanf(line, "1..%d", &counts.planned), 1);
	while ((line = strsep(&rest, "\n")) && (*line || rest)) {
		int this;
		if (strcmp(line, "  ---") == 0 || strcmp(line, "  ...") == 0) {
			in_yaml = line[2] == '-';
			continue;
		}
		if (in_yaml) {
			assert_memory_equal(line, "  ", 2);
			assert_true(line[strlen(line) - 1] == '"' || strcmp(line, "  layers_alone:") == 0);
			continue;
		}
		bool not_ok = strncmp(line, "not ok ", 7) == 0;
		assert_int_equal(sscanf(line + (not_ok ? 4 : 0), "ok %d - ", &this), 1);
		assert_int_equal(this, ++number);
		const char *hash = strchr(line, '#');
		assert_true(!hash || strncmp(hash, "# SKIP ", 7) == 0);
		assert_true(!hash || !strchr(hash + 1, '#'));
		counts.ok += !not_ok;
		counts.not_ok += not_ok;
		counts.skipped += hash != NULL;
	}
	return counts;
}

static void test_tap(void **state)
{
	char *text = render(report_write_tap);
	(void)state;
	struct tap_counts counts = read_tap(text);
	assert_int_equal(counts.planned, STATUS_COUNT);
	assert_int_equal(counts.ok + counts.not_ok, STATUS_COUNT);
	/* FAIL XPASS INCONCLUSIVE TIMEOUT CRASH ERROR */
	assert_int_equal(counts.not_ok, 6);
	/* XFAIL NOT_APPLICABLE UNSUPPORTED SKIP */
	assert_int_equal(counts.skipped, 4);
	free(text);
}

/* An ok has a YAML block for this alone; a not ok has it in its block. */
static void test_tap_layers(void **state)
{
	char *text = render(report_write_tap);
	(void)state;
	assert_non_null(strstr(text, "\nok 1 - area0.standard.case0\n"
				     "  ---\n"
				     "  layers_alone:\n"
				     "    \"mac-alone\": \"denied\"\n"
				     "    \"a<b>&\\\"c\\\"'# \\\\  ? ]]>\": \"not denied\"\n"
				     "  ...\n"
				     "not ok 2 - area1.standard.case1\n"
				     "  ---\n"
				     "  status: \"FAIL\"\n"));
	assert_non_null(strstr(text, "  remediation: \"how\"\n"
				     "  layers_alone:\n"
				     "    \"landlock-alone\": \"not denied\"\n"
				     "  ...\n"));
	assert_int_equal(count_of(text, "layers_alone:"), 3);
	/* The six that are not ok, and the two ok of which there is something to tell. */
	assert_int_equal(count_of(text, "  ---\n"), 8);
	free(text);
}

/*
 * Read one element's tag at '<'; returns the character behind '>'.  Checks names, attributes and that no
 * attribute holds a bare '<'.
 */
static const char *read_tag(const char *at, char *name, size_t size, bool *closing, bool *empty)
{
	const char *end = at + 1;
	*closing = *end == '/';
	end += *closing;
	size_t length = strcspn(end, " />\n");
	assert_in_range(length, 1, size - 1);
	memcpy(name, end, length);
	name[length] = '\0';
	for (end += length; *end && *end != '>'; end++)
		if (*end == '"') {
			end = strpbrk(end + 1, "\"<");
			assert_non_null(end);
			assert_int_equal(*end, '"');
		}
	assert_int_equal(*end, '>');
	*empty = end[-1] == '/';
	return end + 1;
}

/* Well-formed: tags nest, entities are known, no character that XML 1.0 forbids. */
static void assert_well_formed(const char *text)
{
	char stack[16][32], name[32];
	size_t depth = 0;
	while (*text) {
		unsigned char c = (unsigned char)*text;
		assert_true(c >= 0x20 || c == '\n' || c == '\t');
		if (c == '&') {
			static const char *const entities[] = {"&lt;", "&gt;", "&amp;", "&quot;"};
			bool known = false;
			for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
				known |= strncmp(text, entities[i], strlen(entities[i])) == 0;
			assert_true(known);
		}
		if (c != '<' || strncmp(text, "<?xml", 5) == 0) {
			text++;
			continue;
		}
		bool closing, empty;
		text = read_tag(text, name, sizeof(name), &closing, &empty);
		if (closing) {
			assert_true(depth > 0);
			assert_string_equal(stack[--depth], name);
		} else if (!empty) {
			assert_true(depth < ARRAY_SIZE(stack));
			memcpy(stack[depth++], name, sizeof(name));
		}
	}
	assert_int_equal(depth, 0);
}

static void test_junit(void **state)
{
	char *text = render(report_write_junit);
	(void)state;
	assert_well_formed(text);
	assert_int_equal(count_of(text, "<testcase "), STATUS_COUNT);
	assert_int_equal(count_of(text, "<testsuite "), 2);
	assert_int_equal(count_of(text, "<failure "), 2);
	assert_int_equal(count_of(text, "<error "), 4);
	assert_int_equal(count_of(text, "<skipped "), 4);
	assert_non_null(strstr(text,
			       "<testsuites name=\"agentcore-conformance\" tests=\"11\" failures=\"2\" errors=\"4\" "
			       "skipped=\"4\""));
	free(text);
}

/* In system-out, which every schema has within a testcase, and has last. */
static void test_junit_layers(void **state)
{
	char *text = render(report_write_junit);
	(void)state;
	assert_non_null(strstr(text, "name=\"area0.standard.case0\" time=\"0.001000\">\n"
				     "      <system-out>mac-alone: denied\n"
				     "a&lt;b&gt;&amp;&quot;c&quot;'#\n\\  ? ]]&gt;: not denied\n"
				     "</system-out>\n"
				     "    </testcase>\n"));
	assert_non_null(strstr(text, "</failure>\n"
				     "      <system-out>landlock-alone: not denied\n"
				     "</system-out>\n"
				     "    </testcase>\n"));
	const char *skipped = strstr(text, "name=\"area0.standard.case2\"");
	assert_non_null(skipped);
	assert_true(strstr(skipped, "<skipped ") < strstr(skipped, "<system-out>"));
	assert_int_equal(count_of(text, "<system-out>"), 3);
	free(text);
}

static void test_html(void **state)
{
	char *text = render(report_write_html);
	(void)state;
	/* Nothing is fetched from anywhere. */
	assert_null(strstr(text, "http:"));
	assert_null(strstr(text, "https:"));
	assert_null(strstr(text, "src="));
	assert_null(strstr(text, "<link"));
	assert_null(strstr(text, "a<b>"));
	assert_int_equal(count_of(text, "<tr data-area="), STATUS_COUNT);
	assert_non_null(strstr(text, "prefers-color-scheme:dark"));
	assert_non_null(strstr(text, "not conformant"));
	assert_non_null(strstr(text, "4 of 11 required cases executed"));
	/* What failed stands above what passed. */
	assert_true(strstr(text, "data-status=\"FAIL\"") < strstr(text, "data-status=\"PASS\""));
	free(text);
}

/* A word for each layer in the row itself, where the text filter finds "mac-alone denied". */
static void test_html_layers(void **state)
{
	char *text = render(report_write_html);
	(void)state;
	assert_non_null(strstr(text, "<th>Layers alone</th>"));
	const char *row = strstr(text, "<code>area0.standard.case0</code>"), *end = row ? strstr(row, "</tr>") : NULL;
	const char *cell =
		strstr(text, "<td><div>mac-alone denied</div>"
			     "<div class=\"dim\">a&lt;b&gt;&amp;&quot;c&quot;'#\n\\  ? ]]&gt; not denied</div></td>");
	assert_true(row && end && cell > row && cell < end);
	assert_int_equal(count_of(text, "<div class=\"dim\">landlock-alone not denied</div>"), 1);
	/* A row without them has the cell as well. */
	assert_int_equal(count_of(text, "<td></td><td class=\"dim\">CVE-1</td></tr>"), STATUS_COUNT - 3);
	free(text);
}

static void test_digest(void **state)
{
	char file[] = "/tmp/report-digest.XXXXXX", digest[DIGEST_TEXT_SIZE];
	struct error err = {0};
	int fd = mkstemp(file);
	(void)state;
	assert_int_equal(io_write_all(fd, "abc", 3), 0);
	(void)close(fd);
	assert_int_equal(digest_file(file, digest, &err), 0);
	/* FIPS 180-2, appendix B.1. */
	assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	(void)unlink(file);
	assert_int_equal(digest_file(file, digest, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_layers_round_trip),
		cmocka_unit_test(test_bad_files),  cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_tap),        cmocka_unit_test(test_tap_layers),
		cmocka_unit_test(test_junit),      cmocka_unit_test(test_junit_layers),
		cmocka_unit_test(test_html),       cmocka_unit_test(test_html_layers),
		cmocka_unit_test(test_digest),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	(void)close(fd);
	write_results();
	int failed = cmocka_run_group_tests_name("report", tests, NULL, NULL);
	(void)unlink(path);
	return failed;
}
