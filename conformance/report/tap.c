/* SPDX-License-Identifier: Apache-2.0 */
/* Test Anything Protocol, version 13: https://testanything.org/tap-version-13-specification.html */
#include <errno.h>

#include "report/access.h"
#include "report/result.h"

/* A hash sign would begin a directive, a newline a line. */
static void write_text(FILE *out, const char *text)
{
	for (; *text; text++)
		(void)fputc(*text == '\n' || *text == '\r' ? ' ' : *text == '#' ? '+' : *text, out);
}

/* YAML in double quotes; control characters would end it. */
static void write_field(FILE *out, const char *key, const char *value)
{
	if (!*value)
		return;
	(void)fprintf(out, "  %s: \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			(void)fputc('\\', out);
		(void)fputc((unsigned char)*value < 0x20 ? ' ' : *value, out);
	}
	(void)fputs("\"\n", out);
}

static void write_diagnostics(FILE *out, const json_t *result)
{
	static const char *const fields[] = {"status", "expected", "observed", "control", "reason", "remediation"};
	(void)fputs("  ---\n", out);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		write_field(out, fields[i], text_of(result, fields[i]));
	(void)fputs("  ...\n", out);
}

int report_write_tap(const struct results *results, FILE *out)
{
	size_t index;
	json_t *result;
	(void)fprintf(out, "TAP version 13\n1..%zu\n", json_array_size(results->results));
	json_array_foreach(results->results, index, result)
	{
		enum status status = status_of(result);
		enum outcome outcome = outcome_of_status(status);
		bool ok = outcome == OUTCOME_OK || outcome == OUTCOME_SKIPPED;
		(void)fprintf(out, "%s %zu - ", ok ? "ok" : "not ok", index + 1);
		write_text(out, text_of(result, "id"));
		if (outcome == OUTCOME_SKIPPED) {
			(void)fprintf(out, " # SKIP %s: ", status_name(status));
			write_text(out, text_of(result, "reason"));
		}
		(void)fputc('\n', out);
		if (!ok)
			write_diagnostics(out, result);
	}
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
