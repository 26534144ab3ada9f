/* SPDX-License-Identifier: Apache-2.0 */
#include "saboteurs/mutate.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/io.h"
#include "harness/needs.h"
#include "harness/requirement.h"
#include "harness/run.h"
#include "report/result.h"
#include "saboteurs/ground.h"
#include "saboteurs/judgement.h"
#include "saboteurs/saboteur.h"

/* Of one saboteur, ids of a kind: a sandbox that does not start has hundreds. */
#define PRINTED_MAX 40

static const char help[] =
	"usage: agentcore-conformance mutate [OPTION...]\n"
	"Judge runtimes that are broken in one way each, and say which of them the suite noticed.\n"
	"\n"
	"  --list                 name them, and what each breaks\n"
	"  --saboteur NAME        only this one; may be repeated\n"
	"  --filter GLOB          only those whose name matches; may be repeated\n"
	"  --thorough             leave no suite out\n"
	"  --profile NAME         the policy to judge by (default: standard)\n"
	"  --runtime NAME|PATH    the good OCI runtime that is broken (default: crun)\n"
	"  --shim FILE            the program that breaks it (default: oci-saboteur beside this program)\n"
	"  --help                 this text\n"
	"\n"
	"Exit status: 0 all were noticed, by the cases that they break and no others; 1 not; 2 usage; 3 some\n"
	"could not be tried here; 4 harness error.\n";

struct options {
	struct trying trying;
	bool list, help;
};

static bool is_chosen(const struct trying *trying, const struct saboteur *row)
{
	for (size_t i = 0; i < trying->count; i++)
		if (trying->rows[i] == row)
			return true;
	return false;
}

static int choose(struct trying *trying, const struct saboteur *row, struct error *err)
{
	if (is_chosen(trying, row))
		return 0;
	if (trying->count == GROUND_ROWS_MAX)
		return error_say(err, EINVAL, "more than %d saboteurs", GROUND_ROWS_MAX);
	trying->rows[trying->count++] = row;
	return 0;
}

static int choose_name(struct trying *trying, const char *name, struct error *err)
{
	const struct saboteur *row = saboteur_find(name);
	return row ? choose(trying, row, err) : error_say(err, EINVAL, "no saboteur %s (see --list)", name);
}

static int choose_glob(struct trying *trying, const char *glob, struct error *err)
{
	size_t before = trying->count;
	int r = 0;
	const struct saboteur *row;
	for (size_t i = 0; r == 0 && (row = saboteur_at(i)); i++)
		if (fnmatch(glob, row->name, 0) == 0)
			r = choose(trying, row, err);
	return r == 0 && trying->count == before ? error_say(err, EINVAL, "no saboteur matches %s (see --list)", glob)
						 : r;
}

static int take_option(struct options *options, int option, const char *value, struct error *err)
{
	struct trying *trying = &options->trying;
	switch (option) {
	case 'r':
		trying->runtime = value;
		return 0;
	case 's':
		return choose_name(trying, value, err);
	case 'f':
		return choose_glob(trying, value, err);
	case 'p':
		return profile_from_name(&trying->profile, value, err);
	case 'x':
		trying->shim = value;
		return 0;
	case 'l':
		options->list = true;
		return 0;
	case 't':
		trying->thorough = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	default:
		return error_say(err, EINVAL, "bad option");
	}
}

static int parse(struct options *options, int argc, char **argv, struct error *err)
{
	static const struct option names[] = {
		{"runtime", required_argument, NULL, 'r'},
		{"saboteur", required_argument, NULL, 's'},
		{"filter", required_argument, NULL, 'f'},
		{"profile", required_argument, NULL, 'p'},
		{"shim", required_argument, NULL, 'x'},
		{"list", no_argument, NULL, 'l'},
		{"thorough", no_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	*options = (struct options){.trying = {.runtime = "crun", .profile = PROFILE_STANDARD}};
	optind = 1;
	int option, r = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "", names, NULL)) >= 0)
		r = take_option(options, option, optarg, err);
	if (r == 0 && optind < argc)
		r = error_say(err, EINVAL, "%s: not an option", argv[optind]);
	return r == 0 && options->trying.count == 0 ? choose_glob(&options->trying, "*", err) : r;
}

static int list(const struct trying *trying)
{
	for (size_t i = 0; i < trying->count; i++)
		(void)printf("%-26s %s\n", trying->rows[i]->name, trying->rows[i]->breaks);
	return CONFORMANCE_OK;
}

