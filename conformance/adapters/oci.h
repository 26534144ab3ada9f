/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OCI adapter in five parts: oci_config.c says the policy in the words of a config.json, oci_profile.c its seccomp
 * profile, oci_bundle.c lays the root file system, oci_writable.c what of the host may be written in it, oci.c starts and
 * removes the container.
 */
#ifndef ADAPTERS_OCI_H
#define ADAPTERS_OCI_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "harness/adapter.h"

/* Which layers a kind of session has. */
struct oci_layers {
	bool known; /* OCI can express the kind at all */
	bool sandbox; /* user namespace, own root, masks; false: the bare control's root and namespaces */
	bool user; /* the command runs as uid and gid 1000 */
	bool seccomp, capabilities, no_new_privs, rlimits, cgroups;
};

const struct oci_layers *oci_layers(enum session_kind kind);

/* Ids of the container are these on the host: above every range that /etc/subuid or systemd-nspawn hands out. */
#define OCI_ID_BASE 1879048192U
#define OCI_ID_SIZE 65536U

#define OCI_MEMLOCK_BYTES 65536
#define OCI_CPU_PERIOD_US 100000

struct oci_config_input {
	const struct adapter_launch *launch;
	const char *bundle; /* of the container; with "/rootfs" or "/root" its root file system */
	const char *cgroups_path; /* linux.cgroupsPath, or NULL: none, and with it no linux.resources */
	bool cgroup_v2; /* the memory controller is v2's, which can kill the whole group */
	json_t *seccomp; /* linux.seccomp, borrowed, or NULL */
};

/* A fresh config.json document (runtime-spec 1.0.2).  NULL with err set. */
json_t *oci_config_build(const struct oci_config_input *input, struct error *err);

/*
 * linux.seccomp of the launch's policy as the agentcore program writes it for Docker and its kind; its files go into bundle.
 * A fresh document, or NULL with err set.
 */
json_t *oci_profile_generate(const struct adapter *adapter, const struct adapter_launch *launch, const char *bundle,
			     struct error *err);

/* The host's directories that become the container's, read-only; NULL-terminated. */
extern const char *const oci_host_directories[];

/* Host files beneath /etc that become the container's, read-only, where the host has them; NULL-terminated. */
extern const char *const oci_host_etc[];

/* Is there something that the container can share at path: a directory or file that is not a link? */
bool oci_host_has(const char *path);

/*
 * Lay bundle/rootfs: mount points, the links that the host has among its top-level directories, and a minimal /etc.
 * All of it is owned by OCI_ID_BASE (owner), so that inside it is root's.  0, or a negative errno with err set.
 */
int oci_bundle_lay(const char *bundle, uint32_t owner, struct error *err);

/*
 * Lay writable copies of the host's directories beneath BUNDLE/writable, in the caller's mount namespace, which must be
 * private.  user_namespace: their files shall belong to the container's ids.  0, or a negative errno with err set.
 */
int oci_writable_lay(const char *bundle, bool user_namespace, struct error *err);

/* Where the copy of a host directory will be. */
void oci_writable_path(char path[PATH_MAX], const char *bundle, const char *directory);

/* Remove a tree; never follows a link nor leaves the file system.  Accepts a path that is not there. */
void oci_bundle_remove(const char *path);

#endif
