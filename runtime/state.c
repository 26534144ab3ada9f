/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "recipe/state_lock.h"

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define SANDBOXES          "sandboxes"
#define ATTEMPTS           64 /* against others that make and remove the same name at the same time */
#define RECLAIM_MS         2000 /* what another process may take to remove a dead sandbox of the same name */
#define STALE_LOOKS        256
#define STALE_REMOVALS     16
#define TEMPORARY          '.' /* begins the name of a directory that is not yet, or no longer, a sandbox's */

int state_check_id(const char *id, struct error *err)
{
	size_t length = strlen(id);
	bool good = length >= 1 && length <= STATE_ID_MAX && strspn(id, LETTERS_AND_DIGITS) >= 1 &&
		    strspn(id, LETTERS_AND_DIGITS "_.-") == length && !strstr(id, "..");

	if (good)
		return 0;
	(void)error_say(err, EINVAL, "\"%.80s\" is not an id of a sandbox", id);
	return error_hint(err,
			  "a letter or digit, then up to 63 letters, digits, dots, dashes and underscores, no \"..\"");
}

void state_new_id(char id[STATE_ID_MAX + 1])
{
	uint32_t number;

	/* Up to 256 bytes of getrandom(2) come whole, and only an uninitialised pool could delay them. */
	while (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		;
	(void)snprintf(id, STATE_ID_MAX + 1, "ac-%08x", number);
}

int state_open_directory(const char *path, bool make, int *fd, struct error *err)
{
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "state directory %s", path);
	_cleanup_fd_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (directory < 0 || fstat(directory, &st) < 0)
		return error_set(err, errno, "state directory %s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		(void)error_say(err, EPERM, "state directory %s belongs to someone else, or others can write to it",
				path);
		return error_hint(err, "name another with --root");
	}
	*fd = TAKE_FD(directory);
	return 0;
}

static void let_go(struct state *state)
{
	cleanup_fd(&state->directory);
	cleanup_fd(&state->lock);
	state->directory = state->lock = -1;
}

static int hold(struct state *state, const char *name, enum state_hold_as as)
{
	struct state_hold held;
	int r = state_hold(state->sandboxes, name, as, &held);

	if (r == 0) {
		state->directory = held.directory;
		state->lock = held.lock;
	}
	return r;
}

/* --- Making and removing -------------------------------------------------------------------------------- */

static void temporary_name(char name[STATE_ID_MAX + 2])
{
	name[0] = TEMPORARY;
	state_new_id(name + 1);
}

