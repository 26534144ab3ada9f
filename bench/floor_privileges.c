/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "bench/floor.h"

void floor_loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	floor_check(fd, "socket");
	floor_check(ioctl(fd, SIOCSIFFLAGS, &request), "lo up");
	close(fd);
}

void floor_limit_resources(void)
{
	static const struct {
		int resource;
		rlim_t value;
	} rows[] = {{RLIMIT_NOFILE, 1024},
		    {RLIMIT_CORE, 1},
		    {RLIMIT_MEMLOCK, (rlim_t)64 * 1024},
		    {RLIMIT_MSGQUEUE, 819200}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rlimit both = {rows[i].value, rows[i].value};
		floor_check(setrlimit((__rlimit_resource_t)rows[i].resource, &both), "setrlimit");
	}
}

void floor_bound_capabilities(void)
{
	floor_check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient set");
	floor_check(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
						     SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
						     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED),
		    "secure bits");
	for (unsigned long number = 0; number <= 40; number++)
		if (!(FLOOR_CAPABILITIES >> (number & 31) & 1) || number > 31)
			floor_check(prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "bounding set");
}

void floor_set_capabilities(uint32_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.effective = set, .permitted = set}};

	floor_check(syscall(SYS_capset, &header, data), "capset");
}

#define LANDLOCK_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LANDLOCK_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR)
#define LANDLOCK_ALL   ((1ULL << 13) - 1)

void floor_confine_files(void)
{
	static const struct {
		const char *path;
		uint64_t access;
	} rows[] = {
		{"/usr", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/bin", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/sbin", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/lib", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/lib64", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/etc", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/app", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/opt", LANDLOCK_READ | LANDLOCK_ACCESS_FS_EXECUTE},
		{"/", LANDLOCK_ACCESS_FS_READ_DIR},
		{"/proc", LANDLOCK_READ},
		{"/sys", LANDLOCK_READ},
		{"/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"/dev/zero", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"/dev/full", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"/dev/random", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"/dev/urandom", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"/dev/tty", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"/dev/pts", LANDLOCK_READ | LANDLOCK_WRITE},
		{"/dev/shm", LANDLOCK_READ | LANDLOCK_WRITE},
		{"/dev/mqueue", LANDLOCK_READ | LANDLOCK_WRITE},
		{"/tmp", LANDLOCK_ALL},
		{"/workspace", LANDLOCK_ALL},
	};
	struct landlock_ruleset_attr handled = {.handled_access_fs = LANDLOCK_ALL};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(uint64_t), 0);

	floor_check(ruleset, "Landlock ruleset");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct landlock_path_beneath_attr rule = {.allowed_access = rows[i].access};
		rule.parent_fd = open(rows[i].path, O_PATH | O_CLOEXEC);
		floor_check(rule.parent_fd, rows[i].path);
		floor_check(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0),
			    rows[i].path);
		close(rule.parent_fd);
	}
	floor_check(syscall(SYS_landlock_restrict_self, ruleset, 0), "Landlock restriction");
	close(ruleset);
}

/* As many leaves, and so instructions, as the tree of the standard profile has. */
#define LEAVES 128

/* A balanced tree over the numbers 0..511.  Every leaf allows: what it costs to load and walk is what is wanted. */
static size_t put_tree(struct sock_filter *at, uint32_t first, uint32_t leaves)
{
	if (leaves == 1) {
		*at = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		return 1;
	}
	uint32_t middle = first + leaves / 2 * (512 / LEAVES);
	size_t below = put_tree(at + 1, first, leaves / 2);
	size_t above = put_tree(at + 1 + below, middle, leaves / 2);
	if (below < 256) {
		*at = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, middle, (uint8_t)below, 0);
		return 1 + below + above;
	}
	floor_check(-1, "tree too large");
	return 0;
}

void floor_load_filter(void)
{
	struct sock_filter code[2 * LEAVES + 4] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.filter = code};

	program.len = (unsigned short)(4 + put_tree(code + 4, 0, LEAVES));
	floor_check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}
