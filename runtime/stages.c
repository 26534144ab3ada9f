/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/stages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "recipe/faults.h"

/* clang-format off */
const struct stage stages[] = {
	{"refuse",             SIDE_PREPARE, LAYER_ALWAYS, stage_refuse,
	 "nothing is made before it is known that all of it can be enforced"},
	{"one-processor",      SIDE_PREPARE, LAYER_ALWAYS, stage_one_processor,
	 "the start passes from process to process; waking one on another processor costs a tenth of it"},
	{"state-directory",    SIDE_PREPARE, LAYER_ALWAYS, stage_state_directory,
	 "the id pool is a file in it, and the sandbox's entry"},
	{"entry",              SIDE_PREPARE, LAYER_ALWAYS, stage_entry,
	 "its lock is what makes the cgroup of this name ours, also one that a dead sandbox left"},
	{"audit-log",          SIDE_PREPARE, LAYER_ALWAYS, stage_audit_log,
	 "before anything is made: the policy may say that there is no start without a record"},
	{"id-range",           SIDE_PREPARE, LAYER_NAMESPACES, stage_id_range,
	 "before clone, so that a full pool costs no namespaces"},
	{"filters",            SIDE_PREPARE, LAYER_ALWAYS, stage_filters,
	 "before clone, where there is still memory to ask for and a terminal to complain on"},
	{"cgroup",             SIDE_PREPARE, LAYER_CGROUPS, stage_cgroup,
	 "the limits stand before there is a process to hold"},
	{"collect-trees",      SIDE_PREPARE, LAYER_ALWAYS, stage_collect_trees,
	 "as the host's root: inside, mounts are locked together and device nodes are dead"},
	{"storage",            SIDE_PREPARE, LAYER_FILESYSTEM, stage_storage,
	 "as the host's root, who alone may mount a device; the dearest step, so behind what can fail for less"},
	{"uplink",             SIDE_PREPARE, LAYER_NETWORK, stage_uplink,
	 "before clone: both sides must know whether there is a link, and whether names are asked for"},
	{"channels",           SIDE_PREPARE, LAYER_ALWAYS, stage_channels,
	 "last before clone: both sides inherit them"},

	{"id-maps",            SIDE_RELEASE, LAYER_NAMESPACES, stage_id_maps,
	 "only the parent may map a range; PID 1 waits, since without a map it can become nobody"},
	{"shift-owners",       SIDE_RELEASE, LAYER_NAMESPACES, stage_shift_owners,
	 "an idmapped mount takes a user namespace whose maps are written"},
	{"another-processor",  SIDE_RELEASE, LAYER_NETWORK, stage_another_processor,
	 "before the go, which wakes PID 1 on this one: the network is made beside its work"},
	{"go",                 SIDE_RELEASE, LAYER_ALWAYS, stage_go,
	 "the trees are complete: PID 1 may attach them"},
	{"address",            SIDE_RELEASE, LAYER_NETWORK, stage_address,
	 "behind the go, as all of the network: CMD waits for it, PID 1 need not"},
	{"link",               SIDE_RELEASE, LAYER_NETWORK, stage_link,
	 "its far side is made in PID 1's namespace; the rules' elements stand before it goes up"},
	{"resolver",           SIDE_RELEASE, LAYER_NETWORK, stage_resolver,
	 "last: its program starts while PID 1 goes on"},

	{"join-cgroup",        SIDE_INIT, LAYER_CGROUPS, stage_join_cgroup,
	 "first of all inside: from here everything is charged to the sandbox, and no fork escapes"},
	{"cgroup-namespace",   SIDE_INIT, LAYER_ALWAYS, stage_cgroup_namespace,
	 "behind the joining: the cgroup that its maker is in becomes its root"},
	{"await-go",           SIDE_INIT, LAYER_ALWAYS, stage_await_go,
	 "until the maps are written and the trees are shifted nothing can be done"},
	{"become-root",        SIDE_INIT, LAYER_NAMESPACES, stage_become_root,
	 "before anything is created: files and sockets get their owner from here"},
	{"die-with-monitor",   SIDE_INIT, LAYER_ALWAYS, stage_die_with_monitor,
	 "behind the change of ids, which clears the parent-death signal"},
	{"kernel-filesystems", SIDE_INIT, LAYER_ALWAYS, stage_kernel_filesystems,
	 "while the host's /proc and /sys are in sight: in a user namespace the kernel asks for that"},
	{"loopback",           SIDE_INIT, LAYER_ALWAYS, stage_loopback,
	 "with CAP_NET_ADMIN still there, and before anything listens on it"},
	{"no-ipv6",            SIDE_INIT, LAYER_NETWORK, stage_no_ipv6,
	 "while sysctls are not read-only yet; the monitor waits for it before the link goes up"},
	{"resolver-sockets",   SIDE_INIT, LAYER_NETWORK, stage_resolver_sockets,
	 "as soon as there is a loopback to listen on: the resolver starts meanwhile, and nobody can have taken its port"},
	{"enter-root",         SIDE_INIT, LAYER_ALWAYS, stage_enter_root,
	 "from here no path of the host exists any more"},
	{"masks",              SIDE_INIT, LAYER_FILESYSTEM, stage_masks,
	 "before CMD exists; the masks are taken from this /dev and laid over this /proc and /sys"},
	{"seal-root",          SIDE_INIT, LAYER_FILESYSTEM, stage_seal_root,
	 "behind the last mount point that had to be made"},
	{"forbid-namespaces",  SIDE_INIT, LAYER_NAMESPACES, stage_forbid_namespaces,
	 "behind the last mount: making a detached one counts as making a mount namespace"},
	{"host-name",          SIDE_INIT, LAYER_ALWAYS, stage_host_name,
	 "with CAP_SYS_ADMIN still there"},
	{"terminal",           SIDE_INIT, LAYER_ALWAYS, stage_terminal,
	 "from the sandbox's own devpts; the monitor gets the master before CMD exists"},
	{"await-link",         SIDE_INIT, LAYER_NETWORK, stage_await_link,
	 "as late as possible: the monitor makes it meanwhile"},
	{"await-resolver",     SIDE_INIT, LAYER_NETWORK, stage_await_resolver,
	 "the last thing that the monitor does before CMD may exist"},
	{"hide-init",          SIDE_INIT, LAYER_ALWAYS, stage_hide_init,
	 "before the fork: CMD must never find PID 1 open to ptrace or its command line readable"},
	{"lock-pipe",          SIDE_INIT, LAYER_ALWAYS, stage_lock_pipe,
	 "last before the fork: both sides inherit it"},

	{"init-descriptors",   SIDE_LOCK, LAYER_ALWAYS, stage_init_descriptors,
	 "PID 1 must hold neither CMD's pipes open nor anything of the host"},
	{"init-capabilities",  SIDE_LOCK, LAYER_ALWAYS, stage_init_capabilities,
	 "PID 1 needs to signal CMD, whatever its user, and nothing else"},
	{"init-filter",        SIDE_LOCK, LAYER_ALWAYS, stage_init_filter,
	 "last: a PID 1 that is taken over can wait, signal and end"},

	{"await-lock",         SIDE_COMMAND, LAYER_ALWAYS, stage_await_lock,
	 "no workload beside a PID 1 that is not locked down; and until exec the two share their memory"},
	{"session",            SIDE_COMMAND, LAYER_ALWAYS, stage_session,
	 "before anything can read from the caller's terminal, which would take TIOCSTI"},
	{"processors",         SIDE_COMMAND, LAYER_ALWAYS, stage_processors,
	 "as soon as CMD is on its own: it shall run where the caller may"},
	{"working-directory",  SIDE_COMMAND, LAYER_ALWAYS, stage_working_directory,
	 "inside the root, and never through /proc (CVE-2024-21626)"},
	{"signals",            SIDE_COMMAND, LAYER_ALWAYS, stage_signals,
	 "blocked and ignored signals survive exec"},
	{"no-new-privs",       SIDE_COMMAND, LAYER_NO_NEW_PRIVS, stage_no_new_privs,
	 "before Landlock and seccomp, which want it or CAP_SYS_ADMIN"},
	{"mac",                SIDE_COMMAND, LAYER_MAC, stage_mac,
	 "with CAP_SYS_ADMIN still there, for policies without no_new_privs"},
	{"own-program",        SIDE_COMMAND, LAYER_FILESYSTEM, stage_own_program,
	 "as mac; what AppArmor does not look at: a script whose interpreter is this program"},
	{"label",              SIDE_COMMAND, LAYER_MAC, stage_label,
	 "before a filter that does not know openat2; it is read when the profile is on"},
	{"rlimits",            SIDE_COMMAND, LAYER_RLIMITS, stage_rlimits,
	 "before the filter, which need not allow setrlimit; and behind Landlock, whose rules take descriptors"},
	{"bounding-set",       SIDE_COMMAND, LAYER_CAPABILITIES, stage_bounding_set,
	 "takes CAP_SETPCAP, which is rarely among the allowed"},
	{"filter-with-admin",  SIDE_COMMAND, LAYER_SECCOMP, stage_filter_with_admin,
	 "without no_new_privs the filter takes CAP_SYS_ADMIN, so it comes before that is dropped"},
	{"user",               SIDE_COMMAND, LAYER_ALWAYS, stage_user,
	 "behind the bounding set: the change of uid takes CAP_SETPCAP away"},
	{"capabilities",       SIDE_COMMAND, LAYER_CAPABILITIES, stage_capabilities,
	 "the last step that needs any of them is over"},
	{"apparmor",           SIDE_COMMAND, LAYER_MAC, stage_apparmor,
	 "behind what takes capabilities that the profile need not allow; read back before there is a workload"},
	{"descriptors",        SIDE_COMMAND, LAYER_ALWAYS, stage_descriptors,
	 "before the filter, which need not allow close_range; the report pipe must live until exec"},
	{"filter",             SIDE_COMMAND, LAYER_SECCOMP, stage_filter,
	 "last: what stands before it need not be allowed to the workload"},
	{"execute",            SIDE_COMMAND, LAYER_ALWAYS, stage_execute,
	 "the workload starts with every layer in force"},
};
/* clang-format on */
const size_t stage_count = ARRAY_SIZE(stages);

