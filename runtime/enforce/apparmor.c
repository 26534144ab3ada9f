/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/apparmor.h"
#include "enforce/apparmor_parser.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/apparmor.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fault.h"
#include "base/io.h"

#define PARAMETERS "/sys/module/apparmor/parameters/enabled"
#define MODE       "/sys/module/apparmor/parameters/mode"
#define SECURITYFS "/sys/kernel/security/apparmor"
#define FEATURES   SECURITYFS "/features"
#define PROFILES   SECURITYFS "/profiles"
#define REMOVE     SECURITYFS "/.remove"
#define LIST_MAX   (4 * 1024 * 1024)
#define LABEL_MAX  512
#define LABEL_FILE "thread-self/attr/apparmor/current"

bool apparmor_enabled(void)
{
	_cleanup_free_ char *text = NULL;

	return io_read_file(AT_FDCWD, PARAMETERS, 16, &text, NULL) == 0 && *text == 'Y';
}

bool apparmor_mediates_unix(void)
{
	/* Those that apparmor_parser 3.0 compiles for: of network_v9 it knows nothing. */
	return access(FEATURES "/network/af_unix", F_OK) == 0 || access(FEATURES "/network_v8/af_unix", F_OK) == 0;
}

/*
 * A rule of a kind that the kernel does not know is left out when the profile is loaded, without a word from the parser where the profile names its abi.
 */
static int check_kinds(struct error *err)
{
	static const char *const kinds[] = {"caps", "domain", "file", "mount", "network_v8", "ptrace", "signal"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/%s", FEATURES, kinds[i]);
		if (access(path, F_OK) == 0)
			continue;
		(void)error_set(err, errno, "rules of the kind \"%s\" in this kernel's AppArmor, %s", kinds[i], path);
		(void)error_hint(
			err,
			"mount securityfs on /sys/kernel/security; take Linux 4.17 or newer; or use --mac landlock");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* All profiles can be made to complain at once (apparmor.mode, or that file), which neither the list nor a label shows. */
static int check_mode(struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = io_read_file(AT_FDCWD, MODE, 32, &text, NULL);

	if (r < 0)
		return error_set(err, -r, "mode of AppArmor, %s", MODE);
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "enforce") == 0 || strcmp(text, "kill") == 0)
		return 0;
	(void)error_say(err, EPERM, "AppArmor is in mode \"%s\" as a whole, and enforces no profile", text);
	(void)error_hint(err, "printf enforce >%s", MODE);
	return -EPERM;
}

/* --- What is loaded ------------------------------------------------------------------------------- */

static bool is_enforce(const char *mode, size_t length)
{
	static const char enforce[] = " (enforce)";

	return fault_wished("break", "apparmor-complain") ||
	       (length == strlen(enforce) && strncmp(mode, enforce, length) == 0);
}

enum apparmor_mode apparmor_find(const char *list, const char *name)
{
	const size_t length = strlen(name);

	for (const char *line = list; *line; line += *line == '\n') {
		const size_t whole = strcspn(line, "\n");
		if (whole > length + 2 && strncmp(line, name, length) == 0 && strncmp(line + length, " (", 2) == 0)
			return is_enforce(line + length, whole - length) ? APPARMOR_ENFORCE : APPARMOR_OTHER;
		line += whole;
	}
	return APPARMOR_MISSING;
}

bool apparmor_other_mark(const char **at, const char *mark, char *name, size_t size)
{
	/* NAME//rules-, as in the mark itself. */
	const size_t prefix = (size_t)(strrchr(mark, '-') - mark) + 1;

	while (**at) {
		const char *line = *at;
		const size_t whole = strcspn(line, "\n"), length = strcspn(line, " \n");
		*at += whole + (line[whole] == '\n');
		if (length < prefix || strncmp(line, mark, prefix) != 0 ||
		    (length == strlen(mark) && strncmp(line, mark, length) == 0))
			continue;
		(void)snprintf(name, size, "%.*s", (int)length, line);
		return true;
	}
	return false;
}

#define LOAD_HINT "load it: agentcore profile load, with the same --policy or --profile, --network and --bind"

static int read_list(char **list, struct error *err)
{
	int r = io_read_file(AT_FDCWD, PROFILES, LIST_MAX, list, NULL);

	if (r == 0)
		return 0;
	(void)error_set(err, -r, "list of AppArmor's profiles, %s", PROFILES);
	(void)error_hint(err, "mount securityfs there: mount -t securityfs none /sys/kernel/security");
	return r;
}

