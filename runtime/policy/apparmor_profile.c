/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/apparmor_profile.h"

#include <ctype.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fault.h"
#include "policy/capabilities.h"

#define DIGEST_SHOWN 8 /* bytes of the digest in the mark's name */

/* --- Files ---------------------------------------------------------------------------------------- */

static void put_permissions(FILE *out, unsigned access)
{
	(void)fputs(access & MAC_READ ? "r" : "", out);
	(void)fputs(access & MAC_WRITE ? "wl" : "", out);
	(void)fputs(access & MAC_READ ? "k" : "", out);
	/* A library that may be mapped for execution is a program as well. */
	(void)fputs(access & MAC_EXECUTE || fault_wished("break", "apparmor-execute") ? "mix" : "", out);
}

/* The reason of a line, unless it is that of the line before. */
static void put_reason(FILE *out, const char *why, const char **last)
{
	if (!*last || strcmp(why, *last) != 0)
		(void)fprintf(out, "\n  # %s\n", why);
	*last = why;
}

/* The place itself, and all beneath it. */
static void put_place(FILE *out, const char *path, unsigned access)
{
	if (access == MAC_LIST) {
		/* Names of directories end with a slash, and of nothing else. */
		(void)fputs("  / r,\n  /**/ r,\n", out);
		return;
	}
	(void)fprintf(out, "  \"%s{,/,/**}\" ", path);
	put_permissions(out, access);
	(void)fputs(",\n", out);
}

/* What has a meaning in a pattern, or would end it. */
static int check_grant(const struct mac_grant *grant, struct error *err)
{
	for (const char *c = grant->path; *c; c++) {
		if (!iscntrl((unsigned char)*c) && !strchr("\"\\*?[]{}^@", *c))
			continue;
		(void)error_say(err, EINVAL, "bind destination %s: AppArmor cannot name a path with '%c'", grant->path,
				*c);
		return error_hint(err, "choose another destination");
	}
	return 0;
}

static int put_files(FILE *out, const struct policy *policy, enum mac_template template_,
		     const struct mac_grant *grants, size_t grant_count, struct error *err)
{
	const char *last = NULL;

	for (size_t i = 0; i < mac_row_count; i++) {
		const struct mac_row *row = &mac_rows[i];
		if (!mac_row_counts(row, template_, !policy->read_only_filesystem))
			continue;
		put_reason(out, row->why, &last);
		put_place(out, row->path, row->access);
	}
	for (size_t i = 0; i < grant_count; i++) {
		int r = check_grant(&grants[i], err);
		if (r < 0)
			return r;
		put_reason(out, "binds of the command line", &last);
		put_place(out, grants[i].path, mac_grant_access(&grants[i], template_));
	}
	return 0;
}

/* --- The rest ------------------------------------------------------------------------------------- */

static void put_rules(FILE *out, const struct policy *policy, enum mac_template template_, const char *name)
{
	const char *last = NULL;

	for (size_t i = 0; i < mac_rule_count; i++) {
		const struct mac_rule *rule = &mac_rules[i];
		if (!mac_rule_counts(rule, template_, policy))
			continue;
		put_reason(out, rule->why, &last);
		const bool denied = strncmp(rule->text, "deny ", strlen("deny ")) == 0;
		const char *text =
			rule->text + (denied && fault_wished("break", "apparmor-deny") ? strlen("deny ") : 0);
		const char *own = strstr(text, "%s");
		const int before = (int)(own ? own - text : (ptrdiff_t)strlen(text));
		(void)fprintf(out, "  %.*s%s%s,\n", before, text, own ? name : "", own ? own + 2 : "");
	}
}

