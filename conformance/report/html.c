/* SPDX-License-Identifier: Apache-2.0 */
/* One HTML file that needs nothing else: no script or style from elsewhere, readable with scripts off. */
#include <errno.h>
#include <string.h>

#include "report/access.h"
#include "report/markup.h"
#include "report/result.h"

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>Sandbox conformance</title>\n<style>\n"
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#59636e;--line:#d1d9e0;--soft:#f6f8fa;"
	"--ok:#1a7f37;--bad:#cf222e;--warn:#9a6700}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#30363d;--soft:#161b22;"
	"--ok:#3fb950;--bad:#ff7b72;--warn:#d29922}}\n"
	"body{margin:0 auto;max-width:75rem;padding:1.5rem;background:var(--bg);color:var(--fg);"
	"font:15px/1.5 system-ui,sans-serif}\n"
	"h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}\n"
	".dim,dt{color:var(--dim)}.ok{color:var(--ok)}.bad{color:var(--bad)}.warn{color:var(--warn)}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:1rem "
	"0}dd{margin:0;overflow-wrap:anywhere}\n"
	"table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;"
	"border-bottom:1px solid var(--line);vertical-align:top}\n"
	"th{color:var(--dim);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
	"code{font:13px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}\n"
	".filters{display:flex;flex-wrap:wrap;gap:.6rem;margin:.6rem 0}.filters label{color:var(--dim)}\n"
	"select,input{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--line);"
	"border-radius:.3rem;padding:.2rem .4rem}\n"
	"input:focus-visible,select:focus-visible{outline:2px solid currentColor}\n"
	".wide{overflow-x:auto}\n"
	"</style></head><body>\n";

static const char script[] =
	"<script>\n"
	"(()=>{const rows=[...document.querySelectorAll('#cases tbody tr')];\n"
	"const area=document.getElementById('area'),status=document.getElementById('status'),"
	"text=document.getElementById('text'),shown=document.getElementById('shown');\n"
	"const fill=(select,key)=>{for(const v of [...new Set(rows.map(r=>r.dataset[key]))].sort()){"
	"const o=document.createElement('option');o.textContent=v;select.append(o)}};\n"
	"fill(area,'area');fill(status,'status');\n"
	"const show=()=>{let n=0;const t=text.value.toLowerCase();for(const r of rows){"
	"const on=(!area.value||r.dataset.area===area.value)&&(!status.value||r.dataset.status===status.value)"
	"&&(!t||r.textContent.toLowerCase().includes(t));r.hidden=!on;n+=on}shown.textContent=n+' of '+rows.length};\n"
	"for(const e of [area,status,text])e.addEventListener('input',show);\n"
	"document.getElementById('filters').hidden=false;show()})();\n"
	"</script>\n";

static const char *class_of(enum status status)
{
	static const char *const classes[] = {
		[OUTCOME_OK] = "ok", [OUTCOME_FAILURE] = "bad", [OUTCOME_ERROR] = "bad", [OUTCOME_SKIPPED] = "warn"};
	return classes[outcome_of_status(status)];
}

static void cell(FILE *out, const char *open, const char *text, const char *close)
{
	(void)fputs(open, out);
	markup_write(out, text);
	(void)fputs(close, out);
}

static void write_run(FILE *out, const json_t *run)
{
	static const char *const rows[][2] = {
		{"runtime", "Runtime"},       {"runtime_version", "Version"}, {"adapter", "Adapter"},
		{"kernel", "Kernel"},         {"arch", "Architecture"},       {"lsms", "Security modules"},
		{"cgroup", "Control groups"}, {"suite_version", "Suite"},     {"started", "Started"},
	};
	size_t index;
	json_t *policy;
	(void)fputs("<dl>\n", out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!*text_of(run, rows[i][0]))
			continue;
		(void)fprintf(out, "<dt>%s</dt>", rows[i][1]);
		cell(out, "<dd>", text_of(run, rows[i][0]), "</dd>\n");
	}
	json_array_foreach(json_object_get(run, "policies"), index, policy)
	{
		cell(out, "<dt>Policy ", text_of(policy, "name"), "</dt>");
		cell(out, "<dd><code>sha256:", text_of(policy, "sha256"), "</code></dd>\n");
	}
	(void)fputs("</dl>\n", out);
}

static void write_verdict(FILE *out, const struct results *results)
{
	bool conformant = json_is_true(json_object_get(results->summary, "conformant"));
	cell(out, "<h1>", text_of(results->run, "runtime"), ": ");
	if (!results->summary)
		(void)fputs("<span class=\"bad\">unfinished</span></h1>\n", out);
	else
		(void)fprintf(
			out,
			"<span class=\"%s\">%s</span></h1>\n<p class=\"dim\">%lld of %lld required cases executed; "
			"%lld sandbox starts; %.1f s</p>\n",
			conformant ? "ok" : "bad", conformant ? "conformant" : "not conformant",
			(long long)number_of(results->summary, "executed"),
			(long long)number_of(results->summary, "required"),
			(long long)number_of(results->summary, "sandbox_starts"),
			(double)number_of(results->summary, "duration_us") / 1e6);
}

