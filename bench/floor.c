/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of a hardened start: the kernel work of `agentcore run -- /bin/true` (standard profile, network none)
 * and nothing else.  No policy is read, no filter is compiled, nothing is looked up: every input is a
 * constant.  What a runtime takes longer than this is its own.
 *
 *   bench-floor COMMAND [ARG...]      exit status: the command's; 125 where a step failed
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/io.h"

#define FIRST_ID 0x6ff00000u /* beside the runtime's pool */

/* CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID, NET_BIND_SERVICE */
#define CAPABILITIES (1u << 0 | 1u << 1 | 1u << 3 | 1u << 6 | 1u << 7 | 1u << 10)

#define PLAIN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static void check(long result, const char *step)
{
	if (result >= 0)
		return;
	dprintf(STDERR_FILENO, "bench-floor: %s: %s\n", step, strerror(errno));
	_exit(125);
}

/* --- Mounts ---------------------------------------------------------------------------------- */

static int new_mount(const char *type, const char *mode, unsigned attributes)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC);

	check(fs, type);
	if (mode)
		check(fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0), type);
	check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), type);
	int mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	check(mount, type);
	close(fs);
	return mount;
}

static void set_attributes(int mount, unsigned flags, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};

	check(mount_setattr(mount, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)), "mount_setattr");
}

static int clone_mount(int dirfd, const char *path, unsigned flags, uint64_t attributes)
{
	int tree = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);

	check(tree, path);
	set_attributes(tree, flags, attributes);
	return tree;
}

static void attach(int tree, int root, const char *path)
{
	check(move_mount(tree, "", root, path, MOVE_MOUNT_F_EMPTY_PATH), path);
	close(tree);
}

/* /dev of the sandbox, made by the host's root. */
static int make_devices(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
		     {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
	static const char *const links[][2] = {{"/proc/self/fd", "fd"},
					       {"/proc/self/fd/0", "stdin"},
					       {"/proc/self/fd/1", "stdout"},
					       {"/proc/self/fd/2", "stderr"},
					       {"pts/ptmx", "ptmx"}};
	static const char *const directories[] = {"pts", "shm", "mqueue"};
	int dev = new_mount("tmpfs", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		check(mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), "mknod");
		check(fchmodat(dev, nodes[i].name, 0666, 0), "chmod");
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		check(symlinkat(links[i][0], dev, links[i][1]), "symlink");
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		check(mkdirat(dev, directories[i], 0755), "mkdir");
	return dev;
}

/* What the sandbox shows of the host, opened before there is a sandbox. */
static const char *const shown[] = {"usr",           "etc/alternatives", "etc/ld.so.cache",
				    "etc/localtime", "etc/ssl/certs",    "etc/ssl/openssl.cnf"};

struct trees {
	int shown[ARRAY_SIZE(shown)]; /* -1: the host has none, or a link */
	int dev;
};

static void open_trees(struct trees *trees)
{
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		char path[64];
		struct stat st;
		(void)snprintf(path, sizeof(path), "/%s", shown[i]);
		trees->shown[i] = -1;
		if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode))
			trees->shown[i] = clone_mount(AT_FDCWD, path, 0,
						      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	}
	trees->dev = make_devices();
}

static void enter_root(int root)
{
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private propagation");
	check(move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "new root");
	check(fchdir(root), "chdir");
	check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH), "old root");
	check(chdir("/"), "chdir");
}

