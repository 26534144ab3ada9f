/* SPDX-License-Identifier: Apache-2.0 */
#include "report/jsonl.h"

#include <errno.h>
#include <string.h>

/*
 * What a sandbox printed need not be UTF-8, and a text cut at its maximum may end within a character:
 * such bytes become '?' rather than losing the line.
 */
static json_t *text(const char *value)
{
	if (!value)
		return json_null();
	json_t *string = json_string(value);
	if (string)
		return string;
	char *ascii = strdup(value);
	if (!ascii)
		return NULL;
	for (char *c = ascii; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	string = json_string(ascii);
	free(ascii);
	return string;
}

/* A member that is left out where there is nothing to say. */
static void set_text(json_t *object, const char *key, const char *value)
{
	if (value && *value)
		(void)json_object_set_new(object, key, text(value));
}

static int write_line(FILE *out, json_t *object)
{
	if (!object)
		return -ENOMEM;
	int failed = json_dumpf(object, out, JSON_COMPACT) < 0 || fputc('\n', out) == EOF || fflush(out) != 0;
	json_decref(object);
	return failed ? -(errno ? errno : EIO) : 0;
}

int jsonl_write_run(FILE *out, const struct run_info *info)
{
	json_t *policies = json_array();
	for (size_t i = 0; i < info->policy_count; i++) {
		json_t *policy = json_object();
		set_text(policy, "name", info->policies[i].name);
		set_text(policy, "file", info->policies[i].file);
		set_text(policy, "sha256", info->policies[i].sha256);
		(void)json_array_append_new(policies, policy);
	}
	json_t *line = json_object();
	(void)json_object_set_new(line, "type", json_string("run"));
	set_text(line, "suite_version", AGENTCORE_VERSION);
	set_text(line, "started", info->started);
	set_text(line, "kernel", info->kernel);
	set_text(line, "arch", info->arch);
	set_text(line, "lsms", info->lsms);
	set_text(line, "cgroup", info->cgroup);
	set_text(line, "runtime", info->runtime);
	set_text(line, "runtime_version", info->runtime_version);
	set_text(line, "adapter", info->adapter);
	(void)json_object_set_new(line, "policies", policies);
	return write_line(out, line);
}

int jsonl_write_result(FILE *out, const struct result *result)
{
	json_t *line = json_object();
	(void)json_object_set_new(line, "type", json_string("result"));
	set_text(line, "id", result->id);
	set_text(line, "status", status_name(result->verdict.status));
	set_text(line, "level", level_name(result->level));
	(void)json_object_set_new(line, "required", json_boolean(result->required));
	set_text(line, "area", result->area);
	set_text(line, "profile", result->profile);
	set_text(line, "session", result->session);
	(void)json_object_set_new(line, "expected", text(result->expected ? result->expected : ""));
	(void)json_object_set_new(line, "observed", text(result->verdict.observed));
	(void)json_object_set_new(line, "control", text(result->verdict.control));
	set_text(line, "reason", result->verdict.reason);
	set_text(line, "rationale", result->rationale);
	set_text(line, "remediation", result->remediation);
	set_text(line, "tags", result->tags);
	(void)json_object_set_new(line, "duration_us", json_integer((json_int_t)result->duration_us));
	if (result->facts)
		(void)json_object_set(line, "facts", result->facts);
	if (result->control_facts)
		(void)json_object_set(line, "control_facts", result->control_facts);
	return write_line(out, line);
}

static json_t *texts(const char *const *list)
{
	json_t *array = json_array();
	for (; *list; list++)
		(void)json_array_append_new(array, text(*list));
	return array;
}

int jsonl_write_layers(FILE *out, const char *id, const char *const *asked, const char *const *denied)
{
	json_t *line = json_object();
	(void)json_object_set_new(line, "type", json_string("layers"));
	set_text(line, "id", id);
	(void)json_object_set_new(line, "asked", texts(asked));
	(void)json_object_set_new(line, "denied", texts(denied));
	return write_line(out, line);
}

int jsonl_write_summary(FILE *out, const struct summary *summary)
{
	json_t *counts = json_object();
	for (int status = 0; status < STATUS_COUNT; status++)
		(void)json_object_set_new(counts, status_name((enum status)status),
					  json_integer((json_int_t)summary->counts[status]));
	json_t *line = json_object();
	(void)json_object_set_new(line, "type", json_string("summary"));
	(void)json_object_set_new(line, "required", json_integer((json_int_t)summary->required));
	(void)json_object_set_new(line, "executed", json_integer((json_int_t)summary->executed));
	(void)json_object_set_new(line, "total", json_integer((json_int_t)summary->total));
	(void)json_object_set_new(line, "counts", counts);
	(void)json_object_set_new(line, "sandbox_starts", json_integer(summary->sandbox_starts));
	(void)json_object_set_new(line, "duration_us", json_integer((json_int_t)summary->duration_us));
	(void)json_object_set_new(line, "conformant", json_boolean(summary->conformant));
	return write_line(out, line);
}