static int remove_files(int directory)
{
	static const char *const files[] = {"state.json", "state.json.new", "policy.json", "policy.json.new",
					    "control"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (unlinkat(directory, files[i], 0) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}

/* Empty and remove a directory whose lock we hold.  The lock goes last: whoever finds it free finds the rest gone. */
static int remove_held(const struct state *state, const char *name)
{
	int r = remove_files(state->directory);

	if (r == 0 && unlinkat(state->directory, "lock", 0) < 0 && errno != ENOENT)
		r = -errno;
	/* Without its lock, a search for dead ones may have taken it for one that nobody finished. */
	if (r == 0 && unlinkat(state->sandboxes, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/*
 * A directory of our own, locked before it gets the name: a search for dead sandboxes, which tries every
 * lock, can then get in the way of a temporary name only, and another is as good.
 * 0, -EEXIST when the name is taken, -EAGAIN for another attempt.
 */
static int make_new(struct state *state)
{
	char name[STATE_ID_MAX + 2];

	temporary_name(name);
	if (mkdirat(state->sandboxes, name, 0700) < 0)
		return errno == EEXIST ? -EAGAIN : -errno;
	int r = hold(state, name, HOLD_NEW);
	if (r < 0)
		return r == -ENOENT || r == -EBUSY ? -EAGAIN : r;
	if (renameat2(state->sandboxes, name, state->sandboxes, state->id, RENAME_NOREPLACE) == 0)
		return 0;
	r = -errno;
	(void)remove_held(state, name);
	let_go(state);
	return r;
}

void state_cgroup_name(int sandboxes, const char *id, char name[CGROUP_NAME_MAX])
{
	struct stat st = {0};

	(void)fstat(sandboxes, &st);
	uint64_t mark = ((uint64_t)st.st_dev << 40 ^ (uint64_t)st.st_ino) * UINT64_C(0x9e3779b97f4a7c15);
	(void)snprintf(name, CGROUP_NAME_MAX, "agentcore-%s.%08x", id, (unsigned)(mark >> 32));
}

/* The processes and cgroups of a dead sandbox whose directory we hold. */
static int reclaim_cgroup(const struct state *state, struct error *err)
{
	struct state_record record = {.init_fd = -1, .monitor_fd = -1};
	struct cgroup_layout layout;
	char name[CGROUP_NAME_MAX];

	/* One that died before its record was written, or whose record is damaged, has its cgroup all the same. */
	state_cgroup_name(state->sandboxes, state->id, name);
	(void)state_read_from(state->directory, state->id, &record, NULL);
	int r = cgroup_detect(&layout, NULL, NULL, record.cgroup_parent, NULL);
	/* Without cgroups there is none to reclaim. */
	r = r < 0 ? 0 : cgroup_reclaim(&layout, record.cgroup ? record.cgroup : name, err);
	state_record_clear(&record);
	return r;
}

/* The directory of a dead sandbox of that name becomes ours.  0, -EAGAIN for another attempt, or another negative errno. */
static int take_over(struct state *state, struct error *err)
{
	int r = hold(state, state->id, HOLD_TO_LIVE);

	if (r == -EBUSY) {
		(void)error_say(err, EEXIST, "sandbox %s is running", state->id);
		(void)error_hint(err, "choose another --id, or end it: agentcore delete --force %s", state->id);
		return -EEXIST;
	}
	if (r == -EAGAIN)
		state_await_reclaimer(state->sandboxes, state->id, RECLAIM_MS);
	if (r < 0)
		return r == -ENOENT ? -EAGAIN : r;
	r = reclaim_cgroup(state, err);
	if (r == 0)
		r = remove_files(state->directory);
	if (r < 0)
		let_go(state);
	return r;
}

static int open_sandboxes(int state_dir, bool make)
{
	if (make && mkdirat(state_dir, SANDBOXES, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = openat(state_dir, SANDBOXES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int state_create(int state_dir, const char *id, struct state *state, struct error *err)
{
	struct state new_state = STATE_NONE;
	int r = state_check_id(id, err);

	if (r < 0)
		return r;
	(void)snprintf(new_state.id, sizeof(new_state.id), "%s", id);
	new_state.sandboxes = open_sandboxes(state_dir, true);
	if (new_state.sandboxes < 0)
		return error_set(err, -new_state.sandboxes, "%s in the state directory", SANDBOXES);
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < ATTEMPTS; i++) {
		r = make_new(&new_state);
		if (r == -EEXIST)
			r = take_over(&new_state, err);
	}
	if (r < 0) {
		state_close(&new_state);
		return error_set(err, -r, "directory of sandbox %s", id);
	}
	*state = new_state;
	return 0;
}

int state_remove(struct state *state, struct error *err)
{
	char name[STATE_ID_MAX + 2];

	/* Away from the name first: a start of the same id must not find half of it. */
	temporary_name(name);
	if (renameat2(state->sandboxes, state->id, state->sandboxes, name, RENAME_NOREPLACE) < 0)
		return error_set(err, errno, "directory of sandbox %s", state->id);
	int r = remove_held(state, name);
	let_go(state);
	return r < 0 ? error_set(err, -r, "directory of sandbox %s", state->id) : 0;
}

void state_close(struct state *state)
{
	let_go(state);
	cleanup_fd(&state->sandboxes);
	state->sandboxes = -1;
}

int state_open(int state_dir, const char *id, int *directory, struct error *err)
{
	int r = state_check_id(id, err);
	if (r < 0)
		return r;
	_cleanup_fd_ int sandboxes = open_sandboxes(state_dir, false);
	int fd = sandboxes < 0 ? sandboxes : openat(sandboxes, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		*directory = fd;
		return 0;
	}
	int code = sandboxes < 0 ? -sandboxes : errno;
	if (code != ENOENT)
		return error_set(err, code, "directory of sandbox %s", id);
	(void)error_say(err, ENOENT, "no sandbox %s", id);
	return error_hint(err, "agentcore list shows those that there are");
}

/* --- Reclaiming ------------------------------------------------------------------------------------------ */

/* Of a directory that is not a sandbox's: its maker or remover died in between.  rmdir takes one without a lock, if it is empty. */
static int reclaim_temporary(struct state *state, const char *name)
{
	int r = hold(state, name, HOLD_TO_RECLAIM);

	if (r == -ENOENT)
		return unlinkat(state->sandboxes, name, AT_REMOVEDIR) == 0 ? 1 : 0;
	if (r == 0)
		r = remove_held(state, name);
	let_go(state);
	return r == 0 ? 1 : 0;
}

/* 1: reclaimed; 0: nothing to do; -EBUSY: its monitor lives; or another negative errno with err set. */
static int reclaim(struct state *state, struct error *err)
{
	int r = hold(state, state->id, HOLD_TO_RECLAIM);

	if (r == -EBUSY)
		return r;
	if (r == -ENOENT || r == -EAGAIN)
		return 0; /* another one does it */
	if (r < 0)
		return error_set(err, -r, "directory of sandbox %s", state->id);
	r = reclaim_cgroup(state, err);
	if (r == 0)
		r = state_remove(state, err);
	let_go(state);
	return r < 0 ? r : 1;
}

int state_reclaim(int state_dir, const char *id, struct error *err)
{
	_cleanup_fd_ int directory = -1;
	int r = state_open(state_dir, id, &directory, err);

	if (r < 0)
		return r;
	struct state state = STATE_NONE;
	(void)snprintf(state.id, sizeof(state.id), "%s", id);
	state.sandboxes = open_sandboxes(state_dir, false);
	r = state.sandboxes < 0 ? state.sandboxes : reclaim(&state, err);
	state_close(&state);
	if (r == -EBUSY)
		return error_say(err, EBUSY, "sandbox %s is running", id);
	return r < 0 ? error_set(err, -r, "sandbox %s", id) : 0;
}

/* Names as they come, with room for the bounded look only. */
static int read_names(int state_dir, size_t limit, char (**names)[STATE_ID_MAX + 2], size_t *count)
{
	int fd = open_sandboxes(state_dir, false);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	_cleanup_dir_ DIR *place = fdopendir(fd);
	if (!place) {
		(void)close(fd);
		return -ENOMEM;
	}
	size_t room = 0;
	for (const struct dirent *entry; *count < limit && (entry = readdir(place));) {
		size_t length = strlen(entry->d_name);
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || length >= sizeof(**names))
			continue;
		if (*count == room) {
			room = room ? 2 * room : 64;
			void *grown = realloc(*names, room * sizeof(**names));
			if (!grown)
				return -ENOMEM;
			*names = grown;
		}
		memcpy((*names)[(*count)++], entry->d_name, length + 1);
	}
	return 0;
}

int state_reclaim_stale(int state_dir, struct error *err)
{
	_cleanup_free_ char(*names)[STATE_ID_MAX + 2] = NULL;
	struct state state = STATE_NONE;
	size_t count = 0;
	int reclaimed = 0, result = read_names(state_dir, STALE_LOOKS, &names, &count);

	if (result < 0 || count == 0)
		return result < 0 ? error_set(err, -result, "%s in the state directory", SANDBOXES) : 0;
	state.sandboxes = open_sandboxes(state_dir, false);
	if (state.sandboxes < 0)
		return 0;
	for (size_t i = 0; i < count && reclaimed < STALE_REMOVALS; i++) {
		int r;
		if (names[i][0] == TEMPORARY) {
			r = reclaim_temporary(&state, names[i]);
		} else {
			(void)snprintf(state.id, sizeof(state.id), "%.*s", STATE_ID_MAX, names[i]);
			r = reclaim(&state, err);
		}
		if (r > 0)
			reclaimed++;
		else if (r < 0 && r != -EBUSY)
			result = r;
	}
	state_close(&state);
	return result < 0 ? result : reclaimed;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int state_each(int state_dir, int (*visit)(const char *id, void *data), void *data)
{
	_cleanup_free_ char(*names)[STATE_ID_MAX + 2] = NULL;
	size_t count = 0;
	int r = read_names(state_dir, SIZE_MAX, &names, &count);

	if (r < 0 || count == 0)
		return r;
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (names[i][0] != TEMPORARY)
			r = visit(names[i], data);
	return r;
}
