/* SPDX-License-Identifier: Apache-2.0 */
/* JUnit XML: a testsuite for each area, in the order in which the areas first come. */
#include <errno.h>
#include <string.h>

#include "report/access.h"
#include "report/markup.h"
#include "report/result.h"

struct tally {
	size_t tests, failures, errors, skipped;
	double seconds;
};

static void count(struct tally *tally, const json_t *result)
{
	enum outcome outcome = outcome_of_status(status_of(result));
	tally->tests++;
	tally->failures += outcome == OUTCOME_FAILURE;
	tally->errors += outcome == OUTCOME_ERROR;
	tally->skipped += outcome == OUTCOME_SKIPPED;
	tally->seconds += (double)number_of(result, "duration_us") / 1e6;
}

/* area NULL: all. */
static struct tally tally_area(const json_t *results, const char *area)
{
	struct tally tally = {0};
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result) if (!area || strcmp(text_of(result, "area"), area) == 0)
		count(&tally, result);
	return tally;
}

static void write_attribute(FILE *out, const char *name, const char *value)
{
	(void)fprintf(out, " %s=\"", name);
	markup_write(out, value);
	(void)fputc('"', out);
}

static void write_tally(FILE *out, const struct tally *tally)
{
	(void)fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n",
		      tally->tests, tally->failures, tally->errors, tally->skipped, tally->seconds);
}

static void write_problem(FILE *out, const json_t *result, const char *element)
{
	static const char *const fields[] = {"expected", "observed", "control", "rationale", "remediation"};
	(void)fprintf(out, "      <%s", element);
	write_attribute(out, "type", text_of(result, "status"));
	write_attribute(out, "message", text_of(result, "reason"));
	(void)fputs(">", out);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *value = text_of(result, fields[i]);
		if (!*value)
			continue;
		(void)fprintf(out, "%s: ", fields[i]);
		markup_write(out, value);
		(void)fputc('\n', out);
	}
	(void)fprintf(out, "</%s>\n", element);
}

/* The schemas of Jenkins give a testcase no properties, but a system-out behind its outcome. */
static void write_layers(FILE *out, const json_t *layers)
{
	size_t index;
	json_t *layer;
	(void)fputs("      <system-out>", out);
	json_array_foreach(json_object_get(layers, "asked"), index, layer)
	{
		markup_write(out, json_string_value(layer));
		(void)fprintf(out, ": %s\n", answer_of(layers, layer));
	}
	(void)fputs("</system-out>\n", out);
}

static void write_case(FILE *out, const json_t *result, const json_t *layers)
{
	enum outcome outcome = outcome_of_status(status_of(result));
	(void)fputs("    <testcase", out);
	write_attribute(out, "classname", text_of(result, "area"));
	write_attribute(out, "name", text_of(result, "id"));
	(void)fprintf(out, " time=\"%.6f\"", (double)number_of(result, "duration_us") / 1e6);
	if (outcome == OUTCOME_OK && !layers) {
		(void)fputs("/>\n", out);
		return;
	}
	(void)fputs(">\n", out);
	switch (outcome) {
	case OUTCOME_OK:
		break;
	case OUTCOME_FAILURE:
		write_problem(out, result, "failure");
		break;
	case OUTCOME_ERROR:
		write_problem(out, result, "error");
		break;
	case OUTCOME_SKIPPED:
		(void)fputs("      <skipped", out);
		write_attribute(out, "message", text_of(result, "reason"));
		(void)fputs("/>\n", out);
		break;
	}
	if (layers)
		write_layers(out, layers);
	(void)fputs("    </testcase>\n", out);
}

static void write_suite(FILE *out, const struct results *results, const char *area)
{
	struct tally tally = tally_area(results->results, area);
	size_t index;
	json_t *result;
	(void)fputs("  <testsuite", out);
	write_attribute(out, "name", area);
	write_tally(out, &tally);
	json_array_foreach(results->results, index, result) if (strcmp(text_of(result, "area"), area) == 0)
		write_case(out, result, layers_of(results, result));
	(void)fputs("  </testsuite>\n", out);
}

int report_write_junit(const struct results *results, FILE *out)
{
	struct tally tally = tally_area(results->results, NULL);
	json_t *seen = json_object(), *result;
	size_t index;

	if (!seen)
		return -ENOMEM;
	(void)fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
	write_attribute(out, "name", "agentcore-conformance");
	write_tally(out, &tally);
	json_array_foreach(results->results, index, result)
	{
		const char *area = text_of(result, "area");
		if (json_object_get(seen, area))
			continue;
		(void)json_object_set_new(seen, area, json_true());
		write_suite(out, results, area);
	}
	(void)fputs("</testsuites>\n", out);
	json_decref(seen);
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
