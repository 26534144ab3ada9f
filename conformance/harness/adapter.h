/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An adapter starts one runtime with a given policy.  It says what it cannot express, and that is
 * UNSUPPORTED, never PASS.
 */
#ifndef HARNESS_ADAPTER_H
#define HARNESS_ADAPTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "harness/requirement.h"
#include "policy/policy.h"

/* What to start. */
struct adapter_launch {
	enum session_kind kind;
	const struct policy *policy;
	const char *policy_file; /* the same as a JSON document on disk, for runtimes that read it */
	const char *
		tools_dir; /* host directory (root's, 0755) to be seen inside, read-only: probe, probe-suid, workloads/ */
	char *const *command; /* argv; command[0] is relative to tools_dir: the adapter makes it the inside path */
	int stdin_fd, stdout_fd, stderr_fd; /* become 0, 1, 2; everything else must be closed to the runtime */
	const char *
		name; /* the sandbox's, unique, part of its cgroups' names and its state's; NULL: the adapter's choice */
	enum trial_tier
		tier; /* TRIAL_EXEC, where the class has executions: a sandbox that waits, and the command executed in it */
	pid_t network_of; /* the runtime is started in this process's network namespace; 0: in the harness's.  SESSION_BARE: the command stays there */
	const char *dns; /* the name server that the runtime shall ask; NULL: the machine's */
};

struct adapter_options {
	const char *runtime; /* program: a name searched in PATH, or a path */
	const char *command_prefix; /* --runtime-cmd: words before the command; "{tools}" stands for tools_dir */
	const char *work_dir; /* a private directory for bundles and state; exists, emptied by the harness */
	const char *agentcore; /* path of the agentcore program, for generating seccomp profiles */
	const char *
		state_root; /* of a runtime that reclaims what others of one state directory left: a directory of the caller's own; NULL: the runtime's */
};

struct adapter;

struct adapter_class {
	const char *name; /* "agentcore", "oci", "none", "command" */
	const char *summary; /* one line for `runtimes` */
	const char *runtimes; /* space-separated runtime names that this adapter is chosen for: "crun runc runsc" */
	bool shared_kernel; /* host processes can see the sandbox's processes */
	unsigned
		limits; /* bit 1 << enum limit: what it can enforce; the rest of a policy's limits is not said to the runtime */
	unsigned networks; /* bit 1 << enum network_mode: what of the network it can set up */
	bool executions; /* it can start a TRIAL_EXEC, with limits of its own */

	int (*open)(struct adapter *adapter,
		    struct error *err); /* check that the program is there; may set adapter->version */

	/* Can it start this?  false with the reason. */
	bool (*can_express)(const struct adapter *adapter, const struct adapter_launch *launch, char *reason,
			    size_t size);

	/*
	 * Keep state in this directory from now on (borrowed), where no sandbox of the machine's own is: it may hold a network whose far
	 * end is elsewhere.  NULL: it keeps none that matters.
	 */
	void (*use_root)(struct adapter *adapter, const char *root);

	/*
	 * Start.  0 with *pid of the child that the harness waits for; its exit ends the session.
	 * The child must die when the harness closes stdin and then kills *pid.
	 */
	int (*start)(struct adapter *adapter, const struct adapter_launch *launch, pid_t *pid, struct error *err);

	/*
	 * Remove the sandbox as users of the runtime do (delete --force), after *pid was reaped: what a TRIAL_EXEC's waiting
	 * sandbox needs to end, and one whose monitor was killed.  NULL: there is no such command.
	 */
	void (*remove)(struct adapter *adapter, const struct adapter_launch *launch);

	/* Remove what this start left (container state, cgroups, bundle), after *pid was reaped. */
	void (*finish)(struct adapter *adapter, const struct adapter_launch *launch, pid_t pid);

	void (*close)(struct adapter *adapter);
};

struct adapter {
	const struct adapter_class *class;
	struct adapter_options options;
	char program[4096]; /* resolved path; "" for none */
	char version[128]; /* first line of the program's --version, or "" */
	char state_dir[4096]; /* has an entry with the sandbox's name in its own for each live one; "" for none */
	void *private_data;
};

#define ADAPTER(variable)                                                                                              \
	static const struct adapter_class *const adapter_##variable __attribute__((used, section("adapters"))) =       \
		&(variable)

/* All announced adapter classes, sorted by name. */
size_t adapters_all(const struct adapter_class ***classes);

/*
 * Choose and open the adapter: by kind where it is given, else by the runtime's base name, else "oci" for a
 * path.  0, or a negative errno with err set ("no adapter for X; known: ...").
 */
int adapter_open(struct adapter *adapter, const char *kind, const struct adapter_options *options, struct error *err);
void adapter_close(struct adapter *adapter);

#endif
