/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows: what each profile says of each system call, grouped by reason, the least risky first.
 * Designated initialisers put every row at its sorted place, and the compiler refuses a second one.
 */
#include "policy/syscalls.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "base/array.h"
#include "policy/syscall_numbers.h"

#define AS_INDEX(name, number)  INDEX_##name,
#define AS_NUMBER(name, number) NUMBER_##name = (number),
enum { SYSCALL_NUMBERS(AS_INDEX) ROW_COUNT };
enum { SYSCALL_NUMBERS(AS_NUMBER) };

#define BIT(n)      (1U << (n))
#define ANYONE      (BIT(PROFILE_MINIMAL) | BIT(PROFILE_STANDARD) | BIT(PROFILE_PRIVILEGED))
#define STANDARD_UP (BIT(PROFILE_STANDARD) | BIT(PROFILE_PRIVILEGED))

#define ROW(n, ...)               [INDEX_##n] = {.name = #n, .number = NUMBER_##n, __VA_ARGS__}
#define EVERY(n)                  ROW(n, .profiles = ANYONE)
#define EVERY_WHERE(n, table)     ROW(n, .profiles = ANYONE, CONDITIONS(table))
#define NEEDED(n)                 ROW(n, .profiles = ANYONE, .start_needs = true)
#define NEEDED_WHERE(n, table)    ROW(n, .profiles = ANYONE, .start_needs = true, CONDITIONS(table))
#define STANDARD(n, why)          ROW(n, .profiles = STANDARD_UP, .why_denied = (why))
#define STANDARD_WHERE(n, t, w)   ROW(n, .profiles = STANDARD_UP, .why_denied = (w), CONDITIONS(t))
#define GATED(n, capability, why) ROW(n, .capabilities = UINT64_C(1) << (capability), .why_denied = (why))
#define NEVER(n, why)             ROW(n, .why_denied = (why))
#define CONDITIONS(table)         .conditions = (table), .condition_count = ARRAY_SIZE(table)

/* --- Conditions ---------------------------------------------------------------------------------- */
#define WHOLE UINT32_MAX
#define EQUALS(g, i, v)                                                                                                \
	{                                                                                                              \
		.group = (g), .index = (i), .op = ARG_EQ_LOW32, .mask = WHOLE, .operand = (uint32_t)(v)                \
	}
#define DIFFERS(g, i, v)                                                                                               \
	{                                                                                                              \
		.group = (g), .index = (i), .op = ARG_NE_LOW32, .mask = WHOLE, .operand = (uint32_t)(v)                \
	}
#define WITHOUT(g, i, m)                                                                                               \
	{                                                                                                              \
		.group = (g), .index = (i), .op = ARG_EQ_LOW32, .mask = (m), .operand = 0                              \
	}

#define SETID_BITS (S_ISUID | S_ISGID)
/* __O_TMPFILE alone: O_TMPFILE includes O_DIRECTORY, which creates nothing by itself. */
#define CREATES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))
/* CLONE_NEWTIME (0x80) is not among them: clone takes that byte as the exit signal and makes no time namespace. */
#define NEW_NAMESPACES                                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const struct arg_condition clone_without_namespaces[] = {WITHOUT(0, 0, NEW_NAMESPACES)};
static const struct arg_condition mode_1_without_setid[] = {WITHOUT(0, 1, SETID_BITS)};
static const struct arg_condition mode_2_without_setid[] = {WITHOUT(0, 2, SETID_BITS)};
/* Where nothing is created the mode is whatever the register held. */
static const struct arg_condition open_without_setid[] = {WITHOUT(0, 1, CREATES), WITHOUT(1, 2, SETID_BITS)};
static const struct arg_condition openat_without_setid[] = {WITHOUT(0, 2, CREATES), WITHOUT(1, 3, SETID_BITS)};
/* Both put characters into a terminal as if typed there (CVE-2017-5226, CVE-2019-10063: also with high bits set). */
static const struct arg_condition ioctl_without_injection[] = {DIFFERS(0, 1, TIOCSTI), DIFFERS(0, 1, TIOCLINUX)};
static const struct arg_condition personality_harmless[] = {
	EQUALS(0, 0, PER_LINUX),  EQUALS(1, 0, PER_LINUX32), EQUALS(2, 0, UNAME26), EQUALS(3, 0, UNAME26 | PER_LINUX32),
	EQUALS(4, 0, UINT32_MAX), /* the query */
};
static const struct arg_condition socket_families[] = {
	EQUALS(0, 0, AF_UNIX),    EQUALS(1, 0, AF_INET),       EQUALS(2, 0, AF_INET6),
	EQUALS(3, 0, AF_NETLINK), EQUALS(3, 2, NETLINK_ROUTE),
};

