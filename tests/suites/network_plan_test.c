/* SPDX-License-Identifier: Apache-2.0 */
/* The suite "network" as it lays itself out: no known bypass is left out, and nothing passes without its control. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "harness/plan.h"
#include "harness/trial_policy.h"
#include "suites/network.h"

#define STEPS_MAX 24

static const char *const suites[] = {"network"};

#include "laid.h"

static const struct requirement *find_row(const struct plan *plan, const char *name)
{
	char id[96];
	(void)snprintf(id, sizeof(id), "network.%s.%s", plan->profile, name);
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->rows[i].id, id) == 0)
			return &plan->rows[i];
	return NULL;
}

/* Every known way round an egress filter, and the row that tries it. */
static const char *const bypasses[] = {
	"packets.spoof-ip",
	"frames.spoof-mac",
	"frames.arp-gateway",
	"frames.arp-peer",
	"frames.vlan",
	"frames.priority-tag",
	"frames.snap",
	"frames.unknown-mac",
	"frames.qinq",
	"frames.bpdu",
	"frames.ethertype",
	"peer.direct",
	"peer.gateway-mac",
	"peer.broadcast",
	"peer.reverse",
	"host.gateway",
	"host.uplink",
	"host.lan-address",
	"never.broadcast",
	"never.multicast",
	"never.loopback-wire",
	"host.dnat",
	"host.dnat-allowed",
	"host.neighbour",
	"never.metadata",
	"never.metadata-wide",
	"never.metadata-all",
	"refused.link-local",
	"answers.metadata",
	"never.peer-ten",
	"never.host-ten",
	"answers.rebind",
	"answers.mixed",
	"answers.alias-private",
	"answers.alias-target",
	"allowed.ttl-zero",
	"answers.pin-expiry",
	"allowed.pin-race",
	"packets.ack",
	"packets.rst",
	"names.unlisted",
	"names.type-txt",
	"names.type-null",
	"names.type-any",
	"names.direct-public",
	"names.dot",
	"names.doh",
	"names.case-dot",
	"refused.decimal",
	"refused.octal",
	"refused.mapped",
	"six.link-local",
	"six.mapped",
	"frames.rs",
	"frames.ra",
	"frames.ns",
	"packets.gre",
	"packets.ipip",
	"packets.sctp",
	"packets.icmp-tunnel",
	"packets.fragment",
	"packets.tiny-fragment",
	"packets.lsrr",
	"inside.raw-udp",
	"inside.packet",
	"requests.concurrent",
	"requests.syn-again",
	"requests.udp-unreplied",
	"requests.tfo",
	"requests.one",
	"requests.large",
	"requests.names-free",
	"none.requests",
	"survival.flush",
	"survival.monitor-killed",
};

static void every_known_bypass_has_a_row(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < ARRAY_SIZE(bypasses); i++)
		if (!find_row(&laid.plan, bypasses[i]))
			fail_msg("no row %s", bypasses[i]);
	assert_true(laid.plan.count >= 90);
	clear(&laid);
}

static void every_profile_has_the_core(void **state)
{
	(void)state;
	static const char *const core[] = {"allowed.tcp",  "allowed.name", "allowed.full", "none.links",    "none.tcp",
					   "unlisted.tcp", "host.uplink",  "peer.direct",  "never.metadata"};
	for (enum profile profile = 0; profile < PROFILE_COUNT; profile++) {
		struct laid laid;
		lay(&laid, profile);
		for (size_t i = 0; i < ARRAY_SIZE(core); i++)
			if (!find_row(&laid.plan, core[i]))
				fail_msg("%s: no row %s", laid.plan.profile, core[i]);
		if (profile != PROFILE_STANDARD)
			assert_true(laid.plan.count <= 20);
		clear(&laid);
	}
}

/* Nothing is called blocked, or refused, that was never seen to work. */
static void whatever_is_blocked_has_a_control(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		const struct trial *trial = &row->trial, *control = &row->control_trial;
		if (row->judge != judge_network_works && !control->load)
			fail_msg("%s: no control", row->id);
		if (row->judge == judge_network_blocked && !trial->network.victims)
			fail_msg("%s: nobody watches", row->id);
		if (control->load && control->network.ground == GROUND_RUNTIME &&
		    strcmp(trial->limits, control->limits) == 0 &&
		    strcmp(trial->network.policy, control->network.policy) == 0)
			fail_msg("%s: the control is the trial itself", row->id);
		if (control->load && control->network.ground == GROUND_BARE &&
		    (control->network.policy || *control->limits || control->end != TRIAL_END_ITSELF))
			fail_msg("%s: the bare ground knows no policy", row->id);
	}
	clear(&laid);
}

static void every_trial_is_on_the_test_internet(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		assert_int_equal(row->trial.network.ground, GROUND_RUNTIME);
		assert_true(!row->control_trial.load || row->control_trial.network.ground != GROUND_NONE);
		assert_non_null(row->trial.network.policy);
	}
	clear(&laid);
}

static void every_text_is_filled_in(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		if (!row->expected[0] || !row->rationale[0] || !row->remediation[0])
			fail_msg("%s: \"%s\"", row->id, row->expected);
	}
	clear(&laid);
}

static void every_limit_is_one_of_the_policys(void **state)
{
	(void)state;
	struct error err = {0};
	struct laid laid;
	unsigned asked;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++)
		if (trial_policy_asked(laid.plan.rows[i].trial.limits, &asked, &err) < 0)
			fail_msg("%s: %s", laid.plan.rows[i].id, err.text);
	clear(&laid);
}

