/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/seccomp_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/argument_cubes.h"
#include "policy/string_list.h"
#include "policy/syscalls.h"

static void release_json(json_t **json)
{
	json_decref(*json);
}
#define _cleanup_json_ __attribute__((cleanup(release_json)))

/* An entry of "syscalls", appended; borrowed, NULL without memory.  error_number 0 allows. */
static json_t *add_entry(json_t *syscalls, int error_number, const char *comment)
{
	json_t *entry = json_pack("{s:[], s:s}", "names", "action", error_number ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW");
	int failed = entry == NULL;

	if (error_number)
		failed |= json_object_set_new(entry, "errnoRet", json_integer(error_number));
	if (comment)
		failed |= json_object_set_new(entry, "comment", json_string(comment));
	/* json_array_append_new takes the reference also when it fails. */
	failed |= json_array_append_new(syscalls, entry);
	return failed ? NULL : entry;
}

static int add_name(json_t *entry, const char *name)
{
	return json_array_append_new(json_object_get(entry, "names"), json_string(name)) ? -ENOMEM : 0;
}

/* The comparisons of a cube.  libseccomp takes one for each argument. */
static json_t *pack_cube(const struct cube *cube)
{
	json_t *args = json_array();

	for (size_t i = 0; i < CUBE_ARGUMENTS; i++) {
		if (!cube->mask[i])
			continue;
		/* In this format "value" is the mask of a masked comparison, and "valueTwo" what it must give. */
		json_t *arg = json_pack("{s:i, s:I, s:I, s:s}", "index", (int)i, "value", (json_int_t)cube->mask[i],
					"valueTwo", (json_int_t)cube->value[i], "op", "SCMP_CMP_MASKED_EQ");
		if (json_array_append_new(args, arg)) {
			json_decref(args);
			return NULL;
		}
	}
	return args;
}

static int add_cubes(json_t *syscalls, const char *name, const struct cubes *cubes, int error_number,
		     const char *comment)
{
	for (size_t i = 0; i < cubes->count; i++) {
		json_t *entry = add_entry(syscalls, error_number, i == 0 ? comment : NULL);
		if (!entry || add_name(entry, name) < 0 ||
		    json_object_set_new(entry, "args", pack_cube(&cubes->items[i])))
			return -ENOMEM;
	}
	return 0;
}

static int add_conditional(json_t *syscalls, const struct syscall_row *row, const struct syscall_decision *decision)
{
	_cleanup_free_ struct cubes *unions = calloc(2, sizeof(*unions));

	if (!unions)
		return -ENOMEM;
	int r = cubes_of_conditions(decision->conditions, decision->condition_count, &unions[0], &unions[1]);
	if (r == 0)
		r = add_cubes(syscalls, row->name, &unions[0], 0, NULL);
	if (r == 0)
		r = add_cubes(syscalls, row->name, &unions[1], decision->error_number, "its conditions do not hold");
	return r;
}

/* The entry of denials with that reason: names of one reason share an entry. */
static json_t *entry_of_reason(json_t *syscalls, int error_number, const char *reason)
{
	size_t index;
	json_t *entry;

	json_array_foreach(syscalls, index, entry)
	{
		const char *comment = json_string_value(json_object_get(entry, "comment"));
		if (comment && strcmp(comment, reason) == 0 && !json_object_get(entry, "args"))
			return entry;
	}
	return add_entry(syscalls, error_number, reason);
}

static int add_row(json_t *syscalls, json_t *allowed, const struct policy *policy, const struct syscall_row *row)
{
	struct syscall_decision decision = syscall_decide(policy, row);

	/*
	 * Our runtime closes the user namespace to further ones, so there clone3 is safe.  Nobody else who loads this file
	 * does, and a filter cannot see flags that lie in memory: it is left to the default, ENOSYS, and libc uses clone.
	 */
	if (row->needs_user_namespace && !string_list_has(&policy->allowed_syscalls, row->name) &&
	    decision.verdict != SYSCALL_DENY)
		return 0;
	switch (decision.verdict) {
	case SYSCALL_ALLOW:
		return add_name(allowed, row->name);
	case SYSCALL_CONDITIONAL:
		return add_conditional(syscalls, row, &decision);
	default:
		break;
	}
	/* What the default action does needs no entry, and libseccomp refuses one that repeats it. */
	if (decision.error_number == ENOSYS)
		return 0;
	json_t *entry = entry_of_reason(syscalls, decision.error_number,
					row->why_denied ? row->why_denied : "blocked by the policy");
	return entry ? add_name(entry, row->name) : -ENOMEM;
}

int seccomp_json(const struct policy *policy, char **text, struct error *err)
{
	/* One architecture: libseccomp kills on every other one. */
	_cleanup_json_ json_t *document =
		json_pack("{s:s, s:i, s:[{s:s, s:[]}], s:[]}", "defaultAction", "SCMP_ACT_ERRNO", "defaultErrnoRet",
			  ENOSYS, "archMap", "architecture", "SCMP_ARCH_X86_64", "subArchitectures", "syscalls");
	json_t *syscalls = json_object_get(document, "syscalls");
	json_t *allowed = add_entry(syscalls, 0, NULL);
	int r = allowed ? 0 : -ENOMEM;

	for (size_t i = 0; i < syscall_row_count && r == 0; i++)
		r = add_row(syscalls, allowed, policy, &syscall_rows[i]);
	if (r < 0)
		return error_set(err, -r, "seccomp profile of %s", policy->agent_id);

	_cleanup_free_ char *dumped = json_dumps(document, JSON_INDENT(2));
	if (!dumped || asprintf(text, "%s\n", dumped) < 0)
		return error_set(err, ENOMEM, "seccomp profile of %s", policy->agent_id);
	return 0;
}
