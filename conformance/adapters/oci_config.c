/* SPDX-License-Identifier: Apache-2.0 */
/* The policy in the words of the OCI runtime specification. */
#include "adapters/oci.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include "adapters/spawn.h"
#include "base/array.h"

#define USER_ID 1000

/* Docker's defaults, which OCI users get; typed here on purpose and not taken from the reference runtime's tables. */
static const char *const masked_paths[] = {
	"/proc/asound",      "/proc/interrupts",    "/proc/acpi",       "/proc/kcore",
	"/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};
static const char *const read_only_paths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

static const struct oci_layers layers_of[SESSION_COUNT] = {
	[SESSION_FULL] = {.known = true,
			  .sandbox = true,
			  .seccomp = true,
			  .capabilities = true,
			  .no_new_privs = true,
			  .rlimits = true,
			  .cgroups = true},
	[SESSION_USER] = {.known = true,
			  .sandbox = true,
			  .user = true,
			  .seccomp = true,
			  .capabilities = true,
			  .no_new_privs = true,
			  .rlimits = true,
			  .cgroups = true},
	/* Without no_new_privs these runtimes install the filter before they change user, which a strict one forbids. */
	[SESSION_SECCOMP_ALONE] = {.known = true, .seccomp = true, .no_new_privs = true},
	[SESSION_CAPABILITIES_ALONE] = {.known = true, .capabilities = true},
	[SESSION_NO_NEW_PRIVS_ALONE] = {.known = true, .no_new_privs = true, .user = true},
	[SESSION_RLIMITS_ALONE] = {.known = true, .rlimits = true},
};

const struct oci_layers *oci_layers(enum session_kind kind)
{
	return &layers_of[kind];
}

static json_t *string_array(const char *const *items, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(items[i]));
	return array;
}

/* ---- process ---- */

/* The names of the set's members that a process of ours can have at all, as the specification writes them. */
static json_t *capability_array(uint64_t set)
{
	json_t *array = json_array();
	for (cap_value_t number = 0; number < 64; number++) {
		if (!(set >> number & 1))
			continue;
		char *name = cap_to_name(number);
		for (char *at = name; at && *at; at++)
			*at = (char)toupper((unsigned char)*at);
		json_array_append_new(array, json_string(name));
		(void)cap_free(name);
	}
	return array;
}

static uint64_t own_bounding_set(void)
{
	uint64_t set = 0;
	for (cap_value_t number = 0; number < 64; number++) {
		if (cap_get_bound(number) == 1)
			set |= 1ULL << number;
	}
	return set;
}

/* A command that is not root has, as under Docker, nothing but the bound: exec would drop the rest anyway. */
static json_t *capabilities(const struct adapter_launch *launch)
{
	const struct oci_layers *layers = oci_layers(launch->kind);
	uint64_t set = layers->capabilities ? launch->policy->capabilities : own_bounding_set();
	uint64_t effective = layers->user ? 0 : set;
	return json_pack("{s:o, s:o, s:o, s:[], s:[]}", "bounding", capability_array(set), "effective",
			 capability_array(effective), "permitted", capability_array(effective), "inheritable",
			 "ambient");
}

static void add_rlimit(json_t *array, const char *type, json_int_t value)
{
	json_array_append_new(array, json_pack("{s:s, s:I, s:I}", "type", type, "soft", value, "hard", value));
}

static json_t *rlimits(const struct adapter_launch *launch)
{
	json_t *array = json_array();
	double descriptors;
	if (!oci_layers(launch->kind)->rlimits)
		return array;
	if (policy_limit(launch->policy, LIMIT_FILE_DESCRIPTORS, &descriptors))
		add_rlimit(array, "RLIMIT_NOFILE", (json_int_t)descriptors);
	add_rlimit(array, "RLIMIT_CORE", 0);
	add_rlimit(array, "RLIMIT_MEMLOCK", OCI_MEMLOCK_BYTES);
	return array;
}

static json_t *arguments(const struct adapter_launch *launch)
{
	json_t *array = json_array();
	json_array_append_new(array, json_sprintf("%s/%s", SPAWN_TOOLS_INSIDE, launch->command[0]));
	for (size_t i = 1; launch->command[i]; i++)
		json_array_append_new(array, json_string(launch->command[i]));
	return array;
}

