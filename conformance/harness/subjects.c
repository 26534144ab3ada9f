/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/subjects.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/digest.h"

/* The policy of a profile: nothing but its defaults, and no network. */
static const char document[] = "{\n"
			       "  \"agent_id\": \"conformance-%s\",\n"
			       "  \"security_profile\": { \"profile_name\": \"%s\" },\n"
			       "  \"resource_limits\": { \"network_access\": \"none\" }\n"
			       "}\n";

static int write_document(const char *path, const char *profile, struct error *err)
{
	_cleanup_file_ FILE *file = fopen(path, "wxe");
	if (!file || fprintf(file, document, profile, profile) < 0 || fflush(file) != 0)
		return error_set(err, errno, "%s", path);
	return 0;
}

static void clear_subject(struct subject *subject)
{
	plan_clear(&subject->plan);
	policy_clear(&subject->policy);
}

static int load_file(struct subject *subject, const char *file, const char *name, struct error *err)
{
	char resolved[PATH_MAX];
	if (!realpath(file, resolved))
		return error_set(err, errno, "%s", file);
	int r = policy_load(&subject->policy, file, err);
	r = r < 0 ? r : digest_file(resolved, subject->sha256, err);
	if (r < 0)
		return r;
	memcpy(subject->file, resolved, sizeof(subject->file));
	/* Ids are in lower case; an agent_id need not be. */
	(void)snprintf(subject->name, sizeof(subject->name), "%s", name ? name : subject->policy.agent_id);
	for (char *c = subject->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

static int load_profile(struct subject *subject, enum profile profile, const char *directory, struct error *err)
{
	char path[PATH_MAX], text[512];
	const char *name = profile_name(profile);
	int length = snprintf(text, sizeof(text), document, name, name);
	(void)snprintf(subject->name, sizeof(subject->name), "%s", name);
	if (!directory)
		return policy_parse(&subject->policy, name, text, (size_t)length, err);
	(void)snprintf(path, sizeof(path), "%s/%s.json", directory, name);
	int r = write_document(path, name, err);
	return r < 0 ? r : load_file(subject, path, name, err);
}

static int check_names(const struct subject *subjects, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (strcmp(subjects[i].name, subjects[j].name) == 0)
				return error_say(err, EINVAL, "two policies are named %s: give them different agent_id",
						 subjects[i].name);
	return 0;
}

int subjects_load(struct subject *subjects, size_t *count, const struct run_options *options, const char *directory,
		  struct error *err)
{
	static const enum profile all[] = {PROFILE_MINIMAL, PROFILE_STANDARD, PROFILE_PRIVILEGED};
	bool none = options->profile_count == 0 && options->policy_file_count == 0;
	const enum profile *profiles = none ? all : options->profiles;
	size_t profile_count = none ? PROFILE_COUNT : options->profile_count, used = 0;
	int r = 0;

	memset(subjects, 0, SUBJECTS_MAX * sizeof(*subjects));
	for (size_t i = 0; i < profile_count && r == 0; i++)
		r = load_profile(&subjects[used++], profiles[i], directory, err);
	for (size_t i = 0; i < options->policy_file_count && r == 0; i++)
		r = load_file(&subjects[used++], options->policy_files[i], NULL, err);
	r = r < 0 ? r : check_names(subjects, used, err);
	if (r < 0)
		subjects_clear(subjects, used);
	else
		*count = used;
	return r;
}

int subjects_plan(struct subject *subjects, size_t count, const struct run_options *options, struct error *err)
{
	char fixtures[PATH_MAX];
	const struct plan_selection selection = {options->suites, options->suite_count, options->filters,
						 options->filter_count};
	size_t total = 0;
	int r = run_find_fixtures(options, fixtures, sizeof(fixtures), err);
	for (size_t i = 0; i < count && r == 0; i++) {
		subjects[i].plan.policy = &subjects[i].policy;
		subjects[i].plan.profile = subjects[i].name;
		r = plan_build(&subjects[i].plan, &selection, fixtures, err);
		total += subjects[i].plan.count;
	}
	if (r == 0 && total == 0)
		return error_say(err, EINVAL, "no requirement matches");
	return r;
}

void subjects_clear(struct subject *subjects, size_t count)
{
	for (size_t i = 0; i < count; i++)
		clear_subject(&subjects[i]);
}