static void write_area(FILE *out, const json_t *results, const char *area)
{
	size_t counts[4] = {0}, index, total = 0;
	json_t *result;
	json_array_foreach(results, index, result)
	{
		if (strcmp(text_of(result, "area"), area) != 0)
			continue;
		counts[outcome_of_status(status_of(result))]++;
		total++;
	}
	cell(out, "<tr><td>", area, "</td>");
	(void)fprintf(out,
		      "<td class=\"n\">%zu</td><td class=\"n %s\">%zu</td><td class=\"n\">%zu</td><td "
		      "class=\"n\">%zu</td></tr>\n",
		      counts[OUTCOME_OK], counts[OUTCOME_FAILURE] ? "bad" : "", counts[OUTCOME_FAILURE],
		      counts[OUTCOME_ERROR] + counts[OUTCOME_SKIPPED], total);
}

static int write_areas(FILE *out, const json_t *results)
{
	json_t *seen = json_object(), *result;
	size_t index;
	if (!seen)
		return -ENOMEM;
	(void)fputs("<h2>Areas</h2>\n<table><thead><tr><th>Area</th><th class=\"n\">Pass</th><th class=\"n\">Fail</th>"
		    "<th class=\"n\">Other</th><th class=\"n\">Total</th></tr></thead><tbody>\n",
		    out);
	json_array_foreach(results, index, result)
	{
		const char *area = text_of(result, "area");
		if (json_object_get(seen, area))
			continue;
		(void)json_object_set_new(seen, area, json_true());
		write_area(out, results, area);
	}
	(void)fputs("</tbody></table>\n", out);
	json_decref(seen);
	return 0;
}

/* The words of a layer stand together: the text filter looks for "mac-alone denied" as it would for a name. */
static void write_layers(FILE *out, const json_t *layers)
{
	size_t index;
	json_t *layer;
	(void)fputs("<td>", out);
	json_array_foreach(json_object_get(layers, "asked"), index, layer)
	{
		cell(out, has_denied(layers, layer) ? "<div>" : "<div class=\"dim\">", json_string_value(layer), " ");
		(void)fprintf(out, "%s</div>", answer_of(layers, layer));
	}
	(void)fputs("</td>", out);
}

static void write_case(FILE *out, const json_t *result, const json_t *layers)
{
	enum status status = status_of(result);
	cell(out, "<tr data-area=\"", text_of(result, "area"), "\"");
	(void)fprintf(out, " data-status=\"%s\"><td class=\"%s\">%s</td>", status_name(status), class_of(status),
		      status_name(status));
	cell(out, "<td><code>", text_of(result, "id"), "</code>");
	if (status != STATUS_PASS) {
		cell(out, "<div>", text_of(result, "reason"), "</div>");
		cell(out, "<div class=\"dim\">", text_of(result, "rationale"), "</div>");
		cell(out, "<div class=\"dim\">", text_of(result, "remediation"), "</div>");
	}
	cell(out, "</td><td><code>", text_of(result, "expected"), "</code></td>");
	cell(out, "<td><code>", text_of(result, "observed"), "</code></td>");
	cell(out, "<td><code>", text_of(result, "control"), "</code></td>");
	write_layers(out, layers);
	cell(out, "<td class=\"dim\">", text_of(result, "tags"), "</td></tr>\n");
}

/* What needs attention comes first. */
static void write_cases(FILE *out, const struct results *results)
{
	static const enum outcome order[] = {OUTCOME_FAILURE, OUTCOME_ERROR, OUTCOME_SKIPPED, OUTCOME_OK};
	size_t index;
	json_t *result;
	(void)fputs("<h2>Cases</h2>\n<div class=\"filters\" id=\"filters\" hidden>"
		    "<label>Area <select id=\"area\"><option value=\"\">all</option></select></label>"
		    "<label>Status <select id=\"status\"><option value=\"\">all</option></select></label>"
		    "<label>Text <input id=\"text\" type=\"search\"></label><span class=\"dim\" "
		    "id=\"shown\"></span></div>\n"
		    "<div class=\"wide\"><table "
		    "id=\"cases\"><thead><tr><th>Status</th><th>Requirement</th><th>Expected</th>"
		    "<th>Observed</th><th>Without sandbox</th><th>Layers alone</th><th>Tags</th></tr></thead><tbody>\n",
		    out);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		json_array_foreach(results->results, index, result)
		{
			if (outcome_of_status(status_of(result)) == order[i])
				write_case(out, result, layers_of(results, result));
		}
	(void)fputs("</tbody></table></div>\n", out);
}

int report_write_html(const struct results *results, FILE *out)
{
	(void)fputs(head, out);
	write_verdict(out, results);
	write_run(out, results->run);
	int r = write_areas(out, results->results);
	if (r < 0)
		return r;
	write_cases(out, results);
	(void)fputs(script, out);
	(void)fputs("</body></html>\n", out);
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
