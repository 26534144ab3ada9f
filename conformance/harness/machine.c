/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/machine.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "harness/needs.h"
#include "harness/requirement.h"

static void describe_lsms(char *text, size_t size)
{
	_cleanup_free_ char *list = NULL;
	if (io_read_file(AT_FDCWD, "/sys/kernel/security/lsm", 4096, &list, NULL) == 0 && *list) {
		(void)snprintf(text, size, "%.*s", (int)strcspn(list, "\n"), list);
		return;
	}
	bool landlock = needs_met(false) & NEED_LANDLOCK;
	bool apparmor = access("/sys/module/apparmor", F_OK) == 0;
	bool selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
	(void)snprintf(text, size, "%s%s%s(probed; securityfs is not mounted)", landlock ? "landlock " : "",
		       apparmor ? "apparmor " : "", selinux ? "selinux " : "");
}

static bool is_cgroup2(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static const char *cgroup_mode(void)
{
	struct statfs fs;
	if (is_cgroup2("/sys/fs/cgroup"))
		return "v2";
	if (is_cgroup2("/sys/fs/cgroup/unified"))
		return "hybrid";
	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == TMPFS_MAGIC ? "v1" : "none";
}

void machine_describe(struct machine *machine)
{
	struct utsname name;
	*machine = (struct machine){0};
	if (uname(&name) == 0) {
		(void)snprintf(machine->kernel, sizeof(machine->kernel), "%s %s", name.sysname, name.release);
		(void)snprintf(machine->arch, sizeof(machine->arch), "%s", name.machine);
	}
	describe_lsms(machine->lsms, sizeof(machine->lsms));
	(void)snprintf(machine->cgroup, sizeof(machine->cgroup), "%s", cgroup_mode());
}
