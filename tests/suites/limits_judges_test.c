/* SPDX-License-Identifier: Apache-2.0 */
/* The oracles of the suite "limits": first what a runtime without limits shows, then what breaks them one by one. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "suites/limits.h"

#define THROUGH "\"ready\":1,\"through\":1,\"exit\":0,\"survivors\":0,\"survivors_gone_ms\":0"
#define ENDED   "\"ready\":1,\"survivors\":0,\"survivors_gone_ms\":0"

struct row {
	judge_function *judge;
	const char *fact;
	int64_t number, number2;
	const char *observed, *control; /* members of the facts; control NULL: none */
	enum status status;
	const char *says; /* in the reason, or where it passes in what was observed */
};

static json_t *facts_of(const char *members)
{
	char text[1024];
	(void)snprintf(text, sizeof(text), "{%s}", members);
	json_t *facts = json_loads(text, 0, NULL);
	if (!facts)
		fail_msg("not JSON: %s", text);
	return facts;
}

static struct verdict judge(const struct row *row, const char *companion, uint64_t mask)
{
	struct verdict verdict = {.status = STATUS_ERROR};
	struct requirement requirement = {
		.control = SESSION_COUNT,
		.judge = row->judge,
		.fact = row->fact,
		.number = row->number,
		.number2 = row->number2,
		.mask = mask,
		.trial = {.limits = "", .load = "load", .companion = companion},
		.control_trial = {.limits = "", .load = row->control ? "load" : NULL},
	};
	struct observation observed = {OBSERVED_DONE, facts_of(row->observed)};
	struct observation control = {OBSERVED_DONE, row->control ? facts_of(row->control) : NULL};
	requirement.judge(&requirement, &observed, row->control ? &control : NULL, &verdict);
	json_decref(observed.facts);
	json_decref(control.facts);
	return verdict;
}

static void judge_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct verdict verdict = judge(&rows[i], NULL, 0);
		const char *text = verdict.status == STATUS_PASS ? verdict.observed : verdict.reason;
		if (verdict.status != rows[i].status || !strstr(text, rows[i].says))
			fail_msg("row %zu: %s, \"%s\" (%s)", i, status_name(verdict.status), text, rows[i].observed);
	}
}

/* --- Nothing limited anything ----------------------------------------------------------------------- */

static const struct row unlimited[] = {
	{judge_limit_killed, NULL, 32, 0, THROUGH ",\"reached_mb\":96,\"at_ms\":60,\"after_ready_ms\":61",
	 THROUGH ",\"reached_mb\":96", STATUS_FAIL, "reached 96 of 32 MiB"},
	/* The load dies of a limit that is twice as wide as it should be. */
	{judge_limit_killed, NULL, 32, 8, ENDED ",\"exit\":137,\"reached_mb\":63,\"at_ms\":60,\"after_ready_ms\":61",
	 THROUGH, STATUS_FAIL, "it reached 63 MiB, the limit is 32"},
	{judge_limit_refused, "tasks", 20, 0, THROUGH ",\"tasks\":61,\"step\":\"fork\",\"errno\":0",
	 THROUGH ",\"tasks\":61", STATUS_FAIL, "61 tasks, the limit is 20"},
	{judge_limit_refused, "descriptors", 40, 0, THROUGH ",\"descriptors\":100,\"step\":\"open\",\"errno\":0",
	 THROUGH ",\"descriptors\":100", STATUS_FAIL, "100 descriptors, the limit is 40"},
	{judge_limit_share, NULL, 500, 0, THROUGH ",\"share_permille\":1990,\"least_permille\":1985,\"cpus\":2",
	 THROUGH ",\"share_permille\":1990", STATUS_FAIL, "1985/1000"},
	{judge_limit_share_at_most, NULL, 500, 0, THROUGH ",\"share_permille\":1990,\"least_permille\":1985,\"cpus\":2",
	 THROUGH ",\"share_permille\":1990", STATUS_FAIL, "1985/1000"},
	{judge_limit_ended, NULL, 500, 0, THROUGH ",\"end_ms\":1220,\"after_ready_ms\":1201", THROUGH, STATUS_FAIL,
	 "it was not ended"},
	{judge_limit_quota, "bytes", 16, 0, THROUGH ",\"bytes\":67108864,\"step\":\"write\",\"errno\":0", THROUGH,
	 STATUS_FAIL, "67108864 bytes, the limit is 16777216"},
	{judge_limit_bounded, "inodes", 500, 70000, THROUGH ",\"inodes\":90000,\"step\":\"create\",\"errno\":0", NULL,
	 STATUS_FAIL, "90000 inodes"},
	/* Where nothing is in force the control of what must survive survives as well. */
	{judge_limit_survives, NULL, 0, 0, THROUGH ",\"bytes_read\":134217728", THROUGH, STATUS_INCONCLUSIVE,
	 "nothing shows that the limit was in force"},
	{judge_limit_clean, NULL, 0, 0, THROUGH ",\"survivors\":8,\"survivors_gone_ms\":-1,\"residue\":\"\"", NULL,
	 STATUS_FAIL, "8 processes are still alive"},
	{judge_limit_exits, NULL, 0, 0, ENDED ",\"exit\":137", NULL, STATUS_FAIL, "exit 137 instead of 0"},
};