/* --- Loads -------------------------------------------------------------------------------------------- */

static unsigned count_steps(const char *load)
{
	unsigned steps = 0;
	for (const char *at = load; (at = strchr(at, ' ')); at++)
		steps++;
	return steps;
}

/* Steps that the terms name, the last of them. */
static unsigned last_step(const char *terms)
{
	unsigned last = 0;
	for (const char *at = terms; *at && *at != '|'; at += strcspn(at, " "), at += strspn(at, " ")) {
		char *end = NULL;
		unsigned long step = strtoul(at[0] == 's' && at[1] >= '0' && at[1] <= '9' ? at + 1 : at, &end, 10);
		if (strncmp(end, "..", 2) == 0)
			step = strtoul(end + 2, NULL, 10);
		last = step > last ? (unsigned)step : last;
	}
	return last;
}

static void terms_speak_of_steps_that_there_are(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		const char *bar = strchr(row->fact, '|');
		unsigned steps = count_steps(row->trial.load);
		if (steps > STEPS_MAX || last_step(row->fact) > steps)
			fail_msg("%s: %u steps", row->id, steps);
		if (row->control_trial.load &&
		    last_step(bar ? bar + 2 : row->fact) > count_steps(row->control_trial.load))
			fail_msg("%s: the control has %u steps", row->id, count_steps(row->control_trial.load));
	}
	clear(&laid);
}

static char *command_output(const char *command)
{
	static char text[65536];
	FILE *pipe = popen(command, "re"); /* NOLINT(cert-env33-c): a path of the build's own */
	assert_non_null(pipe);
	size_t length = fread(text, 1, sizeof(text) - 1, pipe);
	text[length] = '\0';
	(void)pclose(pipe);
	return text;
}

/* Steps are read before anything is done: with a last one that is none, only that one is complained of. */
static void every_step_is_one_of_the_probes(void **state)
{
	(void)state;
	struct laid laid;
	lay(&laid, PROFILE_STANDARD);
	for (size_t i = 0; i < laid.plan.count; i++) {
		const struct requirement *row = &laid.plan.rows[i];
		const char *loads[] = {row->trial.load, row->trial.companion, row->control_trial.load};
		for (size_t j = 0; j < ARRAY_SIZE(loads); j++) {
			char command[4096], says[32];
			if (!loads[j] || count_steps(loads[j]) >= STEPS_MAX)
				continue;
			(void)snprintf(command, sizeof(command),
				       BUILD_DIR "/probe load %s nonesuch TOKEN </dev/null 2>&1", loads[j]);
			(void)snprintf(says, sizeof(says), "step %u is none", count_steps(loads[j]) + 1);
			const char *output = command_output(command);
			if (!strstr(output, says))
				fail_msg("%s: %s: %s", row->id, loads[j], output);
		}
	}
	clear(&laid);
}

/* --- A table that is wrong ---------------------------------------------------------------------------- */

static int read_table(const char *row, struct error *err)
{
	char fixtures[64], path[128];
	struct policy policy;
	policy_defaults(&policy, PROFILE_STANDARD);
	struct plan plan = {.policy = &policy, .profile = "standard"};
	/* A table is read once and kept: each has a place of its own. */
	static int serial;
	(void)snprintf(fixtures, sizeof(fixtures), "/tmp/agentcore-network-test-%d-%d", (int)getpid(), serial++);
	(void)snprintf(path, sizeof(path), "%s/golden", fixtures);
	assert_int_equal(mkdir(fixtures, 0700), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/golden/network.tsv", fixtures);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	(void)fprintf(file, "id\tprofiles\tnetwork\tload\tvictims\tcontrol\tjudge\toperands\twhy\tfix\n%s\n", row);
	(void)fclose(file);
	int r = network_add_rows(&plan, fixtures, err);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/golden", fixtures);
	(void)rmdir(path);
	(void)rmdir(fixtures);
	plan_clear(&plan);
	policy_clear(&policy);
	return r;
}

static void a_wrong_row_is_named(void **state)
{
	(void)state;
	static const struct table_row rows[] = {
		{"a\t*\tfull\tlink\t-\t-\tworks\texit=0\twhy\tfix", NULL},
		{"a\t*\tfull\tlink\tpeer\t=\tblocked\t-\twhy\tfix", NULL},
		{"a\t*\tfull\tlink\t-\t-\tnonesuch\texit=0\twhy\tfix", "network.tsv:2: no such judge"},
		{"a\t*\tfull\tlink\t-\tnonesuch\tworks\texit=0\twhy\tfix", "network.tsv:2: no such control"},
		{"a\t*\tfull\tlink\t-\t-\tworks\t-\twhy\tfix", "network.tsv:2: nothing is asked"},
		{"a\t*\tfull\tlink\t-\t=\tblocked\t-\twhy\tfix", "network.tsv:2: nothing is asked"},
		{"a\t*\tfull\tlink\t-\t-\tworks\t1+ nonsense\twhy\tfix", "network.tsv:2: operands are terms"},
	};
	check_table_rows(rows, ARRAY_SIZE(rows), read_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_bypass_has_a_row),
		cmocka_unit_test(every_profile_has_the_core),
		cmocka_unit_test(whatever_is_blocked_has_a_control),
		cmocka_unit_test(every_trial_is_on_the_test_internet),
		cmocka_unit_test(every_text_is_filled_in),
		cmocka_unit_test(every_limit_is_one_of_the_policys),
		cmocka_unit_test(terms_speak_of_steps_that_there_are),
		cmocka_unit_test(every_step_is_one_of_the_probes),
		cmocka_unit_test(a_wrong_row_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
