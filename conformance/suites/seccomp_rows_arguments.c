/* SPDX-License-Identifier: Apache-2.0 */
/* Calls whose arguments decide: ioctl, socket, personality, clone. */
#include <linux/netlink.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "base/array.h"
#include "suites/seccomp.h"

#define NO_FD        UINT64_MAX
#define BAD_POINTER  UINT64_C(8)
#define HIGH         (UINT64_C(1) << 32)
#define NO_SUCH_TYPE UINT64_C(15) /* EINVAL before the family's module would be loaded */
#define FAMILIES     46 /* AF_MAX of Linux 6.18 */
#define NETLINK_LAST 22

static void format_args(const struct argument_case *argument, char *text, size_t size)
{
	(void)snprintf(text, size, "0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx", (unsigned long long)argument->args[0],
		       (unsigned long long)argument->args[1], (unsigned long long)argument->args[2],
		       (unsigned long long)argument->args[3], (unsigned long long)argument->args[4],
		       (unsigned long long)argument->args[5]);
}

static void describe(struct requirement *row, const struct argument_case *argument)
{
	row->level = argument->flags & ARGUMENT_SHOULD ? LEVEL_SHOULD : LEVEL_MUST;
	row->mask = argument->flags & ARGUMENT_FAMILY ? 1 : 0;
	row->rationale = argument->rationale;
	row->remediation = argument->remediation;
	row->tags = argument->tags;
}

static void plan_observed(struct seccomp_plan *sp, const struct argument_case *argument, int number,
			  enum session_kind session)
{
	char args[160];
	bool refused = argument->flags & ARGUMENT_REFUSED;
	struct requirement *row =
		plan_add(sp->plan, SECCOMP_AREA, "%s.%s",
			 session == SESSION_SECCOMP_ALONE ? "alone.argument" : "argument", argument->id);
	format_args(argument, args, sizeof(args));
	describe(row, argument);
	row->session = session;
	row->control = SESSION_BARE;
	row->judge = refused ? judge_call_denied : judge_call_allowed;
	(void)snprintf(row->probe, sizeof(row->probe), "syscall %d %s", number, args);
	(void)snprintf(row->expected, sizeof(row->expected), "%s", refused ? "EPERM" : "reaches the kernel");
}

void seccomp_plan_argument(struct seccomp_plan *sp, const struct argument_case *argument)
{
	char args[160], spec[256];
	int number = golden_number(&sp->calls, argument->call);
	if (number < 0 || sp->calls.by_number[number].verdict != GOLDEN_CONDITIONAL)
		return;
	bool refused = argument->flags & ARGUMENT_REFUSED;
	if (!(argument->flags & ARGUMENT_INSTALLED_ONLY)) {
		plan_observed(sp, argument, number, SESSION_FULL);
		if (refused)
			plan_observed(sp, argument, number, SESSION_SECCOMP_ALONE);
	}
	format_args(argument, args, sizeof(args));
	(void)snprintf(spec, sizeof(spec), "x86_64 %d %s", number, args);
	struct requirement *row =
		seccomp_add_installed(sp, refused ? INSTALLED_DENY : INSTALLED_ALLOW, spec, "%s", argument->id);
	describe(row, argument);
}

/* --- Terminals ------------------------------------------------------------------------------------- */

static void plan_ioctl(struct seccomp_plan *sp, const char *id, uint64_t request, bool refused)
{
	const struct argument_case argument = {
		.call = "ioctl",
		.id = id,
		.args = {NO_FD, request, BAD_POINTER},
		.flags = refused ? ARGUMENT_REFUSED : 0,
		.rationale = refused ? "What it types is read by the shell that started the sandbox"
				     : "A rule for one request must not stop its neighbours",
		.remediation =
			"Compare the low 32 bits of the request, as the kernel does; refuse TIOCSTI and TIOCLINUX only",
		.tags = refused ? "CVE-2017-5226 CVE-2019-10063" : NULL,
	};
	seccomp_plan_argument(sp, &argument);
}