static void a_missing_limit_fails(void **state)
{
	(void)state;
	judge_rows(unlimited, ARRAY_SIZE(unlimited));
}

/* --- One by one ------------------------------------------------------------------------------------- */

#define DIED ENDED ",\"exit\":137,\"at_ms\":60"

static const struct row memory[] = {
	{judge_limit_killed, NULL, 32, 0, DIED ",\"reached_mb\":31,\"after_ready_ms\":72", THROUGH, STATUS_PASS,
	 "reached 31 MiB, 0 survivors, gone after 0 ms, dead 12 ms after the breach"},
	{judge_limit_killed, NULL, 32, 8, DIED ",\"reached_mb\":40,\"after_ready_ms\":72", THROUGH, STATUS_PASS, "40"},
	{judge_limit_killed, NULL, 32, 0, DIED ",\"reached_mb\":33,\"after_ready_ms\":72", THROUGH, STATUS_FAIL, "33"},
	{judge_limit_killed, NULL, 32, 0, DIED ",\"reached_mb\":19,\"after_ready_ms\":72", THROUGH, STATUS_FAIL,
	 "far below"},
	{judge_limit_killed, NULL, 32, 0, DIED ",\"reached_mb\":31,\"after_ready_ms\":1061", THROUGH, STATUS_FAIL,
	 "another 1001 ms"},
	/* Only the process that was too large was killed: the rest lives. */
	{judge_limit_killed, NULL, 32, 8, ENDED ",\"exit\":4,\"reached_mb\":31,\"outlived_ms\":3000,\"at_ms\":60",
	 THROUGH, STATUS_FAIL, "was not killed"},
	{judge_limit_killed, NULL, 32, 0,
	 "\"ready\":1,\"exit\":137,\"reached_mb\":31,\"at_ms\":60,\"after_ready_ms\":72,\"survivors\":3,"
	 "\"survivors_gone_ms\":-1",
	 THROUGH, STATUS_FAIL, "3 processes are still alive"},
	{judge_limit_killed, NULL, 32, 0, DIED ",\"reached_mb\":31,\"after_ready_ms\":72",
	 DIED ",\"reached_mb\":31,\"after_ready_ms\":72", STATUS_INCONCLUSIVE, "larger limit either"},
	/* It was no limit that ended it. */
	{judge_limit_killed, NULL, 32, 0, ENDED ",\"exit\":3,\"step\":\"write\",\"errno\":28,\"reached_mb\":30",
	 THROUGH, STATUS_FAIL, "was not killed"},
	{judge_limit_survives, NULL, 0, 0, THROUGH ",\"reached_mb\":128", DIED ",\"reached_mb\":31", STATUS_PASS,
	 "128"},
	{judge_limit_survives, NULL, 0, 0, DIED ",\"reached_mb\":30", DIED ",\"reached_mb\":31", STATUS_FAIL,
	 "must get through"},
};

static void memory_kills_the_whole_sandbox(void **state)
{
	(void)state;
	judge_rows(memory, ARRAY_SIZE(memory));
}

