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
static void write_quoted(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
	}
	(void)fputc('"', out);
}

static void write_field(FILE *out, const char *key, const char *value)
{
	if (!*value)
		return;
	(void)fprintf(out, "  %s: ", key);
	write_quoted(out, value);
	(void)fputc('\n', out);
}

static void write_layers(FILE *out, const json_t *layers)
{
	size_t index;
	json_t *layer;
	(void)fputs("  layers_alone:\n", out);
	json_array_foreach(json_object_get(layers, "asked"), index, layer)
	{
		(void)fputs("    ", out);
		write_quoted(out, json_string_value(layer));
		(void)fprintf(out, ": \"%s\"\n", answer_of(layers, layer));
	}
}

/* Any test line may have the block; that of an ok is short. */
static void write_diagnostics(FILE *out, const json_t *result, const json_t *layers, bool ok)
{
	static const char *const fields[] = {"status", "expected", "observed", "control", "reason", "remediation"};
	(void)fputs("  ---\n", out);
	for (size_t i = 0; !ok && i < sizeof(fields) / sizeof(fields[0]); i++)
		write_field(out, fields[i], text_of(result, fields[i]));
	if (layers)
		write_layers(out, layers);
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
		const json_t *layers = layers_of(results, result);
		bool ok = outcome == OUTCOME_OK || outcome == OUTCOME_SKIPPED;
		(void)fprintf(out, "%s %zu - ", ok ? "ok" : "not ok", index + 1);
		write_text(out, text_of(result, "id"));
		if (outcome == OUTCOME_SKIPPED) {
			(void)fprintf(out, " # SKIP %s: ", status_name(status));
			write_text(out, text_of(result, "reason"));
		}
		(void)fputc('\n', out);
		if (!ok || layers)
			write_diagnostics(out, result, layers, ok);
	}
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
