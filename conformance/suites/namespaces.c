/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: each is another than the host's (namespaces_links.c), and what follows from that can be seen from inside.
 *
 * The time namespace may be shared.  Sockets are not asked for work under the minimal profile, which has none.
 */
#include "suites/namespaces.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/array.h"
#include "harness/judges.h"
#include "suites/rows.h"

#define AREA "namespaces"

/* What a row needs of the policy; without it the row is not planned. */
enum {
	NEEDS_SOCKETS = 1, /* the minimal profile has none */
	NEEDS_USER_NAMESPACE = 2, /* else uid 0 inside is the machine's root, to whom it is open */
};

/* Rows that need no parameter of this run. */
static const struct fixed_row {
	const char *id, *probe, *control;
	judge_function *judge;
	const char *fact, *expected;
	int64_t number2;
	enum level level;
	unsigned needs;
	struct rows_text text;
} fixed_rows[] = {
	{"pid.others",
	 "namespace-processes",
	 "",
	 judge_alone,
	 NULL,
	 "none but PID 1 and the command's",
	 0,
	 LEVEL_MUST,
	 0,
	 {"Nobody else's process is in the sandbox", "Start with CLONE_NEWPID and mount a fresh /proc", "CIS-5.16"}},
	{"pid.init_survives",
	 "namespace-pid1 kill",
	 "",
	 judge_init_survives,
	 NULL,
	 "PID 1 lives",
	 0,
	 LEVEL_MUST,
	 0,
	 {"The command cannot end what reaps and guards it", "Be PID 1 of a pid namespace", NULL}},
	{"pid.init_trace",
	 "namespace-pid1 trace",
	 "=",
	 judge_init_shielded,
	 NULL,
	 "refused",
	 0,
	 LEVEL_MUST,
	 0,
	 {"The runtime's own process must not be steered from inside", "Make PID 1 non-dumpable (PR_SET_DUMPABLE 0)",
	  "CVE-2019-5736 CVE-2016-9962"}},
	{"pid.init_memory",
	 "namespace-pid1 mem",
	 "=",
	 judge_init_shielded,
	 NULL,
	 "refused",
	 0,
	 LEVEL_MUST,
	 0,
	 {"The runtime's own memory must not be written from inside", "Make PID 1 non-dumpable (PR_SET_DUMPABLE 0)",
	  "CVE-2016-9962"}},
	{"pid.init_root",
	 "namespace-pid1 root",
	 "=",
	 judge_init_shielded,
	 NULL,
	 "refused",
	 0,
	 LEVEL_MUST,
	 0,
	 {"What the runtime's own process has open must not be reached through /proc",
	  "Make PID 1 non-dumpable (PR_SET_DUMPABLE 0)", "CVE-2019-5736 CVE-2024-21626"}},
	{"pid.init_descriptors",
	 "namespace-pid1 fd",
	 "=",
	 judge_init_shielded,
	 NULL,
	 "refused",
	 0,
	 LEVEL_MUST,
	 NEEDS_USER_NAMESPACE,
	 {"What the runtime's own process has open must not even be listed",
	  "Make PID 1 non-dumpable (PR_SET_DUMPABLE 0)", "CVE-2019-5736 CVE-2024-21626"}},
	{"user.groups",
	 "privilege-identity",
	 "",
	 judge_fact_equals,
	 "groups",
	 "0",
	 0,
	 LEVEL_MUST,
	 0,
	 {"No supplementary group of the caller's comes along", "Call setgroups(0, NULL) before changing ids",
	  "CVE-2022-36109"}},
	{"pid.reaped",
	 "namespace-reap",
	 "",
	 judge_reaped,
	 NULL,
	 "waited for within 1 s",
	 0,
	 LEVEL_MUST,
	 0,
	 {"Zombies would use up the process limit", "Wait for every child in PID 1", NULL}},
	{"net.interfaces",
	 "namespace-interfaces",
	 "",
	 judge_fact_equals,
	 "interfaces",
	 "lo",
	 0,
	 LEVEL_MUST,
	 0,
	 {"Network none has the loopback interface and nothing else", "Move no interface into the namespace",
	  "CIS-5.10"}},
	{"net.loopback",
	 "namespace-loopback",
	 "",
	 judge_works,
	 NULL,
	 "4 bytes to itself",
	 0,
	 LEVEL_MUST,
	 NEEDS_SOCKETS,
	 {"Programs talk to themselves over 127.0.0.1", "Set lo up in the new namespace", NULL}},
	{"net.route",
	 "namespace-route",
	 "namespace-route 127.0.0.1",
	 judge_refused,
	 NULL,
	 "ENETUNREACH|EPERM|EACCES|EAFNOSUPPORT|ENOSYS",
	 1,
	 LEVEL_MUST,
	 0,
	 {"Network none leads nowhere", "Add no route to the namespace", "CIS-5.10"}},
	{"uts.hostname",
	 "namespace-uts",
	 "=",
	 judge_fact_differs_from_control,
	 "nodename",
	 "not the host's",
	 0,
	 LEVEL_MUST,
	 0,
	 {"The host's name is not the sandbox's business", "Set a host name of the sandbox's own", "CIS-5.21"}},
	{"cgroup.paths",
	 "namespace-cgroup",
	 "",
	 judge_fact_equals,
	 "paths",
	 "/",
	 0,
	 LEVEL_SHOULD,
	 0,
	 {"The host's cgroup tree is not seen", "Unshare the cgroup namespace after joining the cgroup", "CIS-5.25"}},
};