#define FULL ENDED ",\"exit\":3,\"step\":\"write\",\"errno\":28"

static const struct row counts[] = {
	{judge_limit_refused, "tasks", 20, 0, ENDED ",\"exit\":3,\"tasks\":20,\"step\":\"fork\",\"errno\":11", THROUGH,
	 STATUS_PASS, "20 tasks, 0 survivors, gone after 0 ms, fork: EAGAIN"},
	/* One too many or too few is no exact limit. */
	{judge_limit_refused, "tasks", 20, 0, ENDED ",\"exit\":3,\"tasks\":21,\"step\":\"fork\",\"errno\":11", THROUGH,
	 STATUS_FAIL, "21 tasks, the limit is 20"},
	{judge_limit_refused, "tasks", 20, 0, ENDED ",\"exit\":3,\"tasks\":19,\"step\":\"fork\",\"errno\":11", THROUGH,
	 STATUS_FAIL, "refused at 19"},
	{judge_limit_refused, "tasks", 20, 0, ENDED ",\"exit\":3,\"tasks\":20,\"step\":\"fork\",\"errno\":12", THROUGH,
	 STATUS_FAIL, "ENOMEM instead of EAGAIN"},
	{judge_limit_refused, "tasks", 20, 0, ENDED ",\"exit\":3,\"step\":\"fork\",\"errno\":11", THROUGH, STATUS_ERROR,
	 "did not report tasks"},
	{judge_limit_refused, "descriptors", 40, 0,
	 ENDED ",\"exit\":3,\"descriptors\":40,\"step\":\"dup\",\"errno\":24", THROUGH, STATUS_PASS, "40 descriptors"},
	{judge_limit_refused, "descriptors", 40, 0,
	 ENDED ",\"exit\":3,\"descriptors\":40,\"step\":\"dup\",\"errno\":24",
	 ENDED ",\"exit\":3,\"descriptors\":40,\"step\":\"dup\",\"errno\":24", STATUS_INCONCLUSIVE, "larger limit"},
	{judge_limit_quota, "bytes", 16, 0, FULL ",\"bytes\":16777216", THROUGH, STATUS_PASS, "16777216 bytes"},
	{judge_limit_quota, "bytes", 16, 0, FULL ",\"bytes\":15099494", THROUGH, STATUS_PASS, "ENOSPC"},
	{judge_limit_quota, "bytes", 16, 0, FULL ",\"bytes\":15000000", THROUGH, STATUS_FAIL, "refused at 15000000"},
	{judge_limit_quota, "bytes", 16, 0, FULL ",\"bytes\":16777217", THROUGH, STATUS_FAIL, "16777217 bytes"},
	/* A quota for each place lets twice as much through. */
	{judge_limit_quota, "bytes", 16, 0, FULL ",\"bytes\":33554432", THROUGH, STATUS_FAIL, "33554432 bytes"},
	{judge_limit_quota, "bytes", 16, 0, ENDED ",\"exit\":3,\"step\":\"write\",\"errno\":1,\"bytes\":16000000",
	 THROUGH, STATUS_FAIL, "EPERM instead of"},
	{judge_limit_bounded, "inodes", 500, 70000, FULL ",\"inodes\":4000", NULL, STATUS_PASS, "4000 inodes"},
	{judge_limit_bounded, "inodes", 500, 70000, FULL ",\"inodes\":499", NULL, STATUS_FAIL, "refused at 499"},
	{judge_limit_bounded, "inodes", 500, 70000, FULL ",\"inodes\":70001", NULL, STATUS_FAIL, "70001"},
};

static void counts_are_exact(void **state)
{
	(void)state;
	judge_rows(counts, ARRAY_SIZE(counts));
}

#define SHARE(share, least, idle)                                                                                      \
	THROUGH ",\"share_permille\":" share ",\"least_permille\":" least ",\"cpus\":2,\"idle_permille\":" idle

