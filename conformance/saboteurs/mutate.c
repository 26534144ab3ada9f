/* SPDX-License-Identifier: Apache-2.0 */
#include "saboteurs/mutate.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "harness/requirement.h"
#include "harness/run.h"
#include "report/result.h"
#include "saboteurs/judgement.h"
#include "saboteurs/saboteur.h"

#define CHOSEN_MAX 64
/* Of one saboteur, ids of a kind: a sandbox that does not start has hundreds. */
#define PRINTED_MAX 40

struct options {
	const char *runtime;
	const char *shim; /* NULL: oci-saboteur beside this program */
	enum profile profile;
	const struct saboteur *chosen[CHOSEN_MAX];
	size_t count;
	bool list, thorough;
};

static int choose(struct options *options, const char *name, struct error *err)
{
	const struct saboteur *row = saboteur_find(name);
	if (!row)
		return error_say(err, EINVAL, "no saboteur %s (see --list)", name);
	if (options->count == CHOSEN_MAX)
		return error_say(err, EINVAL, "more than %d saboteurs", CHOSEN_MAX);
	options->chosen[options->count++] = row;
	return 0;
}

static int parse(struct options *options, int argc, char **argv, struct error *err)
{
	static const struct option names[] = {
		{"runtime", required_argument, NULL, 'r'},
		{"saboteur", required_argument, NULL, 's'},
		{"profile", required_argument, NULL, 'p'},
		{"shim", required_argument, NULL, 'x'},
		{"list", no_argument, NULL, 'l'},
		{"thorough", no_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	*options = (struct options){.runtime = "crun", .profile = PROFILE_STANDARD};
	optind = 1;
	int option, r = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (option == 'r')
			options->runtime = optarg;
		else if (option == 's')
			r = choose(options, optarg, err);
		else if (option == 'p')
			r = profile_from_name(&options->profile, optarg, err);
		else if (option == 'x')
			options->shim = optarg;
		else if (option == 'l')
			options->list = true;
		else if (option == 't')
			options->thorough = true;
		else
			r = error_say(err, EINVAL, "bad option");
	}
	if (r == 0 && optind < argc)
		r = error_say(err, EINVAL, "%s: not an option", argv[optind]);
	bool all = options->count == 0;
	for (size_t i = 0; r == 0 && all && i < saboteur_count; i++)
		r = choose(options, saboteur_rows[i].name, err);
	return r;
}

static int list(void)
{
	for (size_t i = 0; i < saboteur_count; i++)
		(void)printf("%-26s %s\n", saboteur_rows[i].name, saboteur_rows[i].breaks);
	return CONFORMANCE_OK;
}

static int find_shim(const struct options *options, char path[PATH_MAX], struct error *err)
{
	static const char name[] = "oci-saboteur";
	if (options->shim) {
		(void)snprintf(path, PATH_MAX, "%s", options->shim);
	} else {
		ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
		if (length < 0)
			return error_set(err, errno, "read /proc/self/exe");
		path[length] = '\0';
		char *file = strrchr(path, '/') + 1;
		if (file - path + sizeof(name) > PATH_MAX)
			return error_say(err, ENAMETOOLONG, "%s", path);
		memcpy(file, name, sizeof(name));
	}
	return access(path, X_OK) < 0 ? error_set(err, errno, "%s", path) : 0;
}

/*
 * Left out unless --thorough, for time: "workloads", which a runtime that is too lax does not fail, and the many cases
 * of "seccomp" where the saboteur leaves the filter as it is (saboteur NULL: the baseline, which has those too).
 */
static bool is_left_out(const struct options *options, const struct saboteur *saboteur, const char *suite)
{
	if (options->thorough)
		return false;
	return strcmp(suite, "workloads") == 0 || (saboteur && !saboteur->seccomp && strcmp(suite, "seccomp") == 0);
}

static void choose_suites(struct run_options *run, const struct options *options, const struct saboteur *saboteur)
{
	const struct suite **suites;
	size_t count = suites_all(&suites);
	for (size_t i = 0; i < count && run->suite_count < RUN_LIST_MAX; i++) {
		if (!is_left_out(options, saboteur, suites[i]->name))
			run->suites[run->suite_count++] = suites[i]->name;
	}
}

/* The results of the suites that the saboteur is tried on. */
static json_t *comparable(const struct options *options, const struct saboteur *saboteur, json_t *baseline)
{
	json_t *subset = json_array(), *result;
	size_t i;
	json_array_foreach(baseline, i, result)
	{
		const char *area = json_string_value(json_object_get(result, "area"));
		if (!area || !is_left_out(options, saboteur, area))
			json_array_append(subset, result);
	}
	return subset;
}

/* One run of the suite over the shim as the environment has set it up. */
static int run_suite(const struct options *options, const struct saboteur *saboteur, const char *shim, const char *file,
		     struct results *results, struct error *err)
{
	struct run_options run = {
		.runtime = shim,
		.adapter = "oci",
		.profiles = {options->profile},
		.profile_count = 1,
		.jsonl = file,
	};
	choose_suites(&run, options, saboteur);
	struct summary summary;
	int r = conformance_run(&run, &summary, err);
	return r < 0 ? r : results_load(results, file, err);
}

static int set_saboteur(const struct options *options, const char *name, struct error *err)
{
	if (setenv(SABOTEUR_ENV_NAME, name, 1) < 0 || setenv(SABOTEUR_ENV_RUNTIME, options->runtime, 1) < 0)
		return error_set(err, errno, "setenv");
	return 0;
}

static double seconds(const struct results *results)
{
	return (double)json_integer_value(json_object_get(results->summary, "duration_us")) / 1e6;
}

static void print_ids(const char *what, const json_t *ids)
{
	json_t *id;
	size_t i;
	json_array_foreach(ids, i, id)(void) printf("    %s: %s\n", what, json_string_value(id));
}

static void print_judgement(const struct saboteur *saboteur, const struct judgement *judgement, double duration)
{
	(void)printf("%-26s %-8s %4zu red  %4.1f s  %s\n", saboteur->name, judgement->killed ? "killed" : "SURVIVED",
		     judgement->reds, duration, saboteur->breaks);
	print_ids("stayed green", judgement->unmet);
	print_ids("stray", judgement->strays);
	print_ids("not measured", judgement->unmeasured);
	(void)fflush(stdout);
}

struct score {
	size_t killed, clean;
	const char *survivors[CHOSEN_MAX];
	size_t survivor_count;
};

static int try_saboteur(const struct options *options, const char *shim, const char *file,
			const struct saboteur *saboteur, const struct results *baseline, struct score *score,
			struct error *err)
{
	struct results results = {0};
	int r = set_saboteur(options, saboteur->name, err);
	r = r < 0 ? r : run_suite(options, saboteur, shim, file, &results, err);
	if (r < 0)
		return r;
	struct judgement judgement;
	json_t *before = comparable(options, saboteur, baseline->results);
	judge_saboteur(saboteur, before, results.results, &judgement);
	json_decref(before);
	print_judgement(saboteur, &judgement, seconds(&results));
	score->killed += judgement.killed;
	score->clean += judgement_is_good(&judgement);
	if (!judgement.killed)
		score->survivors[score->survivor_count++] = saboteur->name;
	judgement_clear(&judgement);
	results_clear(&results);
	return 0;
}

static size_t count_passes(const struct results *results)
{
	json_t *result;
	size_t i, passes = 0;
	json_array_foreach(results->results, i, result)
	{
		const char *status = json_string_value(json_object_get(result, "status"));
		passes += status && strcmp(status, "PASS") == 0;
	}
	return passes;
}

static int try_all(const struct options *options, const char *shim, const char *file, struct score *score,
		   struct error *err)
{
	struct results baseline = {0};
	int r = set_saboteur(options, "", err);
	r = r < 0 ? r : run_suite(options, NULL, shim, file, &baseline, err);
	if (r < 0)
		return r;
	(void)printf("%-26s %zu of %zu cases pass, %.1f s\n", options->runtime, count_passes(&baseline),
		     json_array_size(baseline.results), seconds(&baseline));
	(void)fflush(stdout);
	for (size_t i = 0; r >= 0 && i < options->count; i++)
		r = try_saboteur(options, shim, file, options->chosen[i], &baseline, score, err);
	results_clear(&baseline);
	return r;
}

static int mutate(const struct options *options, struct error *err)
{
	char shim[PATH_MAX], directory[] = "/tmp/agentcore-mutate-XXXXXX", file[sizeof(directory) + 16];
	struct score score = {0};
	int r = find_shim(options, shim, err);
	if (r < 0)
		return r;
	if (!mkdtemp(directory))
		return error_set(err, errno, "make a directory in /tmp");
	(void)snprintf(file, sizeof(file), "%s/results.jsonl", directory);
	r = try_all(options, shim, file, &score, err);
	(void)unlink(file);
	(void)rmdir(directory);
	if (r < 0)
		return r;
	(void)printf("killed %zu/%zu", score.killed, options->count);
	for (size_t i = 0; i < score.survivor_count; i++)
		(void)printf("%s%s", i ? ", " : "; survivors: ", score.survivors[i]);
	(void)printf("%s\n", score.clean == score.killed ? "" : "; some turned other cases red");
	return score.clean == options->count ? CONFORMANCE_OK : CONFORMANCE_FAILED;
}

int command_mutate(int argc, char **argv)
{
	struct options options;
	struct error err = {0};
	if (parse(&options, argc, argv, &err) < 0) {
		error_print(&err, "agentcore-conformance mutate", STDERR_FILENO);
		return CONFORMANCE_USAGE;
	}
	if (options.list)
		return list();
	int status = mutate(&options, &err);
	if (status >= 0)
		return status;
	error_print(&err, "agentcore-conformance mutate", STDERR_FILENO);
	return CONFORMANCE_ERROR;
}