/* --- Rows ---------------------------------------------------------------------------------------- */
/* clang-format off */
const struct syscall_row syscall_rows[] = {
/* --- Starting and ending a program: no policy can do without these ----------------------------- */
NEEDED(execve), NEEDED(execveat), NEEDED(exit), NEEDED(exit_group), NEEDED(rt_sigreturn), NEEDED(arch_prctl),
NEEDED(brk), NEEDED(mmap), NEEDED(mprotect), NEEDED(munmap), NEEDED(read), NEEDED(close), NEEDED(fstat),
NEEDED(newfstatat),
NEEDED_WHERE(openat, openat_without_setid),
/* The start itself still makes these when the filter is in place already. */
NEEDED(prctl), NEEDED(capset), NEEDED(seccomp), NEEDED(landlock_create_ruleset), NEEDED(landlock_add_rule),
NEEDED(landlock_restrict_self),

/* --- Open descriptors --------------------------------------------------------------------------- */
EVERY(close_range), EVERY(copy_file_range), EVERY(dup), EVERY(dup2), EVERY(dup3), EVERY(epoll_create),
EVERY(epoll_create1), EVERY(epoll_ctl), EVERY(epoll_pwait), EVERY(epoll_pwait2), EVERY(epoll_wait), EVERY(eventfd),
EVERY(eventfd2), EVERY(fadvise64), EVERY(fallocate), EVERY(fcntl), EVERY(fdatasync), EVERY(flock), EVERY(fstatfs),
EVERY(fsync), EVERY(ftruncate), EVERY(getdents), EVERY(getdents64), EVERY(lseek), EVERY(pipe), EVERY(pipe2),
EVERY(poll), EVERY(ppoll), EVERY(pread64), EVERY(preadv), EVERY(preadv2), EVERY(pselect6), EVERY(pwrite64),
EVERY(pwritev), EVERY(pwritev2), EVERY(readv), EVERY(select), EVERY(sendfile), EVERY(write), EVERY(writev),
EVERY_WHERE(ioctl, ioctl_without_injection),

/* --- Paths -------------------------------------------------------------------------------------- */
EVERY(access), EVERY(chdir), EVERY(faccessat), EVERY(faccessat2), EVERY(fchdir), EVERY(fgetxattr), EVERY(flistxattr),
EVERY(getxattrat), EVERY(listxattrat),
EVERY(futimesat), EVERY(getcwd), EVERY(getxattr), EVERY(lgetxattr), EVERY(link), EVERY(linkat), EVERY(listxattr),
EVERY(llistxattr), EVERY(lstat), EVERY(mkdir), EVERY(mkdirat), EVERY(readlink), EVERY(readlinkat), EVERY(rename),
EVERY(renameat), EVERY(renameat2), EVERY(rmdir), EVERY(stat), EVERY(statfs), EVERY(statx), EVERY(symlink),
EVERY(symlinkat), EVERY(truncate), EVERY(umask), EVERY(unlink), EVERY(unlinkat), EVERY(utime), EVERY(utimensat),
EVERY(utimes),
EVERY_WHERE(chmod, mode_1_without_setid), EVERY_WHERE(creat, mode_1_without_setid),
EVERY_WHERE(fchmod, mode_1_without_setid), EVERY_WHERE(fchmodat, mode_2_without_setid),
EVERY_WHERE(fchmodat2, mode_2_without_setid), EVERY_WHERE(open, open_without_setid),
ROW(openat2, .refusal = ENOSYS,
    .why_denied = "its mode is behind a pointer, where no filter can keep setuid bits out; programs fall back to openat"),

/* Without capabilities these reach the caller's own files alone; cp -p, tar and sed -i fail where they are refused. */
EVERY(chown), EVERY(fchown), EVERY(fchownat), EVERY(lchown), EVERY(fremovexattr), EVERY(fsetxattr),
EVERY(lremovexattr), EVERY(lsetxattr), EVERY(removexattr), EVERY(removexattrat), EVERY(setxattr), EVERY(setxattrat),

/* --- Memory ------------------------------------------------------------------------------------- */
EVERY(madvise), EVERY(map_shadow_stack), EVERY(membarrier), EVERY(mincore), EVERY(mlock), EVERY(mlock2),
EVERY(mremap), EVERY(mseal), EVERY(msync), EVERY(munlock),

/* --- Processes and threads ------------------------------------------------------------------------ */
EVERY(fork), EVERY(futex), EVERY(futex_requeue), EVERY(futex_wait), EVERY(futex_waitv), EVERY(futex_wake),
EVERY(get_robust_list), EVERY(getcpu), EVERY(getpgid), EVERY(getpgrp), EVERY(getpid), EVERY(getppid),
EVERY(getpriority), EVERY(getrlimit), EVERY(getrusage), EVERY(getsid), EVERY(gettid), EVERY(kill), EVERY(pidfd_open),
EVERY(pidfd_send_signal), EVERY(prlimit64), EVERY(rseq), EVERY(sched_get_priority_max),
EVERY(sched_get_priority_min), EVERY(sched_getaffinity), EVERY(sched_getattr), EVERY(sched_getparam),
EVERY(sched_getscheduler), EVERY(sched_rr_get_interval), EVERY(sched_yield), EVERY(set_robust_list),
EVERY(set_tid_address), EVERY(setpgid), EVERY(setrlimit), EVERY(setsid), EVERY(tgkill), EVERY(times), EVERY(tkill),
EVERY(vfork), EVERY(wait4), EVERY(waitid),
EVERY_WHERE(clone, clone_without_namespaces),
ROW(clone3, .profiles = ANYONE, .refusal = ENOSYS, .needs_user_namespace = true,
    .why_denied = "its flags are behind a pointer: only user.max_*_namespaces = 0 of a user namespace of our own stops "
		  "new namespaces; libc falls back to clone"),

/* --- Identity: reading it ------------------------------------------------------------------------- */
EVERY(capget), EVERY(getegid), EVERY(geteuid), EVERY(getgid), EVERY(getgroups), EVERY(getresgid), EVERY(getresuid),
EVERY(getuid),

/* --- Signals, time, randomness, the system -------------------------------------------------------- */
EVERY(alarm), EVERY(clock_getres), EVERY(clock_gettime), EVERY(clock_nanosleep), EVERY(getitimer), EVERY(getrandom),
EVERY(gettimeofday), EVERY(nanosleep), EVERY(pause), EVERY(restart_syscall), EVERY(rt_sigaction),
EVERY(rt_sigpending), EVERY(rt_sigprocmask), EVERY(rt_sigqueueinfo), EVERY(rt_sigsuspend), EVERY(rt_sigtimedwait),
EVERY(rt_tgsigqueueinfo), EVERY(setitimer), EVERY(sigaltstack), EVERY(signalfd), EVERY(signalfd4), EVERY(sysinfo),
EVERY(time), EVERY(timer_create), EVERY(timer_delete), EVERY(timer_getoverrun), EVERY(timer_gettime),
EVERY(timer_settime), EVERY(timerfd_create), EVERY(timerfd_gettime), EVERY(timerfd_settime), EVERY(uname),

/* --- Sockets: the family decides ------------------------------------------- */
EVERY_WHERE(socket, socket_families), EVERY_WHERE(socketpair, socket_families),
EVERY(accept), EVERY(accept4), EVERY(bind), EVERY(connect), EVERY(getpeername), EVERY(getsockname),
EVERY(getsockopt), EVERY(listen), EVERY(recvfrom), EVERY(recvmmsg), EVERY(recvmsg), EVERY(sendmmsg), EVERY(sendmsg),
EVERY(sendto), EVERY(setsockopt), EVERY(shutdown),
EVERY(recv), EVERY(send), EVERY(waitpid), /* i386 names; the guide lists the first two */

/* --- Standard: a usual program's, but not untrusted code's ---------------------------------------- */
#define WHY "identity does not change where no capability is held"
STANDARD(setfsgid, WHY), STANDARD(setfsuid, WHY), STANDARD(setgid, WHY), STANDARD(setgroups, WHY),
STANDARD(setregid, WHY), STANDARD(setresgid, WHY), STANDARD(setresuid, WHY), STANDARD(setreuid, WHY),
STANDARD(setuid, WHY),
#undef WHY
#define WHY "special files and file attributes beyond mode and times are not untrusted code's to set"
STANDARD_WHERE(mknod, mode_1_without_setid, WHY), STANDARD_WHERE(mknodat, mode_2_without_setid, WHY),
STANDARD(file_getattr, WHY), STANDARD(file_setattr, WHY),
#undef WHY
#define WHY "System V IPC: shared kernel objects that outlive the process, rarely used and often attacked"
STANDARD(msgctl, WHY), STANDARD(msgget, WHY), STANDARD(msgrcv, WHY), STANDARD(msgsnd, WHY), STANDARD(semctl, WHY),
STANDARD(semget, WHY), STANDARD(semop, WHY), STANDARD(semtimedop, WHY), STANDARD(shmat, WHY), STANDARD(shmctl, WHY),
STANDARD(shmdt, WHY), STANDARD(shmget, WHY),
#undef WHY
#define WHY "POSIX message queues: kernel memory that outlives the process"
STANDARD(mq_getsetattr, WHY), STANDARD(mq_notify, WHY), STANDARD(mq_open, WHY), STANDARD(mq_timedreceive, WHY),
STANDARD(mq_timedsend, WHY), STANDARD(mq_unlink, WHY),
#undef WHY
#define WHY "memory policy: placement on NUMA nodes is not untrusted code's to choose"
STANDARD(get_mempolicy, WHY), STANDARD(mbind, WHY), STANDARD(set_mempolicy, WHY),
STANDARD(set_mempolicy_home_node, WHY),
#undef WHY
#define WHY "scheduling is not untrusted code's to change"
STANDARD(ioprio_get, WHY), STANDARD(ioprio_set, WHY), STANDARD(sched_setaffinity, WHY), STANDARD(sched_setattr, WHY),
STANDARD(sched_setparam, WHY), STANDARD(sched_setscheduler, WHY), STANDARD(setpriority, WHY),
#undef WHY
#define WHY "asynchronous I/O runs in kernel context on behalf of the process"
STANDARD(io_cancel, WHY), STANDARD(io_destroy, WHY), STANDARD(io_getevents, WHY), STANDARD(io_pgetevents, WHY),
STANDARD(io_setup, WHY), STANDARD(io_submit, WHY),
#undef WHY
#define WHY "pages spliced by reference have let read-only files be written (CVE-2022-0847)"
STANDARD(splice, WHY), STANDARD(tee, WHY), STANDARD(vmsplice, WHY),
#undef WHY
#define WHY "memory that no path names escapes the rule that what is writable is not executable"
STANDARD(memfd_create, WHY), STANDARD(memfd_secret, WHY),
#undef WHY
#define WHY "unusual memory management: attack surface without a use in untrusted code"
STANDARD(cachestat, WHY), STANDARD(mlockall, WHY), STANDARD(munlockall, WHY), STANDARD(pkey_alloc, WHY),
STANDARD(pkey_free, WHY), STANDARD(pkey_mprotect, WHY), STANDARD(process_mrelease, WHY), STANDARD(readahead, WHY),
STANDARD(remap_file_pages, WHY), STANDARD(get_thread_area, WHY), STANDARD(set_thread_area, WHY),
#undef WHY
#define WHY "writes back file systems that others use: one caller stalls the machine"
STANDARD(sync, WHY), STANDARD(sync_file_range, WHY), STANDARD(syncfs, WHY),
#undef WHY
#define WHY "watching files and asking about mounts and labels serves reconnaissance more than work"
STANDARD(fanotify_mark, WHY), STANDARD(inotify_add_watch, WHY), STANDARD(inotify_init, WHY),
STANDARD(inotify_init1, WHY), STANDARD(inotify_rm_watch, WHY), STANDARD(listmount, WHY),
STANDARD(lsm_get_self_attr, WHY), STANDARD(lsm_list_modules, WHY), STANDARD(name_to_handle_at, WHY),
STANDARD(statmount, WHY),
#undef WHY
STANDARD_WHERE(personality, personality_harmless,
	       "other personalities switch off address randomisation or bring back old ABIs"),

/* --- By capability, where the profile is privileged ----------------------------------------------- */
#define WHY "reads or writes another process: only with CAP_SYS_PTRACE, in a privileged profile"
GATED(pidfd_getfd, CAP_SYS_PTRACE, WHY), GATED(process_madvise, CAP_SYS_PTRACE, WHY),
GATED(process_vm_readv, CAP_SYS_PTRACE, WHY), GATED(process_vm_writev, CAP_SYS_PTRACE, WHY),
GATED(ptrace, CAP_SYS_PTRACE, WHY),
#undef WHY
#define WHY "moves pages of other processes: only with CAP_SYS_NICE, in a privileged profile"
GATED(migrate_pages, CAP_SYS_NICE, WHY), GATED(move_pages, CAP_SYS_NICE, WHY),
#undef WHY
GATED(fanotify_init, CAP_SYS_ADMIN,
      "watches whole file systems: only with CAP_SYS_ADMIN, in a privileged profile"),
GATED(vhangup, CAP_SYS_TTY_CONFIG, "hangs up a terminal: only with CAP_SYS_TTY_CONFIG, in a privileged profile"),

/* --- Never, unless allowed_syscalls names it ------------------------------------------------------ */
#define WHY "changes the mount tree: the first step of most container escapes"
NEVER(fsconfig, WHY), NEVER(fsmount, WHY), NEVER(fsopen, WHY), NEVER(fspick, WHY), NEVER(mount, WHY),
NEVER(mount_setattr, WHY), NEVER(move_mount, WHY), NEVER(open_tree, WHY), NEVER(open_tree_attr, WHY),
NEVER(umount, WHY), NEVER(umount2, WHY),
#undef WHY
#define WHY "changes the root directory: a way out of the sandbox's tree"
NEVER(chroot, WHY), NEVER(pivot_root, WHY),
#undef WHY
#define WHY "enters or makes namespaces: each gives capabilities over kernel code that is rarely tested"
NEVER(setns, WHY), NEVER(unshare, WHY),
#undef WHY
#define WHY "loads code into the kernel"
NEVER(create_module, WHY), NEVER(delete_module, WHY), NEVER(finit_module, WHY), NEVER(get_kernel_syms, WHY),
NEVER(init_module, WHY), NEVER(kexec_file_load, WHY), NEVER(kexec_load, WHY), NEVER(query_module, WHY),
#undef WHY
#define WHY "the machine's state is not the sandbox's to change"
NEVER(acct, WHY), NEVER(quotactl, WHY), NEVER(quotactl_fd, WHY), NEVER(reboot, WHY), NEVER(setdomainname, WHY),
NEVER(sethostname, WHY), NEVER(swapoff, WHY), NEVER(swapon, WHY),
#undef WHY
#define WHY "the clock belongs to the whole machine"
NEVER(adjtimex, WHY), NEVER(clock_adjtime, WHY), NEVER(clock_settime, WHY), NEVER(settimeofday, WHY),
NEVER(stime, WHY),
#undef WHY
#define WHY "keyrings are not kept apart by namespaces"
NEVER(add_key, WHY), NEVER(keyctl, WHY), NEVER(request_key, WHY),
#undef WHY
NEVER(bpf, "puts programs into the kernel"),
NEVER(kcmp, "compares kernel pointers of processes: helps to defeat address randomisation"),
NEVER(lookup_dcookie, "turns profiling cookies into host paths"),
NEVER(lsm_set_self_attr, "a process must not choose its own security label"),
NEVER(open_by_handle_at, "opens files by handle, past every path check (Shocker)"),
NEVER(perf_event_open, "observes the kernel and other processes; a long record of escalations"),
NEVER(syslog, "reads and clears the host's kernel log, with addresses in it"),
NEVER(userfaultfd, "stops the kernel at a chosen page fault: widens race windows"),
#define WHY "the ring performs calls that the filter never sees"
NEVER(io_uring_enter, WHY), NEVER(io_uring_register, WHY), NEVER(io_uring_setup, WHY),
#undef WHY
#define WHY "gives direct access to ports, segments or 16-bit modes of the processor"
NEVER(ioperm, WHY), NEVER(iopl, WHY), NEVER(modify_ldt, WHY), NEVER(vm86, WHY), NEVER(vm86old, WHY),
#undef WHY
#define WHY "obsolete: no program needs it"
NEVER(_sysctl, WHY), NEVER(afs_syscall, WHY), NEVER(epoll_ctl_old, WHY), NEVER(epoll_wait_old, WHY),
NEVER(getpmsg, WHY), NEVER(nfsservctl, WHY), NEVER(putpmsg, WHY), NEVER(security, WHY), NEVER(sysfs, WHY),
NEVER(tuxcall, WHY), NEVER(uselib, WHY), NEVER(ustat, WHY), NEVER(vserver, WHY),
#undef WHY
#define WHY "one number for many calls, told apart behind a pointer: no filter can see which"
NEVER(ipc, WHY), NEVER(socketcall, WHY),
#undef WHY
};
/* clang-format on */

const size_t syscall_row_count = ARRAY_SIZE(syscall_rows);
_Static_assert(ARRAY_SIZE(syscall_rows) == ROW_COUNT, "a name of SYSCALL_NUMBERS has no row");
