/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of the loop, and no other; seccomp(2). */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "netpolicy/resolver_wire.h"
#include "resolver/lockdown.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "which audit architecture is this?"
#endif

#define LOW(n)       (offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t))
#define HIGH(n)      (LOW(n) + sizeof(uint32_t))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define RET(value)   BPF_STMT(BPF_RET | BPF_K, (value))
#define KILL         RET(SECCOMP_RET_KILL_PROCESS)
#define ALLOW        RET(SECCOMP_RET_ALLOW)
/* Skip `yes` instructions when it is so, `no` when it is not. */
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_ANY(bits, yes, no)    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (yes), (no))
#define CALL(name)               IF_EQUAL(SYS_##name, 0, 1), ALLOW
#define CALL_ON(name, fd)        IF_EQUAL(SYS_##name, 0, 4), LOAD(LOW(0)), IF_EQUAL((fd), 0, 1), ALLOW, KILL

/*
 * Not here, and why: socket, connect, bind (a program that could connect reaches what the host reaches: the monitor dials), sendmsg
 * and dup (another destination for a socket, another number for a descriptor), open, clone, execve, prctl, kill.
 */
static const struct sock_filter program[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
	IF_EQUAL(NATIVE, 1, 0),
	KILL,
	LOAD(offsetof(struct seccomp_data, nr)),
#ifdef SYS_epoll_wait
	CALL(epoll_wait),
#endif
	CALL(epoll_pwait),
	CALL(epoll_ctl),
	CALL(recvfrom),
	CALL(close),
	CALL(getrandom),
	CALL(clock_gettime),
	CALL(brk),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(restart_syscall),
	CALL(rt_sigreturn),
	CALL(exit_group),
	CALL_ON(recvmsg, RESOLVER_FD_CONTROL),
	CALL_ON(accept4, RESOLVER_FD_TCP),
	/* Memory, but none with code. */
	IF_EQUAL(SYS_mmap, 0, 4),
	LOAD(LOW(2)),
	IF_ANY(PROT_EXEC, 1, 0),
	ALLOW,
	KILL,
	/*
	 * An address may be given to the sandbox's socket alone: on a connected UDP socket it would go before the server's.  The flags are
	 * exact, for MSG_FASTOPEN connects.
	 */
	IF_EQUAL(SYS_sendto, 0, 10),
	LOAD(LOW(3)),
	IF_EQUAL(MSG_NOSIGNAL, 0, 7),
	LOAD(LOW(0)),
	IF_EQUAL(RESOLVER_FD_UDP, 4, 0),
	LOAD(LOW(4)),
	IF_EQUAL(0, 0, 3),
	LOAD(HIGH(4)),
	IF_EQUAL(0, 0, 1),
	ALLOW,
	KILL,
	KILL,
};

int filter_install(struct error *err)
{
	/* The kernel reads it and keeps a copy. */
	struct sock_filter copy[sizeof(program) / sizeof(*program)];
	const struct sock_fprog filter = {.len = sizeof(copy) / sizeof(*copy), .filter = copy};

	memcpy(copy, program, sizeof(program));
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
		return error_set(err, errno, "seccomp filter");
	return 0;
}
