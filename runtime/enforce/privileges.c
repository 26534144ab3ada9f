/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policy/capabilities.h"

int privileges_become_user(uid_t uid, gid_t gid, struct error *err)
{
	/* The groups first: without CAP_SETGID, which the uid may take away, they could not be dropped. */
	if (setgroups(0, NULL) < 0)
		return error_set(err, errno, "setgroups to none");
	if (setresgid(gid, gid, gid) < 0)
		return error_set(err, errno, "setresgid %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return error_set(err, errno, "setresuid %u", uid);
	return 0;
}

int privileges_become_root(struct error *err)
{
	return privileges_become_user(0, 0, err);
}

static int lock_securebits(uint64_t allowed, struct error *err)
{
	unsigned long bits = SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
			     SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	if (!allowed)
		bits |= SECBIT_NOROOT;
	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return error_set(err, errno, "secure bits 0x%lx", bits);
	return 0;
}

/* A newer kernel may have capabilities that the table does not know: those are dropped too, up to EINVAL. */
static int drop_bounding(uint64_t allowed, struct error *err)
{
	for (unsigned long number = 0; number < 64; number++) {
		if (allowed >> number & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL && number >= CAPABILITY_COUNT)
			return 0;
		return error_set(err, errno, "dropping capability %lu from the bounding set", number);
	}
	return 0;
}

int privileges_set(uint64_t allowed, struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)allowed, .permitted = (uint32_t)allowed},
		{.effective = (uint32_t)(allowed >> 32), .permitted = (uint32_t)(allowed >> 32)},
	};

	if (syscall(SYS_capset, &header, data) < 0)
		return error_set(err, errno, "capset to 0x%llx", (unsigned long long)allowed);
	return 0;
}

int privileges_bound(uint64_t allowed, struct error *err)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_set(err, errno, "clearing the ambient set");
	/* The bits before the set: changing them takes CAP_SETPCAP, which is rarely among the allowed. */
	int r = lock_securebits(allowed, err);
	return r < 0 ? r : drop_bounding(allowed, err);
}

int privileges_no_new(struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "no_new_privs");
	return 0;
}
