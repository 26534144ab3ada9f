/* SPDX-License-Identifier: Apache-2.0 */
/* Where generated profiles are kept: DIRECTORY/KIND/{agent_id}-{profile_name}.EXTENSION */
#ifndef POLICY_PROFILE_STORE_H
#define POLICY_PROFILE_STORE_H

#include <stddef.h>

#include "policy/policy.h"

#define PROFILE_STORE_DEFAULT "/tmp/agentcore-profiles"

/*
 * Write a generated profile and put its path into path.
 *
 * directory and its subdirectory kind ("seccomp") are made where they are missing (0755).  /tmp is
 * hostile: a directory that is a link, is not the caller's, or can be written by others is refused;
 * the file is written under a name of its own and renamed, so that a link or a pipe in its place is
 * replaced and never opened.  0, or a negative errno (-EPERM for a directory that is not to be trusted).
 */
int profile_store(const struct policy *policy, const char *directory, const char *kind, const char *extension,
		  const char *text, char *path, size_t path_size, struct error *err);

#endif
