/* SPDX-License-Identifier: Apache-2.0 */
/* The five capability sets and the secure bits, asked of the kernel twice: by system call and through /proc. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probes/identity_child.h"
#include "probes/probe.h"

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT        47
#define PR_CAP_AMBIENT_IS_SET 1
#endif

static const struct {
	const char *field, *fact;
} status_sets[] = {
	{"CapEff:", "status_effective"}, {"CapPrm:", "status_permitted"}, {"CapInh:", "status_inheritable"},
	{"CapBnd:", "status_bounding"},  {"CapAmb:", "status_ambient"},
};

/* What an executed probe answers and the one that executed it passes on. */
static const char *const forwarded[] = {
	"capget_errno",       "effective",       "permitted",      "inheritable",      "bounding",
	"bounding_errno",     "ambient",         "ambient_errno",  "status_effective", "status_permitted",
	"status_inheritable", "status_bounding", "status_ambient", "securebits",       "uid",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void report_capget(struct facts *facts)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}, {0}};
	long r = syscall(SYS_capget, &header, data);
	fact_number(facts, "capget_errno", r < 0 ? errno : 0);
	if (r < 0)
		return;
	fact_number(facts, "effective", (int64_t)((uint64_t)data[1].effective << 32 | data[0].effective));
	fact_number(facts, "permitted", (int64_t)((uint64_t)data[1].permitted << 32 | data[0].permitted));
	fact_number(facts, "inheritable", (int64_t)((uint64_t)data[1].inheritable << 32 | data[0].inheritable));
}

/* EINVAL for a number beyond the kernel's last capability ends the walk and is no failure. */
static void report_by_prctl(struct facts *facts, const char *set, const char *errno_fact, int option, unsigned long sub)
{
	uint64_t mask = 0;
	for (unsigned long cap = 0; cap < 64; cap++) {
		int r = sub ? prctl(option, sub, cap, 0, 0) : prctl(option, cap, 0, 0, 0);
		if (r < 0 && (errno != EINVAL || cap == 0)) {
			fact_number(facts, errno_fact, errno);
			return;
		}
		if (r < 0)
			break;
		mask |= (uint64_t)(r > 0) << cap;
	}
	fact_number(facts, errno_fact, 0);
	fact_number(facts, set, (int64_t)mask);
}

static void report_status(struct facts *facts)
{
	/* The sets are a thread's own: /proc/self would show the first thread's. */
	FILE *file = fopen("/proc/thread-self/status", "re");
	char line[256];
	while (file && fgets(line, sizeof(line), file))
		for (size_t i = 0; i < COUNT(status_sets); i++)
			if (strncmp(line, status_sets[i].field, strlen(status_sets[i].field)) == 0)
				fact_number(facts, status_sets[i].fact,
					    (int64_t)strtoull(line + strlen(status_sets[i].field), NULL, 16));
	if (file)
		(void)fclose(file);
}

static void report_sets(struct facts *facts)
{
	report_capget(facts);
	report_by_prctl(facts, "bounding", "bounding_errno", PR_CAPBSET_READ, 0);
	report_by_prctl(facts, "ambient", "ambient_errno", PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET);
	report_status(facts);
	fact_number(facts, "securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	fact_number(facts, "uid", (int64_t)geteuid());
}

static int run_sets(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	report_sets(facts);
	return 0;
}

static const struct probe sets = {"capability-sets", "", "capability sets by system call and by /proc, secure bits",
				  run_sets};
PROBE(sets);

static void *in_thread(void *data)
{
	report_sets(data);
	return NULL;
}

static void after_exec(struct facts *facts)
{
	static char answer[8192];
	int r = identity_exec("probe", "capability-sets", IDENTITY_EXEC, NULL, answer, sizeof(answer));
	fact_number(facts, "ret", r < 0 ? -1 : 0);
	fact_number(facts, "errno", -r);
	int64_t value;
	for (size_t i = 0; r == 0 && i < COUNT(forwarded); i++)
		if (identity_answer_number(answer, forwarded[i], &value))
			fact_number(facts, forwarded[i], value);
}

static void after_thread(struct facts *facts)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, in_thread, facts);
	fact_number(facts, "ret", r ? -1 : 0);
	fact_number(facts, "errno", r);
	if (r == 0)
		(void)pthread_join(thread, NULL);
}

static void after_setuid(struct facts *facts)
{
	int r = setresuid(1, 1, 1);
	fact_result(facts, r);
	if (r == 0)
		report_sets(facts);
}

static const struct {
	const char *name;
	void (*run)(struct facts *facts);
} events[] = {{"exec", after_exec}, {"thread", after_thread}, {"setuid", after_setuid}};

static int run_after(int argc, char **argv, struct facts *facts)
{
	for (size_t i = 0; argc == 2 && i < COUNT(events); i++)
		if (strcmp(argv[1], events[i].name) == 0) {
			events[i].run(facts);
			return 0;
		}
	return 1;
}

static const struct probe sets_after = {"capability-sets-after", "exec|thread|setuid",
					"the same after an execve, in a late thread, as uid 1", run_after};
PROBE(sets_after);