static void plan_terminal(struct seccomp_plan *sp)
{
	static const struct {
		const char *name;
		uint64_t request;
	} refused[] = {{"tiocsti", TIOCSTI}, {"tioclinux", TIOCLINUX}},
	  common[] = {{"tcgets", TCGETS},   {"tiocgwinsz", TIOCGWINSZ}, {"fionread", FIONREAD},
		      {"fionbio", FIONBIO}, {"fioclex", FIOCLEX},       {"tiocgpgrp", TIOCGPGRP}};
	static const uint64_t high[] = {0, HIGH, UINT64_C(1) << 63, UINT64_C(0xffffffff) << 32};
	char id[48];
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		for (size_t h = 0; h < ARRAY_SIZE(high); h++) {
			(void)snprintf(id, sizeof(id), "ioctl.%s.high-%zu", refused[i].name, h);
			plan_ioctl(sp, id, refused[i].request | high[h], true);
		}
		for (unsigned bit = 0; bit < 32; bit++) {
			(void)snprintf(id, sizeof(id), "ioctl.%s.but-bit-%u", refused[i].name, bit);
			plan_ioctl(sp, id, refused[i].request ^ UINT64_C(1) << bit, false);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
		(void)snprintf(id, sizeof(id), "ioctl.%s", common[i].name);
		plan_ioctl(sp, id, common[i].request, false);
	}
}

/* By outcome: on a pseudo-terminal of the probe's own, where it works unless it is stopped. */
static void plan_typing(struct seccomp_plan *sp)
{
	static const uint64_t requests[] = {TIOCSTI, TIOCSTI | HIGH, TIOCSTI | UINT64_C(1) << 63};
	static const enum session_kind sessions[] = {SESSION_FULL, SESSION_SECCOMP_ALONE};
	for (size_t i = 0; i < ARRAY_SIZE(requests) * ARRAY_SIZE(sessions); i++) {
		enum session_kind session = sessions[i % ARRAY_SIZE(sessions)];
		size_t which = i / ARRAY_SIZE(sessions);
		struct requirement *row = plan_add(sp->plan, SECCOMP_AREA, "%stiocsti.high-%zu",
						   session == SESSION_SECCOMP_ALONE ? "alone." : "", which);
		row->session = session;
		row->control = SESSION_BARE;
		row->judge = judge_call_denied;
		(void)snprintf(row->probe, sizeof(row->probe), "tiocsti 0x%llx", (unsigned long long)requests[which]);
		(void)snprintf(row->expected, sizeof(row->expected), "EPERM");
		row->rationale = "What it types is read by the shell that started the sandbox";
		row->remediation = "Refuse TIOCSTI by the low 32 bits of the request";
		row->tags = "CVE-2017-5226 CVE-2019-10063";
	}
}

/* --- Socket families ------------------------------------------------------------------------------ */

static void plan_socket(struct seccomp_plan *sp, const char *id, const uint64_t args[3], bool refused)
{
	const struct argument_case argument = {
		.call = "socket",
		.id = id,
		.args = {args[0], args[1], args[2]},
		.flags = (refused ? ARGUMENT_REFUSED : 0) | ARGUMENT_FAMILY,
		.rationale = refused ? "Each family is kernel code in reach, and some (AF_VSOCK) leave an empty "
				       "network namespace"
				     : "Programs open sockets of this family",
		.remediation = "Allow AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK with NETLINK_ROUTE by exact value, and "
			       "nothing else",
	};
	seccomp_plan_argument(sp, &argument);
}

