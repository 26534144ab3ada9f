/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions against a runtime that isolates nothing, and against programs that are no probe. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fake_adapter.h"
#include "harness/hostpid.h"
#include "harness/session.h"

static struct adapter fake = {.class = &fake_class};

static struct session *open_session(void)
{
	static struct policy policy;
	const struct adapter_launch launch = {.kind = SESSION_FULL, .policy = &policy};
	struct session *session = NULL;
	struct error err = {0};
	assert_int_equal(session_open(&session, &fake, &launch, &err), 0);
	return session;
}

static void close_session(struct session *session, int expected_status)
{
	int status = -1;
	session_close(session, &status);
	assert_int_equal(status, expected_status);
	/* Nothing is left of it. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void assert_state(struct session *session, const char *request, int timeout_ms, enum observed_state state)
{
	struct observation observation;
	struct error err = {0};
	assert_int_equal(session_ask(session, request, timeout_ms, &observation, &err), 0);
	assert_int_equal(observation.state, state);
	assert_true(json_is_object(observation.facts));
	json_decref(observation.facts);
}

static void test_ask(void **state)
{
	struct session *session = open_session();
	struct observation observation;
	struct error err = {0};
	(void)state;
	assert_state(session, "noop", 0, OBSERVED_DONE);
	assert_state(session, "nonesuch", 0, OBSERVED_UNKNOWN_PROBE);
	assert_int_equal(session_ask(session, "exec 2000 sh -c echo%20a%25b;exit%203", 0, &observation, &err), 0);
	assert_string_equal(json_string_value(json_object_get(observation.facts, "stdout")), "a%b\n");
	assert_int_equal(json_integer_value(json_object_get(observation.facts, "exit")), 3);
	json_decref(observation.facts);
	close_session(session, 0);
}

static void test_pipelined(void **state)
{
	enum { COUNT = 400 };
	static struct question questions[COUNT];
	struct session *session = open_session();
	(void)state;
	for (int i = 0; i < COUNT; i++)
		questions[i] = (struct question){.request = i == 200 ? "nonesuch" : "noop"};
	session_queue(session, questions, COUNT);
	while (session_busy(session))
		assert_int_equal(sessions_wait(&session, 1, -1, 5000), 0);
	assert_int_equal(session_answered(session), COUNT);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(questions[i].observation.state, i == 200 ? OBSERVED_UNKNOWN_PROBE : OBSERVED_DONE);
		json_decref(questions[i].observation.facts);
	}
	close_session(session, 0);
}

static void test_two_at_once(void **state)
{
	struct session *sessions[] = {open_session(), open_session()};
	struct question questions[] = {{.request = "noop"}, {.request = "noop"}};
	(void)state;
	session_queue(sessions[0], &questions[0], 1);
	session_queue(sessions[1], &questions[1], 1);
	while (session_busy(sessions[0]) || session_busy(sessions[1]))
		assert_int_equal(sessions_wait(sessions, 2, -1, 5000), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(questions[i].observation.state, OBSERVED_DONE);
		json_decref(questions[i].observation.facts);
	}
	session_close(sessions[0], NULL);
	close_session(sessions[1], 0);
}

static void test_host_pid(void **state)
{
	struct session *session = open_session();
	(void)state;
	assert_state(session, "noop", 0, OBSERVED_DONE);
	const struct host_context *context = session_host_context(session);
	assert_true(context->probe_pid > 0);
	assert_int_equal(kill(context->probe_pid, 0), 0);
	assert_int_equal(hostpid_find(context->token), context->probe_pid);
	assert_int_equal(hostpid_find("token-nobody"), 0);
	close_session(session, 0);
}

static void test_unsupported(void **state)
{
	static struct policy policy;
	const struct adapter_launch launch = {.kind = SESSION_MAC_ALONE, .policy = &policy};
	struct session *session = NULL;
	struct error err = {0};
	(void)state;
	assert_int_equal(session_open(&session, &fake, &launch, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "not by a fake");
	assert_null(session);
}

/* Runs other programs in place of the probe. */
static void assert_no_probe(char *const *command, const char *message, int status)
{
	struct observation observation;
	struct error err = {0};
	fake_command = command;
	struct session *session = open_session();
	fake_command = NULL;
	assert_int_equal(session_ask(session, "noop", 1, &observation, &err), -EPIPE);
	if (!strstr(err.text, message))
		fail_msg("\"%s\" lacks \"%s\"", err.text, message);
	assert_true(session_dead(session));
	close_session(session, status);
}

static char sh[] = "/bin/sh", dash_c[] = "-c";

static void test_runtime_fails(void **state)
{
	static char script[] = "echo no such thing >&2; exit 3";
	char *const command[] = {sh, dash_c, script, NULL};
	(void)state;
	assert_no_probe(command, "the runtime ended with status 3: no such thing", 3 << 8);
}

static void test_runtime_is_killed(void **state)
{
	static char script[] = "kill -KILL $$";
	char *const command[] = {sh, dash_c, script, NULL};
	(void)state;
	assert_no_probe(command, "killed by SIGKILL", SIGKILL);
}

static void test_not_our_answer(void **state)
{
	static char script[] = "echo hello; exec sleep 100";
	char *const command[] = {sh, dash_c, script, NULL};
	(void)state;
	assert_no_probe(command, "not its answer", SIGTERM);
}

/* An answer to another question is none to this one. */
static void test_wrong_id(void **state)
{
	static char script[] = "echo '{\"id\":7,\"state\":\"done\",\"facts\":{}}'; exec sleep 100";
	char *const command[] = {sh, dash_c, script, NULL};
	(void)state;
	assert_no_probe(command, "not its answer", SIGTERM);
}

static void test_silent(void **state)
{
	static char script[] = "trap '' TERM; exec sleep 100";
	char *const command[] = {sh, dash_c, script, NULL};
	(void)state;
	assert_no_probe(command, "did not answer in time", SIGKILL);
}

static void test_dies_between(void **state)
{
	struct session *session = open_session();
	struct observation observation;
	struct error err = {0};
	(void)state;
	assert_state(session, "noop", 0, OBSERVED_DONE);
	assert_int_equal(kill(session_host_context(session)->probe_pid, SIGKILL), 0);
	assert_int_equal(session_ask(session, "noop", 0, &observation, &err), -EPIPE);
	assert_non_null(strstr(err.text, "SIGKILL"));
	close_session(session, SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_host_pid),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_runtime_fails),
		cmocka_unit_test(test_runtime_is_killed),
		cmocka_unit_test(test_not_our_answer),
		cmocka_unit_test(test_wrong_id),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_dies_between),
	};
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
