/* SPDX-License-Identifier: Apache-2.0 */
/* agentcore profile: look at profiles and policies, and generate files from them. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "enforce/apparmor.h"
#include "policy/apparmor_profile.h"
#include "policy/capabilities.h"
#include "policy/limits.h"
#include "policy/lint.h"
#include "policy/policy_json.h"
#include "policy/profile_store.h"
#include "policy/seccomp_json.h"
#include "policy/syscalls.h"
#include "recipe/commands.h"

enum { EXIT_WARNINGS = 1 };

static const char help_text[] =
	"Usage: agentcore profile list [--json]\n"
	"       agentcore profile show [NAME | --policy FILE] [--json | --syscalls]\n"
	"       agentcore profile generate [NAME | --policy FILE] [--apparmor] [--output DIR]\n"
	"       agentcore profile lint FILE... [--json]\n"
	"       agentcore profile load [NAME] [OPTION of agentcore run]... [--output DIR]\n"
	"       agentcore profile unload APPARMOR-NAME...\n"
	"\n"
	"A profile (minimal, standard, privileged) gives the defaults of a policy; a policy is a JSON\n"
	"document that says what differs. FILE may be - for standard input.\n"
	"\n"
	"  list       the profiles, and how much each allows\n"
	"  show       a policy with every default filled in. --json prints it as a document that can be\n"
	"             edited and given to --policy; --syscalls prints the verdict on every system call\n"
	"  generate   write the seccomp profile that Docker, Podman and Kubernetes load, to\n"
	"             DIR/seccomp/{agent_id}-{profile_name}.json, and print its path. DIR is\n"
	"             " PROFILE_STORE_DEFAULT " by default; it must be yours and writable by nobody else.\n"
	"             --apparmor writes the AppArmor profile instead, to\n"
	"             DIR/apparmor/{agent_id}-{profile_name}.profile\n"
	"  lint       warn of what is allowed and yet unwise, or has no effect; and have apparmor_parser read\n"
	"             the AppArmor profile, without loading it\n"
	"  load       put the AppArmor profile of a sandbox into the kernel, where agentcore run wants it, and\n"
	"             print its name, agentcore-{agent_id}-{profile_name}. Give --policy or --profile,\n"
	"             --network and --bind as to agentcore run; it is one profile for all that have that name.\n"
	"             Its text is kept below DIR as generate does\n"
	"  unload     take it out again. Whoever is still under it is confined by nothing then\n"
	"\n"
	"Exit status: 0, or 1 when lint has warnings; 125 for bad usage or a bad policy.\n"
	"\n"
	"Examples:\n"
	"  agentcore profile show minimal --json > policy.json\n"
	"  agentcore profile lint policy.json\n"
	"  agentcore profile load standard && agentcore run -- ./job\n"
	"  docker run --security-opt seccomp=$(agentcore profile generate --policy policy.json) ...\n";

struct profile_options {
	const char *policy; /* file, or NULL */
	const char *output;
	bool json;
	bool syscalls;
	bool apparmor;
	char **words; /* what is no option */
	int word_count;
};

static int fail(const struct error *err)
{
	error_print(err, "agentcore", STDERR_FILENO);
	return EXIT_RUNTIME_FAILED;
}

static int fail_usage(const char *problem)
{
	(void)fprintf(stderr, "agentcore: profile: %s; try \"agentcore profile --help\"\n", problem);
	return EXIT_RUNTIME_FAILED;
}

/* The policy of --policy FILE, or of the profile that was named. */
static int load(const struct profile_options *options, struct policy *policy, struct error *err)
{
	enum profile profile = PROFILE_STANDARD;

	if (options->policy)
		return policy_load(policy, options->policy, err);
	if (options->word_count > 0) {
		int r = profile_from_name(&profile, options->words[0], err);
		if (r < 0)
			return r;
	}
	policy_defaults(policy, profile);
	return 0;
}

/* Print a document and release it. */
static int print_json(json_t *document)
{
	_cleanup_free_ char *text = json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(15));

	json_decref(document);
	if (!text)
		return EXIT_RUNTIME_FAILED;
	return puts(text) < 0 ? EXIT_RUNTIME_FAILED : 0;
}

/* --- list ---------------------------------------------------------------------------------------------- */
/* How many calls of x86_64 a policy lets through, with or without conditions. */
static int count_allowed(const struct policy *policy)
{
	int count = 0;

	for (size_t i = 0; i < syscall_row_count; i++)
		if (syscall_rows[i].number >= 0 && syscall_decide(policy, &syscall_rows[i]).verdict != SYSCALL_DENY)
			count++;
	return count;
}

