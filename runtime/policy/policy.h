/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE MODEL: what one sandbox may do.
 *
 * A struct policy is complete: the profile's defaults have been filled in, the document's fields
 * laid over them, and every value checked.  Whatever enforces or judges a sandbox takes a
 * const struct policy * and nothing else.  The field names of the JSON document are those of
 * runtime/policy/policy.schema.json.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum profile {
	PROFILE_MINIMAL,
	PROFILE_STANDARD, /* the default */
	PROFILE_PRIVILEGED,
	PROFILE_COUNT,
};

enum network_mode {
	NETWORK_NONE,
	NETWORK_RESTRICTED, /* with no allowed host: loopback only */
	NETWORK_FULL,
};

/* What happens where the kernel has no AppArmor. */
enum apparmor_fallback {
	APPARMOR_FALLBACK_LANDLOCK, /* the equivalent Landlock ruleset (default) */
	APPARMOR_FALLBACK_REFUSE, /* the sandbox is not started */
};

/* What happens where an event cannot be written to the audit log. */
enum audit_failure {
	AUDIT_FAILURE_CONTINUE, /* it is reported, and the sandbox runs (default) */
	AUDIT_FAILURE_REFUSE, /* the sandbox is not started */
};

/* One quantity that can be limited.  The rows are in policy/limits.h. */
enum limit {
	LIMIT_MEMORY_MB,
	LIMIT_CPU_CORES, /* max_cpu_percent / 100 in the execution tier */
	LIMIT_WALL_SECONDS,
	LIMIT_FILE_DESCRIPTORS,
	LIMIT_PROCESSES, /* threads included */
	LIMIT_STORAGE_MB,
	LIMIT_NETWORK_REQUESTS,
	LIMIT_COUNT,
};

/* Limits of one tier.  An unset limit imposes nothing. */
struct limits {
	double value[LIMIT_COUNT];
	bool set[LIMIT_COUNT]; /* in force, from the document or from the profile's default */
	bool explicit_[LIMIT_COUNT]; /* named by the document or the command line */
};

struct string_list {
	char **items; /* owned, each and all */
	size_t count;
};

#define POLICY_AGENT_ID_MAX 64
#define POLICY_NAME_MAX     64

struct policy {
	char agent_id[POLICY_AGENT_ID_MAX + 1]; /* [A-Za-z0-9][A-Za-z0-9_-]{0,63}; default "default" */
	enum profile profile;
	char seccomp_profile[POLICY_NAME_MAX + 1]; /* agentcore-minimal | agentcore-standard | agentcore-privileged */
	char apparmor_profile[POLICY_NAME_MAX +
			      1]; /* a template: agentcore-minimal | agentcore-standard | docker-default | unconfined */
	enum apparmor_fallback apparmor_fallback;
	enum audit_failure audit_failure;
	uint64_t capabilities; /* effective set: the profile's and allowed_capabilities; bit N is capability number N */
	struct string_list allowed_syscalls; /* names as written; known names, checked */
	struct string_list blocked_syscalls; /* after expansion of the fork family */
	bool read_only_filesystem;
	bool no_new_privileges;
	bool user_namespace;

	struct limits container; /* resource_limits */
	struct limits execution; /* execution_limits */

	enum network_mode network; /* after allow_network and max_network_requests: 0 */
	struct string_list allowed_hosts;
	struct string_list permissions;
};

/* A policy with nothing but a profile's defaults. */
void policy_defaults(struct policy *policy, enum profile profile);

/* Release what the policy holds; the struct can be reused.  Accepts a zeroed one. */
void policy_clear(struct policy *policy);

/*
 * Read, validate and complete a policy document.
 *
 * name is shown in messages (the file).  On success *policy is filled in (release with
 * policy_clear).  On failure *policy is untouched, err->text is
 * "NAME: $.path.to.key: what is wrong" and err->hint suggests the remedy.
 * Returns 0 or a negative errno (-EINVAL for a bad document).
 */
int policy_parse(struct policy *policy, const char *name, const char *json, size_t length, struct error *err);

/* The same from a file; "-" is standard input.  At most 1 MiB. */
int policy_load(struct policy *policy, const char *path, struct error *err);

/*
 * Set one container-tier limit from "max_memory_mb=64", as --limit gives it; the keys of both tiers
 * are known (a key of the execution tier sets that tier).  0 or -EINVAL with err set.
 */
int policy_set_limit(struct policy *policy, const char *assignment, struct error *err);

/*
 * The limit in force: the smaller of the two tiers.  Returns false when neither sets it, and leaves
 * *value as it is.
 */
bool policy_limit(const struct policy *policy, enum limit limit, double *value);

/* All of them together: for each limit the smaller of the two tiers, and explicit_ where the document named that one. */
void policy_limits_in_force(const struct policy *policy, struct limits *limits);

/* "minimal", "standard", "privileged". */
const char *profile_name(enum profile profile);

/* The profile of that name.  0, or -EINVAL with a suggestion in err. */
int profile_from_name(enum profile *profile, const char *name, struct error *err);

/* "none", "restricted", "full"; and back. */
const char *network_mode_name(enum network_mode mode);
int network_mode_from_name(enum network_mode *mode, const char *name, struct error *err);

#endif
