/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits: as set, and by what happens at them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/probe.h"

static const struct {
	const char *name;
	int resource;
} resources[] = {
	{"NOFILE", RLIMIT_NOFILE}, {"CORE", RLIMIT_CORE},     {"MEMLOCK", RLIMIT_MEMLOCK},
	{"NICE", RLIMIT_NICE},     {"RTPRIO", RLIMIT_RTPRIO},
};

static int resource_number(const char *name)
{
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
		if (strcmp(resources[i].name, name) == 0)
			return resources[i].resource;
	return -1;
}

/* An unlimited value is reported as the largest number. */
static int64_t as_number(rlim_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static int run_get(int argc, char **argv, struct facts *facts)
{
	struct rlimit limit = {0, 0};
	int resource = argc == 2 ? resource_number(argv[1]) : -1;
	if (resource < 0)
		return 1;
	fact_result(facts, getrlimit((__rlimit_resource_t)resource, &limit));
	fact_number(facts, "soft", as_number(limit.rlim_cur));
	fact_number(facts, "hard", as_number(limit.rlim_max));
	return 0;
}

static const struct probe rlimit_get = {"rlimit-get", "NAME", "the soft and the hard limit", run_get};
PROBE(rlimit_get);

/* "above" asks for one more than the hard limit; "same" sets what is set already. */
static int run_set(int argc, char **argv, struct facts *facts)
{
	struct rlimit limit;
	int resource = argc == 3 ? resource_number(argv[1]) : -1;
	if (resource < 0 || getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return 1;
	if (strcmp(argv[2], "above") == 0)
		limit.rlim_max += limit.rlim_max == RLIM_INFINITY ? 0 : 1;
	fact_result(facts, setrlimit((__rlimit_resource_t)resource, &limit));
	return 0;
}

static const struct probe rlimit_set = {"rlimit-set", "NAME above|same", "sets a limit", run_set};
PROBE(rlimit_set);

/*
 * Open descriptors until the kernel refuses.  The soft limit is raised to the hard one first: a soft
 * limit alone binds nobody.  LIMIT is for the control, which binds itself.
 */
static int run_descriptors(int argc, char **argv, struct facts *facts)
{
	struct rlimit limit;
	if (argc > 2 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	limit.rlim_cur = argc == 2 ? (rlim_t)atoi(argv[1]) : limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);

	int highest = -1, fd;
	while ((fd = dup(STDIN_FILENO)) >= 0 && fd < 1 << 20)
		highest = fd;
	fact_result(facts, fd);
	fact_number(facts, "descriptors", highest + 1);
	return 0;
}

static const struct probe rlimit_descriptors = {"rlimit-descriptors", "[LIMIT]", "how many descriptors can be open",
						run_descriptors};
PROBE(rlimit_descriptors);

static bool remove_cores(const char *dir)
{
	bool found = false;
	DIR *entries = opendir(dir);
	if (!entries)
		return false;
	for (const struct dirent *entry; (entry = readdir(entries));) {
		if (strncmp(entry->d_name, "core", 4) != 0)
			continue;
		found = true;
		(void)unlinkat(dirfd(entries), entry->d_name, 0);
	}
	(void)closedir(entries);
	return found;
}

static void raise_soft(int resource)
{
	struct rlimit limit;
	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit((__rlimit_resource_t)resource, &limit);
}

static int run_core(int argc, char **argv, struct facts *facts)
{
	char dir[PATH_MAX];
	int status = 0;
	if (argc != 2)
		return 1;
	(void)snprintf(dir, sizeof(dir), "%s/.agentcore-core-XXXXXX", argv[1]);
	if (!mkdtemp(dir)) {
		fact_result(facts, -1);
		return 0;
	}
	raise_soft(RLIMIT_CORE);
	pid_t child = fork();
	if (child == 0) {
		if (chdir(dir) == 0)
			abort();
		_exit(1);
	}
	fact_result(facts, waitpid(child, &status, 0));
	bool file = remove_cores(dir);
	(void)rmdir(dir);
	fact_flag(facts, "aborted", WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	fact_text(facts, "core", file ? "file" : WCOREDUMP(status) ? "dumped" : "none");
	return 0;
}

static const struct probe rlimit_core = {"rlimit-core", "DIR", "a child aborts in DIR: does it leave a core dump",
					 run_core};
PROBE(rlimit_core);

static int run_memlock(int argc, char **argv, struct facts *facts)
{
	if (argc != 2)
		return 1;
	size_t length = (size_t)atol(argv[1]);
	raise_soft(RLIMIT_MEMLOCK);
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		fact_text(facts, "step", "mmap");
		fact_result(facts, -1);
		return 0;
	}
	fact_text(facts, "step", "mlock");
	fact_result(facts, mlock(memory, length));
	(void)munmap(memory, length);
	return 0;
}

static const struct probe rlimit_memlock = {"rlimit-memlock", "BYTES", "locks that much memory", run_memlock};
PROBE(rlimit_memlock);