static const struct row shares[] = {
	{judge_limit_share, NULL, 500, 0, SHARE("502", "498", "1480"), SHARE("1000", "990", "900"), STATUS_PASS,
	 "a share of 502/1000, from 498, the machine rested 1480/1000"},
	{judge_limit_share, NULL, 500, 0, SHARE("526", "526", "1400"), SHARE("1000", "990", "900"), STATUS_FAIL, "526"},
	/* The rhythm was shifted in one window, not the limit exceeded. */
	{judge_limit_share, NULL, 500, 0, SHARE("540", "515", "300"), SHARE("1000", "990", "900"), STATUS_PASS, "540"},
	{judge_limit_share, NULL, 500, 0, SHARE("460", "440", "100"), SHARE("1000", "990", "900"), STATUS_INCONCLUSIVE,
	 "the machine was busy"},
	/* Over a few periods it had all of it: the rest of the time others had the machine. */
	{judge_limit_share, NULL, 500, 0, SHARE("460", "440", "100") ",\"best_permille\":498",
	 SHARE("1000", "990", "900"), STATUS_PASS, "from 440, to 498/1000"},
	{judge_limit_share, NULL, 500, 0, SHARE("250", "248", "1720"), SHARE("1000", "990", "900"), STATUS_FAIL,
	 "nobody else wanted more"},
	{judge_limit_share, NULL, 500, 0, THROUGH ",\"share_permille\":250,\"least_permille\":250",
	 SHARE("1000", "990", "900"), STATUS_INCONCLUSIVE, "busy"},
	{judge_limit_share, NULL, 500, 0, SHARE("502", "498", "1480"), SHARE("520", "500", "900"), STATUS_INCONCLUSIVE,
	 "it got no more"},
	{judge_limit_share, NULL, 500, 0, THROUGH, SHARE("520", "500", "900"), STATUS_ERROR, "share_permille"},
	{judge_limit_share_at_most, NULL, 500, 0, SHARE("400", "390", "1600"), SHARE("1000", "990", "900"), STATUS_PASS,
	 "400"},
	{judge_limit_share_at_most, NULL, 500, 0, SHARE("700", "600", "1300"), SHARE("1000", "990", "900"), STATUS_FAIL,
	 "600"},
	{judge_limit_share_at_most, NULL, 500, 0, SHARE("502", "498", "1480") ",\"best_permille\":620",
	 SHARE("1000", "990", "900"), STATUS_PASS, "502"},
	{judge_limit_share_at_most, NULL, 500, 0, SHARE("502", "498", "1480") ",\"best_permille\":980",
	 SHARE("1000", "990", "900"), STATUS_FAIL, "980"},
};

static void only_too_much_is_a_failure_on_a_busy_machine(void **state)
{
	(void)state;
	judge_rows(shares, ARRAY_SIZE(shares));
}

#define OVER "\"ready\":1,\"exit\":124"

