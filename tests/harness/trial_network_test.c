/* SPDX-License-Identifier: Apache-2.0 */
/* Trials of the network in the control's place, with a shell script for a test internet: one network namespace, and answers as written here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "harness/adapter.h"
#include "harness/testnet.h"
#include "harness/trial.h"
#include "harness/trial_policy.h"
#include "harness/workdir.h"

static char directory[] = "/tmp/agentcore-trial-network-XXXXXX";
static char program[64], document[64], requests[64];
static struct workdir workdir;
static struct adapter control;

static const char *const answers =
	"#!/bin/sh\n"
	"ip link set lo up; ip link add dummy type dummy 2>/dev/null || ip link add dummy type bridge\n"
	"ip addr add 10.66.0.2/32 dev dummy; ip link set dummy up\n"
	"echo '{\"ready\":1,\"pids\":{\"host\":'$$',\"bare\":'$$',\"bare2\":'$$'}}'\n"
	"while read -r word rest; do echo \"$word $rest\" >>$REQUESTS; case $word in\n"
	"generate) echo '{\"ok\":1,\"sent\":3}';;\n"
	"seen) echo '{\"frames\":["
	"{\"place\":\"world\",\"ethertype\":2048,\"protocol\":6,\"source\":\"10.66.0.2\",\"target\":\"198.51.100.9\","
	"\"port\":443,\"token\":true,\"count\":2},"
	"{\"place\":\"world\",\"ethertype\":2048,\"protocol\":17,\"source\":\"10.66.0.2\",\"target\":\"8.8.8.8\","
	"\"port\":53,\"token\":false,\"count\":5},"
	"{\"place\":\"bare2\",\"ethertype\":2054,\"count\":1}],"
	"\"questions\":[\"api.example.test A\",\"two.example.test A\"]}';;\n"
	"*) echo '{\"ok\":1}';; esac; done\n";

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	struct error err = {0};
	(void)state;
	if (geteuid() != 0)
		return 0;
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(program, sizeof(program), "%s/answers", directory);
	(void)snprintf(document, sizeof(document), "%s/policy.json", directory);
	(void)snprintf(requests, sizeof(requests), "%s/requests", directory);
	write_file(program, answers, 0755);
	write_file(document, "{\"agent_id\":\"net\",\"sandbox\":{\"allow_network\":false}}", 0600);
	(void)snprintf(program, sizeof(program), "%s/testnet", directory);
	write_file(program, "#!/bin/sh\nexec unshare -n ${0%/*}/answers\n", 0755);
	(void)setenv("REQUESTS", requests, 1);
	if (workdir_make(&workdir, BUILD_DIR "/probe", FIXTURES_DIR, &err) < 0)
		return -1;
	const struct adapter_options options = {.work_dir = workdir.control};
	return adapter_open(&control, "none", &options, &err);
}

static int tear_down(void **state)
{
	char path[64];
	(void)state;
	if (geteuid() != 0)
		return 0;
	adapter_close(&control);
	workdir_remove(&workdir);
	(void)snprintf(path, sizeof(path), "%s/answers", directory);
	(void)unlink(path);
	(void)unlink(program);
	(void)unlink(document);
	(void)unlink(requests);
	return rmdir(directory);
}

static json_int_t number(const json_t *facts, const char *key)
{
	const json_t *value = json_object_get(facts, key);
	if (!json_is_integer(value))
		fail_msg("no %s: %s", key, json_dumps(facts, 0));
	return json_integer_value(value);
}

static int try_one(const struct trial *trial, bool with_testnet, json_t **facts, struct error *err)
{
	static struct policy policy;
	struct testnet *testnet = NULL;
	const struct adapter_launch launch = {
		.kind = SESSION_BARE, .policy = &policy, .policy_file = document, .tools_dir = workdir.tools};
	if (with_testnet && testnet_open(&testnet, program, err) < 0)
		fail_msg("%s", err->text);
	int r = trial_run(&control, &launch, trial, testnet, -1, facts, err);
	testnet_close(testnet);
	return r;
}

static void test_a_trial_in_the_controls_place(void **state)
{
	(void)state;
	json_t *facts = NULL;
	struct error err = {0};
	const struct trial trial = {
		.limits = "",
		.load = "net listen:7001 wait:5000 tcp:{companion-address}:7001 link",
		.companion = "net wait:10000",
		.network = {.ground = GROUND_BARE,
			    .policy = "full",
			    .outside = "generate {pid} spoof {address}; flush",
			    .victims = "world:198.51.100.9:443 lan peer"},
	};
	if (geteuid() != 0)
		skip();
	if (try_one(&trial, true, &facts, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(number(facts, "testnet"), 1);
	assert_int_equal(number(facts, "outside_sent"), 3);
	assert_int_equal(number(facts, "s2_result"), 0); /* its input ended, after the outside */
	assert_int_equal(number(facts, "s3_result"), 0);
	assert_int_equal(number(facts, "companion_s1_result"), 0);
	assert_int_equal(number(facts, "seen_world"), 2);
	assert_int_equal(number(facts, "seen_world_token"), 2);
	assert_int_equal(number(facts, "seen_lan"), 0);
	assert_int_equal(number(facts, "seen_peer"), 1);
	assert_int_equal(number(facts, "seen_peer_token"), 0);
	assert_string_equal(json_string_value(json_object_get(facts, "questions")),
			    "api.example.test A two.example.test A");
	assert_non_null(strstr(json_string_value(json_object_get(facts, "s4_addresses")), "dummy=10.66.0.2/32"));
	json_decref(facts);

	char text[512] = "";
	FILE *file = fopen(requests, "re");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	(void)fclose(file);
	assert_ptr_equal(strstr(text, "window agentcore-trial-"), text);
	assert_non_null(strstr(text, " spoof 10.66.0.2\n"));
	assert_null(strstr(text, "{"));
	assert_null(strstr(text, "generate 0"));
	assert_true(strstr(text, "flush") < strstr(text, "seen"));
}

