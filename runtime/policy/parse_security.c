/* SPDX-License-Identifier: Apache-2.0 */
/* security_profile: names of templates, capabilities, system calls, switches. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "policy/capabilities.h"
#include "policy/mac.h"
#include "policy/parse.h"
#include "policy/seccomp_profiles.h"
#include "policy/string_list.h"
#include "policy/suggest.h"
#include "policy/syscalls.h"

static int read_profile_name(struct document *document, const struct place *place, json_t *value)
{
	(void)document, (void)place, (void)value; /* read before all else, for its defaults */
	return 0;
}

static int read_seccomp_profile(struct document *document, const struct place *place, json_t *value)
{
	struct policy *policy = document->policy;
	struct error cause = {0};
	enum profile base;

	if (seccomp_profile_from_name(&base, json_string_value(value), &cause) < 0)
		return refuse_because(document, place, &cause);
	(void)snprintf(policy->seccomp_profile, sizeof(policy->seccomp_profile), "%s", json_string_value(value));
	return 0;
}

static int read_apparmor_profile(struct document *document, const struct place *place, json_t *value)
{
	struct policy *policy = document->policy;
	struct error cause = {0};
	enum mac_template template_;

	if (mac_template_from_name(&template_, json_string_value(value), &cause) < 0)
		return refuse_because(document, place, &cause);
	(void)snprintf(policy->apparmor_profile, sizeof(policy->apparmor_profile), "%s", json_string_value(value));
	return 0;
}

/* The place of the value among two words, or -EINVAL with the refusal recorded; kind is what the words are. */
static int read_either(struct document *document, const struct place *place, json_t *value, const char *const words[2],
		       const char *kind)
{
	for (int i = 0; i < 2; i++)
		if (strcmp(json_string_value(value), words[i]) == 0)
			return i;
	(void)refuse(document, place, "\"%.80s\" is not %s", json_string_value(value), kind);
	return error_hint(document->err, "use %s or %s", words[0], words[1]);
}

static int read_apparmor_fallback(struct document *document, const struct place *place, json_t *value)
{
	static const char *const words[] = {
		[APPARMOR_FALLBACK_LANDLOCK] = "landlock",
		[APPARMOR_FALLBACK_REFUSE] = "refuse",
	};
	int word = read_either(document, place, value, words, "a fallback");

	if (word < 0)
		return word;
	document->policy->apparmor_fallback = (enum apparmor_fallback)word;
	return 0;
}

static int read_audit_failure(struct document *document, const struct place *place, json_t *value)
{
	static const char *const words[] = {
		[AUDIT_FAILURE_CONTINUE] = "continue",
		[AUDIT_FAILURE_REFUSE] = "refuse",
	};
	int word = read_either(document, place, value, words, "an answer to a failure of the audit log");

	if (word < 0)
		return word;
	document->policy->audit_failure = (enum audit_failure)word;
	return 0;
}

static int read_capability(struct document *document, const struct place *place, json_t *value)
{
	const char *name = json_string_value(value);
	int number = capability_number(name);

	if (number >= 0) {
		document->policy->capabilities |= UINT64_C(1) << number;
		return 0;
	}

	int r = refuse(document, place, "\"%.80s\" is not a capability", name);
	struct suggestion suggestion = suggest_for(name);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		suggest_offer(&suggestion, capability_rows[i].name);
		suggest_offer(&suggestion, capability_rows[i].name + strlen("CAP_"));
	}
	suggest_hint(&suggestion, document->err, "capabilities(7) has the names; each is named by itself");
	return r;
}

/* The row of a name, or NULL with the refusal recorded. */
static const struct syscall_row *known_syscall(struct document *document, const struct place *place, const char *name)
{
	const struct syscall_row *row = syscall_by_name(name);
	if (row)
		return row;

	(void)refuse(document, place, "\"%.80s\" is not a system call", name);
	const char *nearest = syscall_suggest(name);
	if (nearest)
		(void)error_hint(document->err, "did you mean \"%s\"?", nearest);
	else
		(void)error_hint(document->err, "syscalls(2) has the names");
	return NULL;
}

static int read_allowed_syscall(struct document *document, const struct place *place, json_t *value)
{
	const struct syscall_row *row = known_syscall(document, place, json_string_value(value));

	if (!row)
		return -EINVAL;
	return string_list_add(&document->policy->allowed_syscalls, row->name) < 0 ? out_of_memory(document) : 0;
}

static int block(struct document *document, const struct syscall_row *row)
{
	struct string_list *blocked = &document->policy->blocked_syscalls;

	if (string_list_has(blocked, row->name))
		return 0;
	return string_list_add(blocked, row->name) < 0 ? out_of_memory(document) : 0;
}

static int read_blocked_syscall(struct document *document, const struct place *place, json_t *value)
{
	const struct syscall_row *row = known_syscall(document, place, json_string_value(value));
	int r = 0;

	if (!row)
		return -EINVAL;
	if (row->start_needs) {
		(void)refuse(document, place, "\"%s\" cannot be blocked: no program starts or ends without it",
			     row->name);
		return error_hint(document->err, "remove it from blocked_syscalls");
	}
	if (!syscall_in_fork_family(row))
		return block(document, row);
	/* Blocking fork and clone would leave clone3 open: one stands for all. */
	for (size_t i = 0; i < syscall_row_count && r == 0; i++)
		if (syscall_in_fork_family(&syscall_rows[i]))
			r = block(document, &syscall_rows[i]);
	return r;
}

static int read_capabilities(struct document *document, const struct place *place, json_t *value)
{
	return read_strings(document, place, value, read_capability);
}

static int read_allowed_syscalls(struct document *document, const struct place *place, json_t *value)
{
	return read_strings(document, place, value, read_allowed_syscall);
}

static int read_blocked_syscalls(struct document *document, const struct place *place, json_t *value)
{
	return read_strings(document, place, value, read_blocked_syscall);
}

static int read_read_only(struct document *document, const struct place *place, json_t *value)
{
	(void)place;
	document->policy->read_only_filesystem = json_is_true(value);
	return 0;
}

static int read_no_new_privileges(struct document *document, const struct place *place, json_t *value)
{
	(void)place;
	document->policy->no_new_privileges = json_is_true(value);
	return 0;
}

static int read_user_namespace(struct document *document, const struct place *place, json_t *value)
{
	(void)place;
	document->policy->user_namespace = json_is_true(value);
	return 0;
}

size_t security_fields(struct field fields[SECTION_FIELDS_MAX])
{
	static const struct field security[] = {
		{"profile_name", JSON_STRING, read_profile_name},
		{"seccomp_profile", JSON_STRING, read_seccomp_profile},
		{"apparmor_profile", JSON_STRING, read_apparmor_profile},
		{"apparmor_fallback", JSON_STRING, read_apparmor_fallback},
		{"audit_failure", JSON_STRING, read_audit_failure},
		{"allowed_capabilities", JSON_ARRAY, read_capabilities},
		{"allowed_syscalls", JSON_ARRAY, read_allowed_syscalls},
		{"blocked_syscalls", JSON_ARRAY, read_blocked_syscalls},
		{"read_only_filesystem", JSON_TRUE, read_read_only},
		{"no_new_privileges", JSON_TRUE, read_no_new_privileges},
		{"user_namespace", JSON_TRUE, read_user_namespace},
	};

	memcpy(fields, security, sizeof(security));
	return ARRAY_SIZE(security);
}
