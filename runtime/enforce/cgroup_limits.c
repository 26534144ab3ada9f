/* SPDX-License-Identifier: Apache-2.0 */
/* The limits that are a cgroup's: one row each, and how a row is written and read back. */
#include "enforce/cgroup_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/limits.h"

#define FILES_MAX 3 /* of one row */
#define TEXT_MAX  48
#define PERIOD_US 100000
#define MIB       (1024.0 * 1024.0)

/* How a value is written, and what of it must come back. */
struct format {
	void (*print)(char text[TEXT_MAX], double value);
	bool (*same)(const char *written, const char *read);
};

struct limit_file {
	const char *name; /* NULL ends the list */
	const struct format *format;
	bool swap; /* may be missing where the kernel has no swap */
	bool preset; /* a new cgroup mostly has the value, and to write it is dearer than to look */
};

struct cgroup_limit_row {
	enum limit limit;
	enum cgroup_controller controller;
	bool spare; /* processes of ours are added */
	/* In the order for lowering the limit; for raising it the order is the reverse. */
	struct limit_file v1[FILES_MAX], v2[FILES_MAX];
};

/* --- Formats --------------------------------------------------------------------------------------- */

static uint64_t leading_number(const char *text)
{
	return strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* The kernel rounds down to `unit`: so much less is still the same value. */
static bool same_but_for(const char *written, const char *read, uint64_t unit)
{
	uint64_t want = leading_number(written), got = leading_number(read);

	return got <= want && want - got < unit;
}

static bool same_text(const char *written, const char *read)
{
	return strcmp(written, read) == 0;
}

static bool same_page(const char *written, const char *read)
{
	return same_but_for(written, read, (uint64_t)sysconf(_SC_PAGESIZE));
}

static bool same_millisecond(const char *written, const char *read)
{
	const char *period = strchr(written, ' ');
	const char *period_read = strchr(read, ' ');

	return same_but_for(written, read, 1000) && (!period || (period_read && strcmp(period, period_read) == 0));
}

static void print_bytes(char text[TEXT_MAX], double value)
{
	(void)snprintf(text, TEXT_MAX, "%" PRIu64, (uint64_t)(value * MIB));
}

static void print_count(char text[TEXT_MAX], double value)
{
	(void)snprintf(text, TEXT_MAX, "%" PRIu64, (uint64_t)value);
}

static void print_quota(char text[TEXT_MAX], double value)
{
	(void)snprintf(text, TEXT_MAX, "%" PRIu64, (uint64_t)(value * PERIOD_US + 0.5));
}

static void print_quota_and_period(char text[TEXT_MAX], double value)
{
	(void)snprintf(text, TEXT_MAX, "%" PRIu64 " %d", (uint64_t)(value * PERIOD_US + 0.5), PERIOD_US);
}

static void print_period(char text[TEXT_MAX], double value)
{
	(void)value;
	(void)snprintf(text, TEXT_MAX, "%d", PERIOD_US);
}

static void print_zero(char text[TEXT_MAX], double value)
{
	(void)value;
	(void)strcpy(text, "0");
}

static void print_one(char text[TEXT_MAX], double value)
{
	(void)value;
	(void)strcpy(text, "1");
}

static const struct format bytes = {print_bytes, same_page};
static const struct format count = {print_count, same_text};
static const struct format quota = {print_quota, same_millisecond};
static const struct format quota_and_period = {print_quota_and_period, same_millisecond};
static const struct format period = {print_period, same_text};
static const struct format zero = {print_zero, same_text};
static const struct format one = {print_one, same_text};

/* --- The rows -------------------------------------------------------------------------------------- */

static const struct cgroup_limit_row rows[] = {
	{
		.limit = LIMIT_MEMORY_MB,
		.controller = CGROUP_MEMORY,
		/* memsw (memory and swap) may never be below memory: hence the order. */
		.v1 = {{"memory.limit_in_bytes", &bytes}, {"memory.memsw.limit_in_bytes", &bytes, .swap = true}},
		.v2 = {{"memory.swap.max", &zero, .swap = true}, {"memory.oom.group", &one}, {"memory.max", &bytes}},
	},
	{
		.limit = LIMIT_CPU_CORES,
		.controller = CGROUP_CPU,
		.v1 = {{"cpu.cfs_period_us", &period, .preset = true}, {"cpu.cfs_quota_us", &quota}},
		.v2 = {{"cpu.max", &quota_and_period}},
	},
	{
		.limit = LIMIT_PROCESSES,
		.controller = CGROUP_PIDS,
		.spare = true,
		.v1 = {{"pids.max", &count}},
		.v2 = {{"pids.max", &count}},
	},
};

bool cgroup_swap_supported(void)
{
	return access("/proc/swaps", F_OK) == 0;
}

unsigned cgroup_controllers_needed(const struct limits *limits)
{
	unsigned needed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (limits->set[rows[i].limit])
			needed |= 1u << rows[i].controller;
	}
	return needed;
}

/* --- Writing --------------------------------------------------------------------------------------- */

/* What a failure to write a limit mostly means. */
static const char *advice(const struct cgroup_limit_row *row, int code)
{
	if (row->limit == LIMIT_MEMORY_MB && code == EBUSY)
		return "more than that is in use and cannot be reclaimed";
	if (row->limit == LIMIT_CPU_CORES && code == EINVAL)
		return "on cgroup v1 no cgroup may have more than the one above it, nor less than one inside it";
	return NULL;
}

static int refuse(const struct cgroup *cgroup, const struct cgroup_dir *dir, const struct cgroup_limit_row *row,
		  const char *file, const char *text, int code, struct error *err)
{
	const char *hint = advice(row, code);

	(void)error_set(err, code, "\"%s\" to %s of cgroup %s/%s", text, file, dir->parent, cgroup->name);
	if (hint)
		(void)error_hint(err, "%s", hint);
	return -code;
}

