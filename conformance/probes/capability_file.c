/* SPDX-License-Identifier: Apache-2.0 */
/* Effects on files, each on a file of the probe's own that is gone afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probes/capability_effect.h"

/* Any id other than our own that a range of ids contains. */
#define OTHER_ID 1

/* The new file's descriptor, or -1 after reporting why. */
static int create(struct facts *facts, int scratch, mode_t mode)
{
	int fd = openat(scratch, "object", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		effect_setup_failed(facts, "create", errno);
	return fd;
}

/* The same, handed to another user. */
static int create_foreign(struct facts *facts, int scratch, mode_t mode)
{
	int fd = create(facts, scratch, mode);
	if (fd >= 0 && fchown(fd, OTHER_ID, (gid_t)-1) < 0) {
		effect_setup_failed(facts, "chown", errno);
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void do_chown(struct facts *facts, int scratch)
{
	struct stat st;
	int fd = create(facts, scratch, 0600);
	if (fd < 0)
		return;
	fact_result(facts, fchown(fd, OTHER_ID, (gid_t)-1));
	if (fstat(fd, &st) == 0)
		fact_number(facts, "owner", st.st_uid);
}

/* Writing: CAP_DAC_READ_SEARCH opens for reading alone. */
static void do_dac_override(struct facts *facts, int scratch)
{
	if (create(facts, scratch, 0000) >= 0)
		fact_result(facts, openat(scratch, "object", O_WRONLY | O_CLOEXEC));
}

static void do_fowner(struct facts *facts, int scratch)
{
	int fd = create_foreign(facts, scratch, 0644);
	if (fd >= 0)
		fact_result(facts, fchmod(fd, 0640));
}

/* Without the capability the kernel drops the bit and says nothing (chmod(2)): ret -1 with errno 0 is that. */
static void do_fsetid(struct facts *facts, int scratch)
{
	struct stat st;
	int fd = create(facts, scratch, 0755);
	if (fd < 0)
		return;
	if (fchown(fd, (uid_t)-1, OTHER_ID) < 0) {
		effect_setup_failed(facts, "chown", errno);
		return;
	}
	int r = fchmod(fd, 02755);
	fact_result(facts, r);
	if (r == 0 && fstat(fd, &st) == 0 && !(st.st_mode & S_ISGID))
		fact_number(facts, "ret", -1);
}

static void do_mknod(struct facts *facts, int scratch)
{
	fact_result(facts, mknodat(scratch, "object", S_IFCHR | 0600, makedev(1, 3)));
}

/* A read lease needs that nobody has the file open for writing (fcntl(2)). */
static void do_lease(struct facts *facts, int scratch)
{
	int fd = create_foreign(facts, scratch, 0644);
	if (fd < 0)
		return;
	(void)close(fd);
	fd = openat(scratch, "object", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		effect_setup_failed(facts, "open", errno);
	else
		fact_result(facts, fcntl(fd, F_SETLEASE, F_RDLCK));
}

/* An empty set of file capabilities: the attribute grants nothing. */
static void do_setfcap(struct facts *facts, int scratch)
{
	struct vfs_cap_data empty = {.magic_etc = VFS_CAP_REVISION_2};
	int fd = create(facts, scratch, 0600);
	if (fd >= 0)
		fact_result(facts, fsetxattr(fd, "security.capability", &empty, XATTR_CAPS_SZ_2, 0));
}

/* CVE-2014-3519 (shocker): a handle opens a file without walking its path. */
static void do_open_by_handle(struct facts *facts, int scratch)
{
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	int mount;

	int fd = create(facts, scratch, 0600);
	if (fd < 0)
		return;
	if (name_to_handle_at(scratch, "object", &handle.head, &mount, 0) < 0)
		effect_setup_failed(facts, "name_to_handle_at", errno);
	else
		fact_result(facts, open_by_handle_at(scratch, &handle.head, O_RDONLY | O_CLOEXEC));
}

/* On a file in memory, which ends with its descriptor whatever its flags are. */
static void do_immutable(struct facts *facts, int scratch)
{
	(void)scratch;
	int flags = FS_IMMUTABLE_FL, fd = memfd_create("object", MFD_CLOEXEC);
	if (fd < 0)
		effect_setup_failed(facts, "memfd_create", errno);
	else
		fact_result(facts, ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

const struct effect file_effects[] = {
	{"chown", true, do_chown},          {"dac_override", true, do_dac_override},
	{"fowner", true, do_fowner},        {"fsetid", true, do_fsetid},
	{"mknod", true, do_mknod},          {"lease", true, do_lease},
	{"setfcap", true, do_setfcap},      {"open_by_handle", true, do_open_by_handle},
	{"immutable", false, do_immutable},
};
const size_t file_effect_count = sizeof(file_effects) / sizeof(file_effects[0]);
