/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/progress.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"

#define CLEAR_LINE "\r\033[K"

static bool is_failure(enum status status)
{
	return status == STATUS_FAIL || status == STATUS_XPASS;
}

void progress_begin(struct progress *progress, FILE *out, size_t total)
{
	*progress = (struct progress){.out = out, .total = total, .terminal = out && isatty(fileno(out))};
}

static void redraw(const struct progress *progress, const char *what)
{
	(void)fprintf(progress->out, CLEAR_LINE "[%zu/%zu] %zu failed, %zu other  %s", progress->done, progress->total,
		      progress->failed, progress->other, what);
	(void)fflush(progress->out);
}

void progress_case(struct progress *progress, const struct test_case *test_case)
{
	progress->done++;
	progress->failed += is_failure(test_case->verdict.status);
	progress->other += !is_failure(test_case->verdict.status) && test_case->verdict.status != STATUS_PASS;
	if (progress->out && progress->terminal && (progress->done % 16 == 0 || progress->done == progress->total))
		redraw(progress, test_case->row->area);
}

void progress_job(struct progress *progress, const struct job *job)
{
	if (!progress->out)
		return;
	if (progress->terminal) {
		redraw(progress, job->subject);
		return;
	}
	(void)fprintf(progress->out, "%s, %s: ", job->subject, session_kind_name(job->kind));
	if (job->unsupported)
		(void)fprintf(progress->out, "unsupported: %s\n", job->reason);
	else if (job->reason[0])
		(void)fprintf(progress->out, "%s\n", job->reason);
	else
		(void)fprintf(progress->out, "%zu answers\n", job->count + job->host_count - job->death_count);
	(void)fflush(progress->out);
}

static void describe_end(FILE *out, const json_t *facts)
{
	static const char *const keys[] = {"exit", "signal", "end_ms", "survivors"};
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(facts, keys[i]);
		if (json_is_integer(value))
			(void)fprintf(out, "%s %" JSON_INTEGER_FORMAT " ", keys[i], json_integer_value(value));
	}
	(void)fputc('\n', out);
}

void progress_trial(struct progress *progress, const struct trial_job *job)
{
	const struct trial *trial = job->trial;
	if (!progress->out)
		return;
	if (progress->terminal) {
		redraw(progress, trial->load);
		return;
	}
	(void)fprintf(progress->out, "%s, trial of %s (%s): ", job->subject, trial->load,
		      *trial->limits ? trial->limits : "the policy's limits");
	if (job->unsupported)
		(void)fprintf(progress->out, "unsupported: %s\n", job->reason);
	else if (job->reason[0])
		(void)fprintf(progress->out, "%s\n", job->reason);
	else
		describe_end(progress->out, job->observation.facts);
	(void)fflush(progress->out);
}

void progress_end(struct progress *progress)
{
	if (progress->out && progress->terminal)
		(void)fputs(CLEAR_LINE, progress->out);
	if (progress->out)
		(void)fflush(progress->out);
}

/* --- The text at the end ------------------------------------------------------------------------- */

static void write_area(FILE *out, const struct test_case *cases, size_t count, const char *area)
{
	size_t pass = 0, fail = 0, other = 0;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(cases[i].row->area, area) != 0)
			continue;
		pass += cases[i].verdict.status == STATUS_PASS;
		fail += is_failure(cases[i].verdict.status);
		other += cases[i].verdict.status != STATUS_PASS && !is_failure(cases[i].verdict.status);
	}
	(void)fprintf(out, "  %-20s %6zu %6zu %6zu\n", area, pass, fail, other);
}

/* Is the case the first of its area? */
static bool first_of_area(const struct test_case *cases, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(cases[i].row->area, cases[at].row->area) == 0)
			return false;
	return true;
}

static void write_field(FILE *out, const char *name, const char *value)
{
	if (value && *value)
		(void)fprintf(out, "    %-12s %s\n", name, value);
}

static void write_problem(FILE *out, const struct test_case *test_case)
{
	(void)fprintf(out, "%s %s (%s, %s%s)\n", status_name(test_case->verdict.status), test_case->row->id,
		      level_name(test_case->row->level), requirement_place(test_case->row),
		      test_case->row->trial.load ? "" : " session");
	write_field(out, "reason", test_case->verdict.reason);
	write_field(out, "expected", test_case->row->expected);
	write_field(out, "observed", test_case->verdict.observed);
	write_field(out, test_case->row->trial.load ? "control" : "unsandboxed", test_case->verdict.control);
	write_field(out, "why", test_case->row->rationale);
	write_field(out, "remedy", test_case->row->remediation);
}

static bool is_problem(enum status status)
{
	return status != STATUS_PASS && status != STATUS_NOT_APPLICABLE && status != STATUS_UNSUPPORTED &&
	       status != STATUS_XFAIL && status != STATUS_SKIP;
}

static void write_counts(FILE *out, const struct summary *summary)
{
	const char *separator = "";
	for (int status = 0; status < STATUS_COUNT; status++) {
		if (!summary->counts[status])
			continue;
		(void)fprintf(out, "%s%zu %s", separator, summary->counts[status], status_name((enum status)status));
		separator = ", ";
	}
	(void)fputc('\n', out);
}

void report_text(FILE *out, const char *runtime, const struct test_case *cases, size_t count,
		 const struct summary *summary)
{
	for (size_t i = 0; i < count; i++)
		if (is_problem(cases[i].verdict.status))
			write_problem(out, &cases[i]);

	(void)fprintf(out, "\n  %-20s %6s %6s %6s\n", "area", "pass", "fail", "other");
	for (size_t i = 0; i < count; i++)
		if (i == 0 || (strcmp(cases[i].row->area, cases[i - 1].row->area) != 0 && first_of_area(cases, i)))
			write_area(out, cases, count, cases[i].row->area);
	(void)fputc('\n', out);
	write_counts(out, summary);
	(void)fprintf(out, "%s: %s, executed %zu of %zu required, %u sandbox starts, %.1f s\n", runtime,
		      summary->conformant ? "conformant" : "not conformant", summary->executed, summary->required,
		      summary->sandbox_starts, (double)summary->duration_us / 1e6);
	(void)fflush(out);
}