static void set_text(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void set_text(char *text, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, size, format, args);
	va_end(args);
}

static void plan_fixed(struct plan *plan)
{
	unsigned met = (plan->policy->profile == PROFILE_MINIMAL ? 0 : NEEDS_SOCKETS) |
		       (plan->policy->user_namespace ? NEEDS_USER_NAMESPACE : 0);
	for (size_t i = 0; i < ARRAY_SIZE(fixed_rows); i++) {
		const struct fixed_row *fixed = &fixed_rows[i];
		if (fixed->needs & ~met)
			continue;
		struct requirement *row = plan_add(plan, AREA, "%s", fixed->id);
		row->level = fixed->level;
		row->judge = fixed->judge;
		row->fact = fixed->fact;
		row->number2 = fixed->number2;
		set_text(row->probe, sizeof(row->probe), "%s", fixed->probe);
		set_text(row->expected, sizeof(row->expected), "%s", fixed->expected);
		rows_control(row, fixed->control);
		rows_describe(row, &fixed->text);
	}
}

/* --- Objects of this run's, alive on the host ------------------------------------------------------ */

#define GONE      "EINVAL|EIDRM|ENOENT|EPERM|EACCES|ENOSYS"
#define UNREACHED "ECONNREFUSED|ENETUNREACH|EPERM|EACCES|EAFNOSUPPORT|ENOSYS"

static struct requirement *plan_object(struct plan *plan, const char *id, bool ready, const char *refusals,
				       const struct rows_text *text)
{
	struct requirement *row = plan_add(plan, AREA, "%s", id);
	row->judge = judge_out_of_reach;
	row->number2 = ready;
	set_text(row->expected, sizeof(row->expected), "%s", refusals);
	rows_describe(row, text);
	return row;
}

static void plan_sockets(struct plan *plan, const struct host_objects *host)
{
	static const struct rows_text abstract = {"Abstract sockets of the host go with its network namespace",
						  "Start with CLONE_NEWNET", "CVE-2020-15257"};
	static const struct rows_text tcp = {"Services on the host's loopback are out of reach",
					     "Start with CLONE_NEWNET", "CIS-5.10"};
	struct requirement *row = plan_object(plan, "net.host_abstract", host->abstract.ready, UNREACHED, &abstract);
	set_text(row->probe, sizeof(row->probe), "namespace-abstract %s", host->abstract.name);
	row = plan_object(plan, "net.host_loopback", host->tcp.ready, UNREACHED, &tcp);
	set_text(row->probe, sizeof(row->probe), "namespace-tcp 127.0.0.1 %u", host->tcp.port);
}

static void plan_ipc(struct plan *plan, const struct host_objects *host)
{
	static const struct rows_text text = {"IPC objects of the host and of other sandboxes are out of reach",
					      "Start with CLONE_NEWIPC", "CIS-5.17"};
	struct requirement *row = plan_object(plan, "ipc.host_shm", host->shm.ready, GONE, &text);
	row->fact = "size";
	row->number = host->shm.size;
	set_text(row->probe, sizeof(row->probe), "namespace-shm %d", host->shm.id);
}