static bool wanted(const struct stage *stage, const struct sandbox *sandbox)
{
	enum layer only = sandbox->options->only_layer;

	if (stage->layer == LAYER_NAMESPACES && !sandbox_has_user_namespace(sandbox))
		return false;
	return only == LAYER_ALWAYS || stage->layer == LAYER_ALWAYS || stage->layer == only;
}

static long microseconds_since(const struct timespec *start)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000000L + (now.tv_nsec - start->tv_nsec) / 1000;
}

static int run_stage(const struct stage *stage, struct sandbox *sandbox, struct error *err)
{
	struct timespec start = {0};

	if (fault_wished("skip", stage->name))
		return 0;
	/* PID 1's own lock leaves it no call to write with. */
	bool trace = sandbox->options->trace && stage->side != SIDE_LOCK;
	if (trace)
		(void)clock_gettime(CLOCK_MONOTONIC, &start);
	int r = fault_wished("fail", stage->name) ? error_set(err, EIO, "fault injected") : stage->run(sandbox, err);
	if (trace)
		(void)dprintf(STDERR_FILENO, "agentcore: stage %-18s %6ld us%s\n", stage->name,
			      microseconds_since(&start), r < 0 ? " FAILED" : "");
	return r;
}

int stages_run(enum side side, struct sandbox *sandbox, struct error *err)
{
	for (size_t i = 0; i < stage_count; i++) {
		const struct stage *stage = &stages[i];
		if (stage->side != side || !wanted(stage, sandbox))
			continue;
		int r = run_stage(stage, sandbox, err);
		if (r < 0) {
			error_stage(err, stage->name);
			return r;
		}
	}
	return 0;
}
