/* SPDX-License-Identifier: Apache-2.0 */
/* no_new_privs: the bit, and what a setuid-root program makes of its caller. */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "probes/identity_child.h"
#include "probes/probe.h"

#define UNPRIVILEGED 1000

static void report_status(struct facts *facts)
{
	FILE *file = fopen("/proc/thread-self/status", "re");
	char line[256];
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "NoNewPrivs:", 11) == 0)
			fact_number(facts, "status_no_new_privs", atoi(line + 11));
		if (strncmp(line, "CapEff:", 7) == 0)
			fact_number(facts, "effective", (int64_t)strtoull(line + 7, NULL, 16));
		if (strncmp(line, "CapPrm:", 7) == 0)
			fact_number(facts, "permitted", (int64_t)strtoull(line + 7, NULL, 16));
	}
	if (file)
		(void)fclose(file);
}

static void report_identity(struct facts *facts)
{
	uid_t real, effective, saved;
	if (getresuid(&real, &effective, &saved) == 0) {
		fact_number(facts, "ruid", real);
		fact_number(facts, "euid", effective);
		fact_number(facts, "suid", saved);
	}
	fact_number(facts, "groups", getgroups(0, NULL));
	fact_number(facts, "no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	report_status(facts);
}

static int run_identity(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	report_identity(facts);
	return 0;
}

static const struct probe identity = {"privilege-identity", "", "user ids, capabilities, no_new_privs", run_identity};
PROBE(identity);

static void *in_thread(void *data)
{
	report_identity(data);
	return NULL;
}

static int run_thread(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	pthread_t thread;
	int r = pthread_create(&thread, NULL, in_thread, facts);
	fact_number(facts, "ret", r ? -1 : 0);
	fact_number(facts, "errno", r);
	if (r == 0)
		(void)pthread_join(thread, NULL);
	return 0;
}

static const struct probe late_thread = {"privilege-thread", "", "privilege-identity as a new thread sees it",
					 run_thread};
PROBE(late_thread);

/* Clearing is not in the API (EINVAL): what is reported is the bit afterwards. */
static int run_clear(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	fact_result(facts, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	fact_number(facts, "no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

static const struct probe clear = {"privilege-clear", "", "tries to clear no_new_privs; the bit afterwards", run_clear};
PROBE(clear);

static int become_unprivileged(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) < 0 ||
	    setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) < 0)
		return errno;
	return 0;
}

/* How the program is executed: its name in the tools directory, by which thread, and after what. */
static const struct mode {
	const char *name, *program;
	enum identity_how how;
	int (*before)(void);
} modes[] = {
	{"plain", "probe", IDENTITY_EXEC, NULL},
	{"suid", "probe-suid", IDENTITY_EXEC, NULL},
	{"suid-thread", "probe-suid", IDENTITY_EXEC_FROM_THREAD, NULL},
	{"suid-dropped", "probe-suid", IDENTITY_EXEC, become_unprivileged},
};

static const char *const forwarded[] = {
	"ruid", "euid", "suid", "effective", "permitted", "no_new_privs", "status_no_new_privs",
};

static void report_exec(const struct mode *mode, struct facts *facts)
{
	static char answer[4096];
	int64_t value;
	int r = identity_exec(mode->program, "privilege-identity", mode->how, mode->before, answer, sizeof(answer));
	fact_number(facts, "ret", r < 0 ? -1 : 0);
	fact_number(facts, "errno", -r);
	for (size_t i = 0; r == 0 && i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		if (identity_answer_number(answer, forwarded[i], &value))
			fact_number(facts, forwarded[i], value);
}

static int run_exec(int argc, char **argv, struct facts *facts)
{
	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0) {
			report_exec(&modes[i], facts);
			return 0;
		}
	return 1;
}

static const struct probe exec_probe = {"privilege-exec", "plain|suid|suid-thread|suid-dropped",
					"who a program (a setuid-root one) is after execve", run_exec};
PROBE(exec_probe);
