/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/rlimits.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/array.h"

#define NOT_A_POLICY_LIMIT LIMIT_COUNT

struct rlimit_row {
	const char *name;
	int resource;
	enum limit limit; /* the policy's quantity, or NOT_A_POLICY_LIMIT */
	rlim_t value; /* where the policy does not say */
	bool exact; /* less would hold less */
};

static const struct rlimit_row rows[] = {
	{"RLIMIT_NOFILE", RLIMIT_NOFILE, LIMIT_FILE_DESCRIPTORS, 1024, false},
	/* 1, not 0: a piped core_pattern ignores 0, but takes 1 for a crash of the core handler itself
	   and gives up (kernel/fs/coredump.c); and no dump to a file fits into one byte. */
	{"RLIMIT_CORE", RLIMIT_CORE, NOT_A_POLICY_LIMIT, 1, true},
	/* Locked memory cannot be reclaimed: the kernel's old default is enough for key material. */
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, NOT_A_POLICY_LIMIT, 64 * 1024, false},
	/* POSIX message queues are charged to the user, outside any memory limit. */
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, NOT_A_POLICY_LIMIT, 819200, false},
};

int rlimits_apply(const struct limits *limits, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct rlimit_row *row = &rows[i];
		bool limited = row->limit != NOT_A_POLICY_LIMIT && limits->set[row->limit];
		double wanted = limited ? limits->value[row->limit] : (double)row->value;
		struct rlimit both = {.rlim_cur = (rlim_t)wanted, .rlim_max = (rlim_t)wanted}, now;
		/* What nobody asked for is not worth a privilege: who has less already keeps it. */
		if (!limited && !row->exact && getrlimit(row->resource, &now) == 0 && now.rlim_max < both.rlim_max)
			both = (struct rlimit){now.rlim_max, now.rlim_max};
		if (setrlimit(row->resource, &both) == 0)
			continue;
		int r = error_set(err, errno, "%s to %llu", row->name, (unsigned long long)both.rlim_max);
		if (r == -EPERM)
			(void)error_hint(err,
					 "raise the hard limit of who starts agentcore, or give it CAP_SYS_RESOURCE");
		return r;
	}
	return 0;
}
