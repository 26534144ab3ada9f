/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict.h"

#include <stddef.h>
#include <string.h>

#include "base/array.h"
#include "harness/requirement.h"

static const char *const statuses[STATUS_COUNT] = {
	[STATUS_PASS] = "PASS",
	[STATUS_FAIL] = "FAIL",
	[STATUS_XFAIL] = "XFAIL",
	[STATUS_XPASS] = "XPASS",
	[STATUS_NOT_APPLICABLE] = "NOT_APPLICABLE",
	[STATUS_UNSUPPORTED] = "UNSUPPORTED",
	[STATUS_SKIP] = "SKIP",
	[STATUS_INCONCLUSIVE] = "INCONCLUSIVE",
	[STATUS_TIMEOUT] = "TIMEOUT",
	[STATUS_CRASH] = "CRASH",
	[STATUS_ERROR] = "ERROR",
};

static const char *const sessions[SESSION_COUNT] = {
	[SESSION_FULL] = "full",
	[SESSION_USER] = "user",
	[SESSION_SECCOMP_ALONE] = "seccomp-alone",
	[SESSION_CAPABILITIES_ALONE] = "capabilities-alone",
	[SESSION_NO_NEW_PRIVS_ALONE] = "no-new-privs-alone",
	[SESSION_MAC_ALONE] = "mac-alone",
	[SESSION_LANDLOCK_ALONE] = "landlock-alone",
	[SESSION_RLIMITS_ALONE] = "rlimits-alone",
	[SESSION_BARE] = "bare",
	[SESSION_BARE_USER] = "bare-user",
};

const char *status_name(enum status status)
{
	return (size_t)status < ARRAY_SIZE(statuses) ? statuses[status] : "?";
}

int status_from_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (strcmp(statuses[i], name) == 0)
			return (int)i;
	return -1;
}

const char *level_name(enum level level)
{
	return level == LEVEL_MUST ? "MUST" : "SHOULD";
}

const char *session_kind_name(enum session_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(sessions) ? sessions[kind] : "none";
}

bool session_kind_is_alone(enum session_kind kind)
{
	return kind >= SESSION_SECCOMP_ALONE && kind <= SESSION_RLIMITS_ALONE;
}

const char *requirement_place(const struct requirement *requirement)
{
	if (!requirement->trial.load)
		return session_kind_name(requirement->session);
	return requirement->trial.tier == TRIAL_EXEC ? "trial-exec" : "trial";
}