static json_t *environment(void)
{
	json_t *array = json_array();
	for (size_t i = 0; spawn_inside_environment[i]; i++)
		json_array_append_new(array, json_string(spawn_inside_environment[i]));
	return array;
}

static json_t *process(const struct adapter_launch *launch)
{
	const struct oci_layers *layers = oci_layers(launch->kind);
	int id = layers->user ? USER_ID : 0;
	bool no_new_privs = layers->no_new_privs && launch->policy->no_new_privileges;
	return json_pack("{s:b, s:{s:i, s:i}, s:o, s:o, s:s, s:o, s:o, s:b}", "terminal", 0, "user", "uid", id, "gid",
			 id, "args", arguments(launch), "env", environment(), "cwd", "/workspace", "capabilities",
			 capabilities(launch), "rlimits", rlimits(launch), "noNewPrivileges", no_new_privs);
}

/* ---- mounts ---- */

struct mount_row {
	const char *destination, *type, *source, *options; /* options: comma-separated */
};

static const struct mount_row sandbox_mounts[] = {
	{"/proc", "proc", "proc", "nosuid,noexec,nodev"},
	{"/dev", "tmpfs", "tmpfs", "nosuid,noexec,strictatime,mode=755,size=65536k"},
	{"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"},
	{"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"},
	{"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
	{"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
};

/* Where the command may write.  The minimal template lets nothing be executed there, which mount options can say too. */
static const char *const writable_places[] = {"/tmp", "/workspace"};

/* The bare root has everything but a /proc of the new pid namespace. */
static const struct mount_row bare_mounts[] = {
	{"/proc", "proc", "proc", "nosuid,noexec,nodev"},
};

static void add_mount(json_t *mounts, const struct mount_row *row)
{
	json_t *options = json_array();
	for (const char *at = row->options; *at;) {
		size_t length = strcspn(at, ",");
		json_array_append_new(options, json_stringn(at, length));
		at += length + (at[length] == ',');
	}
	json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:o}", "destination", row->destination, "type",
						row->type, "source", row->source, "options", options));
}

static void add_bind(json_t *mounts, const char *source, const char *destination, const char *options)
{
	add_mount(mounts, &(struct mount_row){destination, "bind", source, options});
}

/* Read-only as it is, or a writable copy (oci_writable.c). */
static void add_host_directory(json_t *mounts, const struct oci_config_input *input, const char *directory)
{
	char copy[PATH_MAX];
	oci_writable_path(copy, input->bundle, directory);
	bool read_only = input->launch->policy->read_only_filesystem;
	if (oci_host_has(directory))
		add_bind(mounts, read_only ? directory : copy, directory,
			 read_only ? "bind,ro,nosuid,nodev" : "bind,nosuid,nodev");
}

static json_t *mounts(const struct oci_config_input *input)
{
	json_t *array = json_array();
	if (!oci_layers(input->launch->kind)->sandbox) {
		for (size_t i = 0; i < ARRAY_SIZE(bare_mounts); i++)
			add_mount(array, &bare_mounts[i]);
		return array;
	}
	for (size_t i = 0; i < ARRAY_SIZE(sandbox_mounts); i++)
		add_mount(array, &sandbox_mounts[i]);
	bool execute = strcmp(input->launch->policy->apparmor_profile, "agentcore-minimal") != 0;
	for (size_t i = 0; i < ARRAY_SIZE(writable_places); i++)
		add_mount(array,
			  &(struct mount_row){writable_places[i], "tmpfs", "tmpfs",
					      execute ? "nosuid,nodev,mode=1777" : "nosuid,nodev,noexec,mode=1777"});
	for (size_t i = 0; oci_host_directories[i]; i++)
		add_host_directory(array, input, oci_host_directories[i]);
	for (size_t i = 0; oci_host_etc[i]; i++) {
		if (oci_host_has(oci_host_etc[i]))
			add_bind(array, oci_host_etc[i], oci_host_etc[i], "bind,ro,nosuid,nodev,noexec");
	}
	/* Not nosuid: whether a setuid program gains anything is no_new_privs's and the user namespace's to answer. */
	add_bind(array, input->launch->tools_dir, SPAWN_TOOLS_INSIDE, "bind,ro,nodev");
	return array;
}