static void plan_processes(struct plan *plan, const struct host_objects *host)
{
	static const struct rows_text keyring = {"Keys of the host's session must not be possessed inside",
						 "Join a new session keyring, or deny keyctl", NULL};
	static const struct rows_text signal = {"Processes of the host cannot be signalled", "Start with CLONE_NEWPID",
						"CIS-5.16"};
	static const struct rows_text init = {"PID 1 is the sandbox's", "Start with CLONE_NEWPID, mount a fresh /proc",
					      "CIS-5.16"};
	struct requirement *row = plan_object(plan, "keyring.session", host->keyring.ready,
					      "ENOKEY|EPERM|EACCES|ENOSYS|EKEYREVOKED", &keyring);
	row->fact = "serial";
	row->number = host->keyring.serial;
	set_text(row->probe, sizeof(row->probe), "namespace-keyring");

	row = plan_object(plan, "pid.host_process", true, "ESRCH", &signal);
	row->judge = judge_no_such_process;
	row->number = host->harness_started;
	set_text(row->probe, sizeof(row->probe), "namespace-signal %d", host->harness);

	row = plan_object(plan, "pid.init", true, "not the host's PID 1", &init);
	row->judge = judge_other_init;
	row->number = host->init_started;
	set_text(row->probe, sizeof(row->probe), "namespace-init");
}

/* --- New namespaces ------------------------------------------------------------------------------- */

static const struct {
	const char *road, *kinds[8];
} roads[] = {
	{"unshare", {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"}},
	{"clone", {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"}},
	{"clone3", {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"}},
	{"setns", {"net", "ipc", "uts"}},
};

static void plan_create(struct plan *plan, const char *road, const char *kind)
{
	static const struct rows_text text = {
		"A namespace of one's own gives capabilities back and reaches kernel code that is not meant for the "
		"command",
		"Deny unshare, setns and clone's flags, and set user.max_*_namespaces to 0 for clone3",
		"CVE-2022-0185 CVE-2022-0492"};
	struct requirement *row = plan_add(plan, AREA, "create.%s.%s", road, kind);
	row->judge = judge_refused;
	row->number2 = 1;
	set_text(row->probe, sizeof(row->probe), "namespace-create %s %s", road, kind);
	set_text(row->expected, sizeof(row->expected), "EPERM|ENOSPC|ENOSYS|EACCES|EUSERS");
	rows_control(row, "=");
	rows_describe(row, &text);
}

static void plan_creation(struct plan *plan)
{
	for (size_t r = 0; r < ARRAY_SIZE(roads); r++)
		for (size_t k = 0; k < ARRAY_SIZE(roads[r].kinds) && roads[r].kinds[k]; k++)
			plan_create(plan, roads[r].road, roads[r].kinds[k]);
}

/* What stops clone3, whose flags no filter can read; only a user namespace of the sandbox's own has such limits. */
static void plan_sysctls(struct plan *plan)
{
	static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
	static const struct rows_text text = {"No further namespace, by whichever call",
					      "Write 0 to /proc/sys/user/max_*_namespaces inside the user namespace",
					      "CVE-2022-0185"};
	for (size_t i = 0; plan->policy->user_namespace && i < ARRAY_SIZE(names); i++) {
		struct requirement *row = plan_add(plan, AREA, "limit.max_%s_namespaces", names[i]);
		row->level = LEVEL_SHOULD;
		row->judge = judge_fact_equals;
		row->fact = "value";
		set_text(row->probe, sizeof(row->probe), "namespace-sysctl max_%s_namespaces", names[i]);
		set_text(row->expected, sizeof(row->expected), "0");
		rows_control(row, "=");
		rows_describe(row, &text);
	}
}

static int plan_namespaces(struct plan *plan, const char *fixtures_dir, struct error *err)
{
	(void)fixtures_dir;
	(void)err;
	const struct host_objects *host = host_objects();
	namespaces_plan_links(plan);
	plan_fixed(plan);
	plan_sockets(plan, host);
	plan_ipc(plan, host);
	namespaces_plan_queues(plan);
	plan_processes(plan, host);
	plan_creation(plan);
	plan_sysctls(plan);
	return 0;
}

static const struct suite namespaces = {"namespaces", "what of the host is seen and reached, and new namespaces",
					plan_namespaces};
SUITE(namespaces);
