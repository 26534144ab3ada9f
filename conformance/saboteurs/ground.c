/* SPDX-License-Identifier: Apache-2.0 */
#include "saboteurs/ground.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/requirement.h"

enum ground ground_of(const struct saboteur *saboteur)
{
	if (saboteur->fault)
		return GROUND_FAULTS;
	return saboteur->green[0] ? GROUND_CASES : GROUND_SUITES;
}

/* --- Programs --------------------------------------------------------------------------------------- */

static int beside_this(const char *name, char path[PATH_MAX], struct error *err)
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (length < 0)
		return error_set(err, errno, "read /proc/self/exe");
	path[length] = '\0';
	char *file = strrchr(path, '/') + 1;
	if ((size_t)(file - path) + strlen(name) >= PATH_MAX)
		return error_say(err, ENAMETOOLONG, "%s", path);
	memcpy(file, name, strlen(name) + 1);
	if (access(path, X_OK) == 0)
		return 0;
	return error_say(err, ENOENT, "there is no %s beside this program: it is built for tests alone", name);
}

int ground_program(const struct trying *trying, enum ground ground, char path[PATH_MAX], struct error *err)
{
	if (ground == GROUND_FAULTS)
		return beside_this(SABOTEUR_REFERENCE, path, err);
	if (!trying->shim)
		return beside_this("oci-saboteur", path, err);
	(void)snprintf(path, PATH_MAX, "%s", trying->shim);
	return access(path, X_OK) < 0 ? error_set(err, errno, "%s", path) : 0;
}

/* --- Cases ------------------------------------------------------------------------------------------ */

/*
 * Left out unless --thorough, for time: "workloads", which a runtime that is too lax does not fail; trials, of which rows name the few
 * that they need; "mac", which asks of layers that no bundle has; and the many cases of "seccomp" where the saboteur leaves the filter as it is (saboteur NULL: the good
 * runtime, which is asked those too).
 */
static bool is_left_out(const struct trying *trying, const struct saboteur *saboteur, const char *suite)
{
	if (trying->thorough)
		return false;
	return strcmp(suite, "workloads") == 0 || strcmp(suite, "limits") == 0 || strcmp(suite, "network") == 0 ||
	       strcmp(suite, "mac") == 0 || (saboteur && !saboteur->seccomp && strcmp(suite, "seccomp") == 0);
}

static void choose_suites(struct run_options *run, const struct trying *trying, const struct saboteur *saboteur)
{
	const struct suite **suites;
	size_t count = suites_all(&suites);
	for (size_t i = 0; i < count && run->suite_count < RUN_LIST_MAX; i++) {
		if (!is_left_out(trying, saboteur, suites[i]->name))
			run->suites[run->suite_count++] = suites[i]->name;
	}
}

static int add_filter(struct run_options *run, const char *pattern, struct error *err)
{
	for (size_t i = 0; i < run->filter_count; i++)
		if (strcmp(run->filters[i], pattern) == 0)
			return 0;
	if (run->filter_count == RUN_LIST_MAX)
		return error_say(err, E2BIG, "saboteurs name more than %d patterns", RUN_LIST_MAX);
	run->filters[run->filter_count++] = pattern;
	return 0;
}

static int add_filters(struct run_options *run, const struct saboteur *saboteur, struct error *err)
{
	const char *const *lists[] = {saboteur->must, saboteur->green};
	int r = 0;
	for (size_t list = 0; list < 2; list++)
		for (size_t i = 0; r == 0 && i < SABOTEUR_PATTERNS_MAX && lists[list][i]; i++)
			r = add_filter(run, lists[list][i], err);
	return r;
}

static int choose(struct run_options *run, const struct trying *trying, enum ground ground,
		  const struct saboteur *saboteur, struct error *err)
{
	int r = 0;
	if (ground == GROUND_SUITES)
		choose_suites(run, trying, saboteur);
	else if (saboteur)
		r = add_filters(run, saboteur, err);
	for (size_t i = 0; r == 0 && ground != GROUND_SUITES && !saboteur && i < trying->count; i++)
		if (ground_of(trying->rows[i]) == ground)
			r = add_filters(run, trying->rows[i], err);
	return r;
}

static bool is_tried_on(const struct trying *trying, const struct saboteur *saboteur, json_t *result)
{
	const char *area = json_string_value(json_object_get(result, "area"));
	const char *id = json_string_value(json_object_get(result, "id"));
	if (ground_of(saboteur) == GROUND_SUITES)
		return !area || !is_left_out(trying, saboteur, area);
	return id && (saboteur_matches(saboteur->must, id) || saboteur_matches(saboteur->green, id));
}

json_t *ground_comparable(const struct trying *trying, const struct saboteur *saboteur, json_t *baseline)
{
	json_t *subset = json_array(), *result;
	size_t i;
	json_array_foreach(baseline, i, result)
	{
		if (is_tried_on(trying, saboteur, result))
			json_array_append(subset, result);
	}
	return subset;
}

/* --- A run ------------------------------------------------------------------------------------------ */

static int set_environment(const struct trying *trying, const struct saboteur *saboteur, struct error *err)
{
	const char *fault = saboteur && saboteur->fault ? saboteur->fault : "";
	if (setenv(SABOTEUR_ENV_NAME, saboteur ? saboteur->name : "", 1) < 0 ||
	    setenv(SABOTEUR_ENV_RUNTIME, trying->runtime, 1) < 0 || setenv(SABOTEUR_ENV_FAULT, fault, 1) < 0)
		return error_set(err, errno, "setenv");
	return 0;
}

int ground_run(const struct trying *trying, enum ground ground, const char *program, const struct saboteur *saboteur,
	       struct results *results, struct error *err)
{
	char file[PATH_MAX], state[PATH_MAX];
	(void)snprintf(file, sizeof(file), "%s/results-%d.jsonl", trying->directory, (int)ground);
	(void)snprintf(state, sizeof(state), "%s/state", trying->directory);
	struct run_options run = {
		.runtime = program,
		.adapter = ground == GROUND_FAULTS ? "agentcore" : "oci",
		/* What the minimal profile alone denies; the filters choose it where a saboteur names it. */
		.profiles = {trying->profile, PROFILE_MINIMAL},
		.profile_count = ground == GROUND_FAULTS && trying->profile != PROFILE_MINIMAL ? 2 : 1,
		.jsonl = file,
		/* Any other sandbox of the machine that ends would clear up behind the broken one. */
		.state_root = state,
	};
	struct summary summary;
	int r = choose(&run, trying, ground, saboteur, err);
	r = r < 0 ? r : set_environment(trying, saboteur, err);
	r = r < 0 ? r : conformance_run(&run, &summary, err);
	return r < 0 ? r : results_load(results, file, err);
}
