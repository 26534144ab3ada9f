/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/apparmor.h"
#include "enforce/apparmor_parser.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/io.h"

#define PARAMETERS "/sys/module/apparmor/parameters/enabled"
#define SECURITYFS "/sys/kernel/security/apparmor"
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
	int r = read_list(&list, err);

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

/* As aa_change_profile(2) does, which would open a file: limits are in force, and there may be no descriptor left. */
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

int apparmor_confine(const char *name, int label, struct error *err)
{
	char expected[LABEL_MAX], found[LABEL_MAX], other[LABEL_MAX / 2];

	if (fault_wished("break", "apparmor-unapplied"))
		return 0;
	if (fault_wished("break", "apparmor-other")) {
		/* Another profile, whose name looks as good. */
		(void)snprintf(other, sizeof(other), "%s//open", name);
		name = other;
	}
	if (change_profile(name, label) < 0)
		return error_set(err, errno, "change to AppArmor profile %s", name);
	int r = read_label(label, found, err);
	if (r < 0)
		return r;
	(void)snprintf(expected, sizeof(expected), "%s (%s)", name,
		       fault_wished("break", "apparmor-complain") ? "complain" : "enforce");
	return strcmp(found, expected) == 0
		       ? 0
		       : error_say(err, EPERM, "AppArmor has this process under \"%s\", not \"%s\"", found, expected);
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