static void make_entries(int root)
{
	static const char *const directories[] = {"proc", "sys", "dev",  "tmp", "workspace", "etc", "etc/ssl",
						  "run",  "var", "root", "opt", "app",       "usr", "var/tmp"};
	static const char *const links[] = {"bin", "sbin", "lib", "lib64"};
	static const char *const files[] = {"etc/passwd", "etc/group",       "etc/hosts",        "etc/hostname",
					    "etc/shells", "etc/resolv.conf", "etc/nsswitch.conf"};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		check(mkdirat(root, directories[i], 0755), directories[i]);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		char target[32];
		(void)snprintf(target, sizeof(target), "usr/%s", links[i]);
		check(symlinkat(target, root, links[i]), links[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = openat(root, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		check(fd, files[i]);
		check(io_write_all(fd, "root:x:0:0:root:/workspace:/bin/sh\n", 35), files[i]);
		close(fd);
	}
}

static void attach_shown(const struct trees *trees, int root)
{
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		struct stat st;
		if (trees->shown[i] < 0)
			continue;
		check(fstat(trees->shown[i], &st), shown[i]);
		if (S_ISDIR(st.st_mode)) {
			if (mkdirat(root, shown[i], 0755) < 0 && errno != EEXIST)
				check(-1, shown[i]);
		} else {
			int fd = openat(root, shown[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
			check(fd, shown[i]);
			close(fd);
		}
		attach(trees->shown[i], root, shown[i]);
	}
}

static void attach_devices(int dev, int root)
{
	check(move_mount(dev, "", root, "dev", MOVE_MOUNT_F_EMPTY_PATH), "dev");
	attach(new_mount("devpts", "0620", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), dev, "pts");
	attach(new_mount("tmpfs", "1777", PLAIN), dev, "shm");
	attach(new_mount("mqueue", NULL, PLAIN), dev, "mqueue");
	set_attributes(dev, 0, MOUNT_ATTR_RDONLY);
}

/* One file system for all writable places. */
static void attach_scratch(int root)
{
	static const char *const places[] = {"tmp", "workspace"};
	int scratch = new_mount("tmpfs", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

	attach(dup(scratch), root, "tmp");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		check(mkdirat(scratch, places[i], 0777), "scratch");
		check(fchmodat(scratch, places[i], 01777, 0), "scratch");
		attach(clone_mount(scratch, places[i], 0, 0), root, places[i]);
	}
	close(scratch);
}

static void mask_paths(int root)
{
	static const char *const masked_directories[] = {"proc/acpi", "proc/asound", "proc/scsi",
							 "sys/devices/virtual/powercap", "sys/firmware"};
	static const char *const masked_files[] = {"proc/interrupts",    "proc/kcore",       "proc/keys",
						   "proc/latency_stats", "proc/sched_debug", "proc/timer_list",
						   "proc/timer_stats"};
	static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
	int empty = new_mount("tmpfs", "0555", PLAIN | MOUNT_ATTR_RDONLY), used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(masked_directories); i++) {
		if (faccessat(root, masked_directories[i], F_OK, 0) < 0)
			continue;
		attach(used++ ? clone_mount(empty, "", 0, PLAIN | MOUNT_ATTR_RDONLY) : dup(empty), root,
		       masked_directories[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(masked_files); i++)
		if (faccessat(root, masked_files[i], F_OK, 0) == 0)
			attach(clone_mount(root, "dev/null", 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), root,
			       masked_files[i]);
	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++)
		if (faccessat(root, read_only[i], F_OK, 0) == 0)
			attach(clone_mount(root, read_only[i], AT_RECURSIVE, PLAIN | MOUNT_ATTR_RDONLY), root,
			       read_only[i]);
	close(empty);
}

/* user_sysctls was opened before /proc/sys became read-only.  Last of all mounting: a detached mount takes a namespace. */
static void forbid_namespaces(int user_sysctls)
{
	static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "max_%s_namespaces", kinds[i]);
		errno = -io_write_file(user_sysctls, path, "0");
		check(errno ? -1 : 0, path);
	}
}

/* --- Privileges ------------------------------------------------------------------------------ */

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(fd, "socket");
	check(ioctl(fd, SIOCSIFFLAGS, &request), "lo up");
	close(fd);
}

static void limit_resources(void)
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
		check(setrlimit((__rlimit_resource_t)rows[i].resource, &both), "setrlimit");
	}
}

static void bound_capabilities(void)
{
	check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient set");
	check(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
					       SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED),
	      "secure bits");
	for (unsigned long number = 0; number <= 40; number++)
		if (!(CAPABILITIES >> (number & 31) & 1) || number > 31)
			check(prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "bounding set");
}