int apparmor_check(const char *name, const char *mark, struct error *err)
{
	_cleanup_free_ char *list = NULL;
	char other[LABEL_MAX];
	int r = check_mode(err);

	r = r < 0 ? r : check_kinds(err);
	r = r < 0 ? r : read_list(&list, err);
	if (r < 0)
		return r;
	switch (apparmor_find(list, name)) {
	case APPARMOR_MISSING:
		(void)error_say(err, ENOENT, "AppArmor profile %s is not loaded", name);
		(void)error_hint(err, LOAD_HINT);
		return -ENOENT;
	case APPARMOR_OTHER:
		(void)error_say(err, EPERM, "AppArmor profile %s is loaded, and not enforced", name);
		(void)error_hint(err, LOAD_HINT);
		return -EPERM;
	default:
		break;
	}
	const char *at = list;
	if (apparmor_find(list, mark) == APPARMOR_ENFORCE && !apparmor_other_mark(&at, mark, other, sizeof(other)))
		return 0;
	(void)error_say(err, ESTALE, "AppArmor profile %s is loaded with rules other than this policy's", name);
	(void)error_hint(err, LOAD_HINT "; give sandboxes that differ an agent_id each");
	return -ESTALE;
}

/* --- A process under it --------------------------------------------------------------------------- */

/*
 * /proc must be what it seems: a label that is read from another file system's file says nothing (CVE-2025-52881), so nothing may be mounted on the way.
 */
int apparmor_open_label(struct error *err)
{
	const struct open_how how = {.flags = O_RDWR | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV};
	struct statfs fs;

	_cleanup_fd_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || fstatfs(proc, &fs) < 0)
		return error_set(err, errno, "/proc");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return error_say(err, EBADMSG, "/proc is no proc file system");
	int fd = (int)syscall(SYS_openat2, proc, LABEL_FILE, &how, sizeof(how));
	return fd < 0 ? error_set(err, errno, "/proc/" LABEL_FILE) : fd;
}

static int read_label(int fd, char label[LABEL_MAX], struct error *err)
{
	ssize_t n = pread(fd, label, LABEL_MAX - 1, 0);

	if (n < 0)
		return error_set(err, errno, "/proc/" LABEL_FILE);
	label[n] = '\0';
	label[strcspn(label, "\n")] = '\0';
	return 0;
}

/*
 * As aa_change_profile(2) does, but into the file that was looked at: that one would open it anew, by a path, and there may be no descriptor left since
 * limits are in force.
 */
static int change_profile(const char *name, int label)
{
	char order[LABEL_MAX];
	int length = snprintf(order, sizeof(order), "changeprofile %s", name);

	if (length >= (int)sizeof(order)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return pwrite(label, order, (size_t)length, 0) == length ? 0 : -1;
}

static bool is_under(const char *label, const char *name, const char *mode)
{
	char copy[LABEL_MAX], *found_mode = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", label);
	const char *found_name = aa_splitcon(copy, &found_mode);
	return found_name && found_mode && strcmp(found_name, name) == 0 && strcmp(found_mode, mode) == 0;
}

int apparmor_confine(const char *name, int label, struct error *err)
{
	char found[LABEL_MAX], other[LABEL_MAX / 2];

	if (fault_wished("break", "apparmor-unapplied"))
		return 0;
	if (fault_wished("break", "apparmor-other")) {
		/* Another profile, whose name looks as good. */
		(void)snprintf(other, sizeof(other), "%s//open", name);
		name = other;
	}
	if (change_profile(name, label) < 0) {
		(void)error_set(err, errno, "change to AppArmor profile %s", name);
		return error_hint(err, LOAD_HINT);
	}
	int r = read_label(label, found, err);
	if (r < 0)
		return r;
	if (is_under(found, name, fault_wished("break", "apparmor-complain") ? "complain" : "enforce"))
		return 0;
	(void)error_say(err, EPERM, "AppArmor has this process under \"%s\", not \"%s (enforce)\"", found, name);
	return error_hint(err,
			  "start anew; if it stays so, the profile was replaced or what changes labels is on the way: "
			  "look at " PROFILES " and at the kernel's log");
}

int apparmor_load(const char *text, const char *mark, struct error *err)
{
	_cleanup_free_ char *list = NULL;
	char other[LABEL_MAX];
	int r = apparmor_parser_load(text, err);

	if (r == 0)
		r = read_list(&list, err);
	/* Until they are gone apparmor_check refuses. */
	for (const char *at = list; r == 0 && apparmor_other_mark(&at, mark, other, sizeof(other));)
		r = apparmor_unload(other, err);
	return r;
}

int apparmor_unload(const char *name, struct error *err)
{
	int r = io_write_file(AT_FDCWD, REMOVE, name);

	if (r == -ENOENT)
		return error_say(err, ENOENT, "AppArmor profile %s is not loaded", name);
	return r < 0 ? error_set(err, -r, "AppArmor profile %s", name) : 0;
}
