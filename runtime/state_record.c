/* SPDX-License-Identifier: Apache-2.0 */
/* What is written in a sandbox's directory, and what can be told from it about who lives. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "policy/policy_json.h"
#include "recipe/state.h"

#define DOCUMENT_MAX (1024 * 1024)

static const char *const status_names[] = {
	[STATE_STARTING] = "starting",
	[STATE_RUNNING] = "running",
	[STATE_ENDING] = "ending",
	[STATE_STALE] = "stale",
};

const char *state_status_name(enum state_status status)
{
	return status_names[status];
}

/* --- Processes ------------------------------------------------------------------------------------------- */

/* When a process started, in ticks since the boot: field 22 of proc_pid_stat(5).  0 when there is no such process. */
static unsigned long long start_time(pid_t pid)
{
	char path[32], text[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_all(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name, field 2, may hold blanks and parentheses: count from the last one. */
	const char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/*
 * A pidfd of the process that had this pid and start time, or -1 when it is dead.
 * The pidfd comes first: whoever it means has the pid until it is dead, so a start time that is right afterwards is that process's.
 */
static int open_process(pid_t pid, unsigned long long started)
{
	_cleanup_fd_ int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	struct pollfd dead = {.fd = fd, .events = POLLIN};

	if (fd < 0 || !started || start_time(pid) != started || poll(&dead, 1, 0) != 0)
		return -1;
	return TAKE_FD(fd);
}

/* --- Writing --------------------------------------------------------------------------------------------- */

/* By a temporary name: a reader sees the old or the new document, and a monitor that dies in between leaves the old one. */
static int write_document(int directory, const char *name, const char *temporary, json_t *document, struct error *err)
{
	_cleanup_free_ char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	if (!text)
		return error_set(err, ENOMEM, "%s", name);
	_cleanup_fd_ int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "%s", name);
	int r = io_write_all(fd, text, strlen(text));
	if (r == 0 && renameat(directory, temporary, directory, name) < 0)
		r = -errno;
	return r < 0 ? error_set(err, -r, "%s", name) : 0;
}

static void say_now(char text[40])
{
	struct timespec now;
	struct tm utc;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	size_t used = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(text + used, 40 - used, ".%06ldZ", now.tv_nsec / 1000);
}

static json_t *command_to_json(const char *const *command)
{
	json_t *array = json_array();

	/* Arguments need not be UTF-8; what is not is left out of the record, never the whole start refused for it. */
	for (size_t i = 0; command && command[i]; i++) {
		json_t *word = json_string(command[i]);
		(void)json_array_append_new(array, word ? word : json_string("?"));
	}
	return array;
}

static json_t *binds_to_json(const struct state_record *record)
{
	json_t *array = json_array();

	for (size_t i = 0; i < record->bind_count; i++)
		(void)json_array_append_new(array, json_pack("{s:s, s:b}", "destination", record->binds[i].destination,
							     "writable", (int)record->binds[i].writable));
	return array;
}

int state_write(const struct state *state, const struct state_record *record, struct error *err)
{
	char now[40];

	say_now(now);
	json_t *document = json_pack(
		"{s:s, s:s*, s:s*, s:s, s:s, s:i, s:I, s:i, s:I, s:b, s:o, s:s*, s:s*, s:b, s:i, s:i, s:s*, s:s*, s:o, "
		"s:s*}",
		"id", state->id, "agent_id", record->agent_id, "profile", record->profile, "status",
		state_status_name(record->status), "started", record->started ? record->started : now, "monitor",
		(int)record->monitor, "monitor_start", (json_int_t)start_time(record->monitor), "init",
		(int)record->init, "init_start", (json_int_t)start_time(record->init), "detached",
		(int)record->detached, "command", command_to_json(record->command), "cgroup", record->cgroup,
		"cgroup_parent", record->cgroup_parent, "takes_executions", record->cgroup_use == CGROUP_CONTAINER,
		"uid", (int)record->uid, "gid", (int)record->gid, "cwd", record->cwd, "rootfs", record->rootfs, "binds",
		binds_to_json(record), "mac", record->mac);
	return write_document(state->directory, "state.json", "state.json.new", document, err);
}

int state_write_policy(int directory, const struct policy *policy, struct error *err)
{
	return write_document(directory, "policy.json", "policy.json.new", policy_to_json(policy), err);
}

/* --- Reading --------------------------------------------------------------------------------------------- */

static int bad_record(struct error *err)
{
	(void)error_say(err, EBADMSG, "state.json: not a record of a sandbox");
	return error_hint(err, "agentcore delete --force removes a sandbox whose record is damaged");
}

static int read_lists(struct state_record *record, const json_t *command, const json_t *binds, struct error *err)
{
	size_t words = json_array_size(command), count = json_array_size(binds);
	_cleanup_free_ const char **list = calloc(words + 1, sizeof(*list));
	_cleanup_free_ struct state_bind *places = calloc(count + 1, sizeof(*places));

	if (!list || !places)
		return error_set(err, ENOMEM, "state.json");
	for (size_t i = 0; i < words; i++)
		if (!(list[i] = json_string_value(json_array_get(command, i))))
			return bad_record(err);
	for (size_t i = 0; i < count; i++) {
		const json_t *bind = json_array_get(binds, i);
		places[i].destination = json_string_value(json_object_get(bind, "destination"));
		places[i].writable = json_is_true(json_object_get(bind, "writable"));
		if (!places[i].destination)
			return bad_record(err);
	}
	record->command = TAKE_PTR(list);
	record->binds = TAKE_PTR(places);
	record->bind_count = count;
	return 0;
}

static int read_document(struct state_record *record, struct error *err)
{
	const char *status, *id;
	const json_t *command, *binds;
	int monitor, init, detached, takes_executions, uid, gid;
	json_int_t monitor_start, init_start;

	if (json_unpack(record->document,
			"{s:s, s?s, s?s, s:s, s:s, s:i, s:I, s:i, s:I, s:b, s:o, s?s, s?s, s:b, s:i, s:i, s?s, s?s, "
			"s:o, s?s}",
			"id", &id, "agent_id", &record->agent_id, "profile", &record->profile, "status", &status,
			"started", &record->started, "monitor", &monitor, "monitor_start", &monitor_start, "init",
			&init, "init_start", &init_start, "detached", &detached, "command", &command, "cgroup",
			&record->cgroup, "cgroup_parent", &record->cgroup_parent, "takes_executions", &takes_executions,
			"uid", &uid, "gid", &gid, "cwd", &record->cwd, "rootfs", &record->rootfs, "binds", &binds,
			"mac", &record->mac) < 0)
		return bad_record(err);
	record->status = strcmp(status, "running") ? STATE_STARTING : STATE_RUNNING;
	record->monitor = monitor;
	record->init = init;
	record->detached = detached;
	record->cgroup_use = takes_executions ? CGROUP_CONTAINER : CGROUP_SANDBOX;
	record->uid = (uid_t)uid;
	record->gid = (gid_t)gid;
	record->monitor_fd = open_process(monitor, (unsigned long long)monitor_start);
	record->init_fd = open_process(init, (unsigned long long)init_start);
	return read_lists(record, command, binds, err);
}

/* The lock says whether the monitor lives; the rest is what it has written. */
static enum state_status status_of(const struct state_record *record, bool locked)
{
	if (!locked)
		return STATE_STALE;
	if (!record->document)
		return STATE_STARTING;
	return record->init_fd < 0 ? STATE_ENDING : record->status;
}

int state_read_from(int directory, const char *id, struct state_record *record, struct error *err)
{
	struct state_record new_record = {.init_fd = -1, .monitor_fd = -1};
	_cleanup_free_ char *text = NULL;
	size_t length = 0;

	(void)snprintf(new_record.id, sizeof(new_record.id), "%s", id);
	int r = io_read_file(directory, "state.json", DOCUMENT_MAX, &text, &length);
	if (r < 0 && r != -ENOENT)
		return error_set(err, -r, "state.json of sandbox %s", id);
	if (r == 0) {
		new_record.document = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
		r = new_record.document ? read_document(&new_record, err) : bad_record(err);
		if (r < 0) {
			state_record_clear(&new_record);
			return r;
		}
	}
	new_record.status = status_of(&new_record, state_is_locked(directory));
	*record = new_record;
	return 0;
}

int state_read(int state_dir, const char *id, struct state_record *record, struct error *err)
{
	_cleanup_fd_ int directory = -1;
	int r = state_open(state_dir, id, &directory, err);

	return r < 0 ? r : state_read_from(directory, id, record, err);
}

void state_record_clear(struct state_record *record)
{
	/* Also a zeroed one: 0 is nobody's pidfd, since main fills the standard descriptors. */
	if (record->init_fd > STDERR_FILENO)
		(void)close(record->init_fd);
	if (record->monitor_fd > STDERR_FILENO)
		(void)close(record->monitor_fd);
	free((void *)(uintptr_t)record->command);
	free((void *)(uintptr_t)record->binds);
	json_decref(record->document);
	*record = (struct state_record){.init_fd = -1, .monitor_fd = -1};
}

int state_read_policy(int directory, struct policy *policy, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r = io_read_file(directory, "policy.json", DOCUMENT_MAX, &text, &length);

	return r < 0 ? error_set(err, -r, "policy.json") : policy_parse(policy, "policy.json", text, length, err);
}
