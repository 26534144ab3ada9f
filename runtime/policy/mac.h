/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mandatory access rules: rows from which every MAC back end is made (Landlock now, AppArmor
 * by the same rows).  A template is the set of rows that carry its bit.
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

/* The template of a policy's apparmor_profile name; 0, or -EINVAL with a suggestion. */
int mac_template_from_name(enum mac_template *template_, const char *name, struct error *err);
const char *mac_template_name(enum mac_template template_);

#endif