static int list(const struct profile_options *options)
{
	json_t *all = json_array();

	if (!options->json)
		(void)printf("%-11s %8s %13s %-10s %-10s %s\n", "PROFILE", "SYSCALLS", "CAPABILITIES", "ROOT",
			     "NETWORK", "NO_NEW_PRIVS");
	for (int i = 0; i < PROFILE_COUNT; i++) {
		struct policy policy;
		policy_defaults(&policy, (enum profile)i);
		const char *name = profile_name(policy.profile), *network = network_mode_name(policy.network);
		int syscalls = count_allowed(&policy), capabilities = __builtin_popcountll(policy.capabilities);

		json_array_append_new(
			all, json_pack("{s:s, s:i, s:i, s:b, s:s, s:b, s:b}", "profile_name", name, "syscalls_allowed",
				       syscalls, "capabilities", capabilities, "read_only_filesystem",
				       policy.read_only_filesystem, "network_access", network, "no_new_privileges",
				       policy.no_new_privileges, "user_namespace", policy.user_namespace));
		if (!options->json)
			(void)printf("%-11s %8d %13d %-10s %-10s %s\n", name, syscalls, capabilities,
				     policy.read_only_filesystem ? "read-only" : "read-write", network,
				     policy.no_new_privileges ? "yes" : "no");
		policy_clear(&policy);
	}
	if (options->json)
		return print_json(all);
	json_decref(all);
	return 0;
}

/* --- show ---------------------------------------------------------------------------------------------- */
static void show_syscalls(const struct policy *policy)
{
	static const char *const verdicts[] = {
		[SYSCALL_ALLOW] = "allow", [SYSCALL_CONDITIONAL] = "conditional", [SYSCALL_DENY] = "deny"};

	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		struct syscall_decision decision = syscall_decide(policy, row);
		bool denied = decision.verdict == SYSCALL_DENY;
		(void)printf("%4d %-24s %-11s %s%s%s\n", row->number, row->name, verdicts[decision.verdict],
			     denied ? strerrorname_np(decision.error_number) : "", denied ? "  " : "",
			     denied ? row->why_denied ? row->why_denied : "blocked by the policy" : "");
	}
}

static void show_list(const char *label, const struct string_list *items)
{
	(void)printf("%-22s", label);
	for (size_t i = 0; i < items->count; i++)
		(void)printf("%s%s", i ? " " : "", items->items[i]);
	(void)printf("%s\n", items->count ? "" : "(none)");
}

static void show_capabilities(uint64_t set)
{
	(void)printf("%-22s%s\n", "capabilities", set ? "" : "(none)");
	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		if (set & UINT64_C(1) << capability_rows[i].number)
			(void)printf("  %-22s%s\n", capability_rows[i].name, capability_rows[i].allows);
}

static void show_limits(const struct policy *policy)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_row *row = &limit_rows[i];
		const char *key = row->container_key ? row->container_key : row->execution_key;
		double value;

		if (policy_limit(policy, row->limit, &value))
			(void)printf("%-28s%.15g %s (%s; at the limit: %s)\n", key, value, row->unit, row->mechanism,
				     row->at_the_limit);
		else
			(void)printf("%-28s(no limit)\n", key);
	}
}

static void show_text(const struct policy *policy)
{
	(void)printf("%-22s%s\n", "agent_id", policy->agent_id);
	(void)printf("%-22s%s\n", "profile_name", profile_name(policy->profile));
	(void)printf("%-22s%s (%d system calls allowed)\n", "seccomp_profile", policy->seccomp_profile,
		     count_allowed(policy));
	(void)printf("%-22s%s (without AppArmor: %s)\n", "apparmor_profile", policy->apparmor_profile,
		     policy->apparmor_fallback == APPARMOR_FALLBACK_REFUSE ? "refuse" : "Landlock");
	(void)printf("%-22s%s\n", "audit_failure",
		     policy->audit_failure == AUDIT_FAILURE_REFUSE ? "refuse" : "continue");
	(void)printf("%-22s%s\n", "read_only_filesystem", policy->read_only_filesystem ? "yes" : "no");
	(void)printf("%-22s%s\n", "no_new_privileges", policy->no_new_privileges ? "yes" : "no");
	(void)printf("%-22s%s\n", "user_namespace", policy->user_namespace ? "yes" : "no");
	(void)printf("%-22s%s\n", "network_access", network_mode_name(policy->network));
	show_list("allowed_hosts", &policy->allowed_hosts);
	show_list("allowed_syscalls", &policy->allowed_syscalls);
	show_list("blocked_syscalls", &policy->blocked_syscalls);
	show_list("permissions", &policy->permissions);
	show_capabilities(policy->capabilities);
	(void)printf("\n");
	show_limits(policy);
}

static int show(const struct profile_options *options)
{
	struct policy policy = {0};
	struct error err = {0};
	int status = 0;

	if (load(options, &policy, &err) < 0)
		return fail(&err);
	if (options->json)
		status = print_json(policy_to_json(&policy));
	else if (options->syscalls)
		show_syscalls(&policy);
	else
		show_text(&policy);
	policy_clear(&policy);
	return status;
}

/* --- generate ------------------------------------------------------------------------------------------ */
static int apparmor_text(const struct policy *policy, char **text, struct error *err)
{
	struct apparmor_profile profile;
	int r = apparmor_profile_make(policy, NULL, 0, &profile, err);

	*text = profile.text;
	return r;
}