/* --- Saying ----------------------------------------------------------------------------------------- */

static double seconds(const struct results *results)
{
	return (double)json_integer_value(json_object_get(results->summary, "duration_us")) / 1e6;
}

static void print_ids(const char *what, const json_t *ids)
{
	size_t count = json_array_size(ids);
	for (size_t i = 0; i < count && i < PRINTED_MAX; i++)
		(void)printf("    %s: %s\n", what, json_string_value(json_array_get(ids, i)));
	if (count > PRINTED_MAX)
		(void)printf("    %s: %zu more\n", what, count - PRINTED_MAX);
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

static void print_baseline(const char *name, const struct results *baseline)
{
	(void)printf("%-26s %zu of %zu cases pass, %.1f s\n", name, count_passes(baseline),
		     json_array_size(baseline->results), seconds(baseline));
	(void)fflush(stdout);
}

/* --- Trying ----------------------------------------------------------------------------------------- */

struct score {
	size_t killed, clean, unsupported;
	const char *survivors[GROUND_ROWS_MAX];
	size_t survivor_count;
};

static void judge(const struct trying *trying, const struct saboteur *saboteur, const struct results *baseline,
		  const struct results *results, struct score *score)
{
	struct judgement judgement;
	json_t *before = ground_comparable(trying, saboteur, baseline->results);
	judge_saboteur(saboteur, before, results->results, &judgement);
	json_decref(before);
	print_judgement(saboteur, &judgement, seconds(results));
	score->killed += judgement.killed;
	score->clean += judgement_is_good(&judgement);
	if (!judgement.killed)
		score->survivors[score->survivor_count++] = saboteur->name;
	judgement_clear(&judgement);
}

/* All rows of one ground, behind a run on its good runtime. */
static int try_rows(const struct trying *trying, enum ground ground, const char *program, struct score *score,
		    struct error *err)
{
	struct results baseline = {0};
	int r = ground_run(trying, ground, program, NULL, &baseline, err);
	if (r == 0)
		print_baseline(ground == GROUND_FAULTS ? "agentcore" : trying->runtime, &baseline);
	for (size_t i = 0; r == 0 && i < trying->count; i++) {
		struct results results = {0};
		if (ground_of(trying->rows[i]) != ground)
			continue;
		r = ground_run(trying, ground, program, trying->rows[i], &results, err);
		if (r == 0)
			judge(trying, trying->rows[i], &baseline, &results, score);
		results_clear(&results);
	}
	results_clear(&baseline);
	return r;
}

static size_t count_rows(const struct trying *trying, enum ground ground)
{
	size_t count = 0;
	for (size_t i = 0; i < trying->count; i++)
		count += ground_of(trying->rows[i]) == ground;
	return count;
}

static void print_unsupported(const struct trying *trying, enum ground ground, const struct error *why)
{
	for (size_t i = 0; i < trying->count; i++)
		if (ground_of(trying->rows[i]) == ground)
			(void)printf("%-26s UNSUPPORTED  %s\n", trying->rows[i]->name, why->text);
}

/* What breaks nothing here would survive, and say nothing of the suite. */
static void leave_out_unmet(struct trying *trying, struct score *score)
{
	const unsigned met = needs_met(true);
	const size_t count = trying->count;
	trying->count = 0;
	for (size_t i = 0; i < count; i++) {
		char why[VERDICT_TEXT_MAX];
		const struct saboteur *row = trying->rows[i];
		if (!(row->needs & ~met)) {
			trying->rows[trying->count++] = row;
			continue;
		}
		needs_describe(row->needs & ~met, why, sizeof(why));
		(void)printf("%-26s UNSUPPORTED  %s\n", row->name, why);
		score->unsupported++;
	}
}

static int try_ground(const struct trying *trying, enum ground ground, struct score *score, struct error *err)
{
	char program[PATH_MAX];
	struct error missing = {0};
	size_t count = count_rows(trying, ground);
	if (count == 0)
		return 0;
	int r = ground_program(trying, ground, program, &missing);
	if (r == 0)
		return try_rows(trying, ground, program, score, err);
	if (r != -ENOENT || trying->shim)
		return error_say(err, -r, "%s", missing.text);
	print_unsupported(trying, ground, &missing);
	score->unsupported += count;
	return 0;
}

/* --- Two at a time ---------------------------------------------------------------------------------- */

/* What comes of a list of grounds.  Names of survivors are rows' own, so that it can be handed from a child to its parent. */
struct outcome {
	int result;
	struct error err;
	struct score score;
};

static void try_grounds(const struct trying *trying, enum ground first, enum ground last, struct outcome *outcome)
{
	*outcome = (struct outcome){0};
	for (int ground = first; outcome->result == 0 && ground <= (int)last; ground++)
		outcome->result = try_ground(trying, (enum ground)ground, &outcome->score, &outcome->err);
}

/* The reference runtime's trials mostly wait: beside what is asked of bundles they cost hardly any time. */
static int try_faults_beside(const struct trying *trying, int *outcome_fd, pid_t *pid, struct error *err)
{
	struct outcome outcome;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	(void)fflush(stdout);
	*pid = fork();
	if (*pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		try_grounds(trying, GROUND_FAULTS, GROUND_FAULTS, &outcome);
		(void)fflush(stdout);
		/* With all that an end does: the suites have files to remove. */
		exit(io_write_all(ends[1], &outcome, sizeof(outcome)) < 0);
	}
	(void)close(ends[1]);
	*outcome_fd = ends[0];
	return *pid < 0 ? error_set(err, errno, "fork") : 0;
}

static void add_score(struct score *to, const struct score *from)
{
	to->killed += from->killed;
	to->clean += from->clean;
	to->unsupported += from->unsupported;
	for (size_t i = 0; i < from->survivor_count; i++)
		to->survivors[to->survivor_count++] = from->survivors[i];
}

static int try_all(const struct trying *trying, struct score *score, struct error *err)
{
	struct outcome here, beside = {0};
	_cleanup_fd_ int fd = -1;
	pid_t pid = 0;
	int r = try_faults_beside(trying, &fd, &pid, err);
	if (r < 0)
		return r;
	try_grounds(trying, GROUND_SUITES, GROUND_CASES, &here);
	if (io_read_all(fd, &beside, sizeof(beside)) != (ssize_t)sizeof(beside))
		beside.result = error_say(&beside.err, EPROTO, "the process that tries the reference runtime died");
	(void)waitpid(pid, NULL, 0);
	add_score(score, &here.score);
	add_score(score, &beside.score);
	const struct outcome *bad = here.result < 0 ? &here : &beside;
	return bad->result < 0 ? error_say(err, -bad->result, "%s", bad->err.text) : 0;
}

static int conclude(const struct trying *trying, const struct score *score)
{
	size_t tried = trying->count - score->unsupported;
	(void)printf("killed %zu/%zu", score->killed, tried);
	for (size_t i = 0; i < score->survivor_count; i++)
		(void)printf("%s%s", i ? ", " : "; survivors: ", score->survivors[i]);
	if (score->unsupported)
		(void)printf("; %zu unsupported", score->unsupported);
	(void)printf("%s\n", score->clean == score->killed ? "" : "; some turned other cases red");
	if (score->clean != tried)
		return CONFORMANCE_FAILED;
	return score->unsupported ? CONFORMANCE_INCOMPLETE : CONFORMANCE_OK;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static int mutate(const struct trying *chosen, struct error *err)
{
	char directory[] = "/tmp/agentcore-mutate-XXXXXX";
	struct trying trying = *chosen;
	struct score score = {0};
	if (!mkdtemp(directory))
		return error_set(err, errno, "make a directory in /tmp");
	trying.directory = directory;
	leave_out_unmet(&trying, &score);
	int r = try_all(&trying, &score, err);
	(void)nftw(directory, remove_entry, 16, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
	return r < 0 ? r : conclude(chosen, &score);
}

int command_mutate(int argc, char **argv)
{
	struct options options;
	struct error err = {0};
	if (parse(&options, argc, argv, &err) < 0) {
		error_print(&err, "agentcore-conformance mutate", STDERR_FILENO);
		return CONFORMANCE_USAGE;
	}
	if (options.help)
		return fputs(help, stdout) < 0 ? CONFORMANCE_ERROR : CONFORMANCE_OK;
	if (options.list)
		return list(&options.trying);
	int status = mutate(&options.trying, &err);
	if (status >= 0)
		return status;
	error_print(&err, "agentcore-conformance mutate", STDERR_FILENO);
	return CONFORMANCE_ERROR;
}
