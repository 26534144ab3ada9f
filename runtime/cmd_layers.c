/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "recipe/commands.h"
#include "recipe/layers.h"

static const char help[] =
	"Usage: agentcore layers [--policy FILE | --profile NAME] [--mac MODULE] [--json]\n"
	"\n"
	"Show, layer by layer, what holds a sandbox of this policy on this kernel, and by what; under\n"
	"mac also what it does not do here (\"not ...\"), and which layer covers that.\n"
	"\n"
	"  --policy FILE   policy document; - is standard input\n"
	"  --profile NAME  minimal, standard (default) or privileged\n"
	"  --mac MODULE    apparmor or landlock (default: AppArmor where the kernel has it)\n"
	"  --json          one JSON object\n"
	"\n"
	"Exit status: 0 all that the policy asks for can be enforced here; 125 it cannot, and a\n"
	"start would be refused.\n";

/* What the layers of a policy depend on. */
struct question {
	struct policy policy;
	struct limits limits;
	struct cgroup_layout cgroups;
	struct mandatory mandatory;
};

static bool in_force(const struct question *question, enum layer layer)
{
	struct layer_state state;

	layer_state(layer, &question->policy, &question->limits, &question->cgroups, &question->mandatory, &state);
	return state.in_force;
}

static void print_gaps(const struct question *question)
{
	const struct layer_gap *gaps[LAYER_GAPS_MAX];
	const size_t count = layer_gaps(&question->policy, &question->mandatory, gaps);

	for (size_t i = 0; i < count; i++) {
		const char *name = layer_rows[gaps[i]->covered_by].name;
		if (in_force(question, gaps[i]->covered_by))
			(void)printf("%-18s not %s (%s: %s)\n", "", gaps[i]->what, name, gaps[i]->how);
		else
			(void)printf("%-18s not %s, and %s is off\n", "", gaps[i]->what, name);
	}
}

static json_t *gaps_object(const struct question *question)
{
	const struct layer_gap *gaps[LAYER_GAPS_MAX];
	const size_t count = layer_gaps(&question->policy, &question->mandatory, gaps);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array,
					    json_pack("{s:s, s:s, s:s, s:b}", "what", gaps[i]->what, "covered_by",
						      layer_rows[gaps[i]->covered_by].name, "how", gaps[i]->how,
						      "in_force", (int)in_force(question, gaps[i]->covered_by)));
	return array;
}

static void print_text(const struct question *question, const struct error *refusal)
{
	for (size_t i = 0; i < LAYER_COUNT; i++) {
		struct layer_state state;
		const char *name = layer_rows[i].name;
		layer_state((enum layer)i, &question->policy, &question->limits, &question->cgroups,
			    &question->mandatory, &state);
		(void)printf("%-13s %-4s %s\n", name, state.in_force ? "on" : "off", state.detail);
		if (i == LAYER_MAC)
			print_gaps(question);
	}
	if (refusal->code)
		(void)printf("refused       %s\n              %s\n", refusal->text, refusal->hint);
}

static int print_json(const struct question *question, const struct error *refusal)
{
	const struct policy *policy = &question->policy;
	json_t *layers = json_array();

	for (size_t i = 0; i < LAYER_COUNT; i++) {
		struct layer_state state;
		const char *name = layer_rows[i].name;
		layer_state((enum layer)i, policy, &question->limits, &question->cgroups, &question->mandatory, &state);
		json_t *object = json_pack("{s:s, s:b, s:s}", "layer", name, "in_force", (int)state.in_force, "detail",
					   state.detail);
		if (i == LAYER_MAC)
			(void)json_object_set_new(object, "gaps", gaps_object(question));
		(void)json_array_append_new(layers, object);
	}
	json_t *all = json_pack("{s:s, s:s, s:o, s:b}", "agent_id", policy->agent_id, "profile",
				profile_name(policy->profile), "layers", layers, "enforceable", !refusal->code);
	if (refusal->code)
		(void)json_object_set_new(all, "refusal", json_string(refusal->text));
	int r = json_dumpf(all, stdout, JSON_INDENT(2));
	(void)puts("");
	json_decref(all);
	return r;
}

static int load(const char *file, const char *name, struct policy *policy, struct error *err)
{
	enum profile profile = PROFILE_STANDARD;

	if (file)
		return policy_load(policy, file, err);
	int r = name ? profile_from_name(&profile, name, err) : 0;
	if (r == 0)
		policy_defaults(policy, profile);
	return r;
}

int command_layers(int argc, char **argv)
{
	static const struct option options[] = {
		{"policy", required_argument, NULL, 'p'}, {"profile", required_argument, NULL, 'n'},
		{"mac", required_argument, NULL, 'm'},    {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
	const char *file = NULL, *name = NULL, *mac = NULL;
	bool json = false;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'p':
			file = optarg;
			break;
		case 'n':
			name = optarg;
			break;
		case 'm':
			mac = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return 0;
		default:
			return EXIT_RUNTIME_FAILED;
		}
	}

	struct question question = {0};
	struct error err = {0}, refusal = {0};
	if (optind < argc)
		(void)error_say(&err, EINVAL, "unexpected argument %s", argv[optind]);
	if (err.code || (mac && mandatory_from_name(&question.mandatory.wish, mac, &err) < 0) ||
	    load(file, name, &question.policy, &err) < 0 ||
	    cgroup_detect(&question.cgroups, NULL, NULL, NULL, &err) < 0) {
		error_print(&err, "agentcore", STDERR_FILENO);
		return EXIT_RUNTIME_FAILED;
	}
	policy_limits_in_force(&question.policy, &question.limits);
	(void)layers_check(&question.policy, &question.limits, &question.cgroups, &question.mandatory, &refusal);
	if (json)
		(void)print_json(&question, &refusal);
	else
		print_text(&question, &refusal);
	policy_clear(&question.policy);
	return refusal.code ? EXIT_RUNTIME_FAILED : 0;
}