static void test_what_cannot_be(void **state)
{
	(void)state;
	json_t *facts = NULL;
	struct error err = {0};
	struct trial trial = {.limits = "", .load = "net ready", .network = {.ground = GROUND_BARE}};
	if (geteuid() != 0)
		skip();
	assert_int_equal(try_one(&trial, false, &facts, &err), -ENOTCONN);
	err = (struct error){0};
	trial.network = (struct trial_network){.ground = GROUND_RUNTIME, .policy = "restricted api.example.test"};
	assert_int_equal(try_one(&trial, true, &facts, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "none: no way to set up network restricted");
	err = (struct error){0};
	trial.network = (struct trial_network){.ground = GROUND_BARE, .victims = "world:1.2.3.4.5.6.7.8.9.10.11"};
	assert_int_equal(try_one(&trial, true, &facts, &err), -EINVAL);
	assert_null(facts);
}

static void test_modes_that_are_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *policy;
		enum network_mode mode;
	} rows[] = {{"none", NETWORK_NONE},
		    {"none 198.51.100.10", NETWORK_NONE},
		    {"restricted", NETWORK_NONE},
		    {"restricted 198.51.100.10", NETWORK_RESTRICTED},
		    {"full", NETWORK_FULL}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum network_mode mode = NETWORK_FULL;
		bool asked = false;
		const struct trial_network network = {.policy = rows[i].policy};
		assert_int_equal(trial_policy_network(&network, &asked, &mode, NULL), 0);
		assert_true(asked);
		assert_int_equal(mode, rows[i].mode);
	}
	bool asked = true;
	enum network_mode mode;
	assert_int_equal(trial_policy_network(&(struct trial_network){0}, &asked, &mode, NULL), 0);
	assert_false(asked);
	assert_int_equal(trial_policy_network(&(struct trial_network){.policy = "some"}, &asked, &mode, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_trial_in_the_controls_place),
		cmocka_unit_test(test_what_cannot_be),
		cmocka_unit_test(test_modes_that_are_asked_for),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