static void set_capabilities(uint32_t set)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.effective = set, .permitted = set}};

	check(syscall(SYS_capset, &header, data), "capset");
}

#define LANDLOCK_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LANDLOCK_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR)
#define LANDLOCK_ALL   ((1ULL << 13) - 1)

static void confine_files(void)
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

	check(ruleset, "Landlock ruleset");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct landlock_path_beneath_attr rule = {.allowed_access = rows[i].access};
		rule.parent_fd = open(rows[i].path, O_PATH | O_CLOEXEC);
		check(rule.parent_fd, rows[i].path);
		check(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0), rows[i].path);
		close(rule.parent_fd);
	}
	check(syscall(SYS_landlock_restrict_self, ruleset, 0), "Landlock restriction");
	close(ruleset);
}

/* --- Filters --------------------------------------------------------------------------------- */

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
	check(-1, "tree too large");
	return 0;
}

static void load_filter(void)
{
	struct sock_filter code[2 * LEAVES + 4] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.filter = code};

	program.len = (unsigned short)(4 + put_tree(code + 4, 0, LEAVES));
	check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

/* --- The two processes inside, and the one outside --------------------------------------------- */

static void become_command(char **command)
{
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", home[] = "HOME=/workspace";
	char *const environment[] = {path, home, NULL};

	check(setsid(), "setsid");
	limit_resources();
	set_capabilities(CAPABILITIES);
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	confine_files();
	load_filter();
	execve(command[0], command, environment);
	check(-1, command[0]);
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void be_init(const struct trees *trees, char **command)
{
	check(setgroups(0, NULL), "setgroups");
	check(setresgid(0, 0, 0), "setresgid");
	check(setresuid(0, 0, 0), "setresuid");
	check(sethostname("sandbox", 7), "sethostname");
	loopback_up();

	int proc = new_mount("proc", NULL, PLAIN), sys = new_mount("sysfs", NULL, PLAIN | MOUNT_ATTR_RDONLY);
	int root = new_mount("tmpfs", "0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	enter_root(root);
	make_entries(root);
	attach_scratch(root);
	attach_shown(trees, root);
	attach_devices(trees->dev, root);
	int user_sysctls = openat(proc, "sys/user", O_PATH | O_CLOEXEC);
	check(user_sysctls, "/proc/sys/user");
	attach(proc, root, "proc");
	attach(sys, root, "sys");
	mask_paths(root);
	forbid_namespaces(user_sysctls);
	set_attributes(root, 0, MOUNT_ATTR_RDONLY);
	bound_capabilities();
	check(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), "close_range");

	pid_t child = fork();
	check(child, "fork");
	if (child == 0)
		become_command(command);

	int status = 0;
	set_capabilities(0);
	check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable");
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	load_filter();
	check(waitpid(child, &status, 0), "waitpid");
	_exit(exit_status(status));
}

static void write_maps(pid_t pid)
{
	static const char *const maps[] = {"uid_map", "gid_map"};
	char path[64], text[64];

	(void)snprintf(text, sizeof(text), "0 %u 65536", FIRST_ID);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, maps[i]);
		errno = -io_write_file(AT_FDCWD, path, text);
		check(errno ? -1 : 0, maps[i]);
	}
}

int main(int argc, char **argv)
{
	struct trees trees;
	int go[2], status = 0;
	char byte = 0;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: bench-floor COMMAND [ARG...]\n");
		return 125;
	}
	open_trees(&trees);
	check(pipe2(go, O_CLOEXEC), "pipe");
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	check(pid, "clone3");
	if (pid == 0) {
		check(prctl(PR_SET_PDEATHSIG, SIGKILL), "parent-death signal");
		close(go[1]);
		check(read(go[0], &byte, 1) == 1 ? 0 : -1, "waiting for the maps");
		be_init(&trees, argv + 1);
	}
	write_maps(pid);
	check(write(go[1], &byte, 1), "go");
	check(waitpid(pid, &status, 0), "waitpid");
	return exit_status(status);
}