/* In test builds: what no template grants, and a profile that grants everything. */
static void put_faults(FILE *out)
{
	static const struct {
		const char *fault, *text;
	} rows[] = {
		{"apparmor-network", "network,\n  capability net_raw,"},
		{"apparmor-processes", "signal,\n  ptrace,\n  capability sys_ptrace,"},
		{"apparmor-change", "change_profile,\n  /proc/**/attr/** w,"},
		{"apparmor-attributes", "/** wl,"},
		{"apparmor-other",
		 "profile open flags=(attach_disconnected) {\n  file,\n  capability,\n  network,\n  mount,\n"
		 "  remount,\n  umount,\n  pivot_root,\n  signal,\n  ptrace,\n  unix,\n  change_profile,\n  }"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (fault_wished("break", rows[i].fault))
			(void)fprintf(out, "  %s\n", rows[i].text);
}

static void put_capabilities(FILE *out, uint64_t set)
{
	if (set)
		(void)fputs("\n  # what the policy grants\n", out);
	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		if (!(set >> capability_rows[i].number & 1))
			continue;
		(void)fputs("  capability ", out);
		for (const char *c = capability_rows[i].name + strlen("CAP_"); *c; c++)
			(void)fputc(tolower((unsigned char)*c), out);
		(void)fputs(",\n", out);
	}
}

/* --- The whole ------------------------------------------------------------------------------------ */

static int make_body(const struct policy *policy, const struct mac_grant *grants, size_t grant_count, const char *name,
		     char **body, struct error *err)
{
	enum mac_template template_;
	size_t size = 0;
	int r = mac_template_from_name(&template_, policy->apparmor_profile, err);

	if (r < 0)
		return r;
	if (template_ == MAC_UNCONFINED)
		return error_say(err, EINVAL, "apparmor_profile is \"unconfined\", which has no profile");
	FILE *out = open_memstream(body, &size);
	if (!out)
		return error_set(err, ENOMEM, "AppArmor profile");
	r = put_files(out, policy, template_, grants, grant_count, err);
	put_rules(out, policy, template_, name);
	put_capabilities(out, policy->capabilities);
	put_faults(out);
	bool full = ferror(out) != 0;
	full |= fclose(out) != 0;
	return r < 0 || !full ? r : error_set(err, ENOMEM, "AppArmor profile");
}

static void make_mark(struct apparmor_profile *profile, const char *body)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx context;
	size_t used = (size_t)snprintf(profile->mark, sizeof(profile->mark), "%s//rules-", profile->name);

	sha256_init(&context);
	sha256_update(&context, strlen(body), (const uint8_t *)body);
	sha256_digest(&context, sizeof(digest), digest);
	for (size_t i = 0; i < DIGEST_SHOWN; i++)
		used += (size_t)snprintf(profile->mark + used, sizeof(profile->mark) - used, "%02x", digest[i]);
}

void apparmor_profile_name(const struct policy *policy, char name[APPARMOR_NAME_MAX])
{
	(void)snprintf(name, APPARMOR_NAME_MAX, "agentcore-%s-%s", policy->agent_id, profile_name(policy->profile));
}

int apparmor_profile_make(const struct policy *policy, const struct mac_grant *grants, size_t grant_count,
			  struct apparmor_profile *profile, struct error *err)
{
	_cleanup_free_ char *body = NULL;

	*profile = (struct apparmor_profile){0};
	apparmor_profile_name(policy, profile->name);
	int r = make_body(policy, grants, grant_count, profile->name, &body, err);
	if (r < 0 || !body)
		return r < 0 ? r : error_set(err, ENOMEM, "AppArmor profile");
	make_mark(profile, body);
	/* attach_disconnected: descriptors handed in lie outside the sandbox's root.  mediate_deleted: a removed file keeps its rules. */
	if (asprintf(&profile->text,
		     "# Made by agentcore from the template %s; do not edit: the mark below is a digest of the rules.\n"
		     "abi <abi/3.0>,\n\n"
		     "profile %s flags=(attach_disconnected,mediate_deleted%s) {%s\n"
		     "  # Nobody can enter it: where it is loaded, these rules are.\n"
		     "  profile %s {\n  }\n}\n",
		     policy->apparmor_profile, profile->name,
		     fault_wished("break", "apparmor-complain") ? ",complain" : "", body,
		     strstr(profile->mark, "//") + 2) >= 0)
		return 0;
	profile->text = NULL;
	return error_set(err, ENOMEM, "AppArmor profile");
}

void apparmor_profile_clear(struct apparmor_profile *profile)
{
	free(profile->text);
	profile->text = NULL;
}