static const struct row ends[] = {
	{judge_limit_ended, NULL, 500, 0, OVER ",\"end_ms\":502,\"after_ready_ms\":480,\"survivors_gone_ms\":0",
	 THROUGH, STATUS_PASS, "exit 124 after 480 ms"},
	{judge_limit_ended, NULL, 500, 0, OVER ",\"end_ms\":440,\"after_ready_ms\":420,\"survivors_gone_ms\":0",
	 THROUGH, STATUS_FAIL, "ended after 440 ms"},
	{judge_limit_ended, NULL, 500, 0, OVER ",\"end_ms\":1050,\"after_ready_ms\":1001,\"survivors_gone_ms\":0",
	 THROUGH, STATUS_FAIL, "501 ms late"},
	/* Only the first process was ended. */
	{judge_limit_ended, NULL, 500, 0,
	 OVER ",\"end_ms\":502,\"after_ready_ms\":480,\"survivors\":4,\"survivors_gone_ms\":710", THROUGH, STATUS_FAIL,
	 "lived for another 710 ms"},
	{judge_limit_ended, NULL, 500, 0,
	 OVER ",\"end_ms\":502,\"after_ready_ms\":480,\"survivors\":4,\"survivors_gone_ms\":-1", THROUGH, STATUS_FAIL,
	 "4 processes are still alive"},
	{judge_limit_ended, NULL, 500, 0,
	 "\"ready\":1,\"exit\":137,\"end_ms\":502,\"after_ready_ms\":480,\"survivors_gone_ms\":0", THROUGH, STATUS_FAIL,
	 "exit 137 instead of 124"},
	{judge_limit_ended, NULL, 500, 0, OVER ",\"end_ms\":502,\"after_ready_ms\":480,\"survivors_gone_ms\":0",
	 OVER ",\"end_ms\":502", STATUS_INCONCLUSIVE, "larger limit"},
	{judge_limit_clean, NULL, 143, 0, ENDED ",\"exit\":143,\"residue\":\"\",\"residue_removed\":\"\"", NULL,
	 STATUS_PASS, "exit 143"},
	{judge_limit_clean, NULL, 143, 0, ENDED ",\"exit\":137,\"residue\":\"\"", NULL, STATUS_FAIL,
	 "137 instead of 143"},
	{judge_limit_clean, NULL, 0, 0, ENDED ",\"exit\":0,\"residue\":\"cgroup /sys/fs/cgroup/pids/x\"", NULL,
	 STATUS_FAIL, "cgroup /sys/fs/cgroup/pids/x"},
	{judge_limit_clean, NULL, 0, 0, ENDED ",\"exit\":0", NULL, STATUS_ERROR, "did not look"},
	/* A monitor that was killed can remove nothing: what the kernel does not take back is for `delete`. */
	{judge_limit_clean, NULL, -9, 0,
	 ENDED ",\"signal\":9,\"residue\":\"cgroup /sys/fs/cgroup/pids/x; file /run/x\",\"residue_removed\":\"\"", NULL,
	 STATUS_PASS, "killed by SIGKILL"},
	{judge_limit_clean, NULL, -9, 0,
	 ENDED ",\"signal\":9,\"residue\":\"cgroup /x\",\"residue_removed\":\"cgroup /x\"", NULL, STATUS_FAIL,
	 "after the sandbox was removed"},
	{judge_limit_clean, NULL, -9, 0,
	 ENDED ",\"signal\":9,\"residue\":\"cgroup /x; loop3 deleted\",\"residue_removed\":\"\"", NULL, STATUS_FAIL,
	 "loop3"},
	{judge_limit_clean, NULL, -9, 0,
	 "\"ready\":1,\"signal\":9,\"survivors\":9,\"survivors_gone_ms\":-1,\"residue\":\"\"", NULL, STATUS_FAIL,
	 "9 processes"},
	{judge_limit_exits, NULL, 7, 0, ENDED ",\"exit\":7", NULL, STATUS_PASS, "exit 7"},
};

static void an_end_leaves_nobody(void **state)
{
	(void)state;
	judge_rows(ends, ARRAY_SIZE(ends));
}

/* --- Nothing was measured --------------------------------------------------------------------------- */

static const struct row unmeasured[] = {
	{judge_limit_killed, NULL, 32, 0, "\"exit\":125,\"stderr\":\"agentcore: no memory cgroup\"", THROUGH,
	 STATUS_ERROR, "did not start: agentcore: no memory cgroup"},
	{judge_limit_killed, NULL, 32, 0, "\"exit\":1,\"broken\":1,\"step\":\"memfd_create\",\"errno\":1", THROUGH,
	 STATUS_ERROR, "could not be set up"},
	{judge_limit_ended, NULL, 500, 0, OVER ",\"broken\":1", THROUGH, STATUS_ERROR, "the load broke"},
	{judge_limit_exits, NULL, 137, 0, "\"exit\":137,\"stderr\":\"\"", NULL, STATUS_ERROR, "did not start"},
	{judge_limit_refused, "tasks", 20, 0, ENDED ",\"exit\":3,\"tasks\":20,\"errno\":11",
	 "\"exit\":125,\"stderr\":\"no\"", STATUS_INCONCLUSIVE, "in the control the load did not start: no"},
};

static void what_did_not_start_proves_nothing(void **state)
{
	(void)state;
	judge_rows(unmeasured, ARRAY_SIZE(unmeasured));
}

