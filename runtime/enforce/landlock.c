/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fault.h"

/* Rights and scopes that are newer than the distribution's header; include/uapi/linux/landlock.h. */
#define FS_REFER                   (1ULL << 13) /* ABI 2 */
#define FS_TRUNCATE                (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV               (1ULL << 15) /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0) /* ABI 6 */
#define SCOPE_SIGNAL               (1ULL << 1) /* ABI 6 */

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_MAKE                                                                                                        \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                   \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
#define FS_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_REFER | FS_MAKE)
/* What a rule on a single file may carry. */
#define FS_ON_FILES                                                                                                    \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE |     \
	 FS_IOCTL_DEV)

struct ruleset_attributes {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi > 0 ? (int)abi : 0;
}

/* In test builds: rights that nobody handles. */
static uint64_t unhandled_rights(void)
{
	static const struct {
		const char *fault;
		uint64_t rights;
	} rows[] = {
		{"landlock-execute", LANDLOCK_ACCESS_FS_EXECUTE},
		{"landlock-read", LANDLOCK_ACCESS_FS_READ_FILE},
		{"landlock-write", LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"landlock-make", FS_MAKE},
		{"landlock-refer", FS_REFER},
		{"landlock-truncate", FS_TRUNCATE},
	};
	uint64_t rights = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		rights |= fault_wished("break", rows[i].fault) ? rows[i].rights : 0;
	return rights;
}

/* All file rights that this ABI level knows: what is handled and not granted is refused. */
static uint64_t handled_rights(int abi)
{
	uint64_t handled = LANDLOCK_ACCESS_FS_EXECUTE | FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_MAKE;

	if (abi >= 2)
		handled |= FS_REFER;
	if (abi >= 3)
		handled |= FS_TRUNCATE;
	if (abi >= 5)
		handled |= FS_IOCTL_DEV;
	return handled & ~unhandled_rights();
}

static uint64_t rights_of(unsigned access)
{
	return (access & MAC_READ ? FS_READ : 0) | (access & MAC_LIST ? LANDLOCK_ACCESS_FS_READ_DIR : 0) |
	       (access & MAC_WRITE ? FS_WRITE : 0) | (access & MAC_EXECUTE ? LANDLOCK_ACCESS_FS_EXECUTE : 0) |
	       (access & MAC_DEVICE && !fault_wished("break", "landlock-ioctl") ? FS_IOCTL_DEV : 0);
}

static int grant(int ruleset, const char *path, uint64_t rights, uint64_t handled, struct error *err)
{
	/*
	 * A link grants nothing: where it leads, that place's own row decides.  Followed, a root file system could turn
	 * /app into the host's binary behind /proc/self/exe (CVE-2019-5736), or into "/".
	 */
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
	_cleanup_fd_ int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (fd < 0)
		return error_set(err, errno, "Landlock rule for %s", path);

	struct stat st;
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "Landlock rule for %s", path);
	if (!S_ISDIR(st.st_mode))
		rights &= FS_ON_FILES;

	struct landlock_path_beneath_attr beneath = {.allowed_access = rights & handled, .parent_fd = fd};
	if (!beneath.allowed_access)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return error_set(err, errno, "Landlock rule for %s", path);
	return 0;
}

static int create_ruleset(int abi, uint64_t handled)
{
	struct ruleset_attributes attributes = {.handled_access_fs = handled};
	size_t size = sizeof(attributes.handled_access_fs);

	if (abi >= 6 && !fault_wished("break", "landlock-scopes")) {
		attributes.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
		size = sizeof(attributes);
	}
	return (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
}

static int restrict_self(int ruleset, struct error *err)
{
	if (!fault_wished("break", "landlock-unrestricted") && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return error_set(err, errno, "Landlock restriction");
	return 0;
}

static int no_landlock(struct error *err)
{
	return error_say(err, EOPNOTSUPP, "Landlock: not in this kernel, or not among its active security modules");
}

int landlock_confine(enum mac_template template_, bool writable_root, const struct mac_grant *grants,
		     size_t grant_count, struct error *err)
{
	int abi = landlock_abi();
	if (abi == 0)
		return no_landlock(err);

	uint64_t handled = handled_rights(abi);
	_cleanup_fd_ int ruleset = create_ruleset(abi, handled);
	if (ruleset < 0)
		return error_set(err, errno, "Landlock ruleset");

	for (size_t i = 0; i < mac_row_count; i++) {
		const struct mac_row *row = &mac_rows[i];
		if (!mac_row_counts(row, template_, writable_root))
			continue;
		int r = grant(ruleset, row->path, rights_of(row->access), handled, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < grant_count; i++) {
		int r = grant(ruleset, grants[i].path, rights_of(mac_grant_access(&grants[i], template_)), handled,
			      err);
		if (r < 0)
			return r;
	}
	return restrict_self(ruleset, err);
}

int landlock_execute_inside(struct error *err)
{
	const int abi = landlock_abi();
	/* Moving from one directory to another is refused by any ruleset that does not grant it. */
	const uint64_t handled = LANDLOCK_ACCESS_FS_EXECUTE | (abi >= 2 ? FS_REFER : 0);
	const struct ruleset_attributes attributes = {.handled_access_fs = handled};

	if (abi == 0)
		return no_landlock(err);
	_cleanup_fd_ int ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes.handled_access_fs), 0);
	if (ruleset < 0)
		return error_set(err, errno, "Landlock ruleset");
	int r = grant(ruleset, "/", handled, handled, err);
	return r < 0 ? r : restrict_self(ruleset, err);
}