static int generate(const struct profile_options *options)
{
	struct policy policy = {0};
	struct error err = {0};
	_cleanup_free_ char *text = NULL;
	char path[1024];

	if (load(options, &policy, &err) < 0)
		return fail(&err);
	int r = options->apparmor ? apparmor_text(&policy, &text, &err) : seccomp_json(&policy, &text, &err);
	if (r == 0)
		r = profile_store(&policy, options->output ? options->output : PROFILE_STORE_DEFAULT,
				  options->apparmor ? "apparmor" : "seccomp", options->apparmor ? "profile" : "json",
				  text, path, sizeof(path), &err);
	policy_clear(&policy);
	if (r < 0)
		return fail(&err);
	(void)puts(path);
	return 0;
}

/* --- lint ---------------------------------------------------------------------------------------------- */
struct lint_output {
	const char *file;
	json_t *warnings; /* NULL: print text */
};

static void print_warning(void *context, const char *where, const char *warning)
{
	const struct lint_output *output = context;

	if (output->warnings)
		json_array_append_new(output->warnings, json_pack("{s:s, s:s, s:s}", "file", output->file, "path",
								  where, "warning", warning));
	else
		(void)printf("%s: %s: warning: %s\n", output->file, where, warning);
}

/* By the parser itself: what it does not understand would only show when the profile is loaded. */
static size_t lint_apparmor(const struct policy *policy, struct lint_output *output)
{
	_cleanup_free_ char *text = NULL;
	struct error err = {0};
	char warning[sizeof(err.text) + 32];

	if (strcmp(policy->apparmor_profile, mac_template_name(MAC_UNCONFINED)) == 0)
		return 0;
	int r = apparmor_text(policy, &text, &err);
	if (r == 0)
		r = apparmor_lint(text, &err);
	if (r == 0)
		return 0;
	(void)snprintf(warning, sizeof(warning), "%s%s", r == -ENOENT ? "not checked: " : "", err.text);
	print_warning(output, "$.security_profile.apparmor_profile", warning);
	return 1;
}

static int lint(const struct profile_options *options)
{
	json_t *warnings = options->json ? json_array() : NULL;
	size_t count = 0;
	int status = 0;

	if (options->word_count == 0)
		return fail_usage("lint needs a FILE");
	for (int i = 0; i < options->word_count; i++) {
		struct lint_output output = {.file = options->words[i], .warnings = warnings};
		struct policy policy = {0};
		struct error err = {0};
		if (policy_load(&policy, options->words[i], &err) < 0) {
			status = fail(&err);
			continue;
		}
		count += policy_lint(&policy, print_warning, &output) + lint_apparmor(&policy, &output);
		policy_clear(&policy);
	}
	if (warnings && print_json(warnings) != 0)
		status = EXIT_RUNTIME_FAILED;
	if (status == 0 && count > 0)
		status = EXIT_WARNINGS;
	return status;
}

static int unload(const struct profile_options *options)
{
	return options->word_count > 0 ? profile_unload(options->words, options->word_count)
				       : fail_usage("unload needs a name");
}

/* --- The command --------------------------------------------------------------------------------------- */
static const struct verb {
	const char *name;
	int (*run)(const struct profile_options *options);
	int words_max; /* besides a policy file */
} verbs[] = {
	{"list", list, 0}, {"show", show, 1}, {"generate", generate, 1}, {"lint", lint, 1000}, {"unload", unload, 1000},
};

/* 0, 1 for --help, or -1. */
static int read_options(int argc, char **argv, struct profile_options *options)
{
	static const struct option known[] = {
		{"policy", required_argument, NULL, 'p'},
		{"output", required_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'},
		{"syscalls", no_argument, NULL, 's'},
		{"apparmor", no_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};

	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
		switch (c) {
		case 'p':
			options->policy = optarg;
			break;
		case 'o':
			options->output = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 's':
			options->syscalls = true;
			break;
		case 'a':
			options->apparmor = true;
			break;
		case 'h':
			return 1;
		default:
			return -1;
		}
	}
	options->words = argv + optind;
	options->word_count = argc - optind;
	return 0;
}

int command_profile(int argc, char **argv)
{
	struct profile_options options = {0};

	/* Its options are those of `agentcore run`. */
	if (argc > 1 && strcmp(argv[1], "load") == 0)
		return profile_load(argc - 1, argv + 1);
	int r = read_options(argc, argv, &options);

	if (r > 0)
		return fputs(help_text, stdout) < 0 ? EXIT_RUNTIME_FAILED : 0;
	if (r < 0)
		return fail_usage("bad option");
	if (options.word_count == 0)
		return fail_usage("say list, show, generate, lint, load or unload");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(options.words[0], verbs[i].name) != 0)
			continue;
		options.words++;
		options.word_count--;
		if (options.word_count > (options.policy && verbs[i].words_max == 1 ? 0 : verbs[i].words_max))
			return fail_usage("too many words");
		return verbs[i].run(&options);
	}
	return fail_usage("unknown verb: say list, show, generate, lint, load or unload");
}
