/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/requirements.h"

#include <errno.h>
#include <stdlib.h>

#include "harness/needs.h"

int requirements_load(struct requirements *requirements, const struct run_options *options, struct error *err)
{
	*requirements = (struct requirements){.subjects = calloc(SUBJECTS_MAX, sizeof(struct subject))};
	if (!requirements->subjects)
		return error_set(err, ENOMEM, "requirements");
	int r = subjects_load(requirements->subjects, &requirements->count, options, NULL, err);
	r = r < 0 ? r : subjects_plan(requirements->subjects, requirements->count, options, err);
	if (r < 0)
		requirements_clear(requirements);
	return r;
}

void requirements_clear(struct requirements *requirements)
{
	if (requirements->subjects)
		subjects_clear(requirements->subjects, requirements->count);
	free(requirements->subjects);
	*requirements = (struct requirements){0};
}

static void set(json_t *object, const char *key, const char *value)
{
	if (value && *value)
		(void)json_object_set_new(object, key, json_string(value));
}

static void set_trial(json_t *object, const struct requirement *row)
{
	set(object, "limits", row->trial.limits);
	set(object, "load", row->trial.load);
	set(object, "companion", row->trial.companion);
	set(object, "control_limits", row->control_trial.limits);
	set(object, "control_load", row->control_trial.load);
}

json_t *requirement_json(const struct requirement *row)
{
	json_t *object = json_object();
	char needs[VERDICT_TEXT_MAX] = "";
	if (row->needs)
		needs_describe(row->needs, needs, sizeof(needs));
	set(object, "id", row->id);
	set(object, "area", row->area);
	set(object, "level", level_name(row->level));
	set(object, "session", requirement_place(row));
	set(object, "needs", needs);
	set(object, "probe", row->host ? "observed from the host" : row->probe);
	if (row->control != SESSION_COUNT) {
		set(object, "control_session", session_kind_name(row->control));
		set(object, "control_probe", row->control_probe);
	}
	if (row->trial.load)
		set_trial(object, row);
	set(object, "fact", row->fact);
	set(object, "expected", row->expected);
	set(object, "rationale", row->rationale);
	set(object, "remediation", row->remediation);
	set(object, "tags", row->tags);
	return object;
}