/* ---- linux ---- */

static bool has_user_namespace(const struct adapter_launch *launch)
{
	return oci_layers(launch->kind)->sandbox && launch->policy->user_namespace;
}

static json_t *namespaces(const struct adapter_launch *launch)
{
	static const char *const always[] = {"mount", "pid", "network", "ipc", "uts", "cgroup"};
	json_t *array = json_array();
	if (has_user_namespace(launch))
		json_array_append_new(array, json_pack("{s:s}", "type", "user"));
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		json_array_append_new(array, json_pack("{s:s}", "type", always[i]));
	return array;
}

static json_t *id_mappings(void)
{
	return json_pack("[{s:i, s:I, s:I}]", "containerID", 0, "hostID", (json_int_t)OCI_ID_BASE, "size",
			 (json_int_t)OCI_ID_SIZE);
}

/*
 * memory.swap is memory and swap together, as cgroup v1 has it: equal to the limit, it leaves no swap.  The processes of a
 * container are all the command's: no runtime's PID 1 is among them.
 */
static json_t *resources(const struct policy *policy, bool cgroup_v2)
{
	json_t *object = json_object();
	double value;
	if (policy_limit(policy, LIMIT_MEMORY_MB, &value)) {
		json_int_t bytes = (json_int_t)value * 1024 * 1024;
		json_object_set_new(object, "memory", json_pack("{s:I, s:I}", "limit", bytes, "swap", bytes));
		/* Both runtimes refuse "unified" on v1, where nothing else says it. */
		if (cgroup_v2)
			json_object_set_new(object, "unified", json_pack("{s:s}", "memory.oom.group", "1"));
	}
	if (policy_limit(policy, LIMIT_CPU_CORES, &value))
		json_object_set_new(object, "cpu",
				    json_pack("{s:I, s:i}", "quota", (json_int_t)(value * OCI_CPU_PERIOD_US + 0.5),
					      "period", OCI_CPU_PERIOD_US));
	if (policy_limit(policy, LIMIT_PROCESSES, &value))
		json_object_set_new(object, "pids", json_pack("{s:I}", "limit", (json_int_t)value));
	return object;
}

static json_t *linux_section(const struct oci_config_input *input)
{
	json_t *section = json_pack("{s:o}", "namespaces", namespaces(input->launch));
	if (has_user_namespace(input->launch)) {
		json_object_set_new(section, "uidMappings", id_mappings());
		json_object_set_new(section, "gidMappings", id_mappings());
	}
	if (input->cgroups_path)
		json_object_set_new(section, "cgroupsPath", json_string(input->cgroups_path));
	if (input->cgroups_path && oci_layers(input->launch->kind)->cgroups)
		json_object_set_new(section, "resources", resources(input->launch->policy, input->cgroup_v2));
	if (oci_layers(input->launch->kind)->sandbox) {
		json_object_set_new(section, "maskedPaths", string_array(masked_paths, ARRAY_SIZE(masked_paths)));
		json_object_set_new(section, "readonlyPaths",
				    string_array(read_only_paths, ARRAY_SIZE(read_only_paths)));
	}
	if (input->seccomp)
		json_object_set(section, "seccomp", input->seccomp);
	return section;
}

json_t *oci_config_build(const struct oci_config_input *input, struct error *err)
{
	const struct adapter_launch *launch = input->launch;
	bool sandbox = oci_layers(launch->kind)->sandbox;
	bool read_only = sandbox && launch->policy->read_only_filesystem;
	json_t *root = json_sprintf("%s/%s", input->bundle, sandbox ? "rootfs" : "root");
	json_t *config = json_pack("{s:s, s:o, s:{s:o, s:b}, s:o, s:o}", "ociVersion", "1.0.2", "process",
				   process(launch), "root", "path", root, "readonly", read_only, "mounts",
				   mounts(input), "linux", linux_section(input));
	if (!config)
		(void)error_set(err, ENOMEM, "config.json");
	else if (sandbox)
		json_object_set_new(config, "hostname", json_string("sandbox"));
	return config;
}