/* Write one file and read it back.  old, if not NULL, gets what it held before ("" where the file is missing). */
static int write_file(const struct cgroup *cgroup, const struct cgroup_dir *dir, const struct cgroup_limit_row *row,
		      const struct limit_file *file, const char *text, char *old, struct error *err)
{
	char read[CGROUP_FILE_MAX + 1];
	_cleanup_fd_ int fd = openat(dir->fd, file->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (old)
		old[0] = '\0';
	if (fd < 0 && errno == ENOENT && file->swap && !cgroup_swap_supported())
		return 0;
	if (fd < 0)
		return refuse(cgroup, dir, row, file->name, text, errno, err);
	if (old || file->preset) {
		int r = cgroup_read_fd(fd, read);
		if (r < 0)
			return refuse(cgroup, dir, row, file->name, text, -r, err);
		if (old)
			(void)snprintf(old, TEXT_MAX, "%.*s", TEXT_MAX - 1, read);
		if (strcmp(read, text) == 0)
			return 0;
	}
	/* pwrite: a seq file that was read has its position moved on. */
	if (pwrite(fd, text, strlen(text), 0) < 0)
		return refuse(cgroup, dir, row, file->name, text, errno, err);
	int r = cgroup_read_fd(fd, read);
	if (r < 0)
		return refuse(cgroup, dir, row, file->name, text, -r, err);
	if (!file->format->same(text, read))
		return error_say(err, ERANGE, "%s of cgroup %s/%s: \"%s\" was written, \"%.40s\" is in force",
				 file->name, dir->parent, cgroup->name, text, read);
	return 0;
}

/* A live cgroup's limit goes up: then the last file is written first. */
static bool raises(const struct cgroup_dir *dir, const struct limit_file *last, const char *text)
{
	char read[CGROUP_FILE_MAX + 1];

	return cgroup_read_file(dir->fd, last->name, read) == 0 && leading_number(read) < leading_number(text);
}

static int write_row(const struct cgroup *cgroup, const struct cgroup_limit_row *row, double value, bool live,
		     struct error *err)
{
	const struct cgroup_dir *dir = cgroup_dir_of(cgroup, row->controller);
	char text[TEXT_MAX], old[FILES_MAX][TEXT_MAX];
	int files = 0, r = 0;

	if (!dir) {
		(void)error_say(err, ENOENT, "cgroup %s has no %s controller", cgroup->name,
				cgroup_controller_name(row->controller));
		(void)error_hint(err, "start it with a limit of that kind; it can be changed then");
		return -ENOENT;
	}
	const struct limit_file *list = dir->v2 ? row->v2 : row->v1;
	while (files < FILES_MAX && list[files].name)
		files++;
	list[files - 1].format->print(text, value);
	bool up = live && raises(dir, &list[files - 1], text);

	for (int i = 0; i < files; i++) {
		const struct limit_file *file = &list[up ? files - 1 - i : i];
		file->format->print(text, value);
		r = write_file(cgroup, dir, row, file, text, live ? old[i] : NULL, err);
		/* Half of a change is none: put back what was. */
		for (int k = r < 0 && live ? i : -1; k >= 0; k--) {
			const struct limit_file *undo = &list[up ? files - 1 - k : k];
			if (old[k][0])
				(void)write_file(cgroup, dir, row, undo, old[k], NULL, NULL);
		}
		if (r < 0)
			break;
	}
	return r;
}

static int write_limits(const struct cgroup *cgroup, const struct limits *limits, unsigned spare, bool live,
			struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct cgroup_limit_row *row = &rows[i];
		if (!limits->set[row->limit])
			continue;
		int r = write_row(cgroup, row, limits->value[row->limit] + (row->spare ? spare : 0), live, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_write_limits(const struct cgroup *cgroup, const struct limits *limits, unsigned spare_processes,
			struct error *err)
{
	return write_limits(cgroup, limits, spare_processes, false, err);
}

int cgroup_set_limits(struct cgroup *cgroup, const struct limits *limits, unsigned spare_processes, struct error *err)
{
	return write_limits(cgroup, limits, spare_processes, true, err);
}

/* --- Against the machine --------------------------------------------------------------------------- */

int cgroup_check_limits(const struct limits *limits, struct error *err)
{
	struct sysinfo machine;

	if (limits->set[LIMIT_MEMORY_MB] && limits->explicit_[LIMIT_MEMORY_MB]) {
		if (sysinfo(&machine) < 0)
			return error_set(err, errno, "size of this machine's memory");
		double total = (double)machine.totalram * machine.mem_unit / MIB;
		if (limits->value[LIMIT_MEMORY_MB] > total) {
			(void)error_say(err, EINVAL, "max_memory_mb %.0f: this machine has %" PRIu64 " MiB",
					limits->value[LIMIT_MEMORY_MB], (uint64_t)total);
			return error_hint(err, "a limit above the machine limits nothing: ask for less");
		}
	}
	if (limits->set[LIMIT_CPU_CORES] && limits->explicit_[LIMIT_CPU_CORES]) {
		long online = sysconf(_SC_NPROCESSORS_ONLN);
		if (online > 0 && limits->value[LIMIT_CPU_CORES] > (double)online) {
			(void)error_say(err, EINVAL, "max_cpu_cores %g: this machine has %ld",
					limits->value[LIMIT_CPU_CORES], online);
			return error_hint(err, "a limit above the machine limits nothing: ask for less");
		}
	}
	return 0;
}