static void a_control_that_was_not_tried_is_missed(void **state)
{
	(void)state;
	struct verdict verdict = {.status = STATUS_ERROR};
	struct requirement requirement = {
		.control = SESSION_COUNT, .number = 7, .trial.load = "exit 7", .control_trial.load = "exit 7"};
	struct observation observed = {OBSERVED_DONE, facts_of(ENDED ",\"exit\":7")};
	judge_limit_exits(&requirement, &observed, NULL, &verdict);
	assert_int_equal(verdict.status, STATUS_INCONCLUSIVE);
	json_decref(observed.facts);
}

static void a_timeout_is_one(void **state)
{
	(void)state;
	struct verdict verdict = {.status = STATUS_ERROR};
	struct requirement requirement = {.control = SESSION_COUNT, .number = 500, .trial.load = "sleep 1200"};
	struct observation observed = {OBSERVED_TIMEOUT, NULL};
	judge_limit_ended(&requirement, &observed, NULL, &verdict);
	assert_int_equal(verdict.status, STATUS_TIMEOUT);
}

/* --- Bystanders ------------------------------------------------------------------------------------- */

static const char *const killed_beside[] = {
	",\"companion_exit\":0,\"companion_through\":1",
	",\"companion_exit\":137",
	",\"companion_exit\":0",
	"",
};

static void the_neighbour_must_be_unharmed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(killed_beside); i++) {
		char observed[512];
		(void)snprintf(observed, sizeof(observed), "%s,\"reached_mb\":31,\"after_ready_ms\":72%s", DIED,
			       killed_beside[i]);
		struct row row = {.judge = judge_limit_killed, .number = 32, .observed = observed, .control = THROUGH};
		struct verdict verdict = judge(&row, "heap 8 1500", 0);
		assert_int_equal(verdict.status, i == 0 ? STATUS_PASS : STATUS_FAIL);
	}
}

static void the_container_of_an_execution_lives_on(void **state)
{
	(void)state;
	struct row row = {.judge = judge_limit_killed, .number = 32, .control = THROUGH};
	row.observed = DIED ",\"reached_mb\":31,\"after_ready_ms\":72,\"sandbox_alive\":1";
	assert_int_equal(judge(&row, NULL, LIMITS_CONTAINER_LIVES).status, STATUS_PASS);
	row.observed = DIED ",\"reached_mb\":31,\"after_ready_ms\":72,\"sandbox_alive\":0";
	assert_int_equal(judge(&row, NULL, LIMITS_CONTAINER_LIVES).status, STATUS_FAIL);
	assert_int_equal(judge(&row, NULL, 0).status, STATUS_PASS);
}

/* Killed with its container is no answer where the deadline was the execution's own. */
static void an_execution_may_go_down_with_its_container(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct verdict verdict = {.status = STATUS_ERROR};
		struct requirement requirement = {
			.control = SESSION_COUNT,
			.number = 400,
			.mask = i == 0 ? 0 : LIMITS_CONTAINER_LIVES,
			.trial = {.limits = "", .load = "sleep 3000", .tier = TRIAL_EXEC},
		};
		struct observation observed = {
			OBSERVED_DONE, facts_of("\"ready\":1,\"exit\":137,\"end_ms\":402,\"after_ready_ms\":380,"
						"\"survivors_gone_ms\":0,\"sandbox_alive\":1")};
		judge_limit_ended(&requirement, &observed, NULL, &verdict);
		assert_int_equal(verdict.status, i == 0 ? STATUS_PASS : STATUS_FAIL);
		json_decref(observed.facts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_limit_fails),
		cmocka_unit_test(memory_kills_the_whole_sandbox),
		cmocka_unit_test(counts_are_exact),
		cmocka_unit_test(only_too_much_is_a_failure_on_a_busy_machine),
		cmocka_unit_test(an_end_leaves_nobody),
		cmocka_unit_test(what_did_not_start_proves_nothing),
		cmocka_unit_test(a_control_that_was_not_tried_is_missed),
		cmocka_unit_test(a_timeout_is_one),
		cmocka_unit_test(the_neighbour_must_be_unharmed),
		cmocka_unit_test(the_container_of_an_execution_lives_on),
		cmocka_unit_test(an_execution_may_go_down_with_its_container),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