/* Minimal without a network has AF_UNIX alone. */
static bool family_allowed(const struct policy *policy, uint64_t family)
{
	if (family == AF_UNIX)
		return true;
	if (policy->profile == PROFILE_MINIMAL && policy->network == NETWORK_NONE)
		return false;
	return family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

static void plan_families(struct seccomp_plan *sp)
{
	char id[48];
	for (uint64_t family = 0; family < FAMILIES; family++) {
		bool allowed = family_allowed(sp->plan->policy, family);
		uint64_t type = !allowed               ? NO_SUCH_TYPE
				: family == AF_NETLINK ? (uint64_t)SOCK_RAW
						       : (uint64_t)SOCK_STREAM;
		(void)snprintf(id, sizeof(id), "socket.family-%llu", (unsigned long long)family);
		plan_socket(sp, id, (const uint64_t[]){family, type, 0}, !allowed);
		if (allowed)
			continue;
		/* The kernel takes the family as an int. */
		(void)snprintf(id, sizeof(id), "socket.family-%llu.high-half", (unsigned long long)family);
		plan_socket(sp, id, (const uint64_t[]){family | HIGH, type, 0}, true);
	}
	for (uint64_t protocol = 1; protocol <= NETLINK_LAST; protocol++) {
		(void)snprintf(id, sizeof(id), "socket.netlink-%llu", (unsigned long long)protocol);
		plan_socket(sp, id, (const uint64_t[]){AF_NETLINK, NO_SUCH_TYPE, protocol}, true);
	}
	/* The two that reach out of an empty network namespace or see all of it, as they are really opened. */
	plan_socket(sp, "socket.vsock-stream", (const uint64_t[]){AF_VSOCK, SOCK_STREAM, 0}, true);
	plan_socket(sp, "socket.packet-raw", (const uint64_t[]){AF_PACKET, SOCK_RAW, 0}, true);
	if (family_allowed(sp->plan->policy, AF_INET)) {
		plan_socket(sp, "socket.inet-dgram", (const uint64_t[]){AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0}, false);
		plan_socket(sp, "socket.inet6-dgram", (const uint64_t[]){AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0},
			    false);
	}
	plan_socket(sp, "socket.unix-dgram", (const uint64_t[]){AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0}, false);
}

/* --- Execution domains and clone flags -------------------------------------------------------------- */

static void plan_table(struct seccomp_plan *sp, const struct argument_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		seccomp_plan_argument(sp, &cases[i]);
}

#define DOMAIN_WHY "The domain changes how the kernel lays out and protects the process"
#define DOMAIN_FIX "Allow personality for queries and the common domains only"
#define DOMAIN(id, value, flags)                                                                                       \
	{                                                                                                              \
		"personality", "personality." id, {value}, flags, DOMAIN_WHY, DOMAIN_FIX, NULL                         \
	}

#define CLONE_WHY "Threads and processes are made with these flags, namespaces with the others"
#define CLONE_FIX "Refuse clone by a mask over the namespace flags, in the low half of the argument"
#define CLONE(id, value)                                                                                               \
	{                                                                                                              \
		"clone", "clone." id, {value}, ARGUMENT_INSTALLED_ONLY, CLONE_WHY, CLONE_FIX, NULL                     \
	}
#define CLONE_NO(id, value)                                                                                            \
	{                                                                                                              \
		"clone", "clone." id, {value}, ARGUMENT_INSTALLED_ONLY | ARGUMENT_REFUSED, CLONE_WHY, CLONE_FIX, NULL  \
	}

static const struct argument_case domains[] = {
	DOMAIN("query", 0xffffffff, 0),
	DOMAIN("linux", PER_LINUX, 0),
	DOMAIN("read-implies-exec", READ_IMPLIES_EXEC, ARGUMENT_REFUSED | ARGUMENT_SHOULD),
	DOMAIN("no-randomize", ADDR_NO_RANDOMIZE, ARGUMENT_REFUSED | ARGUMENT_SHOULD),
	DOMAIN("mmap-page-zero", MMAP_PAGE_ZERO, ARGUMENT_REFUSED | ARGUMENT_SHOULD),
};

static const struct argument_case clones[] = {
	CLONE("fork", SIGCHLD),
	CLONE("glibc-fork", CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD),
	CLONE("spawn", CLONE_VM | CLONE_VFORK | SIGCHLD),
	CLONE("thread", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
				CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID),
	CLONE("pidfd", CLONE_PIDFD | SIGCHLD),
	CLONE_NO("newns", CLONE_NEWNS | SIGCHLD),
	CLONE_NO("newcgroup", CLONE_NEWCGROUP | SIGCHLD),
	CLONE_NO("newuts", CLONE_NEWUTS | SIGCHLD),
	CLONE_NO("newipc", CLONE_NEWIPC | SIGCHLD),
	CLONE_NO("newuser", CLONE_NEWUSER | SIGCHLD),
	CLONE_NO("newpid", CLONE_NEWPID | SIGCHLD),
	CLONE_NO("newnet", CLONE_NEWNET | SIGCHLD),
	CLONE_NO("newuser-thread", CLONE_NEWUSER | CLONE_VM | CLONE_VFORK | SIGCHLD),
	CLONE_NO("newuser-high-half", CLONE_NEWUSER | HIGH | SIGCHLD),
	CLONE_NO("all", 0x7e020000 | SIGCHLD),
};

void seccomp_plan_arguments(struct seccomp_plan *sp)
{
	plan_terminal(sp);
	plan_typing(sp);
	plan_families(sp);
	plan_table(sp, domains, ARRAY_SIZE(domains));
	plan_table(sp, clones, ARRAY_SIZE(clones));
}
