/* SPDX-License-Identifier: Apache-2.0 */
/* A policy's system calls in the seccomp format of Docker and OCI, which Docker, Podman and Kubernetes load as it is. */
#ifndef POLICY_SECCOMP_JSON_H
#define POLICY_SECCOMP_JSON_H

#include "policy/policy.h"

/*
 * The document, with a newline at its end; the caller frees *text.  Unknown numbers get ENOSYS by
 * default; a known call that is denied, or whose conditions fail, has an entry with its errno and
 * the reason as comment.  0, or -ENOMEM.
 */
int seccomp_json(const struct policy *policy, char **text, struct error *err);

#endif
