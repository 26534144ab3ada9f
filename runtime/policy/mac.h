/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mandatory access rules: rows from which both back ends are made, Landlock's ruleset (enforce/landlock.h) and AppArmor's profile
 * (policy/apparmor_profile.h).  A template is the set of rows that carry its bit.
 */
#ifndef POLICY_MAC_H
#define POLICY_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

enum mac_template {
	MAC_MINIMAL, /* agentcore-minimal */
	MAC_STANDARD, /* agentcore-standard */
	MAC_DOCKER_DEFAULT, /* docker-default */
	MAC_UNCONFINED, /* unconfined: no rules, no confinement */
	MAC_TEMPLATE_COUNT,
};

/* What a row grants; the sum of the rows is all that a confined process may do. */
enum mac_access {
	MAC_READ = 1, /* read files and directories */
	MAC_WRITE = 2, /* write, truncate, create, remove, rename, link */
	MAC_EXECUTE = 4,
	MAC_DEVICE = 8, /* ioctl on device files */
	MAC_LIST = 16, /* list directories: names alone (part of MAC_READ) */
};

struct mac_row {
	const char *path; /* absolute, inside; a directory means all beneath it */
	uint8_t access; /* enum mac_access */
	uint8_t templates; /* bit per enum mac_template */
	bool writable_root; /* the row counts only where read_only_filesystem is false */
	const char *why;
};

extern const struct mac_row mac_rows[];
extern const size_t mac_row_count;

/* The row counts for a template, under a root that is writable or not. */
bool mac_row_counts(const struct mac_row *row, enum mac_template template_, bool writable_root);

/* A path that a template does not know and that the command line grants: a bind's destination. */
struct mac_grant {
	const char *path;
	bool writable;
};

/* What the grant comes to under the template: enum mac_access. */
unsigned mac_grant_access(const struct mac_grant *grant, enum mac_template template_);

/*
 * May what is written in the writable places be executed?  Where it may not, they are mounted noexec as well: Landlock refuses execve(2), but
 * not that a library is mapped.
 */
bool mac_written_executes(const struct policy *policy);

/* What is no file: rules for AppArmor alone.  What Landlock does not do of them, and who does: recipe/layers.h. */
enum mac_when {
	MAC_ALWAYS,
	MAC_UNLESS_GRANTED, /* the policy's capabilities have not .capability */
	MAC_IF_GRANTED,
	MAC_IF_NETWORK, /* the sandbox has a network */
};

struct mac_rule {
	const char *text; /* in AppArmor's language, without the comma; %s: the profile's own name */
	uint8_t templates;
	enum mac_when when;
	int capability; /* number, for the two _GRANTED */
	const char *why;
};

extern const struct mac_rule mac_rules[];
extern const size_t mac_rule_count;

bool mac_rule_counts(const struct mac_rule *rule, enum mac_template template_, const struct policy *policy);

/* The template of a policy's apparmor_profile name; 0, or -EINVAL with a suggestion. */
int mac_template_from_name(enum mac_template *template_, const char *name, struct error *err);
const char *mac_template_name(enum mac_template template_);

#endif
