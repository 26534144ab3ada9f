/* SPDX-License-Identifier: Apache-2.0 */
/* Which namespaces the probe is in, and who else is in its pid namespace. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "probes/identity_child.h"
#include "probes/probe.h"

/* The number that every initial pid namespace has: PROC_PID_INIT_INO, include/linux/proc_ns.h. */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]"

static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};

static int run_links(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[32], text[64];
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		ssize_t length = readlink(path, text, sizeof(text) - 1);
		text[length > 0 ? length : 0] = '\0';
		fact_text(facts, kinds[i], text);
	}
	return 0;
}

static const struct probe links = {"namespace-links", "", "the namespaces' identities from /proc/self/ns", run_links};
PROBE(links);

/* Read the start of a file with its NULs made spaces; the length, or -1. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	int code = errno;
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\0' || text[i] == '\n')
			text[i] = ' ';
	errno = code;
	return n;
}

/* Field of /proc/PID/stat, counted from 3 (the state) after the name, which may hold spaces and brackets. */
static long stat_field(int pid, int field)
{
	char path[32], text[512];
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_text(path, text, sizeof(text)) < 0)
		return -1;
	char *at = strrchr(text, ')');
	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	return at ? atol(at) : -1;
}

#define FIELD_PARENT  4
#define FIELD_STARTED 22

/* Ours: this process, its ancestors, its children, and PID 1. */
static bool is_ours(int pid)
{
	if (pid == 1 || stat_field(pid, FIELD_PARENT) == getpid())
		return true;
	for (long at = getpid(); at > 1; at = stat_field((int)at, FIELD_PARENT))
		if (at == pid)
			return true;
	return false;
}

static int prepare_nothing(void)
{
	return 0;
}

/* A child shows that the listing would show somebody: without it an empty /proc would pass. */
static int run_processes(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	struct identity_child child;
	int r = identity_child_start(&child, prepare_nothing), seen = 0, others = 0;
	DIR *proc = r == 0 ? opendir("/proc") : NULL;
	fact_number(facts, "errno", r < 0 ? -r : proc ? 0 : errno);
	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		int pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
		seen += pid > 0 && pid == child.pid;
		if (pid == 0 || is_ours(pid))
			continue;
		char path[32], text[200];
		(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (others++ == 0 && read_text(path, text, sizeof(text)) > 0)
			fact_text(facts, "first_other", text);
	}
	fact_flag(facts, "sees_child", seen > 0);
	fact_number(facts, "others", others);
	if (r == 0)
		identity_child_end(&child);
	return 0;
}

static const struct probe processes = {"namespace-processes", "",
				       "counts processes that are neither PID 1 nor the probe's own", run_processes};
PROBE(processes);

static int run_init(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	char text[256];
	ssize_t n = read_text("/proc/1/cmdline", text, sizeof(text));
	fact_number(facts, "errno", n < 0 ? errno : 0);
	fact_text(facts, "cmdline", text);
	fact_number(facts, "parent", stat_field(1, FIELD_PARENT));
	fact_number(facts, "started", stat_field(1, FIELD_STARTED));
	fact_number(facts, "pid", getpid());
	return 0;
}

static const struct probe init = {"namespace-init", "", "PID 1 as /proc shows it: command line, parent, start time",
				  run_init};
PROBE(init);

static int run_signal(int argc, char **argv, struct facts *facts)
{
	int pid = argc == 2 ? atoi(argv[1]) : 0;
	if (pid <= 0)
		return 1;
	fact_result(facts, kill(pid, 0));
	fact_number(facts, "started", stat_field(pid, FIELD_STARTED));
	return 0;
}

static const struct probe signal_probe = {"namespace-signal", "PID",
					  "signal 0 to a process number; when that process started", run_signal};
PROBE(signal_probe);

static void act_kill(struct facts *facts)
{
	fact_result(facts, kill(1, SIGKILL));
	fact_flag(facts, "alive", kill(1, 0) == 0 || errno != ESRCH);
}

static void act_trace(struct facts *facts)
{
	fact_result(facts, ptrace(PTRACE_SEIZE, 1, NULL, NULL));
}

static void act_memory(struct facts *facts)
{
	fact_result(facts, open("/proc/1/mem", O_RDWR | O_CLOEXEC));
}

/* The link is followed only by one who may trace the process (proc(5)). */
static void act_root(struct facts *facts)
{
	fact_result(facts, open("/proc/1/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* Of a process that is not dumpable the directory is the machine's root's (proc(5)). */
static void act_descriptors(struct facts *facts)
{
	fact_result(facts, open("/proc/1/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static const struct {
	const char *name;
	void (*act)(struct facts *facts);
} acts[] = {
	{"kill", act_kill}, {"trace", act_trace}, {"mem", act_memory}, {"root", act_root}, {"fd", act_descriptors},
};

/* Where PID 1 is the machine's own, nothing is tried on it. */
static bool spares_the_machine(struct facts *facts)
{
	char text[64] = "";
	(void)!readlink("/proc/self/ns/pid", text, sizeof(text) - 1);
	bool initial = strcmp(text, INITIAL_PID_NAMESPACE) == 0;
	fact_flag(facts, "initial", initial);
	fact_flag(facts, "pid1_is_ours", getppid() == 1);
	return !initial;
}

static int run_pid1(int argc, char **argv, struct facts *facts)
{
	for (size_t i = 0; argc == 2 && i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(argv[1], acts[i].name) == 0) {
			if (spares_the_machine(facts))
				acts[i].act(facts);
			return 0;
		}
	return 1;
}

static const struct probe pid1 = {"namespace-pid1", "kill|trace|mem|root|fd",
				  "acts on PID 1, unless that is the machine's", run_pid1};
PROBE(pid1);

static int run_uts(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	struct utsname name;
	fact_result(facts, uname(&name));
	fact_text(facts, "nodename", name.nodename);
	return 0;
}

static const struct probe uts = {"namespace-uts", "", "the host name", run_uts};
PROBE(uts);
